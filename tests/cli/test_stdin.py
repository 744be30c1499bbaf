"""`vairosms bulk -`: FILE from stdin."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.helpers import run_vairosms, start_vairosms, wait_for_exit, wait_until, write_ids
from tests.cli.results import check_complete, final_ids
from tests.platforms import linux
from vairosms_async.sandbox import Fault


@linux
@pytest.mark.slow
def test_a_signal_ends_a_run_while_stdin_is_silent(panel, folder):
    """Before its first request, the command reads all of stdin: here, a pipe that stays open."""
    child = start_vairosms("bulk", "-", "-o", "out.csv", panel=panel, stdin=subprocess.PIPE)
    child.stdin.write(b"52\n")
    child.stdin.flush()
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    child.wait(20)
    ran = wait_for_exit(child)
    assert (ran.code, ran.err) == (130, "Interrupted.\n")
    assert not list(folder.iterdir())
    assert panel.requests == 0


@linux
@pytest.mark.slow
def test_the_same_command_again_with_the_same_stdin_continues(panel, folder):
    panel.fail(Fault("hang"), times=None, id=61)
    child = start_vairosms("bulk", "-", "-o", "out.csv", panel=panel, stdin=subprocess.PIPE)
    child.stdin.write(b"52\n61\n")
    child.stdin.close()
    child.stdin = None
    wait_until(lambda: panel.requests_by_id[61])
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert (ran.code, "1 of 2 packets are done." in ran.err) == (143, True)
    assert final_ids("out.csv.db") == {52}
    panel.clear_faults()
    ran = run_vairosms("bulk", "-", "-o", "out.csv", panel=panel, given=b"52\n61\n")
    assert ran.code == 0
    assert panel.requests_by_id[52] == 1
    check_complete("out.csv", [52, 61])


@linux
@pytest.mark.slow
def test_a_missing_column_of_stdin_leaves_no_file(panel, folder):
    options = ("-o", "out.csv", "--column", "x")
    ran = run_vairosms("bulk", "-", *options, panel=panel, given=b"id\n52\n")
    assert ran.code == 2
    assert "no column 'x'" in ran.err
    assert not list(folder.iterdir())


def test_stdin_works_like_a_file(vairosms, panel):
    """Also a second time, and if stdin is OUT."""
    write_ids(range(1, 101))
    fd, stdin = os.open("ids", os.O_RDWR), os.dup(0)
    try:
        os.dup2(fd, 0)
        for _ in range(2):
            os.lseek(0, 0, os.SEEK_SET)
            assert vairosms("bulk", "-", "-o", "out.csv").code == 0
        os.lseek(0, 0, os.SEEK_SET)
        Path("out.jsonl").hardlink_to("ids")
        ran = vairosms("bulk", "-", "-o", "out.jsonl")
    finally:
        os.dup2(stdin, 0)
        os.close(fd)
        os.close(stdin)
    check_complete("out.csv", range(1, 101))
    assert all(panel.requests_by_id[gonderim_id] == 1 for gonderim_id in final_ids("out.csv.db"))
    assert (ran.code, ran.err) == (2, "Error: OUT is FILE: name another OUT\n")
