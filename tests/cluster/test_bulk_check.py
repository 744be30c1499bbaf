"""A bulk check on a Dask cluster: in this process, and over processes that are killed."""

import asyncio
import gc
import importlib
import json
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections import Counter
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from types import SimpleNamespace

import dask
import numpy as np
import psutil
import pytest
from distributed import Client, LocalCluster, Semaphore, get_worker
from distributed.comm.core import CommClosedError

from tests.helpers import KEY, assert_keyless, assert_no_key
from tests.platforms import posix
from vairosms_async import (
    VairoSMSAuthError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
)
from vairosms_async.cluster import bulk_check
from vairosms_async.cluster._worker import PanelPlugin
from vairosms_async.sandbox import SandboxPanel

CAP = 6


@asynccontextmanager
async def cluster_of(workers, *, processes=False, threads=1, **options):
    async with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address="127.0.0.1:0",
            asynchronous=True,
            **options,
        ) as cluster,
        Client(cluster, asynchronous=True, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
async def cluster():
    async with cluster_of(2) as client:
        yield client
        # Whatever a test did, nothing of a run is left.
        scheduler = client.cluster.scheduler
        assert not [name for name in scheduler.worker_plugins if name.startswith("vairosms")]
        assert not scheduler.extensions["semaphores"].max_leases
        for worker in client.cluster.workers.values():
            assert not [name for name in worker.plugins if name.startswith("vairosms")]


def assert_no_key_printed(exc):
    printed = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert_no_key("".join(printed.format()))


def check(panel, cluster, ids, **options):
    options = {"max_concurrency": CAP, "partition_size": 20} | options
    return bulk_check(ids, scheduler=cluster, api_key=KEY, base_url=panel.base_url, **options)


async def results_of(panel, cluster, ids, **options):
    async with aclosing(check(panel, cluster, ids, **options)) as results:
        return [result async for result in results]


async def test_each_id_comes_once(panel, cluster):
    results = await results_of(panel, cluster, range(1, 301))
    assert sorted(result.id for result in results) == list(range(1, 301))
    assert all(result.gonderim.id == result.id for result in results)
    assert panel.requests == 300


@pytest.mark.parametrize(("cap", "workers"), [(1, 2), (2, 3), (5, 2), (16, 1), (16, 3)])
async def test_the_cap_holds_over_the_cluster(cap, workers):
    count = min(120, 30 * cap)
    async with SandboxPanel(KEY, latency=0.03) as panel, cluster_of(workers) as cluster:
        results = await results_of(
            panel, cluster, range(1, count + 1), max_concurrency=cap, partition_size=15
        )
        assert len({result.id for result in results if result.ok}) == count
        # And what it allows is used.
        assert cap * 0.7 <= panel.peak_in_flight <= cap


async def test_an_id_given_twice_comes_twice(panel, cluster):
    results = await results_of(panel, cluster, [52, 61, 52], partition_size=2)
    assert sorted(result.id for result in results) == [52, 52, 61]


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_what_is_no_id_gets_a_result(panel, cluster, size):
    given = [52, "x", np.int64(61), "0", -1, "7", True, f"api_key={KEY}"]
    results = await results_of(panel, cluster, given, partition_size=size)
    assert sorted(result.id for result in results if result.ok) == [7, 52, 61]
    failed = [result for result in results if not result.ok]
    assert {type(result.error) for result in failed} == {VairoSMSInvalidIdError}
    assert len(failed) == 5
    assert_no_key(repr(results) + pickle.dumps(results).decode("latin-1"))


async def test_errors_are_results_as_on_one_machine(panel, cluster):
    results = await results_of(panel, cluster, [52, 10**9])
    (error,) = [result.error for result in results if not result.ok]
    assert type(error) is VairoSMSNotFoundError
    assert error.gonderim_id == 10**9


async def test_no_ids(panel, cluster):
    assert await results_of(panel, cluster, []) == []


async def test_a_file_of_ids(panel, cluster, tmp_path):
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xef\xbb\xbf52\r\n\n  61 \n\xfe7\n7")
    results = await results_of(panel, cluster, file)
    assert sorted(result.id for result in results if result.ok) == [7, 52, 61]
    assert [result.id for result in results if not result.ok] == ["\ufffd7"]


async def test_async_ids_and_their_error(panel, cluster):
    async def ids():
        for number in range(1, 31):
            yield number
        raise OSError("the database is gone")

    found = []
    with pytest.raises(OSError, match="the database is gone"):
        async with aclosing(check(panel, cluster, ids())) as results:
            async for result in results:
                found.append(result.id)
    assert sorted(found) == list(range(1, 31))


async def test_it_reads_no_more_ahead_than_it_says(panel, cluster):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield 52

    async with aclosing(check(panel, cluster, endless(), partition_size=10)) as results:
        for _ in range(25):
            await anext(results)
        await asyncio.sleep(0.3)
        # Two partitions for each of two threads, and the three that have come.
        assert read <= 10 * (4 + 3)


async def test_left_early_nothing_runs_on(cluster):
    async with SandboxPanel(KEY, latency=0.05) as panel:
        async with aclosing(check(panel, cluster, range(1, 2000), partition_size=5)) as results:
            await anext(results)
        sent = panel.requests
        await asyncio.sleep(0.3)
        assert panel.requests == sent < 100
        assert panel.in_flight == 0


async def test_cancelled_nothing_runs_on(cluster):
    async with SandboxPanel(KEY, latency=30) as panel:
        running = asyncio.create_task(results_of(panel, cluster, range(1, 2000)))
        while not panel.in_flight:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        while panel.in_flight:
            await asyncio.sleep(0.01)


async def test_a_refused_key_stops_the_run_everywhere(cluster):
    async with SandboxPanel("another key", latency=0.01) as panel:
        with pytest.raises(VairoSMSAuthError) as caught:
            await results_of(panel, cluster, range(1, 5000), max_concurrency=CAP)
        assert_no_key_printed(caught.value)
        assert panel.requests <= 2 * CAP
        sent = panel.requests
        await asyncio.sleep(0.2)
        assert panel.requests == sent


async def test_one_that_waits_for_a_lease_hears_of_the_end(cluster, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._worker._LEASE_PATIENCE", 0.05)
    monkeypatch.setattr("vairosms_async.cluster._driver._RETURNS", 3)
    leases = cluster.cluster.scheduler.extensions["semaphores"].leases
    async with SandboxPanel(KEY, latency=30) as panel:
        # One slot: the other worker's partition waits for it.
        running = asyncio.create_task(
            results_of(panel, cluster, range(1, 100), max_concurrency=1, partition_size=5)
        )
        while not panel.in_flight:
            await asyncio.sleep(0.01)
        # Who had it has died, as far as anyone can tell: it will not come back.
        (name,) = leases
        leases[name]["a dead worker's"] = math.inf
        await asyncio.sleep(0.2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        workers = cluster.cluster.workers.values()
        async with asyncio.timeout(2):
            while any(worker.state.executing_count for worker in workers):
                await asyncio.sleep(0.01)
    del leases[name]["a dead worker's"]
    cluster.cluster.scheduler.extensions["semaphores"].close(name)


@pytest.mark.slow
async def test_workers_that_come_later_take_part(cluster, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._LOOK_INTERVAL", 0.05)
    at_work = []

    async def check_here(self, ids, share):
        at_work.append((get_worker().name, share))
        return await checks(self, ids, share)

    checks = PanelPlugin.check
    monkeypatch.setattr(PanelPlugin, "check", check_here)
    async with SandboxPanel(KEY, latency=0.02) as panel:
        options = {"partition_size": 10, "max_concurrency": 8}
        async with aclosing(check(panel, cluster, range(1, 801), **options)) as results:
            ids = [(await anext(results)).id]
            assert {share for _, share in at_work} == {4}
            cluster.cluster.scale(8)
            ids += [result.id async for result in results]
        assert sorted(ids) == list(range(1, 801))
        assert {name for name, _ in at_work[-20:]} == set(range(8))
        assert {share for _, share in at_work[-20:]} == {1}
        assert panel.peak_in_flight <= 8


@pytest.mark.slow
async def test_workers_that_go_leave_their_part_to_the_others(monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._LOOK_INTERVAL", 0.05)
    async with SandboxPanel(KEY, latency=0.01) as panel, cluster_of(4) as cluster:
        options = {"partition_size": 20, "max_concurrency": 8}
        async with aclosing(check(panel, cluster, range(1, 1601), **options)) as results:
            ids = [(await anext(results)).id]
            cluster.cluster.scale(1)
            while len(await cluster.nthreads()) > 1:
                ids.append((await anext(results)).id)
            # What was handed out before has a fourth of the cap, and is done first.
            ids += [(await anext(results)).id for _ in range(2 * 4 * 20 + 200)]
            panel.reset_counters()
            ids += [result.id async for result in results]
        assert sorted(ids) == list(range(1, 1601))
        assert panel.peak_in_flight == 8


async def test_a_cluster_without_workers_is_waited_for(panel, monkeypatch, caplog):
    monkeypatch.setattr("vairosms_async.cluster._driver._LOOK_INTERVAL", 0.01)
    async with cluster_of(0) as cluster:
        running = asyncio.create_task(results_of(panel, cluster, [52]))
        await asyncio.sleep(0.1)
        cluster.cluster.scale(1)
        (result,) = await running
        assert result.ok
    assert caplog.text.count("the Dask cluster has no workers: waiting for one") == 1


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ModuleNotFoundError("No module"), RuntimeError, "could not be set up: No module"),
        (OSError("no memory"), OSError, "^no memory$"),
    ],
)
async def test_a_worker_that_cannot_be_set_up(panel, cluster, monkeypatch, error, kind, words):
    async def fails(self, worker):
        raise error

    monkeypatch.setattr(PanelPlugin, "setup", fails)
    with pytest.raises(kind, match=words) as caught:
        await results_of(panel, cluster, [52])
    assert_no_key_printed(caught.value)


async def test_one_that_comes_later_and_cannot_be_set_up(cluster, monkeypatch):
    async def fails(self, worker):
        raise ModuleNotFoundError("No module named 'vairosms_async'")

    async with SandboxPanel(KEY, latency=0.02) as panel:
        async with aclosing(check(panel, cluster, range(1, 2001))) as results:
            await anext(results)
            monkeypatch.setattr(PanelPlugin, "setup", fails)
            cluster.cluster.scale(3)
            # No id is passed over in silence.
            with pytest.raises(RuntimeError, match="this worker has not been set up"):
                async for _ in results:
                    pass


async def test_cancelled_while_the_workers_are_set_up(panel, cluster, monkeypatch):
    begun = asyncio.Event()

    async def hangs(self, worker):
        begun.set()
        await asyncio.sleep(0.3)

    monkeypatch.setattr(PanelPlugin, "setup", hangs)
    running = asyncio.create_task(results_of(panel, cluster, [52]))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.sleep(0.5)  # the fixture looks at what is left


async def test_a_worker_that_comes_when_all_is_over(cluster):
    """It may get the plugin just before that is taken away, and what opens the key was first."""
    (worker, _) = cluster.cluster.workers.values()
    plugin = PanelPlugin(b"sealed", {"max_concurrency": 1})
    await cluster.set_metadata(plugin.name, None)
    await plugin.setup(worker)
    await plugin.teardown(worker)


async def test_a_worker_that_comes_when_the_scheduler_closes():
    async def get_metadata(keys):
        raise CommClosedError("Stream is closed")

    worker = SimpleNamespace(scheduler=SimpleNamespace(get_metadata=get_metadata))
    plugin = PanelPlugin(b"sealed", {"max_concurrency": 1})
    await plugin.setup(worker)
    with pytest.raises(RuntimeError, match="has not been set up"):
        await plugin.check([52], 1)
    await plugin.teardown(worker)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.05, 0.8])
