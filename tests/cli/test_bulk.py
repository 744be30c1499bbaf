"""`vairosms bulk`: whole runs, in this process."""

import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

from tests.cli.helpers import OFFLINE_ADVICE, Ran, write_ids
from tests.cli.results import OUTS, OutRow, check_complete, query_store, read_out
from tests.helpers import example_packet
from tests.platforms import posix
from vairosms_async.cli import lookups
from vairosms_async.cli.progress import Progress
from vairosms_async.sandbox import Fault


@pytest.mark.parametrize("out", OUTS)
def test_out_has_the_rows_of_file_in_order(vairosms, panel, out):
    ids = [61, *range(1, 200), 52, 52, 9999, "abc", 0, "0061", 70]
    write_ids(ids)
    ran = vairosms("bulk", "ids", "-o", out)
    assert (ran.code, ran.out) == (1, "")
    rows = check_complete(out, ids)
    assert {row.id: row.error for row in rows if row.error} == {
        "9999": "VairoSMSNotFoundError", "abc": "VairoSMSInvalidIdError",
        "0": "VairoSMSInvalidIdError",
    }  # fmt: skip
    assert all(row.error or row.durum in (-1, 0, 1) for row in rows)
    assert set(panel.requests_by_id.values()) == {1}
    assert ran.err.startswith("207 rows, 200 packets: 200 lookups in 0:0")
    assert f"Results: {out}" in ran.err


def test_exit_code_is_0_if_all_are_found(vairosms):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    check_complete("out.csv", [52, 61])


def test_results_hold_the_whole_record(vairosms):
    write_ids([61])
    vairosms("bulk", "ids", "-o", "out.jsonl")
    [row] = map(json.loads, Path("out.jsonl").read_text("utf-8").splitlines())
    assert row["gonderim"] == example_packet(61)
    vairosms("bulk", "ids", "-o", "out.CSV", "--store", "out.jsonl.db")
    assert "BAŞLIK;2;0;2016-07-22 17:13:11;" in Path("out.CSV").read_text("utf-8")


