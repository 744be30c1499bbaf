"""`vairosms bulk` with the same command again: resume, retry and refresh, in this process."""

import errno
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.helpers import OFFLINE_ADVICE, Ran, add_settling_packet, write_ids
from tests.cli.results import OUTS, OutRow, check_complete, final_ids, query_store, read_out
from tests.platforms import posix
from vairosms_async.cli import bulk as bulk_module
from vairosms_async.cli.store import Store
from vairosms_async.sandbox import Fault


@pytest.mark.parametrize("out", OUTS)
def test_asks_again_only_for_failures_and_packets_in_progress(vairosms, panel, out):
    ids = [*range(1, 21), 9999, "abc", 801]
    add_settling_packet(panel, 801, 3600)
    write_ids(ids)
    panel.fail(Fault("status", 400), times=None, id=7)
    assert vairosms("bulk", "ids", "-o", out).code == 1
    final = final_ids(f"{out}.db")
    assert len(final) > 10
    panel.clear_faults()
    panel.reset_counters()
    add_settling_packet(panel, 801, 0)
    ran = vairosms("bulk", "ids", "-o", out)
    assert ran.code == 1
    assert panel.requests_by_id == dict.fromkeys({*range(1, 21), 9999, 801} - final, 1)
    rows = check_complete(out, ids)
    assert [row.id for row in rows if row.error] == ["9999", "abc"]
    assert rows[-1].durum == 1
    assert f"{len(final)} packets known to be final, not looked up again" in ran.err


def change_ids(lines):
    """Return FILE's lines after each kind of change, by its name."""
    rng = random.Random(52)
    return {
        "unchanged": lines,
        "rows added": ["id;ad", "61;new", *lines[1:], "9;new"],
        "rows removed": [lines[0], *lines[3:7]],
        "sorted": [lines[0], *sorted(lines[1:])],
        "shuffled": [lines[0], *rng.sample(lines[1:], len(lines) - 1)],
        "ids corrected": [line.replace("9999;", "70;") for line in lines],
        "columns renamed": ["paket;isim", *lines[1:]],
        "columns exchanged": [";".join(reversed(line.split(";"))) for line in lines],
        "last line truncated": [*lines[:-1], lines[-1].partition(";")[0][:1]],
    }


LINES = ["id;ad", *(f"{n};row {n}" for n in [52, 61, 1, 3, 9999, 4, 52, 11, 12])]


@pytest.mark.parametrize("change", change_ids(LINES))
@pytest.mark.parametrize("out", OUTS)
def test_out_follows_a_file_that_was_edited(vairosms, panel, out, change):
    Path("in.csv").write_text("\n".join(LINES))
    vairosms("bulk", "in.csv", "-o", out, "--column", "id")
    final = final_ids(f"{out}.db")
    panel.reset_counters()
    lines = change_ids(LINES)[change]
    Path("in.csv").write_text("\n".join(lines))
    column = "paket" if change == "columns renamed" else "id"
    vairosms("bulk", "in.csv", "-o", out, "--column", column)
    assert not panel.requests_by_id.keys() & final
    if change != "columns renamed":
        index = lines[0].split(";").index("id")
        ids = [line.split(";")[index] for line in lines[1:]]
        rows = check_complete(out, ids)
        assert all(row.error or row.durum is not None for row in rows)


@pytest.mark.parametrize("out", OUTS)
def test_a_truncated_last_line_can_be_completed(vairosms, panel, out):
    Path("ids").write_text("52\n61\n123")
    assert vairosms("bulk", "ids", "-o", out).code == 0
    Path("ids").write_text("52\n61\n12345\n")
    assert vairosms("bulk", "ids", "-o", out).code == 1
    assert panel.requests_by_id[52] == panel.requests_by_id[61] == 1
    check_complete(out, [52, 61, 12345])


def test_a_run_with_nothing_to_ask_sends_no_request(vairosms, panel):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", "out.csv")
    before = Path("out.csv").read_bytes()
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    assert panel.requests == 0
    assert Path("out.csv").read_bytes() == before


