"""`vairosms bulk`: whole runs, in this process."""

import io
import json
import socket
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import Ran, write_ids
from tests.cli.results import OUTS, check_complete, error_in, read_rows
from tests.helpers import KEY, example_packet
from tests.platforms import linux, posix
from vairosms_async.cli import bulk as bulk_module
from vairosms_async.cli.progress import Progress
from vairosms_async.sandbox import Fault


@pytest.mark.parametrize("out", OUTS)
def test_writes_one_result_per_line(vairosms, panel, out):
    ids = [*range(1, 200), 52, 52, 9999, "abc", 0, "0061"]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", out)
    assert (ran.code, ran.out) == (1, "")
    rows = check_complete(out, [61 if i == "0061" else i for i in ids])
    failed = {n for n, row in rows.items() if error_in(row)}
    assert {ids[n - 1] for n in failed} == {9999, "abc", 0}
    assert panel.requests_by_id[52] == 3
    assert "Checked 205 lines in 0:0" in ran.err
    assert f"Results: {out}" in ran.err


def test_exit_code_is_0_if_all_are_found(vairosms):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    check_complete("out", [52, 61])


def test_results_hold_the_whole_record(vairosms):
    write_ids([61])
    vairosms("bulk", "ids", "-o", "out.jsonl")
    [row] = read_rows("out.jsonl")
    assert row["gonderim"] == example_packet(61)
    vairosms("bulk", "ids", "-o", "out.txt", "--format", "csv")
    Path("out.txt").rename("out.csv")
    [row] = read_rows("out.csv")
    assert (row["sms_baslik"], row["durum"], row["kredi_toplam"]) == ("BAŞLIK", "HATALI", "0")


def test_reads_ids_from_a_csv_column(vairosms):
    Path("in.csv").write_bytes("ad;paket\nAyşe;52\nx;yok\n\nŞule;61\n".encode("windows-1254"))
    assert vairosms("bulk", "in.csv", "-o", "out.jsonl", "--column", "paket").code == 1
    rows = {row["line"]: row for row in read_rows("out.jsonl")}
    assert {n: row["id"] for n, row in rows.items()} == {2: 52, 3: "yok", 5: 61}
    assert rows[3]["error"]["type"] == "VairoSMSInvalidIdError"


def test_a_row_without_an_id_gets_an_error_result(vairosms):
    Path("in.csv").write_text("ad;paket\nx\ny;\n")
    assert vairosms("bulk", "in.csv", "-o", "out.jsonl", "--column", "paket").code == 1
    messages = {row["line"]: (row["id"], row["error"]["message"]) for row in read_rows("out.jsonl")}
    assert messages == {
        2: ("", "the row has no column paket"),
        3: ("", "column paket is empty"),
    }


def test_truncates_long_lines_and_masks_the_key(vairosms):
    Path("ids").write_text(f"{'9' * 5000}\n{KEY}\n=x\n")
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 1
    rows = {row["line"]: row["id"] for row in read_rows("out.jsonl")}
    assert rows == {1: "9" * 99 + "…", 2: "***", 3: "=x"}


@linux
def test_a_socket_as_out_is_an_error(vairosms):
    write_ids([52])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("out")
        ran = vairosms("bulk", "ids", "-o", "out")
    assert (ran.code, ran.err) == (4, "Error: out: No such device or address\n")


@posix
def test_sigterm_prints_how_to_resume(vairosms, panel):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    ran = vairosms("bulk", "ids", "-o", "out", kill_after=0.3)
    assert ran.code == 143
    assert "Interrupted.\nout has the results of 0 of 100 lines.\nTo go on:\n" in ran.err
    assert ran.err.endswith("  vairosms bulk ids -o out --resume\n")


def test_hints_that_the_input_looks_like_csv(vairosms):
    Path("in.csv").write_text("ad;paket\nx;52\n")
    ran = vairosms("bulk", "in.csv", "-o", "out")
    assert ran.code == 1
    assert "line 1 of in.csv looks like CSV: if it is, give --column" in ran.err


def test_dash_as_out_writes_to_stdout(vairosms):
    write_ids([52, "x", 61])
    ran = vairosms("bulk", "ids", "-o", "-")
    assert {json.loads(line)["line"] for line in ran.out.splitlines()} == {1, 2, 3}
    assert "Results:" not in ran.err
    ran = vairosms("bulk", "ids", "-o", "-", "--format", "csv")
    assert ran.out.startswith("\ufeffline;id;")
    assert len(ran.out.splitlines()) == 4


@pytest.mark.parametrize("stdout", [None, io.StringIO()], ids=["no stdout", "no descriptor"])
def test_a_file_as_out_needs_no_stdout(vairosms, monkeypatch, stdout):
    write_ids([52])
    monkeypatch.setattr(sys, "stdout", stdout)
    assert vairosms("bulk", "ids", "-o", "out").code == 0


def test_reads_a_last_line_without_newline(vairosms):
    Path("ids").write_text("52\n61")
    assert vairosms("bulk", "ids", "-o", "out").code == 0
    check_complete("out", [52, 61])


def test_a_bug_in_the_display_is_raised(vairosms, monkeypatch):
    def raise_bug(_):
        raise KeyError("a bug")

    monkeypatch.setattr(Progress, "update", raise_bug)
    monkeypatch.setattr(bulk_module, "TICK", 0.01)
    write_ids(range(1, 301))
    with pytest.raises(KeyError, match="a bug"):
        vairosms("bulk", "ids", "-o", "out")


def test_quiet_prints_nothing(vairosms):
    write_ids([52, "x"])
    assert vairosms("bulk", "ids", "-o", "out", "--quiet") == Ran(1, "", "")


def test_an_empty_input_gives_an_empty_out(vairosms):
    Path("ids").write_text("")
    ran = vairosms("bulk", "ids", "-o", "out")
    assert ran.code == 0
    assert "there are no ids in ids" in ran.err
    assert Path("out").read_bytes() == b""
    assert vairosms("bulk", "ids", "-o", "out", "--resume").code == 0


def test_counts_a_thousand_invalid_lines(vairosms):
    write_ids(["x"] * 1000)
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    check_complete("out.csv", ["x"] * 1000)
    assert "VairoSMSInvalidIdError 1,000 100.0%" in ran.err
    assert "e.g. line 1" in ran.err


def test_max_concurrency_limits_lookups_in_flight(vairosms, panel):
    write_ids(range(1, 31))
    assert vairosms("bulk", "ids", "-o", "out", "--max-concurrency", 3).code == 0
    assert panel.peak_in_flight <= 3


def test_rate_limits_requests_per_second(vairosms, panel):
    write_ids(range(1, 8))
    vairosms("bulk", "ids", "-o", "out", "--rate", 5)
    times = [request.time for request in panel.request_log]
    assert len(times) == 7
    assert max(times) - min(times) > 1.1  # 7 requests, a fifth of a second apart


def test_leading_zeros_do_not_change_an_id(vairosms, panel):
    write_ids([f"{'0' * 60}52", "0" * 70])
    vairosms("bulk", "ids", "-o", "out")
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", "out", "--resume")
    assert "1 of them in earlier runs" in ran.err
    assert panel.requests == 0
