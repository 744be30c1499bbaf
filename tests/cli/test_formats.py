"""The formats of OUT: JSON Lines and CSV."""

import csv
import datetime as dt
import io
import json

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.result_samples import CHECKED_AT, CSV, DRIFTED, FINISHED, JSONL, RESULTS
from tests.helpers import example_packet
from vairosms_async import GonderimResult, gonderim_from_dict
from vairosms_async.cli.formats import FORMATS, Entry, entry_of


def result_titled(sms_baslik):
    """Return a result whose packet has this title."""
    return GonderimResult(52, attrs.evolve(FINISHED, sms_baslik=sms_baslik))


def json_row(result, line=1):
    """Write a result as JSON and read it back."""
    return json.loads(JSONL.write(line, result, CHECKED_AT))


def csv_row(result, line=1):
    """Write a result as CSV and read it back."""
    text = (CSV.header + CSV.write(line, result, CHECKED_AT)).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    return row


@pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("name", RESULTS)
def test_a_written_line_is_read_back(format_, name):
    result = RESULTS[name]
    line = format_.write(7, result, CHECKED_AT)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert format_.read(line) == entry_of(7, result)


def test_an_entry_holds_state_credits_and_error():
    assert entry_of(7, RESULTS["found"]) == Entry(7, 52, 1, 2, None, None)
    assert entry_of(7, RESULTS["failed packet"]) == Entry(
        7, 61, -1, 0, "INVALID_SOURCE_ADDRESS", None
    )
    assert entry_of(7, RESULTS["invalid id"]) == Entry(
        7, 0, None, 0, None, "VairoSMSInvalidIdError"
    )
    assert entry_of(7, RESULTS["error with a code"]).error == "VairoSMSAPIError MESSAGE_TOO_LONG"
    assert entry_of(7, RESULTS["server error"]).error == "VairoSMSServerError 503"
    assert entry_of(7, RESULTS["wait timeout"]).durum == 0


def test_json_line_holds_extra_and_unreadable_values():
    assert gonderim_from_dict(json_row(RESULTS["drifted"])["gonderim"]) == DRIFTED


def test_csv_cells_of_missing_and_unreadable_values_are_empty():
    row = csv_row(RESULTS["only id and state"])
    empty = ("sms_baslik", "numara_toplam", "kredi_toplam", "created_at", "hata_kodu", "log_mesaj")
    assert {row[column] for column in empty} == {""}
    assert (row["paket_durum"], row["durum"]) == ("-1", "HATALI")

    row = csv_row(RESULTS["drifted"])
    assert {row[name] for name in ("kredi_toplam", "gecerlilik_suresi", "sms_baslik")} == {""}
    assert row["created_at"] == "2016-07-21 14:40:16.500000+00:00"


