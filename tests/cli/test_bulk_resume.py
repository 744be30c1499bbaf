"""`vairosms bulk --resume`, in this process."""

import errno
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import add_settling_packet, write_ids
from tests.cli.results import OUTS, check_complete, complete_lines, error_in, read_rows
from tests.platforms import posix
from vairosms_async.cli import bulk as bulk_module
from vairosms_async.cli.formats import FORMATS
from vairosms_async.cli.job import Job
from vairosms_async.sandbox import Fault


@pytest.mark.parametrize("out", OUTS)
def test_resume_asks_again_only_for_failures(vairosms, panel, out):
    ids = [*range(1, 21), 9999, "abc"]
    write_ids(ids)
    panel.fail(Fault("status", 400), times=None, id=7)
    assert vairosms("bulk", "ids", "-o", out).code == 1
    panel.clear_faults()
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", out, "--resume")
    assert ran.code == 1
    assert panel.requests_by_id == {7: 1, 9999: 1}
    rows = check_complete(out, ids)
    assert not error_in(rows[7])
    assert "Checked 22 lines, 19 of them in earlier runs; in 0:0" in ran.err


@pytest.mark.parametrize("out", OUTS)
def test_resume_without_an_out_starts_a_new_run(vairosms, out):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, [52, 61])


@pytest.mark.parametrize("out", OUTS)
def test_resume_asks_only_for_lines_added_to_the_input(vairosms, panel, out):
    write_ids(range(1, 11))
    vairosms("bulk", "ids", "-o", out)
    write_ids(range(1, 31))
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    assert panel.requests == 20
    check_complete(out, range(1, 31))


@pytest.mark.parametrize("out", OUTS)
def test_resume_repairs_a_truncated_last_line(vairosms, panel, out):
    """Whole runs, at some bytes. `test_out_file` truncates at every byte."""
    write_ids([1, 2, 61])
    assert vairosms("bulk", "ids", "-o", out, "--max-concurrency", 1).code == 0
    data = Path(out).read_bytes()
    last = data.rfind(b"\n", 0, -1) + 1
    for cut in {last, last + 1, *range(last, len(data), 60), len(data) - 2, len(data) - 1}:
        Path(out).write_bytes(data[:cut])
        panel.reset_counters()
        assert vairosms("bulk", "ids", "-o", out, "--resume", "-q").code == 0
        assert panel.requests_by_id == {61: 1}, cut
        check_complete(out, [1, 2, 61])


def test_resume_repairs_a_truncated_header(vairosms):
    write_ids([52])
    header = FORMATS["csv"].header
    for cut in (0, 1, 50, len(header) - 1, len(header)):
        Path("out.csv").write_bytes(header[:cut])
        assert vairosms("bulk", "ids", "-o", "out.csv", "--resume", "-q").code == 0
        check_complete("out.csv", [52])


@pytest.mark.parametrize("out", OUTS)
def test_resume_repairs_a_tail_of_zero_bytes(vairosms, out):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", out)
    data = Path(out).read_bytes()
    Path(out).write_bytes(data[:-20] + bytes(4000))
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, [52, 61])


ERROR = {"type": "X", "message": "", "status": None, "kod": None}
CSV_HEADER = FORMATS["csv"].header


def json_line(line, gonderim_id, error=ERROR):
    row = {"line": line, "id": gonderim_id, "gonderim": None, "error": error}
    return json.dumps(row).encode() + b"\n"


NOT_A_LINE = "not the beginning of a line of ours"


@pytest.mark.parametrize(
    ("out", "data", "why"),
    [
        pytest.param("out.jsonl", json_line(1, 99), "another id than in line 1 of the input",
                     id="another input"),
        pytest.param("out.jsonl", json_line(3, 52), "the input has no id in line 3",
                     id="longer input"),
        pytest.param("out.jsonl", json_line(0, 52), "the input has no id in line 0", id="line 0"),
        pytest.param("out.jsonl", json_line(2, 61), "the input has no id in line 2",
                     id="comment in the input"),
        pytest.param("out.jsonl", json_line(1, "x"), "another id than in line 1",
                     id="another column"),
        pytest.param("out.jsonl", json_line(1, 52, error=None), "line 1: neither",
                     id="neither record nor error"),
        pytest.param("out.jsonl", b'{"customers": [1]}', NOT_A_LINE, id="foreign last line"),
        pytest.param("out.csv", CSV_HEADER + b"a;b", NOT_A_LINE, id="foreign last row"),
        pytest.param("out.jsonl", b"hello\n", "line 1: ", id="text"),
        pytest.param("out.csv", json_line(1, 52), "line 1: not the header of its format",
                     id="JSON Lines as CSV"),
        pytest.param("out.jsonl", CSV_HEADER, "line 1: ", id="CSV as JSON Lines"),
        pytest.param("out.csv", CSV_HEADER + b"a;b\r\n", "line 2: not a line of ours",
                     id="foreign table"),
        pytest.param("out.jsonl", b" " * (5 << 20), "line 1: too long", id="line of 5 MiB"),
        pytest.param("out.jsonl", b"[" * 100_000 + b"\n", "line 1: ", id="deeply nested"),
    ],
)  # fmt: skip
def test_resume_rejects_an_out_of_another_run(vairosms, panel, out, data, why):
    Path("ids").write_text("52\n# 61\n")
    Path(out).write_bytes(data)
    ran = vairosms("bulk", "ids", "-o", out, "--resume")
    assert ran.code == 2
    assert why in ran.err
    assert "Give another OUT, or --overwrite" in ran.err
    assert panel.requests == 0
    assert Path(out).read_bytes() == data


