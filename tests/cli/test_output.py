"""The command's output: formats, whole lines, locks, and what a disk may do."""

import asyncio
import csv
import datetime as dt
import io
import json
import os
import threading
import tracemalloc

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import example_packet
from tests.platforms import posix
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSConnectionError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
    gonderim_from_dict,
)
from vairosms_async.cli.formats import FORMATS, Entry, entry_of
from vairosms_async.cli.ids import Line
from vairosms_async.cli.ledger import Ledger
from vairosms_async.cli.out import FLUSH_BYTES, OutFile, Output
from vairosms_async.cli.tally import Tally
from vairosms_async.cli.trouble import Trouble

AT = dt.datetime(2026, 11, 24, 9, 30, 5, 123456, tzinfo=dt.timezone(dt.timedelta(hours=3)))
JSONL, CSV = FORMATS["jsonl"], FORMATS["csv"]
G52, G61 = (gonderim_from_dict(example_packet(n)) for n in (52, 61))


def titled(sms_baslik):
    return GonderimResult(52, attrs.evolve(G52, sms_baslik=sms_baslik))


def json_of(result, line=1):
    return json.loads(JSONL.write(line, result, AT))


def csv_of(result, line=1):
    text = (CSV.header + CSV.write(line, result, AT)).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    return row


RESULTS = {
    "found": GonderimResult(52, G52),
    "failed packet": GonderimResult(61, G61),
    "no packet": GonderimResult(
        9999, error=VairoSMSNotFoundError("HTTP 404", status=404, aciklama="yok")
    ),
    "a code": GonderimResult(5, error=VairoSMSAPIError("no", status=400, kod="MESSAGE_TOO_LONG")),
    "no answer": GonderimResult(5, error=VairoSMSConnectionError("no connection\nat all")),
    "5xx": GonderimResult(5, error=VairoSMSServerError("HTTP 503", status=503)),
    "no id": GonderimResult("5;2\n=x", error=VairoSMSInvalidIdError("not an id: '5;2\\n'")),
    "an id of 0": GonderimResult(0, error=VairoSMSInvalidIdError("not an id: 0")),
    "the longest id": GonderimResult(2**64 - 1, attrs.evolve(G52, id=2**64 - 1)),
    "waited too long": GonderimResult(
        52,
        error=VairoSMSTimeoutError(
            "not final", last=attrs.evolve(G52, paket_durum=PaketDurum.DEVAM_EDIYOR)
        ),
    ),
    "not text": GonderimResult("\udcff", error=VairoSMSInvalidIdError("not an id: '\udcff'")),
}


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", RESULTS)
def test_what_is_written_is_read_back(format_, name):
    result = RESULTS[name]
    line = format_.write(7, result, AT)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert format_.read(line) == entry_of(7, result)


def test_entries():
    assert entry_of(7, RESULTS["found"]) == Entry(7, 52, 1, 2, None, None)
    assert entry_of(7, RESULTS["failed packet"]) == Entry(
        7, 61, -1, 0, "INVALID_SOURCE_ADDRESS", None
    )
    assert entry_of(7, RESULTS["no id"]) == Entry(7, 0, None, 0, None, "VairoSMSInvalidIdError")
    assert entry_of(7, RESULTS["a code"]).error == "VairoSMSAPIError MESSAGE_TOO_LONG"
    assert entry_of(7, RESULTS["5xx"]).error == "VairoSMSServerError 503"
    assert entry_of(7, RESULTS["waited too long"]).durum == 0


def test_json_lines():
    assert json_of(RESULTS["failed packet"], 3) == {
        "line": 3,
        "id": 61,
        "gonderim": example_packet(61),
        "error": None,
        "checked_at": "2026-11-24T09:30:05+03:00",
    }
    assert json_of(RESULTS["no packet"]) == {
        "line": 1,
        "id": 9999,
        "gonderim": None,
        "error": {
            "type": "VairoSMSNotFoundError",
            "message": "HTTP 404",
            "status": 404,
            "kod": None,
        },
        "checked_at": "2026-11-24T09:30:05+03:00",
    }
    assert json_of(RESULTS["waited too long"])["gonderim"]["paket_durum"] == 0
    assert "BAŞLIK".encode() in JSONL.write(1, RESULTS["failed packet"], AT)


def test_csv_for_excel():
    assert (
        CSV.write(3, RESULTS["failed packet"], AT)
        == (
            "3;61;-1;HATALI;BAŞLIK;2;0;2016-07-22 17:13:11;;2016-07-23 17:13:11;24:00:00;"
            "INVALID_SOURCE_ADDRESS;Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS;;;;;"
            "2026-11-24 09:30:05\r\n"
        ).encode()
    )
    row = csv_of(RESULTS["no answer"])
    assert row["error_type"] == "VairoSMSConnectionError"
    assert row["error_message"] == "no connection at all"
    assert row["sms_baslik"] == row["error_status"] == ""


