"""The API key appears nowhere."""

import signal
from pathlib import Path

import pytest

from tests.cli.helpers import run_vairosms, start_vairosms, wait_for_exit, wait_until, write_ids
from tests.helpers import KEY, KEY_FORMS, assert_no_key
from tests.platforms import linux
from vairosms_async.sandbox import Fault

pytestmark = [pytest.mark.slow, linux]


def test_the_key_is_in_no_output_file_or_process_listing(panel, folder):
    """`/proc` is what other users see of a process."""
    panel.fail(Fault("hang"), times=1, id=9)
    Path("key").write_text(KEY)
    write_ids(range(1, 101))
    child = start_vairosms(
        "bulk", "ids", "-o", "out.csv", "--api-key-file", "key", "--timeout", "3",
        panel=panel, settings={"VAIROSMS_API_KEY": None, "PYTHONASYNCIODEBUG": "1"},
    )  # fmt: skip
    wait_until(lambda: panel.requests > 50)
    for file in ("cmdline", "comm", "status", "maps"):
        assert_no_key(Path(f"/proc/{child.pid}/{file}").read_text(errors="replace"))
    environ = Path(f"/proc/{child.pid}/environ").read_text(errors="replace")
    assert KEY not in environ
    child.send_signal(signal.SIGINT)
    ran = wait_for_exit(child)
    assert ran.code in {1, 130}
    assert "others on this machine can read the API key in key" in ran.err
    for path in folder.iterdir():
        if path.name not in {"key", "ids"}:
            data = path.read_bytes()
            assert not any(form.encode() in data for form in KEY_FORMS)


def test_a_traceback_with_local_variables_has_no_key(panel, folder):
    """A bug raises an exception that the command does not catch."""
    Path("sitecustomize.py").write_text(
        "import sys, traceback\n"
        "def hook(kind, exc, tb):\n"
        "    shown = traceback.TracebackException(kind, exc, tb, capture_locals=True)\n"
        "    print(''.join(shown.format()).replace('Traceback', 'Trace'), file=sys.stderr)\n"
        "sys.excepthook = hook\n"
        "import vairosms_async.cli.store as store\n"
        "def broken(gonderim): raise KeyError('a bug')\n"
        "store.record_columns = broken\n"
    )
    write_ids(range(1, 11))
    ran = run_vairosms(
        "bulk", "ids", "-o", "out.csv", panel=panel, settings={"PYTHONPATH": str(folder)}
    )
    assert ran.code == 1
    assert "KeyError: 'a bug'" in ran.err
    assert "gonderim = " in ran.err  # the traceback does show local variables