def test_resume_removes_superseded_lines(vairosms, panel):
    """A killed run leaves them: the failure of a line, and its result from the resumed run."""
    write_ids([1, 2, 3])
    vairosms("bulk", "ids", "-o", "out")
    failed = json_line(2, 2)
    done = Path("out").read_bytes()
    Path("out").write_bytes(
        failed + done + failed.replace(b'"line": 2, "id": 2', b'"line": 3, "id": 3')
    )
    Path("out").chmod(0o640)
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert ran.code == 0
    assert panel.requests_by_id == {3: 1}
    assert "Checked 3 lines, 2 of them in earlier runs" in ran.err
    check_complete("out", [1, 2, 3])
    if sys.platform != "win32":  # Windows has no such modes
        assert Path("out").stat().st_mode & 0o777 == 0o640


def test_resume_with_nothing_to_do_leaves_out_untouched(vairosms, panel):
    write_ids([1, 2, 3])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").stat()
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    after = Path("out").stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert panel.requests == 0


def test_resume_writes_through_a_symbolic_link(vairosms):
    write_ids([1, 9999])
    Path("real").touch()
    Path("out").symlink_to("real")
    vairosms("bulk", "ids", "-o", "out", "--overwrite")
    vairosms("bulk", "ids", "-o", "out", "--resume")
    assert Path("out").is_symlink()
    assert len(complete_lines("real").splitlines()) == 2


def test_a_full_disk_during_the_cleanup_loses_nothing(vairosms, monkeypatch):
    write_ids([1, 9999])
    vairosms("bulk", "ids", "-o", "out")

    def raise_disk_full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", raise_disk_full)
    monkeypatch.setattr(bulk_module.Output, "_write_rest", lambda self: self._write(self._take()))
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert ran.code == 4
    assert "lines that later ones supersede could not be taken out: No space left" in ran.err
    assert len(complete_lines("out").splitlines()) == 3
    assert not list(Path().glob(".out*"))


def test_a_read_only_out_is_an_error(vairosms, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")

    def raise_read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "ftruncate", raise_read_only)
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert (ran.code, ran.err) == (2, "Error: out: Read-only file system\n")


@pytest.mark.parametrize("option", ["--resume", "--wait"])
def test_looks_up_lines_added_during_the_run(vairosms, monkeypatch, option):
    write_ids([52])
    if option == "--resume":
        vairosms("bulk", "ids", "-o", "out")
    count = Job._count  # noqa: SLF001 (the file changes right after it was counted)

    def count_and_grow(self, *args):
        count(self, *args)
        write_ids([52, 61])

    monkeypatch.setattr(Job, "_count", count_and_grow)
    assert vairosms("bulk", "ids", "-o", "out", option).code == 0
    assert {row["id"] for row in read_rows("out")} == {52, 61}


def test_an_input_that_vanishes_during_the_run_is_an_error(vairosms, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    count = Job._count  # noqa: SLF001 (the file changes right after it was counted)

    def count_and_remove(self, *args):
        count(self, *args)
        Path("ids").unlink()

    monkeypatch.setattr(Job, "_count", count_and_remove)
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert (ran.code, ran.err) == (2, "Error: ids: No such file or directory\n")
    assert Path("out").read_bytes() == before


@posix
@pytest.mark.parametrize("out", ["out", "-"])
def test_ctrl_c_while_files_are_read_prints_how_to_resume(vairosms, monkeypatch, out):
    write_ids([52])
    monkeypatch.setattr(Job, "_count", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    ran = vairosms("bulk", "-o", out, "--", "ids")
    assert ran.code == 130
    advice = "Interrupted.\nTo go on:\n  vairosms bulk -o out --resume -- ids\n"
    assert ran.err == (advice if out == "out" else "")


def test_resume_counts_the_later_of_two_states(vairosms, panel):
    """A run with `--wait` that is killed may leave two states of a packet in OUT."""
    add_settling_packet(panel, 705, 3600)
    write_ids([705])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    add_settling_packet(panel, 705, 0)
    Path("out").unlink()
    vairosms("bulk", "ids", "-o", "out")
    Path("out").write_bytes(before + Path("out").read_bytes())
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert "Checked 1 line, 1 of them in earlier runs" in ran.err
    assert "DEVAM_EDIYOR" not in ran.err
    assert check_complete("out", [705])[1]["gonderim"]["paket_durum"] == 1
