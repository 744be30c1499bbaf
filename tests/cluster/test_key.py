"""The API key of a bulk check on a Dask cluster: where it must not appear."""

import logging
import pickle
from contextlib import aclosing

import dask
import pytest

from tests.cluster.helpers import (
    assert_no_key_in_traceback,
    cluster_of,
    collect_results,
    start_check,
)
from tests.helpers import KEY, assert_no_key
from vairosms_async.sandbox import SandboxPanel


@pytest.mark.parametrize("loopback", [True, False], ids=["loopback", "other-host"])
async def test_warns_if_the_key_is_sent_to_another_host_in_clear_text(
    panel, caplog, monkeypatch, loopback
):
    monkeypatch.setattr("vairosms_async.cluster._driver.is_loopback", lambda host: loopback)
    async with cluster_of(1, protocol="tcp") as dask_client:
        await collect_results(panel, dask_client, [52])
    assert ("the API key travels to the Dask workers unencrypted" in caplog.text) is not loopback


async def test_the_key_is_in_no_task_log_dump_or_file(caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        async with SandboxPanel(KEY, latency=0.02) as panel, cluster_of(2) as dask_client:
            async with aclosing(start_check(panel, dask_client, range(1, 400))) as results:
                await anext(results)
                # Read these first: on a busy machine the tasks end before the dump is written.
                scheduler = dask_client.cluster.scheduler
                tasks = [*map(repr, scheduler.tasks), *map(repr, scheduler.tasks.values())]
                specs = [repr(task.run_spec) for task in scheduler.tasks.values()]
                plugins = [
                    repr(plugin)
                    for worker in dask_client.cluster.workers.values()
                    for plugin in worker.plugins.values()
                ]
                await dask_client.dump_cluster_state(str(tmp_path / "dump"), format="yaml")
                logs = [await dask_client.get_scheduler_logs(), await dask_client.get_worker_logs()]
                found = [result async for result in results]
    assert specs
    assert any("PanelPlugin" in plugin for plugin in plugins)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.name.startswith("dump") for file in files)
    for text in (caplog.text, repr(logs), *tasks, *specs, *plugins):
        assert_no_key(text)
    for content in (pickle.dumps(found), *(file.read_bytes() for file in files)):
        assert_no_key(content.decode("latin-1"))


async def test_the_key_is_in_no_error_of_a_worker(panel, dask_client, monkeypatch, caplog):
    def failing_lookups(self, *args, **kwargs):
        raise RuntimeError("a bug in the library")

    monkeypatch.setattr("vairosms_async.VairoSMSClient.iter_gonderimler", failing_lookups)
    with pytest.raises(RuntimeError, match="a bug in the library") as caught:
        await collect_results(panel, dask_client, [52])
    assert_no_key_in_traceback(caught.value)
    assert_no_key(caplog.text)