async def test_cancelled_while_the_cluster_starts(panel, after):
    children = psutil.Process().children(recursive=True)
    tasks = asyncio.all_tasks()
    running = asyncio.create_task(results_of(panel, "local", range(1, 100_000), workers=2))
    await asyncio.sleep(after)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == tasks
    left = set(psutil.Process().children(recursive=True)) - set(children)
    assert not [child for child in left if "spawn_main" in "".join(child.cmdline())]


async def test_a_wedged_worker_is_not_waited_for(panel, cluster, monkeypatch):
    monkeypatch.setattr("vairosms_async.cluster._driver._END_PATIENCE", 0.2)
    wedged = asyncio.Event()

    async def hangs(self, worker):
        await wedged.wait()
        await teardown(self, worker)

    teardown = PanelPlugin.teardown
    monkeypatch.setattr(PanelPlugin, "teardown", hangs)
    async with asyncio.timeout(2):
        assert len(await results_of(panel, cluster, [52, 61])) == 2
    wedged.set()
    semaphores = cluster.cluster.scheduler.extensions["semaphores"]
    for name in list(semaphores.max_leases):
        semaphores.close(name)


async def test_nothing_of_a_run_is_left_on_the_workers(panel, cluster):
    await results_of(panel, cluster, range(1, 50))
    scheduler = cluster.cluster.scheduler
    assert [value for name, value in scheduler.task_metadata.items() if "vairosms" in name] == [
        None
    ]
    gc.collect()
    left = [one for one in gc.get_objects() if isinstance(one, Semaphore)]
    assert not [one for one in left if one.refresh_callback.is_running()]