def test_a_failed_refresh_keeps_the_record_and_adds_the_error(vairosms, panel):
    add_settling_packet(panel, 802, 3600)
    write_ids([802, 52])
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 0
    query = "SELECT paket_durum, checked_at FROM gonderim WHERE id = 802"
    before = query_store("out.jsonl.db", query)
    panel.fail(Fault("html", 503), times=None)
    assert vairosms("bulk", "ids", "-o", "out.jsonl").code == 1
    assert read_out("out.jsonl") == [
        OutRow("802", 0, "VairoSMSServerError"), OutRow("52", 1, None)
    ]  # fmt: skip
    assert query_store("out.jsonl.db", query) == before


def test_fresh_asks_for_final_packets_too(vairosms, panel):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", "out.csv")
    assert vairosms("bulk", "ids", "-o", "out.csv", "--fresh").code == 0
    assert panel.requests_by_id == {52: 2, 61: 2}
    check_complete("out.csv", [52, 61])


def test_a_failed_fresh_lookup_is_repeated_without_fresh(vairosms, panel):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", "out.csv")
    panel.fail(Fault("status", 400), id=52)
    assert vairosms("bulk", "ids", "-o", "out.csv", "--fresh").code == 1
    assert read_out("out.csv")[0] == OutRow("52", 1, "VairoSMSAPIError")
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    assert panel.requests_by_id == {52: 1}


@pytest.mark.parametrize("out", OUTS)
def test_offline_writes_what_the_store_knows(vairosms, panel, monkeypatch, out):
    write_ids([52, 61])
    vairosms("bulk", "ids", "-o", out)
    panel.reset_counters()
    write_ids([61, 70, 52])
    monkeypatch.delenv("VAIROSMS_API_KEY")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://other.example")
    ran = vairosms("bulk", "ids", "-o", out, "--offline")
    assert ran.code == 1
    assert panel.requests == 0
    assert [row.durum for row in check_complete(out, [61, 70, 52])] == [-1, None, 1]
    assert "3 rows, 3 packets: no lookups (--offline)\n" in ran.err
    assert "not looked up 1 " in ran.err


@posix
def test_an_interrupted_run_leaves_out_untouched_and_continues(vairosms, panel):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out.csv")
    before = Path("out.csv").read_bytes()
    write_ids([52, 61, 1, 2])
    panel.fail(Fault("hang"), times=None, id=61)
    command = ("bulk", "ids", "-o", "out.csv", "--max-concurrency", 1)
    ran = vairosms(*command, terminate_when=lambda: panel.requests_by_id[61])
    assert ran.code == 143
    assert "3 of 4 packets are done." in ran.err
    assert Path("out.csv").read_bytes() == before
    panel.clear_faults()
    asked = panel.requests_by_id.copy()
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    assert panel.requests_by_id[1] == asked[1]
    check_complete("out.csv", [52, 61, 1, 2])


@pytest.mark.parametrize("edit", ["edited", "made by somebody else", "its store is missing"])
def test_an_out_that_is_not_ours_is_replaced_only_with_overwrite(vairosms, panel, edit):
    write_ids([52])
    if edit != "made by somebody else":
        vairosms("bulk", "ids", "-o", "out.csv")
    if edit == "its store is missing":
        Path("out.csv.db").unlink()
    else:
        Path("out.csv").write_text("precious")
    before = Path("out.csv").read_bytes()
    panel.reset_counters()
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran == Ran(
        2, "", "Error: out.csv exists, and no run with this store has written its content. Name "
        "another OUT, or replace it with --overwrite\n"
    )  # fmt: skip
    assert panel.requests == 0
    assert Path("out.csv").read_bytes() == before
    assert Path("out.csv.db").exists() == (edit == "edited")
    assert vairosms("bulk", "ids", "-o", "out.csv", "--overwrite").code == 0
    check_complete("out.csv", [52])
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0


