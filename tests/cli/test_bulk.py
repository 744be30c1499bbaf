"""`vairosms bulk`, run in this process against a panel in a thread."""

import errno
import io
import itertools
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.helpers import Panel, Ran, check_complete, rows_of, runner_here, whole_lines
from tests.helpers import KEY, example_packet
from tests.platforms import linux, posix
from vairosms_async.cli import bulk as bulk_module
from vairosms_async.cli.formats import FORMATS
from vairosms_async.cli.job import Job
from vairosms_async.cli.out import OutFile
from vairosms_async.cli.progress import Progress
from vairosms_async.sandbox import Fault


@pytest.fixture(scope="module")
def the_panel():
    with Panel(packets=300, settle_time=0.0) as panel:
        yield panel


@pytest.fixture
def panel(the_panel):
    return the_panel.fresh()


@pytest.fixture
def vairosms(panel, monkeypatch, capfd, tmp_path):
    """Run the command here, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return runner_here(monkeypatch, capfd, panel)


def write_ids(ids, path="ids"):
    Path(path).write_text("".join(f"{i}\n" for i in ids), "utf-8")


OUTS = ["out.jsonl", "out.csv"]
ERROR = {"out.jsonl": lambda row: row["error"], "out.csv": lambda row: row["error_type"]}


# ---- a whole run -------------------------------------------------------------------------------


@pytest.mark.parametrize("out", OUTS)
def test_each_line_has_its_result(vairosms, panel, out):
    ids = [*range(1, 200), 52, 52, 9999, "abc", 0, "0061"]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", out)
    assert (ran.code, ran.out) == (1, "")
    rows = check_complete(out, [61 if i == "0061" else i for i in ids])
    failed = {n for n, row in rows.items() if ERROR[out](row)}
    assert {ids[n - 1] for n in failed} == {9999, "abc", 0}
    assert panel.requests_by_id[52] == 3
    assert "Checked 205 lines in 0:0" in ran.err
    assert f"Results: {out}" in ran.err


def test_all_found(vairosms):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    check_complete("out", [52, 61])


def test_the_whole_record_is_there(vairosms):
    write_ids([61])
    vairosms("bulk", "ids", "-o", "out.jsonl")
    [row] = rows_of("out.jsonl")
    assert row["gonderim"] == example_packet(61)
    vairosms("bulk", "ids", "-o", "out.txt", "--format", "csv")
    Path("out.txt").rename("out.csv")
    [row] = rows_of("out.csv")
    assert (row["sms_baslik"], row["durum"], row["kredi_toplam"]) == ("BAŞLIK", "HATALI", "0")


def test_a_column_of_csv(vairosms):
    Path("in.csv").write_bytes("ad;paket\nAyşe;52\nx;yok\n\nŞule;61\n".encode("windows-1254"))
    assert vairosms("bulk", "in.csv", "-o", "out.jsonl", "--column", "paket").code == 1
    rows = {row["line"]: row for row in rows_of("out.jsonl")}
    assert {n: row["id"] for n, row in rows.items()} == {2: 52, 3: "yok", 5: 61}
    assert rows[3]["error"]["type"] == "VairoSMSInvalidIdError"


def test_rows_without_an_id_are_results(vairosms):
    Path("in.csv").write_text("ad;paket\nx\ny;\n")
    assert vairosms("bulk", "in.csv", "-o", "out.jsonl", "--column", "paket").code == 1
    messages = {row["line"]: (row["id"], row["error"]["message"]) for row in rows_of("out.jsonl")}
    assert messages == {
        2: ("", "the row has no column paket"),
        3: ("", "column paket is empty"),
    }


def test_long_and_dangerous_lines(vairosms):
    Path("ids").write_text(f"{'9' * 5000}\n{KEY}\n=x\n")
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 1
    rows = {row["line"]: row["id"] for row in rows_of("out.jsonl")}
    assert rows == {1: "9" * 99 + "…", 2: "***", 3: "=x"}


@linux
def test_a_stream_that_cannot_be_opened(vairosms):
    write_ids([52])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("out")
        ran = vairosms("bulk", "ids", "-o", "out")
    assert (ran.code, ran.err) == (4, "Error: out: No such device or address\n")


@posix
def test_interrupted(vairosms, panel):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    ran = vairosms("bulk", "ids", "-o", "out")
    timer.join()
    assert ran.code == 143
    assert "Interrupted.\nout has the results of 0 of 100 lines.\nTo go on:\n" in ran.err
    assert ran.err.endswith("  vairosms bulk ids -o out --resume\n")


def test_csv_without_a_column(vairosms):
    Path("in.csv").write_text("ad;paket\nx;52\n")
    ran = vairosms("bulk", "in.csv", "-o", "out")
    assert ran.code == 1
    assert "line 1 of in.csv looks like CSV: if it is, give --column" in ran.err


def test_to_stdout(vairosms):
    write_ids([52, "x", 61])
    ran = vairosms("bulk", "ids", "-o", "-")
    assert {json.loads(line)["line"] for line in ran.out.splitlines()} == {1, 2, 3}
    assert "Results:" not in ran.err
    ran = vairosms("bulk", "ids", "-o", "-", "--format", "csv")
    assert ran.out.startswith("\ufeffline;id;")
    assert len(ran.out.splitlines()) == 4


def test_stdout_that_is_no_terminal_and_no_file(vairosms, monkeypatch, capfd):
    write_ids([52])
    for n, stdout in enumerate((io.StringIO(), None)):
        monkeypatch.setattr(sys, "stdout", stdout)
        assert vairosms("bulk", "ids", "-o", f"out{n}").code == 0


def test_a_last_line_without_an_end(vairosms):
    Path("ids").write_text("52\n61")
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    check_complete("out", [52, 61])


def test_a_mistake_of_the_display_is_not_passed_over(vairosms, monkeypatch):
    def fail(_):
        raise KeyError("a mistake")

    monkeypatch.setattr(Progress, "update", fail)
    monkeypatch.setattr(bulk_module, "TICK", 0.01)
    write_ids(range(1, 301))
    with pytest.raises(KeyError, match="a mistake"):
        vairosms("bulk", "ids", "-o", "out")


def test_quiet(vairosms):
    write_ids([52, "x"])
    assert vairosms("bulk", "ids", "-o", "out", "--quiet") == Ran(1, "", "")


def test_an_empty_input(vairosms):
    Path("ids").write_text("")
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 0
    assert "there are no ids in ids" in ran.err
    assert Path("out").read_bytes() == b""
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0


def test_a_thousand_bad_lines(vairosms):
    write_ids(["x"] * 1000)
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    check_complete("out.csv", ["x"] * 1000)
    assert "VairoSMSInvalidIdError 1,000 100.0%" in ran.err
    assert "e.g. line 1" in ran.err


def test_the_cap_and_the_rate(vairosms, panel):
    write_ids(range(1, 31))
    assert vairosms("bulk", "ids", "-o", "out", "--max-concurrency", 3).code == 0
    assert panel.peak_in_flight <= 3
    write_ids(range(1, 8))
    vairosms("bulk", "ids", "-o", "out3", "--rate", 5)
    times = sorted(itertools.chain.from_iterable(panel.times.values()))[-7:]
    assert times[-1] - times[0] > 1.1  # a fifth of a second between two


# ---- what is refused before anything is asked --------------------------------------------------

REFUSED = {
    "no OUT": (["ids"], "Missing option '-o'"),
    "a workbook": (["ids", "-o", "out.xlsx"], "cannot be an Excel workbook"),
    "no such file": (["none", "-o", "out"], "none: No such file or directory"),
    "a folder": (["folder", "-o", "out"], "Error: folder: Is a directory"),
    "no such file, and an OUT": (["none", "-o", "there", "--resume"], "none: No such file"),
    "a folder as OUT": (["ids", "-o", "folder"], "folder: Is a directory"),
    "OUT is FILE": (["ids", "-o", "./ids"], "OUT is FILE"),
    "OUT is there": (["ids", "-o", "there"], "there exists. Complete it with --resume, or begin"),
    "OUT in no folder": (["ids", "-o", "no/out"], "no such folder"),
    "both": (["ids", "-o", "out", "--resume", "--overwrite"], "give one"),
    "resume of a stream": (["ids", "-o", "-", "--resume"], "are for an OUT that is a file"),
    "no column": (["ids", "-o", "out", "--column", "x"], "there is no column 'x'"),
    "no encoding": (["ids", "-o", "out", "--encoding", "x"], "no such encoding: x"),
    "a time-out for nothing": (["ids", "-o", "out", "--wait-timeout", "5"], "is for --wait"),
    "no time": (["ids", "-o", "out", "--timeout", "0"], "0.0 is not in the range x>0"),
    "no key file": (["ids", "-o", "out", "--api-key-file", "x"], "x: No such file or directory"),
    "an empty key file": (["ids", "-o", "out", "--api-key-file", "empty"], "holds no API key"),
    "no text": (["ids", "-o", "out", "--api-key-file", "bytes"], "not UTF-8 text"),
    "two words": (["ids", "-o", "out", "--api-key-file", "words"], "words contains a blank"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(vairosms, panel, tmp_path, name):
    args, why = REFUSED[name]
    write_ids([52])
    (tmp_path / "folder").mkdir()
    Path("there").write_text("precious")
    Path("empty").write_text("\n")
    Path("bytes").write_bytes(b"\xff\xfe")
    Path("words").write_text("gizli anahtar\n")
    for file in ("empty", "bytes", "words"):
        Path(file).chmod(0o600)
    ran = vairosms("bulk", *args)
    assert ran.code == 2
    assert why in ran.err
    assert ran.err.strip().splitlines()[-1].startswith("Error: ")
    assert panel.requests == 0
    assert Path("there").read_text() == "precious"
    assert Path("ids").read_text() == "52\n"


def test_no_key(vairosms, monkeypatch):
    monkeypatch.delenv("VAIROSMS_API_KEY")
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 2
    assert ran.err == (
        "Error: no API key: set VAIROSMS_API_KEY, or name a file that holds it with "
        "--api-key-file\n"
    )


@posix
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_key_file(vairosms, monkeypatch, mode, warned):
    monkeypatch.setenv("VAIROSMS_API_KEY", "another-key")
    Path("key").write_text(f"\ufeff{KEY}\r\n", "utf-8")
    Path("key").chmod(mode)
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "out", "--api-key-file", "key")
    assert ran.code == 0
    assert ("others on this machine can read the API key in key" in ran.err) == warned


@pytest.mark.parametrize("out", OUTS)
def test_a_refused_key(vairosms, monkeypatch, panel, out):
    monkeypatch.setenv("VAIROSMS_API_KEY", "gecersiz-anahtar")
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", out)
    assert ran.code == 3
    assert ran.err.startswith("Error: the panel refused the API key: gonderim ")
    assert f"  vairosms bulk ids -o {out} --resume" in ran.err
    assert "gecersiz" not in ran.err
    assert panel.requests <= 16
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, range(1, 201))


# ---- a panel that is down ----------------------------------------------------------------------


def test_a_panel_that_is_down_ends_the_run(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 1000))
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 40)
    assert ran.code == 4
    assert "stopped: 40 lookups in a row failed and none found its packet" in ran.err
    assert "the retry budget is spent" in ran.err
    assert 40 <= len(rows_of("out")) < 80
    panel.clear_faults()
    write_ids(range(1, 301))
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    check_complete("out", range(1, 301))


def test_lines_that_no_panel_was_asked_for_do_not_end_it(vairosms):
    write_ids([0] * 50)
    assert vairosms("bulk", "ids", "-o", "out", "--max-failures", 10).code == 1
    check_complete("out", [0] * 50)


def test_no_panel_at_all(vairosms, monkeypatch):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "http://127.0.0.1:1")
    write_ids(range(1, 400))
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 4
    assert "stopped: 100 lookups in a row failed" in ran.err
    assert "no connection to 127.0.0.1:1" in ran.err


def test_it_may_go_on_for_ever(vairosms, panel):
    panel.fail(Fault("html", 503), times=None)
    write_ids(range(1, 201))
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 0)
    assert ran.code == 1
    assert "VairoSMSServerError 503" in ran.err
    check_complete("out", range(1, 201))


def test_a_record_between_them_counts_anew(vairosms, panel):
    for gonderim_id in range(1, 31):
        if gonderim_id % 10:
            panel.fail(Fault("html", 404 if gonderim_id < 4 else 400), times=None, id=gonderim_id)
    write_ids([*range(1, 31), *range(1000, 1100)])
    ran = vairosms("bulk", "ids", "-o", "out", "--max-failures", 12, "--max-concurrency", 1)
    assert ran.code == 1
    check_complete("out", [*range(1, 31), *range(1000, 1100)])


# ---- resume ------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", OUTS)
def test_what_failed_is_asked_again_and_what_is_finished_is_not(vairosms, panel, out):
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
    assert not ERROR[out](rows[7])
    assert "Checked 22 lines, 19 of them in earlier runs; in 0:0" in ran.err


@pytest.mark.parametrize("out", OUTS)
def test_resume_begins_where_there_is_nothing(vairosms, out):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, [52, 61])


@pytest.mark.parametrize("out", OUTS)
def test_an_input_that_has_grown(vairosms, panel, out):
    write_ids(range(1, 11))
    vairosms("bulk", "ids", "-o", out)
    write_ids(range(1, 31))
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    assert panel.requests == 20
    check_complete(out, range(1, 31))


@pytest.mark.parametrize("out", OUTS)
def test_a_last_line_torn_anywhere(vairosms, panel, out):
    """At every byte of it: see `test_cli_output`; here the whole way, at some."""
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


def test_a_torn_header(vairosms):
    write_ids([52])
    header = FORMATS["csv"].header
    for cut in (0, 1, 50, len(header) - 1, len(header)):
        Path("out.csv").write_bytes(header[:cut])
        assert vairosms("bulk", "ids", "-o", "out.csv", "--resume", "-q").code == 0
        check_complete("out.csv", [52])


@pytest.mark.parametrize("out", OUTS)
def test_a_tail_that_the_disk_lost(vairosms, out):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", out)
    data = Path(out).read_bytes()
    Path(out).write_bytes(data[:-20] + bytes(4000))
    assert vairosms("bulk", "ids", "-o", out, "--resume").code == 0
    check_complete(out, [52, 61])


FAILED = {"type": "X", "message": "", "status": None, "kod": None}


def jsonl(line, gonderim_id, **more):
    return (
        json.dumps(
            {"line": line, "id": gonderim_id, "gonderim": None, "error": FAILED} | more
        ).encode()
        + b"\n"
    )


OTHERS = {
    "another input": ("out.jsonl", jsonl(1, 99), "another id than in line 1 of the input"),
    "a longer input": ("out.jsonl", jsonl(3, 52), "the input has no id in line 3"),
    "line 0": ("out.jsonl", jsonl(0, 52), "the input has no id in line 0"),
    "another column": ("out.jsonl", jsonl(1, "x"), "another id than in line 1"),
    "a comment there": ("out.jsonl", jsonl(2, 61), "the input has no id in line 2"),
    "neither record nor error": ("out.jsonl", jsonl(1, 52, error=None), "line 1: neither"),
    "no line at all": ("out.jsonl", b'{"customers": [1]}', "not the beginning of a line of ours"),
    "no row at all": ("out.csv", FORMATS["csv"].header + b"a;b", "not the beginning of a line"),
    "no result": ("out.jsonl", b"hello\n", "line 1: "),
    "JSON Lines as CSV": ("out.csv", jsonl(1, 52), "line 1: not the header of its format"),
    "CSV as JSON Lines": ("out.jsonl", FORMATS["csv"].header, "line 1: "),
    "another table": ("out.csv", FORMATS["csv"].header + b"a;b\r\n", "line 2: not a line of ours"),
    "a line of megabytes": ("out.jsonl", b" " * (5 << 20), "line 1: too long"),
    "deep": ("out.jsonl", b"[" * 100_000 + b"\n", "line 1: "),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_belongs_to_another_run_is_refused(vairosms, panel, name):
    out, data, why = OTHERS[name]
    Path("ids").write_text("52\n# 61\n")
    Path(out).write_bytes(data)
    ran = vairosms("bulk", "ids", "-o", out, "--resume")
    assert ran.code == 2
    assert why in ran.err
    assert "Give another OUT, or --overwrite" in ran.err
    assert panel.requests == 0
    assert Path(out).read_bytes() == data


def test_what_a_run_of_two_ends_left_is_tidied(vairosms, panel):
    """OUT of a resumed run that was killed: a line that failed, and its later result."""
    write_ids([1, 2, 3])
    vairosms("bulk", "ids", "-o", "out")
    failed = jsonl(2, 2)
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
    if sys.platform != "win32":  # which has no such modes
        assert Path("out").stat().st_mode & 0o777 == 0o640


def test_nothing_left_to_do_touches_nothing(vairosms, panel):
    write_ids([1, 2, 3])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").stat()
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    after = Path("out").stat()
    assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)
    assert panel.requests == 0


def test_through_a_link(vairosms):
    write_ids([1, 9999])
    Path("real").touch()
    Path("out").symlink_to("real")
    vairosms("bulk", "ids", "-o", "out", "--overwrite")
    vairosms("bulk", "ids", "-o", "out", "--resume")
    assert Path("out").is_symlink()
    assert len(whole_lines("real").splitlines()) == 2


def test_no_room_to_tidy_up(vairosms, monkeypatch):
    write_ids([1, 9999])
    vairosms("bulk", "ids", "-o", "out")
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")),
    )
    monkeypatch.setattr(bulk_module.Output, "_write_rest", lambda self: self._write(self._take()))
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert ran.code == 4
    assert "lines that later ones supersede could not be taken out: No space left" in ran.err
    assert len(whole_lines("out").splitlines()) == 3
    assert not list(Path().glob(".out*"))


def test_an_out_that_cannot_be_opened(vairosms, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")

    def fail(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "ftruncate", fail)
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert (ran.code, ran.err) == (2, "Error: out: Read-only file system\n")


def test_a_folder_that_may_not_be_looked_into(vairosms, monkeypatch):
    def fail(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    write_ids([52])
    monkeypatch.setattr(Path, "exists", fail)
    ran = vairosms("bulk", "ids", "-o", "secret/out")
    assert (ran.code, ran.err) == (2, "Error: secret/out: Permission denied\n")


def test_stdin_can_be_resumed(vairosms, panel, monkeypatch, tmp_path):
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


# ---- waiting -----------------------------------------------------------------------------------


def settling(panel, gonderim_id, after, durum=1):
    packet = example_packet(52) | {"id": gonderim_id, "paket_durum": 0}
    panel.add_gonderim(packet, then=packet | {"paket_durum": durum}, after=after)


def test_waiting_until_all_are_final(vairosms, panel):
    out = "out.csv"
    settling(panel, 701, 0.3)
    settling(panel, 702, 0.3, durum=-1)
    write_ids([52, 701, 702, 701, 61, 701])
    ran = vairosms("bulk", "ids", "-o", out, "--wait")
    assert ran.code == 0
    rows = check_complete(out, [52, 701, 702, 701, 61, 701])
    states = [row["paket_durum"] for _, row in sorted(rows.items())]
    assert states == ["1", "1", "-1", "1", "-1", "1"]
    assert "SONLANDI 4  66.7%" in ran.err
    assert "Credits charged: 10" in ran.err


def test_waiting_has_an_end(vairosms, panel):
    settling(panel, 703, 3600)
    write_ids([52, 703])
    ran = vairosms("bulk", "ids", "-o", "out", "--wait", "--wait-timeout", 0.2)
    assert ran.code == 1
    rows = check_complete("out", [52, 703])
    assert rows[2]["error"]["type"] == "VairoSMSTimeoutError"
    assert rows[2]["gonderim"]["paket_durum"] == 0
    assert "VairoSMSTimeoutError, last DEVAM_EDIYOR 1  50.0%" in ran.err
    ran = vairosms("bulk", "ids", "-o", "-", "--wait", "--wait-timeout", 0.2)
    assert len(ran.out.splitlines()) == 2


def test_what_is_not_final_is_asked_again_with_wait_only(vairosms, panel):
    settling(panel, 704, 3600)
    write_ids([52, 704])
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0
    assert panel.requests == 0
    settling(panel, 704, 0)
    assert vairosms("bulk", "ids", "-o", "out", "--resume", "--wait").code == 0
    assert panel.requests_by_id == {704: 1}
    rows = check_complete("out", [52, 704])
    assert rows[2]["gonderim"]["paket_durum"] == 1


def test_a_failure_does_not_take_the_place_of_a_record(vairosms, panel):
    settling(panel, 706, 3600)
    write_ids([52, 706])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    panel.fail(Fault("html", 503), times=None)
    assert vairosms("bulk", "ids", "-o", "out", "--resume", "--wait").code == 1
    assert Path("out").read_bytes() == before


@pytest.mark.parametrize("option", ["--resume", "--wait"])
def test_an_input_that_grows_meanwhile(vairosms, monkeypatch, option):
    write_ids([52])
    if option == "--resume":
        vairosms("bulk", "ids", "-o", "out")
    count = Job._count

    def count_and_grow(self, *args):
        count(self, *args)
        write_ids([52, 61])

    monkeypatch.setattr(Job, "_count", count_and_grow)
    assert vairosms("bulk", "ids", "-o", "out", option).code == 0
    assert {row["id"] for row in rows_of("out")} == {52, 61}


def test_a_full_disk_while_packets_are_waited_for(vairosms, panel, monkeypatch):
    settling(panel, 707, 3600)
    write_ids([707])

    def fail(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    create = OutFile.create

    def create_and_fail(self, **options):
        fd = create(self, **options)
        monkeypatch.setattr(os, "write", fail)
        return fd

    monkeypatch.setattr(OutFile, "create", create_and_fail)
    ran = vairosms("bulk", "ids", "-o", "out", "--wait", "-q")
    assert ran.code == 4
    assert "No space left" in ran.err


def test_an_input_that_vanishes_meanwhile(vairosms, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    count = Job._count

    def count_and_remove(self, *args):
        count(self, *args)
        Path("ids").unlink()

    monkeypatch.setattr(Job, "_count", count_and_remove)
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert (ran.code, ran.err) == (2, "Error: ids: No such file or directory\n")
    assert Path("out").read_bytes() == before


@posix
@pytest.mark.parametrize("out", ["out", "-"])
def test_interrupted_while_files_are_read(vairosms, monkeypatch, out):
    write_ids([52])
    monkeypatch.setattr(Job, "_count", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    ran = vairosms("bulk", "-o", out, "--", "ids")
    assert ran.code == 130
    go_on = "Interrupted.\nTo go on:\n  vairosms bulk -o out --resume -- ids\n"
    assert ran.err == (go_on if out == "out" else "")


def test_zeros_before_an_id(vairosms, panel):
    write_ids([f"{'0' * 60}52", "0" * 70])
    vairosms("bulk", "ids", "-o", "out")
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert "1 of them in earlier runs" in ran.err
    assert panel.requests == 0


def test_an_existing_out_outlives_a_refused_run(vairosms):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    for value in ("nan", "inf"):
        assert vairosms("bulk", "ids", "-o", "out", "--resume", "--timeout", value).code == 2
    assert Path("out").read_bytes() == before


def test_a_state_before_and_a_state_after(vairosms, panel):
    """OUT of a `--wait` that was killed, resumed without it: the later state counts."""
    settling(panel, 705, 3600)
    write_ids([705])
    vairosms("bulk", "ids", "-o", "out")
    before = Path("out").read_bytes()
    settling(panel, 705, 0)
    Path("out").unlink()
    vairosms("bulk", "ids", "-o", "out")
    Path("out").write_bytes(before + Path("out").read_bytes())
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert "Checked 1 line, 1 of them in earlier runs" in ran.err
    assert "DEVAM_EDIYOR" not in ran.err
    assert check_complete("out", [705])[1]["gonderim"]["paket_durum"] == 1


def test_two_runs_with_one_out(vairosms):
    write_ids([52])
    with OutFile("out", FORMATS["jsonl"]).locked():
        ran = vairosms("bulk", "ids", "-o", "out")
    assert ran == Ran(2, "", "Error: out: another run is writing it\n")
    assert not Path("out").exists()