def test_json_line_holds_the_record_or_the_error():
    assert json_row(RESULTS["failed packet"], 3) == {
        "line": 3,
        "id": 61,
        "gonderim": example_packet(61),
        "error": None,
        "checked_at": "2026-11-24T09:30:05+03:00",
    }
    assert json_row(RESULTS["unknown id"]) == {
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
    assert json_row(RESULTS["wait timeout"])["gonderim"]["paket_durum"] == 0
    assert "BAŞLIK".encode() in JSONL.write(1, RESULTS["failed packet"], CHECKED_AT)


def test_csv_row_has_all_fields():
    assert (
        CSV.write(3, RESULTS["failed packet"], CHECKED_AT)
        == (
            "3;61;-1;HATALI;BAŞLIK;2;0;2016-07-22 17:13:11;;2016-07-23 17:13:11;24:00:00;"
            "INVALID_SOURCE_ADDRESS;Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS;;;;;"
            "2026-11-24 09:30:05\r\n"
        ).encode()
    )
    row = csv_row(RESULTS["no connection"])
    assert row["error_type"] == "VairoSMSConnectionError"
    assert row["error_message"] == "no connection at all"
    assert row["sms_baslik"] == row["error_status"] == ""


@pytest.mark.parametrize(
    ("title", "cell"),
    [
        pytest.param("08505326480", "\t08505326480", id="leading zero"),
        pytest.param(" 0850", "\t 0850", id="space and leading zero"),
        pytest.param("3/4", "\t3/4", id="date"),
        pytest.param("=HYPERLINK(1)", "'=HYPERLINK(1)", id="formula"),
        pytest.param("+905", "'+905", id="formula with plus"),
        pytest.param("-1", "'-1", id="formula with minus"),
        pytest.param("@SUM", "'@SUM", id="formula with at"),
        pytest.param("\t=1", "'\t=1", id="tab and formula"),
        pytest.param("\r\n=1", "' =1", id="newline and formula"),
        pytest.param("BAŞLIK", "BAŞLIK", id="word"),
        pytest.param("ŞUBE ÇAĞRI", "ŞUBE ÇAĞRI", id="words"),
        pytest.param('a;b "c"', 'a;b "c"', id="delimiter and quotes"),
        pytest.param("", "", id="empty"),
    ],
)
def test_csv_protects_text_from_excel(title, cell):
    assert csv_row(result_titled(title))["sms_baslik"] == cell


@pytest.mark.parametrize(
    "gonderim_id", [10**15 - 1, 10**15, 2**64 - 1], ids=["15 digits", "16 digits", "longest"]
)
def test_csv_protects_long_ids_from_rounding(gonderim_id):
    cell = csv_row(GonderimResult(gonderim_id, attrs.evolve(FINISHED, id=gonderim_id)))["id"]
    assert cell == ("" if gonderim_id < 10**15 else "\t") + str(gonderim_id)


def test_csv_protects_negative_durations_and_leaves_missing_ones_empty():
    row = csv_row(
        GonderimResult(52, attrs.evolve(FINISHED, gecerlilik_suresi=dt.timedelta(hours=-1)))
    )
    assert row["gecerlilik_suresi"] == "'-01:00:00"
    row = csv_row(
        GonderimResult(52, attrs.evolve(FINISHED, gecerlilik_suresi=None, created_at=None))
    )
    assert (row["gecerlilik_suresi"], row["created_at"]) == ("", "")


@given(st.text())
@example(" =1 ")
@example("\t'5\n")
def test_no_title_becomes_a_formula_or_a_second_line(title):
    result = result_titled(title)
    cell = csv_row(result)["sms_baslik"]
    one_line = " ".join(title.splitlines())
    assert cell in {one_line, f"'{one_line}", f"\t{one_line}"}
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}
    for format_ in FORMATS.values():
        assert format_.write(1, result, CHECKED_AT).count(b"\n") == 1


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param("jsonl", b"52\n", id="JSON number"),
        pytest.param("jsonl", b"[]\n", id="JSON array"),
        pytest.param("jsonl", b"{}\n", id="empty JSON object"),
        pytest.param("jsonl", b"x\n", id="text"),
        pytest.param("jsonl", b"\n", id="empty line"),
        pytest.param("jsonl", b"\xff\n", id="not UTF-8"),
        pytest.param("jsonl", CSV.header, id="CSV"),
        pytest.param("jsonl", b"[" * 10_000 + b"\n", id="deeply nested"),
        pytest.param("csv", b"52\r\n", id="CSV cell"),
        pytest.param("csv", b"\r\n", id="empty CSV row"),
        pytest.param("csv", b"\xff\r\n", id="CSV that is not UTF-8"),
        pytest.param("csv", b";" * 17 + b"\r\n", id="CSV row with one cell too few"),
        pytest.param("csv", b'"' * 3 + b"\r\n", id="CSV with an open quote"),
    ],
)
def test_rejects_a_foreign_line(name, line):
    with pytest.raises((ValueError, RecursionError)):
        FORMATS[name].read(line)


def test_rejects_a_row_above_the_csv_limit():
    with pytest.raises(ValueError, match="field larger than field limit"):
        CSV.read(b"x" * 200_000 + b"\r\n")


NOT_A_RESULT = {"line": "7", "id": 52, "gonderim": None, "error": None}
LOG_WITHOUT_TEXT = {"paket_durum": 1, "kredi_toplam": 1, "log": {"mesaj": 5}}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="line as a string"),
        pytest.param({"line": True}, id="line as a boolean"),
        pytest.param({"line": 7, "gonderim": {"paket_durum": 1}}, id="no credits"),
        pytest.param(
            {"line": 7, "gonderim": {"paket_durum": "1", "kredi_toplam": 1}}, id="state as a string"
        ),
        pytest.param({"line": 7, "gonderim": [1]}, id="record as an array"),
        pytest.param({"line": 7, "gonderim": LOG_WITHOUT_TEXT}, id="log with a number"),
        pytest.param({"line": 7, "error": {"type": "X"}}, id="error without a status"),
        pytest.param({"line": 7, "error": "X"}, id="error as a string"),
    ],
)
def test_rejects_a_foreign_json_object(changes):
    with pytest.raises(ValueError, match="not a line of ours"):
        JSONL.read(json.dumps(NOT_A_RESULT | changes).encode())