async def test_leases_without_a_time_limit(panel):
    with dask.config.set({"distributed.scheduler.locks.lease-timeout": "inf"}):
        async with cluster_of(1) as cluster:
            assert len(await results_of(panel, cluster, [52, 61])) == 2


async def test_two_runs_at_once_are_apart(panel, cluster):
    first, second = await asyncio.gather(
        results_of(panel, cluster, range(1, 101)), results_of(panel, cluster, range(50, 151))
    )
    assert sorted(result.id for result in first) == list(range(1, 101))
    assert sorted(result.id for result in second) == list(range(50, 151))


async def test_a_client_of_the_callers_stays_open(panel, cluster):
    await results_of(panel, cluster, [52])
    assert cluster.status == "running"
    assert await cluster.submit(sum, [1, 2]) == 3


async def test_an_address_is_connected_to(panel, cluster):
    (result,) = await results_of(panel, cluster.cluster.scheduler_address, [52])
    assert result.ok


async def test_a_cluster_of_its_own(panel, monkeypatch):
    """As "local" has it, but for the processes: workers in this one."""
    signals = []
    here = partial(LocalCluster, processes=False)
    monkeypatch.setattr("vairosms_async.cluster._driver.LocalCluster", here)
    monkeypatch.setattr(
        "vairosms_async.cluster._worker.signal.signal", lambda *args: signals.append(args)
    )
    results = await results_of(panel, "local", range(1, 41), workers=2)
    assert {result.id for result in results if result.ok} == set(range(1, 41))
    # Ctrl-C is the driver's alone.
    assert signals == [(signal.SIGINT, signal.SIG_IGN)] * 2