def test_own_columns_are_kept_and_ours_follow(vairosms):
    Path("in.csv").write_bytes(
        "Sıra;Müşteri;paket\n1;Ayşe;61\n2;x;yok\n3;Şule;52\n".encode("windows-1254")
    )
    assert vairosms("bulk", "in.csv", "-o", "out.csv", "--column", "paket").code == 1
    lines = Path("out.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("Sıra;Müşteri;paket;paket_durum;durum;")
    assert [line.split(";")[:5] for line in lines[1:]] == [
        ["1", "Ayşe", "61", "-1", "HATALI"],
        ["2", "x", "yok", "", ""],
        ["3", "Şule", "52", "1", "SONLANDI"],
    ]


def test_each_format_can_be_the_input_of_the_next_run(vairosms, panel):
    write_ids([52, 9999, 61])
    vairosms("bulk", "ids", "-o", "a.xlsx")
    assert vairosms("bulk", "a.xlsx", "--column", "id", "-o", "b.csv").code == 1
    assert vairosms("bulk", "b.csv", "--column", "1", "-o", "c.jsonl").code == 1
    [first, *_] = map(json.loads, Path("c.jsonl").read_text("utf-8").splitlines())
    assert first["input"]["durum"] == "SONLANDI"
    assert [row.id for row in read_out("c.jsonl")] == ["52", "9999", "61"]


@posix
def test_a_signal_says_how_far_the_run_is_and_leaves_out_untouched(vairosms, panel):
    panel.fail(Fault("hang"), times=None)
    write_ids(range(1, 101))
    ran = vairosms("bulk", "ids", "-o", "out.csv", terminate_when=lambda: panel.requests)
    assert ran.code == 143
    assert ran.err.endswith(
        f"Interrupted.\n0 of 100 packets are done.\n{OFFLINE_ADVICE}"
        "Run the same command again to continue.\n"
    )
    assert not Path("out.csv").exists()


@posix
def test_an_interrupted_run_whose_file_was_a_pipe_says_what_to_run_again(vairosms, panel):
    """As with `vairosms bulk <(query)`, whose FILE is /dev/fd/63."""
    panel.fail(Fault("hang"), times=None)
    reading, writing = os.pipe()
    os.write(writing, b"52\n61\n")
    os.close(writing)
    ran = vairosms(
        "bulk", f"/dev/fd/{reading}", "-o", "out.csv", terminate_when=lambda: panel.requests
    )
    os.close(reading)
    assert ran.code == 143
    assert ran.err.endswith(
        f"Interrupted.\n0 of 2 packets are done.\n{OFFLINE_ADVICE}"
        "FILE was a pipe, not a file on disk. To continue, run the whole command line again, with "
        "the command that wrote the ids.\n"
    )


@posix
def test_a_file_that_is_deleted_during_the_run_is_not_called_a_pipe(vairosms, panel):
    panel.fail(Fault("hang"), times=None)
    write_ids([52])

    def file_is_deleted():
        if not panel.requests:
            return False
        Path("ids").unlink()
        return True

    ran = vairosms("bulk", "ids", "-o", "out.csv", terminate_when=file_is_deleted)
    assert ran.err.endswith("Run the same command again to continue.\n")


def test_the_credits_of_a_packet_count_once(vairosms):
    write_ids([52, 61, 52, "052", 52])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert "5 rows, 2 packets: 2 lookups in " in ran.err
    assert "SONLANDI 1 " in ran.err
    assert "Credits charged: 2\n" in ran.err


@pytest.mark.parametrize("stdout", [None, io.StringIO()], ids=["no stdout", "no descriptor"])
def test_a_file_as_out_needs_no_stdout(vairosms, monkeypatch, stdout):
    write_ids([52])
    monkeypatch.setattr(sys, "stdout", stdout)
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0


def test_a_bug_in_the_display_is_raised(vairosms, monkeypatch):
    def raise_bug(*_):
        raise KeyError("a bug")

    monkeypatch.setattr(Progress, "update", raise_bug)
    monkeypatch.setattr(lookups, "TICK", 0.01)
    write_ids(range(1, 301))
    with pytest.raises(KeyError, match="a bug"):
        vairosms("bulk", "ids", "-o", "out.csv")


def test_quiet_prints_nothing_if_all_are_found(vairosms):
    write_ids([52, 61])
    assert vairosms("bulk", "ids", "-o", "out.csv", "--quiet") == Ran(0, "", "")


def test_quiet_prints_one_line_if_some_failed(vairosms):
    """cron sends it by mail."""
    write_ids([52, "x", 9999, 9998, "y"])
    assert vairosms("bulk", "ids", "-o", "out.csv", "--quiet") == Ran(
        1,
        "",
        "Some failed: Packet not found 2 (e.g. 9998), rows without a packet id 2 (e.g. line 2)\n",
    )
    write_ids([52, 70])
    assert vairosms("bulk", "ids", "-o", "out.csv", "--quiet", "--offline") == Ran(
        1, "", "Some failed: not looked up 1\n"
    )


def test_the_summary_counts_rows_packets_and_lookups(vairosms):
    write_ids([52, 61, 52, "x"])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.err.startswith("4 rows, 2 packets: 2 lookups in 0:0")
    write_ids([52, 61, 9999])
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.err.startswith("3 rows, 3 packets: 1 lookup in 0:0")
    assert "\n2 packets known to be final, not looked up again\n" in ran.err
    ran = vairosms("bulk", "ids", "-o", "out.csv", "--offline")
    assert ran.err.startswith("3 rows, 3 packets: no lookups (--offline)\n")


def test_the_summary_names_the_row_of_a_sheet_and_the_line_of_a_text(vairosms):
    write_ids([52, "x"])
    assert "e.g. line 2\n" in vairosms("bulk", "ids", "-o", "out.xlsx").err
    ran = vairosms("bulk", "out.xlsx", "--column", "id", "-o", "out.csv")
    assert "e.g. row 3\n" in ran.err


@pytest.mark.parametrize("out", OUTS)
def test_an_empty_input_gives_an_empty_out(vairosms, out):
    Path("ids").write_text("")
    ran = vairosms("bulk", "ids", "-o", out)
    assert (ran.code, "0 rows, 0 packets: 0 lookups" in ran.err) == (0, True)
    check_complete(out, [])


def test_counts_a_thousand_invalid_rows(vairosms):
    write_ids(["x"] * 1000)
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 1
    check_complete("out.csv", ["x"] * 1000)
    assert "rows without a packet id 1,000 100.0%" in ran.err
    assert "e.g. line 1" in ran.err


def test_max_concurrency_limits_lookups_in_flight(vairosms, panel):
    write_ids(range(1, 31))
    assert vairosms("bulk", "ids", "-o", "out.csv", "--max-concurrency", 3).code == 0
    assert panel.peak_in_flight <= 3


def test_rate_limits_requests_per_second(vairosms, panel):
    write_ids(range(1, 8))
    began = time.monotonic()
    vairosms("bulk", "ids", "-o", "out.csv", "--rate", 5)
    assert panel.requests == 7
    assert time.monotonic() - began > 1.1  # 7 requests, a fifth of a second apart


def test_leading_zeros_do_not_change_an_id(vairosms, panel):
    write_ids([f"{'0' * 60}52", "52", "0" * 70])
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 1
    assert panel.requests_by_id == {52: 1}
    assert [row.durum for row in read_out("out.jsonl")] == [1, 1, None]


def test_an_id_that_sqlite_cannot_hold_is_an_error_of_its_row(vairosms, panel):
    write_ids([2**63 - 1, 2**63, 2**64])
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 1
    assert panel.requests_by_id == {2**63 - 1: 1}
    assert read_out("out.jsonl")[1:] == [
        OutRow(str(n), None, "VairoSMSInvalidIdError") for n in (2**63, 2**64)
    ]


@pytest.mark.parametrize("option", [(), ("--store", "all.db")], ids=["beside OUT", "--store"])
def test_the_store_has_one_row_per_packet(vairosms, option):
    write_ids([52, 61, 52, "x", 9999])
    vairosms("bulk", "ids", "-o", "out.csv", *option)
    store = option[-1] if option else "out.csv.db"
    rows = query_store(store, "SELECT id, paket_durum, error FROM gonderim ORDER BY id")
    assert rows == [(52, 1, None), (61, -1, None), (9999, None, "VairoSMSNotFoundError")]


def test_the_store_can_be_shared_by_lists(vairosms, panel):
    write_ids([52, 61], "a")
    write_ids([61, 1], "b")
    vairosms("bulk", "a", "-o", "a.csv", "--store", "all.db")
    vairosms("bulk", "b", "-o", "b.csv", "--store", "all.db")
    assert panel.requests_by_id == {52: 1, 61: 1, 1: 1}
    check_complete("b.csv", [61, 1])


def test_a_message_cannot_steer_the_terminal(vairosms, panel):
    ran = vairosms("bulk", "ids", "-o", "a\x1b[2J.csv", "--store", "x\x07y/z")
    assert ran.code == 2
    assert not {"\x1b", "\x07"} & set(ran.err)
    write_ids([52])
    ran = vairosms("bulk", "ids", "-o", "a\x1b[2J.csv")
    assert (ran.code, "\x1b" in ran.err) == (0, False)
    assert not {"\x1b"} & set(vairosms("get", "52\x1b[2J").out)
    assert not {"\x1b"} & set(vairosms("\x1b[2J").err)