EXCEL = {
    "08505326480": "\t08505326480",  # a number would lose its zero
    "3/4": "\t3/4",
    "BAŞLIK": "BAŞLIK",
    "ŞUBE ÇAĞRI": "ŞUBE ÇAĞRI",
    "=HYPERLINK(1)": "'=HYPERLINK(1)",
    "+905": "'+905",
    "-1": "'-1",
    "@SUM": "'@SUM",
    "\t=1": "'\t=1",
    "\r\n=1": "' =1",
    " 0850": "\t 0850",
    'a;b "c"': 'a;b "c"',
    "": "",
}


@pytest.mark.parametrize("title", EXCEL)
def test_what_excel_would_change(title):
    assert csv_of(titled(title))["sms_baslik"] == EXCEL[title]


@pytest.mark.parametrize("gonderim_id", [10**15 - 1, 10**15, 2**64 - 1])
def test_ids_that_excel_would_round(gonderim_id):
    cell = csv_of(GonderimResult(gonderim_id, attrs.evolve(G52, id=gonderim_id)))["id"]
    assert cell == ("" if gonderim_id < 10**15 else "\t") + str(gonderim_id)


def test_negative_and_absent_periods():
    row = csv_of(GonderimResult(52, attrs.evolve(G52, gecerlilik_suresi=dt.timedelta(hours=-1))))
    assert row["gecerlilik_suresi"] == "'-01:00:00"
    row = csv_of(GonderimResult(52, attrs.evolve(G52, gecerlilik_suresi=None, created_at=None)))
    assert (row["gecerlilik_suresi"], row["created_at"]) == ("", "")


@given(st.text())
def test_no_title_becomes_a_formula_or_a_second_line(title):
    result = titled(title)
    cell = csv_of(result)["sms_baslik"]
    assert cell[:1] not in {"=", "+", "-", "@"}
    assert cell.lstrip("'\t").split() == title.lstrip("'\t").split() or set(title) & set("'\t")
    for format_ in FORMATS.values():
        assert format_.write(1, result, AT).count(b"\n") == 1


FOREIGN = {
    "jsonl": [
        b"52\n",
        b"[]\n",
        b"{}\n",
        b"x\n",
        b"\n",
        b"\xff\n",
        CSV.header,
        b"[" * 10_000 + b"\n",
    ],
    "csv": [b"52\r\n", b"\r\n", b"\xff\r\n", b";" * 17 + b"\r\n", b'"' * 3 + b"\r\n"],
}


@pytest.mark.parametrize("name", FORMATS)
def test_lines_of_others(name):
    for line in FOREIGN[name]:
        with pytest.raises((ValueError, RecursionError)):
            FORMATS[name].read(line)


WRONG = {"line": "7", "id": 52, "gonderim": None, "error": None}


def test_a_row_that_csv_cannot_read():
    with pytest.raises(ValueError, match="field larger than field limit"):
        CSV.read(b"x" * 200_000 + b"\r\n")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"line": True},
        {"line": 7, "gonderim": {"paket_durum": 1}},
        {"line": 7, "gonderim": {"paket_durum": "1", "kredi_toplam": 1}},
        {"line": 7, "gonderim": [1]},
        {"line": 7, "error": {"type": "X"}},
        {"line": 7, "error": "X"},
        {"line": 7, "gonderim": {"paket_durum": 1, "kredi_toplam": 1, "log": {"mesaj": 5}}},
    ],
)
def test_objects_that_are_none_of_ours(change):
    with pytest.raises(ValueError, match="not a line of ours"):
        JSONL.read(json.dumps(WRONG | change).encode())


# ---- writing -----------------------------------------------------------------------------------


@pytest.fixture
def opened(tmp_path):
    binary = getattr(os, "O_BINARY", 0)
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT | os.O_APPEND | binary)
    yield fd, tmp_path / "out"
    os.close(fd)


async def test_lines_wait_until_they_are_flushed(opened):
    fd, path = opened
    out = Output(fd, "out")
    out.add(1, b"a\n")
    await out.make_room()
    assert path.read_bytes() == b""
    await out.flush()
    assert path.read_bytes() == b"a\n"
    out.add(2, b"b" * FLUSH_BYTES)
    await out.make_room()
    assert path.stat().st_size == 2 + FLUSH_BYTES
    out.add(3, b"c\n")
    await out.finish()
    assert path.read_bytes().endswith(b"bc\n")
    await out.flush()
    await out.finish()