async def test_a_missing_plugin_is_not_taken_for_a_result(panel, cluster):
    async with aclosing(check(panel, cluster, range(1, 2000))) as results:
        await anext(results)
        (name,) = [n for n in cluster.cluster.scheduler.worker_plugins if n.startswith("vairosms")]
        await cluster.unregister_worker_plugin(name)
        with pytest.raises(RuntimeError, match="took this run's plugin"):
            async for _ in results:
                pass


@pytest.mark.slow
async def test_the_scheduler_is_killed(tmp_path):
    address = tmp_path / "scheduler.json"
    tool = [sys.executable, "-m", "distributed.cli.dask_"]
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        started(*tool[:2], f"{tool[2]}scheduler", "--host", "127.0.0.1", "--port", "0",
                "--no-dashboard", "--scheduler-file", str(address)) as scheduler,
    ):  # fmt: skip
        while not address.exists():
            await asyncio.sleep(0.05)
        with started(*tool[:2], f"{tool[2]}worker", "--no-nanny", "--nthreads", "1",
                     "--no-dashboard", "--scheduler-file", str(address)):  # fmt: skip
            async with SandboxPanel(KEY, packets=100_000, latency=0.01) as panel:
                at = json.loads(address.read_text())["address"]
                async with aclosing(check(panel, at, range(1, 100_000))) as results:
                    assert (await anext(results)).ok
                    scheduler.kill()
                    with pytest.raises(ConnectionError, match="the Dask scheduler was lost"):
                        async for _ in results:
                            pass


