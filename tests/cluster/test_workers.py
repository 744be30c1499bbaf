"""Workers that join, leave, fail or die during a bulk check on a Dask cluster."""

import asyncio
import os
import signal
from collections import Counter
from contextlib import aclosing
from types import SimpleNamespace

import pytest
from distributed import get_worker
from distributed.comm.core import CommClosedError

from tests.cluster.helpers import (
    CAP,
    assert_no_key_in_traceback,
    cluster_of,
    collect_results,
    plugin_names,
    start_check,
)
from tests.helpers import KEY
from tests.platforms import posix
from vairosms_async.cluster._worker import PanelPlugin
from vairosms_async.sandbox import SandboxPanel


@pytest.mark.slow
async def test_workers_that_join_later_get_partitions(dask_client, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._THREADS_INTERVAL", 0.05)
    checks = []
    check = PanelPlugin.look_up

    async def check_and_note_worker(self, ids, share):
        checks.append((get_worker().name, share))
        return await check(self, ids, share)

    monkeypatch.setattr(PanelPlugin, "look_up", check_and_note_worker)
    async with SandboxPanel(KEY, latency=0.02) as panel:
        options = {"partition_size": 10, "max_concurrency": 8}
        async with aclosing(start_check(panel, dask_client, range(1, 801), **options)) as results:
            ids = [(await anext(results)).id]
            assert {share for _, share in checks} == {4}
            dask_client.cluster.scale(8)
            ids += [result.id async for result in results]
        assert sorted(ids) == list(range(1, 801))
        assert {name for name, _ in checks[-20:]} == set(range(8))
        assert {share for _, share in checks[-20:]} == {1}
        assert panel.peak_in_flight <= 8


@pytest.mark.slow
async def test_the_remaining_workers_take_over_the_cap_of_those_that_leave(monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._THREADS_INTERVAL", 0.05)
    async with SandboxPanel(KEY, latency=0.03) as panel, cluster_of(4) as dask_client:
        options = {"partition_size": 20, "max_concurrency": 8}
        async with aclosing(start_check(panel, dask_client, range(1, 1601), **options)) as results:
            ids = [(await anext(results)).id]
            dask_client.cluster.scale(1)
            async with asyncio.timeout(30):
                while len(await dask_client.nthreads()) > 1:
                    ids.append((await anext(results)).id)
            # Partitions submitted before have a fourth of the cap; they are done first.
            ids += [(await anext(results)).id for _ in range(2 * 4 * 20 + 200)]
            panel.reset_counters()
            panel.latency = 0.3  # a busy machine needs time to send eight requests
            ids += [(await anext(results)).id for _ in range(60)]
            panel.latency = 0.03
            ids += [result.id async for result in results]
        assert sorted(ids) == list(range(1, 1601))
        assert panel.peak_in_flight == 8


async def test_waits_for_the_first_worker_and_says_so_once(panel, monkeypatch, caplog):
    monkeypatch.setattr("vairosms_async.cluster._driver._THREADS_INTERVAL", 0.01)
    async with cluster_of(0) as dask_client:
        running = asyncio.create_task(collect_results(panel, dask_client, [52]))
        await asyncio.sleep(0.1)
        dask_client.cluster.scale(1)
        async with asyncio.timeout(30):
            (result,) = await running
        assert result.ok
    assert caplog.text.count("the Dask cluster has no workers: waiting for one") == 1


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        pytest.param(
            ModuleNotFoundError("No module"),
            RuntimeError,
            "could not be set up: No module",
            id="package-missing",
        ),
        pytest.param(OSError("no memory"), OSError, "^no memory$", id="OSError"),
    ],
)
async def test_raises_if_workers_cannot_be_set_up(
    panel, dask_client, monkeypatch, error, raised, message
):
    async def failing_setup(self, worker):
        raise error

    monkeypatch.setattr(PanelPlugin, "setup", failing_setup)
    with pytest.raises(raised, match=message) as caught:
        await collect_results(panel, dask_client, [52])
    assert_no_key_in_traceback(caught.value)


async def test_raises_if_a_later_worker_cannot_be_set_up(dask_client, monkeypatch):
    async def failing_setup(self, worker):
        raise ModuleNotFoundError("No module named 'vairosms_async'")

    async with SandboxPanel(KEY, latency=0.02) as panel:
        async with aclosing(start_check(panel, dask_client, range(1, 2001))) as results:
            await anext(results)
            monkeypatch.setattr(PanelPlugin, "setup", failing_setup)
            dask_client.cluster.scale(3)
            with pytest.raises(RuntimeError, match="this worker did not get the key"):
                async for _ in results:
                    pass


async def test_a_worker_that_joins_at_the_end_is_not_set_up(dask_client):
    """The scheduler may send it the plugin when the other half of the key is already deleted."""
    (worker, _) = dask_client.cluster.workers.values()
    plugin = PanelPlugin(b"sealed", {"max_concurrency": 1})
    await dask_client.set_metadata(plugin.name, None)
    await plugin.setup(worker)
    with pytest.raises(RuntimeError, match="this worker did not get the key"):
        await plugin.look_up([52], 1)
    await plugin.teardown(worker)


async def test_a_worker_that_joins_while_the_scheduler_closes_is_not_set_up():
    async def get_metadata(keys):
        raise CommClosedError("Stream is closed")

    worker = SimpleNamespace(scheduler=SimpleNamespace(get_metadata=get_metadata))
    plugin = PanelPlugin(b"sealed", {"max_concurrency": 1})
    await plugin.setup(worker)
    with pytest.raises(RuntimeError, match="this worker did not get the key"):
        await plugin.look_up([52], 1)
    await plugin.teardown(worker)


async def test_raises_if_another_program_removes_the_plugin(panel, dask_client):
    async with aclosing(start_check(panel, dask_client, range(1, 2000))) as results:
        await anext(results)
        (name,) = plugin_names(dask_client)
        await dask_client.unregister_worker_plugin(name)
        with pytest.raises(RuntimeError, match="removed the plugin of this run"):
            async for _ in results:
                pass


@posix
@pytest.mark.slow
async def test_a_killed_worker_costs_only_a_repeat_of_its_partitions():
    async with (
        SandboxPanel(KEY, packets=8_000) as panel,
        cluster_of(2, processes=True) as dask_client,
    ):
        pids = await dask_client.run(os.getpid)
        size, seen, killed = 500, Counter(), False
        ids = range(1, 8_001)
        async with aclosing(start_check(panel, dask_client, ids, partition_size=size)) as results:
            async for result in results:
                assert result.ok
                seen[result.id] += 1
                if len(seen) == 2000:
                    os.kill(next(iter(pids.values())), signal.SIGKILL)
                    killed = True
        assert killed
        assert seen == Counter(range(1, 8_001))
        # The partition in progress, and one that was done but not sent back.
        repeated = panel.requests - 8_000
        assert repeated <= 2 * size
        assert panel.peak_in_flight <= CAP
        assert set((await dask_client.run(os.getpid)).values()) != set(pids.values())
