"""The exit code says what happened to the work, even if stdout or stderr cannot be written.

Python flushes both when it exits. If that fails, it replaces the exit code by 120.
"""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.helpers import (
    VAIROSMS,
    Panel,
    environment,
    open_full_device,
    open_full_pipe,
    open_unread_pipe,
    start_vairosms,
    wait_until,
    write_ids,
)
from tests.cli.results import check_complete
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=1000, settle_time=0.0) as panel:
        yield panel


def start_broken(stream, breakage, *args, **options):
    """Start the command with a stream ("stdout" or "stderr") that it cannot write."""
    if breakage == "closed":
        redirection = {"stdout": ">&-", "stderr": "2>&-"}[stream]
        return start_vairosms(
            *args, before=("sh", "-c", f'exec "$@" {redirection}', "sh"), **options
        )
    broken = {"unread": open_unread_pipe, "full": open_full_device}[breakage]()
    child = start_vairosms(*args, **{stream: broken}, **options)
    os.close(broken)
    return child


def exit_code(child):
    """Wait for a child process to end, and return its exit code."""
    child.communicate(timeout=60)
    return child.returncode


BREAKAGES = ["closed", "unread", "full"]
# By breakage of stdout: the exit code and stderr. The reader of an unread pipe has enough.
ENDINGS = {
    "closed": (4, "Error: stdout: it is closed\n"),
    "unread": (0, ""),
    "full": (4, "Error: stdout: No space left on device\n"),
}
WRONG_KEY = {"VAIROSMS_API_KEY": "wrong-key"}


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize(
    ("args", "settings", "code"),
    [
        pytest.param(["get", "52", "61"], {}, 0, id="all found"),
        pytest.param(["wait", "52", "9999"], {}, 1, id="some failed"),
        pytest.param(["get", "--no-such-option"], {}, 2, id="usage error"),
        pytest.param(["get", "52"], WRONG_KEY, 3, id="refused key"),
        pytest.param(["bulk", "ids", "-o", "/dev/full"], {}, 4, id="full disk"),
        pytest.param(["demo", "--packets", "60"], {}, 0, id="demo"),
    ],
)
def test_broken_stderr_leaves_the_exit_code(panel, folder, breakage, args, settings, code):
    write_ids([52])
    child = start_broken("stderr", breakage, *args, panel=panel, settings=settings)
    assert exit_code(child) == code


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_bulk_completes_out_with_a_broken_stderr(panel, folder, breakage):
    write_ids(range(1, 1001))
    panel.fail(Fault("status", 429, retry_after=1), id=400)  # the command warns of the pause
    child = start_broken("stderr", breakage, "bulk", "ids", "-o", "out.csv", panel=panel)
    assert exit_code(child) == 0
    check_complete("out.csv", range(1, 1001))


def test_bulk_completes_out_when_the_reader_of_stderr_leaves(panel, folder):
    write_ids(range(1, 1001))
    reading, writing = os.pipe()
    child = start_vairosms(
        "bulk", "ids", "-o", "out.csv", "--rate", "500", panel=panel, stderr=writing
    )
    os.close(writing)
    wait_until(lambda: panel.requests > 100)
    os.close(reading)
    assert exit_code(child) == 0
    check_complete("out.csv", range(1, 1001))


@pytest.mark.parametrize(
    ("args", "settings", "code"),
    [
        pytest.param(["bulk", "ids", "-o", "out.csv"], {}, 0, id="all found"),
        pytest.param(["get", "--no-such-option"], {}, 2, id="usage error"),
        pytest.param(["bulk", "ids", "-o", "out.csv"], WRONG_KEY, 3, id="refused key"),
    ],
)
def test_a_full_stderr_that_nobody_reads_does_not_stall(panel, folder, args, settings, code):
    write_ids(range(1, 1001))
    panel.fail(Fault("status", 429, retry_after=1), id=400)  # the command warns of the pause
    reading, writing = open_full_pipe()
    child = start_vairosms(*args, panel=panel, settings=settings, stderr=writing)
    assert exit_code(child) == code
    os.close(writing)
    os.close(reading)
    if code == 0:
        check_complete("out.csv", range(1, 1001))


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize(
    "args",
    [
        ["get", "52", "61"],
        ["get", "--json", "52"],
        ["wait", "52"],
        ["wait", "--json", "52"],
        ["demo", "--packets", "60", "-q"],
        ["sandbox", "--port", "0"],
        ["--help"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_broken_stdout_ends_the_command(panel, breakage, args):
    child = start_broken("stdout", breakage, *args, panel=panel)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, err.decode()) == ENDINGS[breakage]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_stdout_ends_the_command_with_a_broken_stderr_too(panel, breakage):
    broken = open_full_device()
    child = start_broken("stdout", breakage, "get", "52", panel=panel, stderr=broken)
    os.close(broken)
    assert exit_code(child) == ENDINGS[breakage][0]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_file_as_out_needs_no_stdout(panel, folder, breakage):
    write_ids([52, 61])
    child = start_broken("stdout", breakage, "bulk", "ids", "-o", "out.csv", panel=panel)
    assert exit_code(child) == 0
    check_complete("out.csv", [52, 61])


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_signal_decides_the_exit_code_with_a_broken_stderr(panel, folder, breakage):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    child = start_broken("stderr", breakage, "bulk", "ids", "-o", "out.csv", panel=panel)
    wait_until(lambda: panel.in_flight)
    child.send_signal(signal.SIGTERM)
    assert exit_code(child) == 143


@pytest.mark.parametrize("breakage", BREAKAGES)
@pytest.mark.parametrize(
    ("startup", "code"),
    [
        pytest.param("import sys; sys.modules['rich'] = None", 2, id="extra missing"),
        pytest.param(
            "import vairosms_async.cli.store as s; del s.record_columns",
            1,
            id="exception with traceback",
        ),
    ],
)
def test_an_uncaught_error_keeps_its_exit_code_with_a_broken_stderr(
    panel, folder, breakage, startup, code
):
    Path("sitecustomize.py").write_text(f"{startup}\n")
    write_ids([52])
    settings = {"PYTHONPATH": str(folder)}
    child = start_broken(
        "stderr", breakage, "bulk", "ids", "-o", "out.csv", panel=panel, settings=settings
    )
    assert exit_code(child) == code


@pytest.mark.parametrize("name", ["PYTHONUNBUFFERED", "PYTHONDEVMODE"])
def test_python_settings_keep_exit_code_4(panel, name):
    env = environment(panel, **{name: "1"})
    broken = open_full_device()
    code = subprocess.call([*VAIROSMS, "get", "52"], env=env, stdout=broken, stderr=broken)
    os.close(broken)
    assert code == 4


def test_children_have_the_environment_of_a_plain_machine(monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    names = environment().keys()
    assert not [name for name in names if name.startswith("PYTHON") or "PROXY" in name]
