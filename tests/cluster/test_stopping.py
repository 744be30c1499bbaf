"""How a bulk check on a Dask cluster stops: it leaves nothing running and nothing stored."""

import asyncio
import gc
import math
from contextlib import aclosing

import psutil
import pytest
from distributed import Semaphore

from tests.cluster.helpers import CAP, assert_no_key_in_traceback, collect_results, start_check
from tests.helpers import KEY, wait_until
from vairosms_async import VairoSMSAuthError
from vairosms_async.cluster._worker import PanelPlugin
from vairosms_async.sandbox import SandboxPanel


async def test_closing_the_results_stops_all_lookups(dask_client):
    async with SandboxPanel(KEY, latency=0.05) as panel:
        ids = range(1, 2000)
        async with aclosing(start_check(panel, dask_client, ids, partition_size=5)) as results:
            await anext(results)
        sent = panel.requests
        await asyncio.sleep(0.3)
        assert panel.requests == sent < 100
        assert panel.in_flight == 0


async def test_cancelling_stops_all_lookups(dask_client):
    async with SandboxPanel(KEY, latency=30) as panel:
        running = asyncio.create_task(collect_results(panel, dask_client, range(1, 2000)))
        await wait_until(lambda: panel.in_flight)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(30):
                await running
        await wait_until(lambda: not panel.in_flight)


async def test_a_refused_key_stops_all_workers(dask_client):
    async with SandboxPanel("another key", latency=0.01) as panel:
        with pytest.raises(VairoSMSAuthError) as caught:
            await collect_results(panel, dask_client, range(1, 5000), max_concurrency=CAP)
        assert_no_key_in_traceback(caught.value)
        assert panel.requests <= 2 * CAP
        sent = panel.requests
        await asyncio.sleep(0.2)
        assert panel.requests == sent


async def test_a_worker_that_waits_for_a_lease_stops_too(dask_client, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._worker._LEASE_TIMEOUT", 0.05)
    monkeypatch.setattr("vairosms_async.cluster._driver._LEASE_CHECKS", 3)
    leases = dask_client.cluster.scheduler.extensions["semaphores"].leases
    async with SandboxPanel(KEY, latency=30) as panel:
        # There is one lease: the partition on the other worker waits for it.
        running = asyncio.create_task(
            collect_results(panel, dask_client, range(1, 100), max_concurrency=1, partition_size=5)
        )
        await wait_until(lambda: panel.in_flight)
        # A lease of a dead worker, which nobody returns.
        (name,) = leases
        leases[name]["a dead worker's"] = math.inf
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(30):
                await running
        workers = dask_client.cluster.workers.values()
        await wait_until(lambda: not any(one.state.executing_count for one in workers), 2)
    del leases[name]["a dead worker's"]
    dask_client.cluster.scheduler.extensions["semaphores"].close(name)


async def test_can_be_cancelled_while_workers_are_set_up(panel, dask_client, monkeypatch):
    begun = asyncio.Event()

    async def slow_setup(self, worker):
        begun.set()
        await asyncio.sleep(0.3)

    monkeypatch.setattr(PanelPlugin, "setup", slow_setup)
    running = asyncio.create_task(collect_results(panel, dask_client, [52]))
    async with asyncio.timeout(30):
        await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(30):
            await running
    await asyncio.sleep(0.5)  # afterwards the fixture checks that nothing is left


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.8])
async def test_can_be_cancelled_while_a_local_cluster_starts(panel, seconds):
    children = psutil.Process().children(recursive=True)
    tasks = asyncio.all_tasks()
    running = asyncio.create_task(collect_results(panel, "local", range(1, 100_000), workers=2))
    await asyncio.sleep(seconds)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(30):
            await running
    assert asyncio.all_tasks() == tasks
    left = set(psutil.Process().children(recursive=True)) - set(children)
    assert not [child for child in left if "spawn_main" in "".join(child.cmdline())]


async def test_does_not_wait_for_a_worker_that_hangs(panel, dask_client, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._END_TIMEOUT", 0.2)
    may_end = asyncio.Event()
    teardown = PanelPlugin.teardown

    async def hanging_teardown(self, worker):
        await may_end.wait()
        await teardown(self, worker)

    monkeypatch.setattr(PanelPlugin, "teardown", hanging_teardown)
    async with asyncio.timeout(2):
        assert len(await collect_results(panel, dask_client, [52, 61])) == 2
    may_end.set()
    semaphores = dask_client.cluster.scheduler.extensions["semaphores"]
    for name in list(semaphores.max_leases):
        semaphores.close(name)


async def test_deletes_the_pad_and_stops_the_timers(panel, dask_client):
    await collect_results(panel, dask_client, range(1, 50))
    metadata = dask_client.cluster.scheduler.task_metadata
    assert [value for name, value in metadata.items() if "vairosms" in name] == [None]
    gc.collect()
    semaphores = [object_ for object_ in gc.get_objects() if isinstance(object_, Semaphore)]
    assert not [semaphore for semaphore in semaphores if semaphore.refresh_callback.is_running()]