def test_an_out_that_changes_during_the_run_is_not_replaced(vairosms, panel, monkeypatch):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out.csv")
    write_ids([52, 61])
    unsettled = Store.unsettled

    def edit_and_list(self):
        Path("out.csv").write_text("precious")
        return unsettled(self)

    monkeypatch.setattr(Store, "unsettled", edit_and_list)
    ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 4
    assert "Error: out.csv exists, and no run with this store has written" in ran.err
    assert Path("out.csv").read_text() == "precious"
    monkeypatch.undo()


def test_a_run_that_is_killed_after_out_was_replaced_can_be_repeated(vairosms, monkeypatch):
    """The store knows the new content before it replaces OUT."""

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    write_ids([52])
    vairosms("bulk", "ids", "-o", "out.csv")
    write_ids([52, 61])
    with monkeypatch.context() as patch:
        patch.setattr(Store, "summary", die)
        with pytest.raises(Killed):
            vairosms("bulk", "ids", "-o", "out.csv")
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    check_complete("out.csv", [52, 61])


@posix
def test_out_and_its_store_can_be_moved_together(vairosms, panel):
    write_ids([52])
    Path("a").mkdir()
    vairosms("bulk", "ids", "-o", "a/out.csv")
    Path("a").rename("b")
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "b/out.csv").code == 0
    assert panel.requests == 0


@posix
def test_writes_through_a_symbolic_link(vairosms):
    write_ids([52, 9999])
    Path("out.csv").symlink_to("real.csv")
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 1
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 1
    assert Path("out.csv").is_symlink()
    check_complete("real.csv", [52, 9999])


def test_a_full_disk_while_out_is_written_loses_nothing(vairosms, panel, monkeypatch):
    write_ids([52, 61])

    def raise_disk_full(*_, **__):
        raise bulk_module.OutputError("Cannot write out.csv: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bulk_module, "write_output", raise_disk_full)
        ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 4
    assert ran.err == (
        "Error: Cannot write out.csv: No space left on device\n"
        f"2 of 2 packets are done.\n{OFFLINE_ADVICE}"
        "Run the same command again to continue.\n"
    )
    panel.reset_counters()
    assert vairosms("bulk", "ids", "-o", "out.csv", "--offline").code == 0
    assert panel.requests == 0
    check_complete("out.csv", [52, 61])


def test_a_full_disk_while_answers_are_saved_ends_the_run(vairosms, panel, monkeypatch):
    write_ids(range(1, 301))

    class FullDisk(sqlite3.Connection):
        def executemany(self, sql, rows):
            if sql.startswith("INSERT OR REPLACE INTO gonderim"):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return super().executemany(sql, rows)

    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=FullDisk))
        ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert ran.code == 4
    assert "Error: out.csv.db: No space left on device\n" in ran.err
    assert ran.err.endswith("Run the same command again to continue.\n")
    assert not Path("out.csv").exists()
    assert vairosms("bulk", "ids", "-o", "out.csv").code == 0


def test_a_lock_of_another_program_is_one_line(vairosms, panel):
    write_ids([52])
    vairosms("bulk", "ids", "-o", "out.csv")
    panel.reset_counters()
    with closing(sqlite3.connect("out.csv.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        ran = vairosms("bulk", "ids", "-o", "out.csv")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "out.csv.db: another run or program is using it" in ran.err
    assert panel.requests == 0


@pytest.mark.parametrize("code", ["EPERM", "EINVAL", "ENOTSUP", "ENOSYS"])
def test_a_mount_without_chmod_and_fsync_is_no_error(vairosms, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(getattr(errno, code), code)

    write_ids([52, 61])
    for _ in range(2):
        with monkeypatch.context() as patch:
            for name in ("chmod", "fsync"):
                patch.setattr(os, name, refuse)
            assert vairosms("bulk", "ids", "-o", "out.csv").code == 0
    check_complete("out.csv", [52, 61])
