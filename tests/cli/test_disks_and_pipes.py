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
from tests.cli.results import OUTS, check_complete, final_ids
from tests.platforms import linux

pytestmark = [pytest.mark.slow, linux]


@pytest.fixture(scope="module")
def module_panel():
    with Panel(packets=3000, settle_time=0.0, latency=(0.005, 0.015)) as panel:
        for gonderim_id in range(1, 3001):
            panel.add_gonderim(gonderim_id)  # all are final
        yield panel


def check_nothing_is_lost(panel, ran, store, out, ids):
    """Check the run that a full disk ended, and that the same command completes it."""
    assert ran.code == 4, ran.err
    assert ran.err.count("Error: ") == 1
    assert ran.err.endswith("Run the same command again to continue.\n")
    assert not Path(out).exists()
    final, asked = final_ids(store), panel.requests_by_id.copy()
    assert final
    assert f"{len(final):,} of 1,000 packets are done." in ran.err
    assert run_vairosms("bulk", "ids", "-o", out, "--store", store, panel=panel).code == 0
    check_complete(out, ids)
    assert all(panel.requests_by_id[gonderim_id] == asked[gonderim_id] for gonderim_id in final)


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize(
    ("rows", "blocks"), [(1000, 120), (4000, 270)], ids=["of the store", "of OUT"]
)
def test_a_file_size_limit_loses_nothing(panel, folder, out, rows, blocks):
    """The kernel refuses the write that would exceed the limit."""
    ids = [n % 1000 + 1 for n in range(rows)]
    write_ids(ids)
    before = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
    ran = run_vairosms("bulk", "ids", "-o", out, panel=panel, before=before)
    check_nothing_is_lost(panel, ran, f"{out}.db", out, ids)


@pytest.mark.parametrize("out", OUTS)
@pytest.mark.parametrize("size", ["80k", "280k"], ids=["for the store", "for OUT"])
def test_a_full_disk_loses_nothing(panel, folder, out, size):
    """The disk is a file system in memory, which is copied before it disappears."""
    ids = [n % 1000 + 1 for n in range(10_000)]
    write_ids(ids)
    Path("disk").mkdir()
    script = (
        f"mount -t tmpfs -o size={size} tmpfs disk || exit 99; "
        '"$@"; code=$?; cp -a disk kept; exit $code'
    )
    sudo = () if os.geteuid() == 0 else ("sudo", "--non-interactive", "--preserve-env")
    before = (*sudo, "unshare", "--mount", "sh", "-c", script, "sh")
    ran = run_vairosms("bulk", "ids", "-o", f"disk/{out}", panel=panel, before=before)
    assert not list(Path("kept").glob(".*")), "a temporary file is left"
    check_nothing_is_lost(panel, ran, f"kept/{out}.db", out, ids)


@pytest.mark.parametrize(
    "args", [["bulk", "ids", "-o", "-", "-q"], ["get", "--json", "52", "61"]], ids=["bulk", "get"]
)
def test_a_reader_of_stdout_that_leaves_is_no_error(panel, folder, args):
    write_ids(range(1, 1001))
    reading, writing = os.pipe()
    child = start_vairosms(*args, panel=panel, stdout=writing)
    os.close(writing)
    os.close(reading)
    ran = wait_for_exit(child)
    assert (ran.code, ran.err) == (0, "")


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
    assert time.monotonic() - began < 20
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