async def test_it_is_on_the_disk_at_the_end(opened, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    out = Output(opened[0], "out")
    out.add(1, b"a\n")
    await out.flush()
    assert synced == []
    await out.finish()
    assert synced == [opened[0]]


@pytest.mark.parametrize("room", range(12))
async def test_a_full_disk_leaves_whole_lines(opened, monkeypatch, room):
    fd, path = opened
    write, left = os.write, room

    def write_some(fd, data):
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        written = write(fd, data[: min(left, 3)])
        left -= written
        return written

    out = Output(fd, "out")
    monkeypatch.setattr(os, "write", write_some)
    out.add(1, b"abc\ndef\n")
    out.add(2, b"ghi\n")
    await out.flush()
    with pytest.raises(Trouble, match=r"^out: No space left on device$") as caught:
        out.add(3, b"jkl\n")
    assert caught.value.exit_code == 4
    with pytest.raises(Trouble):
        await out.finish()
    assert path.read_bytes() == b"abc\ndef\nghi\n"[: room // 4 * 4]
    assert out.lost == 3 - room // 4


async def test_a_disk_that_fails_at_the_end(opened, monkeypatch):
    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    out = Output(opened[0], "out")
    with pytest.raises(Trouble, match="Input/output error"):
        await out.finish()


@posix
async def test_a_pipe_that_nobody_reads_any_more():
    reading, writing = os.pipe()
    os.close(reading)
    out = Output(writing, "stdout")
    out.add(1, b"a\n")
    await out.flush()
    with pytest.raises(Trouble, match="stdout: nobody reads it any more"):
        out.add(2, b"b\n")
    os.close(writing)


@pytest.fixture
def held(monkeypatch):
    """Hold every write back until this is set."""
    write, held = os.write, threading.Event()

    def write_later(fd, data):
        held.wait(10)
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_later)
    return held


async def test_a_cancelled_flush_is_waited_for(held, opened):
    fd, path = opened
    out = Output(fd, "out")
    out.add(1, b"a\n")
    flushing = asyncio.create_task(out.flush())
    await asyncio.sleep(0.05)
    flushing.cancel()
    await asyncio.wait([flushing])
    assert flushing.cancelled()
    out.add(2, b"b\n")
    finishing = asyncio.create_task(out.finish())
    await asyncio.sleep(0.05)
    assert not finishing.done()
    held.set()
    await finishing
    assert path.read_bytes() == b"a\nb\n"


async def test_a_cancelled_end_is_an_end_all_the_same(held, opened):
    fd, path = opened
    out = Output(fd, "out")
    out.add(1, b"a\n")
    finishing = asyncio.create_task(out.finish())
    await asyncio.sleep(0.05)
    finishing.cancel()
    await asyncio.sleep(0.05)
    assert not finishing.done()
    held.set()
    await asyncio.wait([finishing])
    assert finishing.cancelled()
    assert path.read_bytes() == b"a\n"


# ---- the file ----------------------------------------------------------------------------------


def test_one_run_at_a_time(tmp_path):
    file, other = (OutFile(str(tmp_path / "out"), JSONL) for _ in range(2))
    with file.locked():
        with pytest.raises(Trouble, match="another run is writing it") as caught:
            with other.locked():
                pass
        assert caught.value.exit_code == 2
    with other.locked():
        pass
    assert not list(tmp_path.iterdir())


def test_no_lock_where_there_is_no_folder(tmp_path):
    with pytest.raises(Trouble, match="no such folder"):
        with OutFile(str(tmp_path / "none" / "out"), JSONL).locked():
            pass
    assert not list(tmp_path.iterdir())


@posix
def test_no_lock_where_nothing_can_be_written(tmp_path):
    (tmp_path / ".out.lock").mkdir()
    with pytest.raises(Trouble, match="Is a directory"):
        with OutFile(str(tmp_path / "out"), JSONL).locked():
            pass


def test_an_out_is_not_overwritten_unasked(tmp_path):
    file = OutFile(str(tmp_path / "out"), CSV)
    os.close(file.create(overwrite=False))
    assert file.path.read_bytes() == CSV.header
    file.path.write_bytes(b"precious")
    with pytest.raises(Trouble, match=r"exists\. Complete it with --resume, or begin anew"):
        file.create(overwrite=False)
    assert file.path.read_bytes() == b"precious"
    os.close(file.create(overwrite=True))
    assert file.path.read_bytes() == CSV.header
    with pytest.raises(Trouble, match="No such file or directory"):
        OutFile(str(tmp_path / "none" / "out"), CSV).create(overwrite=False)


# ---- reading it back ---------------------------------------------------------------------------


def ledger_of(ids):
    ledger = Ledger(lambda entry: entry.error is None, Tally())
    for number, gonderim_id in enumerate(ids, 1):
        ledger.expect(Line(number, str(gonderim_id)))
    return ledger


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", ["failed packet", "no packet", "no id"])
def test_a_file_torn_at_every_byte(tmp_path, format_, name):
    """From nothing at all to all but the last byte: whole lines stay, and what follows is cut."""
    last = RESULTS[name]
    lines = [format_.write(1, RESULTS["found"], AT), format_.write(2, last, AT)]
    data = format_.header + b"".join(lines)
    file = OutFile(str(tmp_path / "out"), format_)
    for cut in range(len(data)):
        file.path.write_bytes(data[:cut])
        ledger = ledger_of([52, last.id])
        os.close(file.reopen(ledger))
        found = cut >= len(format_.header) + len(lines[0])
        assert file.path.read_bytes() == format_.header + lines[0] * found, cut
        assert ledger.is_finished(1) == found
        assert not ledger.is_finished(2)


def test_the_ledger_is_small():
    ledger = ledger_of([])
    tracemalloc.start()
    try:
        for number in range(1, 100_001):
            ledger.expect(Line(number, str(number + 2**40)))
        for number in range(1, 100_001):
            ledger.read_back(Entry(number, number + 2**40, 1, 1, None, None))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.finished == 100_000
    assert size < 30 * 100_000