@contextmanager
def started(*command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_the_callers_client_is_closed_under_it(panel, cluster):
    async with Client(cluster.cluster, asynchronous=True, set_as_default=False) as mine:
        async with aclosing(check(panel, mine, range(1, 100_000))) as results:
            await anext(results)
            await mine.close()
            with pytest.raises(ConnectionError, match="the Dask scheduler was lost"):
                async for _ in results:
                    pass
    # Nobody could tell the workers, and a scheduler keeps a plugin until it is taken away.
    (name,) = [n for n in cluster.cluster.scheduler.worker_plugins if n.startswith("vairosms")]
    await cluster.unregister_worker_plugin(name)
    semaphores = cluster.cluster.scheduler.extensions["semaphores"]
    while semaphores.leases[name]:
        await asyncio.sleep(0.01)
    semaphores.close(name)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"api_key": ""}, ValueError, "there is no API key"),
        ({"base_url": "http://panel.example"}, ValueError, "clear text"),
        ({"base_url": ""}, ValueError, "base_url must be like"),
        ({"max_concurrency": 0}, ValueError, "max_concurrency must be"),
        ({"partition_size": 0}, ValueError, "partition_size must be"),
        ({"workers": 0}, ValueError, "workers must be"),
        ({"workers": 2, "scheduler": "tls://127.0.0.1:1"}, ValueError, "workers is for"),
        ({"timeout": -1}, ValueError, "timeout"),
        ({"retry": 3}, TypeError, "retry"),
        ({"ids": "52"}, TypeError, "ids must be"),
        ({"ids": 52}, TypeError, "ids must be"),
        ({"scheduler": 8786}, TypeError, "scheduler must be"),
    ],
)
def test_wrong_arguments_are_refused_at_once(options, error, words):
    with pytest.raises(error, match=words) as caught:
        bulk_check(**{"ids": [52], "api_key": KEY} | options)
    assert_keyless(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        bulk_check(tmp_path / "ids.txt", api_key=KEY)


def test_the_key_may_come_from_the_environment(monkeypatch):
    with pytest.raises(ValueError, match="VAIROSMS_API_KEY"):
        bulk_check([52])
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    bulk_check([52])


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:1", "Timed out"),
        ("foo://127.0.0.1:1", "unknown address scheme"),
        ("tls://127.0.0.1:1", "perhaps check your TLS configuration"),
        ("the panel", "MemoryError|Timed out|"),
    ],
)
async def test_no_scheduler_there(panel, address, why):
    if address == "the panel":
        address = panel.base_url.replace("http", "tcp").partition("/Panel")[0]
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        with pytest.raises(ConnectionError, match=f"scheduler cannot be reached: .*({why})"):
            await results_of(panel, address, [52])


@pytest.mark.parametrize("latency", [0.0, 0.3])
async def test_partitions_of_a_second(cluster, monkeypatch, latency):
    """Or nothing would be heard of a slow panel for a long time, and much would be lost."""
    sizes = []

    async def check_here(self, ids, share):
        sizes.append(len(ids))
        return await checks(self, ids, share)

    checks = PanelPlugin.check
    monkeypatch.setattr(PanelPlugin, "check", check_here)
    async with SandboxPanel(KEY, packets=5000, latency=latency) as panel:
        count = 300 if latency else 3000
        results = await results_of(
            panel, cluster, range(1, count + 1), partition_size=None, max_concurrency=64
        )
        assert len(results) == count
    assert sizes[0] == 50
    if latency:
        assert max(sizes) < 150
    else:
        assert max(sizes) > 50  # by how much is the machine's affair


