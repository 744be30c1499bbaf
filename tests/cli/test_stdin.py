"""`vairosms bulk -`: ids from stdin."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.helpers import run_vairosms, start_vairosms, wait_for_exit, wait_until, write_ids
from tests.cli.results import check_complete, complete_lines
from tests.platforms import linux


@linux
@pytest.mark.slow
def test_writes_results_while_stdin_stays_open(panel, folder):
    child = start_vairosms(
        "bulk", "-", "-o", "-", "-q", panel=panel, stdin=subprocess.PIPE, bufsize=0
    )
    for gonderim_id in (52, 61):
        began = time.monotonic()
        child.stdin.write(f"{gonderim_id}\n".encode())
        row = json.loads(child.stdout.readline())
        assert row["id"] == gonderim_id
        assert time.monotonic() - began < 3
    child.stdin.close()
    child.stdin = None
    assert wait_for_exit(child).code == 0


@linux
@pytest.mark.slow
def test_a_signal_ends_a_run_while_stdin_is_silent(panel, folder):
    child = start_vairosms("bulk", "-", "-o", "out", panel=panel, stdin=subprocess.PIPE, bufsize=0)
    child.stdin.write(b"52\n")
    wait_until(lambda: complete_lines("out"))
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(5)
    assert time.monotonic() - began < 2
    ran = wait_for_exit(child)
    assert ran.code == 130
    assert "  ... | vairosms bulk - -o out --resume\n" in ran.err
    ran = run_vairosms("bulk", "-", "-o", "out", "--resume", panel=panel, given=b"52\n61\n")
    assert ran.code == 0
    check_complete("out", [52, 61])


@linux
@pytest.mark.slow
def test_a_missing_column_of_stdin_leaves_no_file(panel, folder):
    ran = run_vairosms("bulk", "-", "-o", "out", "--column", "x", panel=panel, given=b"id\n52\n")
    assert ran.code == 2
    assert "there is no column 'x'" in ran.err
    assert not list(folder.iterdir())


def test_resume_reads_stdin_again(vairosms, panel):
    ids = range(1, 101)
    write_ids(ids)
    fd, stdin = os.open("ids", os.O_RDONLY), os.dup(0)
    try:
        os.dup2(fd, 0)
        assert vairosms("bulk", "-", "-o", "out", "--column", "x").code == 2
        assert not Path("out").exists()
        os.lseek(0, 0, os.SEEK_SET)
        assert vairosms("bulk", "-", "-o", "out").code == 0
        check_complete("out", ids)
        lines = Path("out").read_bytes().splitlines(keepends=True)
        Path("out").write_bytes(b"".join(lines[:60]))
        os.lseek(0, 0, os.SEEK_SET)
        panel.reset_counters()
        ran = vairosms("bulk", "-", "-o", "out", "--resume")
    finally:
        os.dup2(stdin, 0)
        os.close(fd)
        os.close(stdin)
    assert ran.code == 0
    assert panel.requests == 40
    check_complete("out", ids)
