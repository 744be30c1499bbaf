"""The guide's Celery task, run by a worker process. The broker is a folder."""

import os
import subprocess
import sys

import pytest
from celery import Celery

from tests.helpers import KEY, assert_no_key
from tests.project.documents import block_with, page
from vairosms_async import VairoSMSAuthError
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def panel():
    """Run a panel in a thread, because `AsyncResult.get` blocks."""
    with SandboxPanel(KEY) as panel:
        yield panel


@pytest.fixture(scope="module")
def check(panel, tmp_path_factory):
    """Run a worker. Return a function that sends it the guide's task and returns the result."""
    folder = tmp_path_factory.mktemp("celery")
    for name in ("sent", "queue", "control", "results"):
        folder.joinpath(name).mkdir()
    settings = {
        "broker_url": "filesystem://",
        "broker_transport_options": {
            "data_folder_in": f"{folder}/queue",
            "data_folder_out": f"{folder}/queue",
            "control_folder": f"{folder}/control",
            "polling_interval": 0.01,
        },
        "result_backend": f"file://{folder}/results",
    }
    tasks = block_with(page("guides/web-service.md"), "# tasks.py")
    assert "countdown=60" in tasks
    folder.joinpath("tasks.py").write_text(tasks.replace("countdown=60", "countdown=1"))
    folder.joinpath("worker.py").write_text(f"from tasks import app\napp.conf.update({settings})")
    worker = subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "celery", "-A", "worker", "worker"]
        + ["--pool", "solo", "--loglevel", "DEBUG", "--without-gossip", "--without-mingle"],
        cwd=folder,
        env=os.environ | {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    client = Celery()
    client.conf.update(settings)
    client.conf.broker_transport_options["data_folder_out"] = f"{folder}/sent"

    def check(ids):
        result = client.send_task("tasks.check", [ids])
        # The worker would also read a message that is not yet complete.
        for message in folder.joinpath("sent").iterdir():
            message.rename(folder / "queue" / message.name)
        return result.get(timeout=30, interval=0.01)

    try:
        yield check
    finally:
        worker.kill()
        output = worker.communicate()[0].decode()
        print(output)
    assert "Task tasks.check" in output
    assert "ResourceWarning" not in output
    assert_no_key(output)


def test_a_worker_looks_up_packets(check):
    assert check([52, 61]) == {"52": 1, "61": -1}


def test_a_worker_runs_the_task_again_after_a_retryable_error(check, panel):
    panel.add_gonderim(7000)
    panel.fail(Fault("html", 200), id=7000)
    assert check([7000]) == {"7000": 1}
    assert panel.requests_by_id[7000] == 2


def test_a_worker_does_not_run_the_task_again_after_another_error(check, panel):
    panel.fail(Fault("status", 401), id=61)
    asked_before = panel.requests_by_id[61]
    with pytest.raises(VairoSMSAuthError):
        check([61])
    assert panel.requests_by_id[61] == asked_before + 1
