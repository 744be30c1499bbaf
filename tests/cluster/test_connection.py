"""The Dask scheduler of a bulk check: the caller's, a local one, an unreachable or a lost one."""

import json
import signal
import subprocess
import sys
from contextlib import aclosing, contextmanager
from functools import partial

import dask
import pytest
from distributed import Client, LocalCluster

from tests.cluster.helpers import collect_results, plugin_names, start_check
from tests.helpers import KEY, wait_until
from vairosms_async.sandbox import SandboxPanel


@contextmanager
def dask_process(name, *arguments):
    """Run ``dask scheduler`` or ``dask worker``, and kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{name}", "--no-dashboard", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_leaves_the_callers_dask_client_open(panel, dask_client):
    await collect_results(panel, dask_client, [52])
    assert dask_client.status == "running"
    assert await dask_client.submit(sum, [1, 2]) == 3


async def test_connects_to_the_address_of_a_scheduler(panel, dask_client):
    (result,) = await collect_results(panel, dask_client.cluster.scheduler_address, [52])
    assert result.ok


async def test_local_workers_ignore_ctrl_c(panel, monkeypatch):
    """A local cluster, but with its workers in this process."""
    signals = []
    in_this_process = partial(LocalCluster, processes=False)
    monkeypatch.setattr("vairosms_async.cluster._driver.LocalCluster", in_this_process)
    monkeypatch.setattr(
        "vairosms_async.cluster._worker.signal.signal", lambda *args: signals.append(args)
    )
    results = await collect_results(panel, "local", range(1, 41), workers=2)
    assert {result.id for result in results if result.ok} == set(range(1, 41))
    assert signals == [(signal.SIGINT, signal.SIG_IGN)] * 2


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        pytest.param("tcp://127.0.0.1:1", "Timed out", id="closed-port"),
        pytest.param("foo://127.0.0.1:1", "unknown address scheme", id="unknown-scheme"),
        pytest.param("tls://127.0.0.1:1", "perhaps check your TLS configuration", id="tls"),
        pytest.param("the panel", "Unable to allocate|MemoryError|Timed out", id="not-a-scheduler"),
    ],
)
async def test_raises_if_the_scheduler_cannot_be_reached(panel, address, reason):
    if address == "the panel":
        address = panel.base_url.replace("http", "tcp").partition("/Panel")[0]
    with dask.config.set({"distributed.comm.timeouts.connect": "100ms"}):
        with pytest.raises(ConnectionError, match=f"scheduler cannot be reached: .*({reason})"):
            await collect_results(panel, address, [52])


@pytest.mark.slow
async def test_raises_if_the_scheduler_is_killed(tmp_path):
    file = tmp_path / "scheduler.json"
    scheduler_file = ("--scheduler-file", str(file))
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        dask_process("scheduler", "--host", "127.0.0.1", "--port", "0", *scheduler_file) as process,
    ):
        await wait_until(file.exists)
        with dask_process("worker", "--no-nanny", "--nthreads", "1", *scheduler_file):
            async with SandboxPanel(KEY, packets=100_000, latency=0.01) as panel:
                address = json.loads(file.read_text())["address"]
                async with aclosing(start_check(panel, address, range(1, 100_000))) as results:
                    assert (await anext(results)).ok
                    process.kill()
                    with pytest.raises(ConnectionError, match="the Dask scheduler was lost"):
                        async for _ in results:
                            pass


async def test_raises_if_the_callers_dask_client_is_closed(panel, dask_client):
    async with Client(dask_client.cluster, asynchronous=True, set_as_default=False) as mine:
        async with aclosing(start_check(panel, mine, range(1, 100_000))) as results:
            await anext(results)
            await mine.close()
            with pytest.raises(ConnectionError, match="the Dask scheduler was lost"):
                async for _ in results:
                    pass
    # The driver could not tell the scheduler, which keeps a plugin until it is unregistered.
    (name,) = plugin_names(dask_client)
    await dask_client.unregister_worker_plugin(name)
    semaphores = dask_client.cluster.scheduler.extensions["semaphores"]
    await wait_until(lambda: not semaphores.leases[name])
    semaphores.close(name)
