"""`vairosms bulk` as a process whose disk is full, or whose reader is slow or gone."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.helpers import (
    Panel,
    run_vairosms,
    start_vairosms,
    wait_for_exit,
    wait_until,
    write_ids,
)
from tests.cli.results import OUTS, check_complete, ids_in, read_rows
from tests.platforms import linux

pytestmark = [pytest.mark.slow, linux]


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=3000, settle_time=0.0, latency=(0.005, 0.015)) as panel:
        yield panel


@pytest.mark.parametrize("out", OUTS)
def test_a_file_size_limit_ends_the_run_after_a_whole_line(panel, folder, out):
    """The kernel truncates the write that reaches the limit, and refuses the next one."""
    write_ids(range(1, 1001))
    blocks = 100 if out == "out.jsonl" else 40  # of 512 or 1,024 bytes, which depends on the shell
    before = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
    ran = run_vairosms("bulk", "ids", "-o", out, panel=panel, before=before)
    assert ran.code == 4
    assert f"Error: {out}: File too large" in ran.err
    assert f"  vairosms bulk ids -o {out} --resume" in ran.err
    assert f"{out} has the results of {len(read_rows(out))} of 1,000 lines" in ran.err
    data = Path(out).read_bytes()
    assert data.endswith(b"\n")
    assert len(data) > blocks * 512 - 1500
    asked = dict(panel.requests_by_id)
    finished = ids_in(out)
    ran = run_vairosms("bulk", "ids", "-o", out, "--resume", panel=panel)
    assert ran.code == 0
    check_complete(out, range(1, 1001))
    assert all(panel.requests_by_id[i] == asked[i] for i in finished)


def test_a_full_device_ends_the_run(panel, folder):
    write_ids(range(1, 51))
    ran = run_vairosms("bulk", "ids", "-o", "/dev/full", "-q", panel=panel)
    assert (ran.code, ran.err) == (4, "Error: /dev/full: No space left on device\n")


@pytest.mark.parametrize(
    "args", [["bulk", "ids", "-o", "-", "-q"], ["get", "--json", "52", "61"]], ids=["bulk", "get"]
)
def test_an_unread_stdout_ends_the_command(panel, folder, args):
    write_ids(range(1, 1001))
    reading, writing = os.pipe()
    child = start_vairosms(*args, panel=panel, stdout=writing)
    os.close(writing)
    os.close(reading)
    ran = wait_for_exit(child)
    assert (ran.code, ran.err) == (4, "Error: stdout: nobody reads it any more\n")


def test_a_signal_ends_a_run_whose_stdout_pipe_is_full(panel, folder):
    """The write to the full pipe never returns. The command exits without waiting for it."""
    write_ids(range(1, 3001))
    reading, writing = os.pipe()
    child = start_vairosms("bulk", "ids", "-o", "-", "-q", panel=panel, stdout=writing)
    os.close(writing)
    wait_until(lambda: panel.requests > 400)
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert wait_for_exit(child).code == 143
    assert time.monotonic() - began < 2
    os.close(reading)


def test_a_slow_reader_costs_no_lookup(panel, folder):
    """The reader pauses for longer than the timeout of a lookup."""
    write_ids(range(1, 1001))
    child = start_vairosms("bulk", "ids", "-o", "-", "-q", "--timeout", "0.5", panel=panel)
    wait_until(lambda: panel.requests > 200)
    time.sleep(1)
    ran = wait_for_exit(child)
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1000
    assert panel.requests == 1000