@pytest.mark.parametrize("loopback", [True, False])
async def test_a_key_in_clear_text_is_warned_of(panel, caplog, monkeypatch, loopback):
    monkeypatch.setattr("vairosms_async.cluster._driver.is_loopback", lambda host: loopback)
    async with cluster_of(1, protocol="tcp") as cluster:
        await results_of(panel, cluster, [52])
    assert ("the API key goes to the Dask workers in clear text" in caplog.text) is not loopback


def test_without_the_extra(monkeypatch):
    for name in ("cluster", "cluster._driver", "cluster._worker"):
        monkeypatch.delitem(sys.modules, f"vairosms_async.{name}")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"pip install 'vairosms-async\[dask\]'"):
        importlib.import_module("vairosms_async.cluster")


async def test_the_key_shows_nowhere(caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        async with SandboxPanel(KEY, latency=0.02) as panel, cluster_of(2) as cluster:
            async with aclosing(check(panel, cluster, range(1, 400))) as results:
                await anext(results)
                # At once: on a busy machine the tasks are done before a dump is.
                scheduler = cluster.cluster.scheduler
                tasks = [*map(repr, scheduler.tasks), *map(repr, scheduler.tasks.values())]
                specs = [repr(task.run_spec) for task in scheduler.tasks.values()]
                plugins = [
                    repr(plugin)
                    for worker in cluster.cluster.workers.values()
                    for plugin in worker.plugins.values()
                ]
                await cluster.dump_cluster_state(str(tmp_path / "dump"), format="yaml")
                logs = [await cluster.get_scheduler_logs(), await cluster.get_worker_logs()]
                found = [result async for result in results]
    assert specs
    assert any("PanelPlugin" in plugin for plugin in plugins)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.name.startswith("dump") for file in files)
    for text in (caplog.text, repr(logs), *tasks, *specs, *plugins):
        assert_no_key(text)
    for content in (pickle.dumps(found), *(file.read_bytes() for file in files)):
        assert_no_key(content.decode("latin-1"))


async def test_the_key_is_in_no_failure_of_a_worker(panel, cluster, monkeypatch, caplog):
    def fails(self, *args, **kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("vairosms_async.VairoSMSClient.iter_gonderimler", fails)
    with pytest.raises(RuntimeError, match="a fault of ours") as caught:
        await results_of(panel, cluster, [52])
    assert_no_key_printed(caught.value)
    assert_no_key(caplog.text)


@pytest.mark.slow
async def test_two_processes_and_20_000_ids():
    async with SandboxPanel(KEY, packets=20_000) as panel:
        results = bulk_check(
            range(1, 20_001), workers=2, api_key=KEY, base_url=panel.base_url, max_concurrency=CAP
        )
        async with aclosing(results):
            counts = Counter([result.id async for result in results if result.ok])
        assert counts == Counter(range(1, 20_001))
        assert panel.requests == 20_000
        assert panel.peak_in_flight <= CAP


@posix
@pytest.mark.slow
async def test_a_worker_killed_in_the_middle_changes_nothing():
    async with (
        SandboxPanel(KEY, packets=8_000) as panel,
        cluster_of(2, processes=True) as cluster,
    ):
        pids = await cluster.run(os.getpid)
        size, seen, killed = 500, Counter(), False
        async with aclosing(check(panel, cluster, range(1, 8_001), partition_size=size)) as results:
            async for result in results:
                assert result.ok
                seen[result.id] += 1
                if len(seen) == 2000:
                    os.kill(next(iter(pids.values())), signal.SIGKILL)
                    killed = True
        assert killed
        assert seen == Counter(range(1, 8_001))
        # What it was at is repeated, and what it had done but not handed over.
        repeated = panel.requests - 8_000
        assert 0 < repeated <= 2 * size
        assert panel.peak_in_flight <= CAP
        assert set((await cluster.run(os.getpid)).values()) != set(pids.values())
