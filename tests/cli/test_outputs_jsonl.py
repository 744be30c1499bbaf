"""OUT as JSON Lines."""

import datetime as dt
import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.known_samples import DRIFTED, FINISHED, KNOWN, known_of, titled, write_out
from tests.helpers import example_packet
from vairosms_async import gonderim_from_dict
from vairosms_async.cli.inputs import Row
from vairosms_async.cli.outputs import JsonLines

ROW = Row(1, ("52",), 52, "52", None)
BAD_ROW = Row(1, ("yok",), None, "yok", "not a packet id")
BLANK_ROW = Row(1, ("", None), None, "", None)


def line_of(known, row=ROW, columns=("id",)):
    """Write the line of a row and parse it."""
    line = JsonLines(columns).line(row, known)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def test_a_line_has_the_row_and_the_record(tmp_path):
    out = write_out(
        tmp_path, "x.jsonl", {61: KNOWN["failed packet"]}, "Sıra;Gönderim No\n7;61\n", "Gönderim No"
    )
    assert json.loads(out.read_bytes()) == {
        "line": 2,
        "id": 61,
        "input": {"Sıra": "7", "Gönderim No": "61"},
        "gonderim": example_packet(61),
        "hata_kodu": "INVALID_SOURCE_ADDRESS",
        "error": None,
        "checked_at": "2026-11-24T09:30:05+03:00",
    }
    assert "BAŞLIK".encode() in out.read_bytes()


def test_a_failed_lookup_has_its_error():
    assert line_of(KNOWN["unknown id"]) == {
        "line": 1,
        "id": 52,
        "input": {"id": "52"},
        "gonderim": None,
        "hata_kodu": None,
        "error": {"type": "VairoSMSNotFoundError", "message": "HTTP 404: yok"},
        "checked_at": None,
    }


def test_a_failed_refresh_keeps_the_record_and_its_time():
    line = line_of(KNOWN["failed refresh"])
    assert line["gonderim"]["paket_durum"] == 0
    assert line["error"] == {"type": "VairoSMSServerError", "message": "HTTP 503"}
    assert line["checked_at"] == "2026-11-24T09:30:05+03:00"


def test_a_row_without_an_id_has_the_problem():
    line = line_of(None, BAD_ROW)
    assert line["id"] == "yok"
    assert line["error"] == {"type": "VairoSMSInvalidIdError", "message": "not a packet id"}


def test_a_blank_row_and_an_unknown_packet_have_no_error():
    for row, gonderim_id in ((BLANK_ROW, None), (ROW, 52)):
        line = line_of(None, row, ("id", "ad"))
        assert line["id"] == gonderim_id
        assert line["gonderim"] is line["error"] is line["checked_at"] is None


def test_extra_and_unreadable_values_are_kept():
    assert gonderim_from_dict(line_of(KNOWN["drifted"])["gonderim"]) == DRIFTED


def test_a_message_that_is_missing_is_empty():
    assert line_of(known_of(None, "VairoSMSError"))["error"]["message"] == ""


@pytest.mark.parametrize(
    ("columns", "keys"),
    [
        pytest.param(("a", "b", "c"), ["a", "b", "c"], id="names"),
        pytest.param(("a", "", "c"), ["a", "2", "c"], id="empty name"),
        pytest.param(("a", "b", "a"), ["a", "b", "a_3"], id="name given twice"),
        pytest.param(("2", "", "2_2"), ["2", "2_2", "2_2_3"], id="name of a number"),
    ],
)
def test_each_column_has_its_own_key(columns, keys):
    row = Row(1, ("x", "52", "z"), 52, "52", None)
    assert line_of(None, row, columns)["input"] == dict(zip(keys, ("x", "52", "z"), strict=True))


def test_a_short_row_has_all_keys():
    assert line_of(None, ROW, ("id", "ad"))["input"] == {"id": "52", "ad": None}


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        pytest.param("08505326480", "08505326480", id="text"),
        pytest.param(10**17, 10**17, id="whole number"),
        pytest.param(52.5, 52.5, id="decimal"),
        pytest.param(True, True, id="boolean"),
        pytest.param(None, None, id="empty"),
        pytest.param(dt.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05", id="time"),
        pytest.param(dt.date(2026, 1, 2), "2026-01-02", id="date"),
        pytest.param(dt.time(3, 4), "03:04:00", id="time of day"),
        pytest.param(dt.timedelta(hours=30), "30:00:00", id="period"),
        pytest.param(-dt.timedelta(minutes=1), "-00:01:00", id="negative period"),
    ],
)
def test_a_cell_of_a_sheet_keeps_its_value(cell, value):
    row = Row(1, (52, cell), 52, "52", None)
    assert line_of(None, row, ("id", "x"))["input"] == {"id": 52, "x": value}


@given(st.text(st.characters(codec=None)))
def test_any_text_is_one_line_of_json(text):
    row = Row(1, (text,), None, text, text)
    line = line_of(titled(text), row)
    assert line["id"] == (text or None)
    assert line["input"] == {"id": text}
    assert line["gonderim"]["sms_baslik"] == text
    assert line["error"]["message"] == text


@given(st.dictionaries(st.integers(1, 2**63 - 1), st.sampled_from(["found", "unknown id"])))
def test_each_line_of_out_belongs_to_its_row(tmp_path_factory, packets):
    folder = tmp_path_factory.mktemp("out")
    ids = [*packets, *packets]
    known = {n: KNOWN[name]._replace(id=n) for n, name in packets.items()}
    out = write_out(folder, "x.jsonl", known, "".join(f"{n}\n" for n in ids))
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert [line["line"] for line in lines] == list(range(1, len(ids) + 1))
    assert [line["id"] for line in lines] == ids
    found = [attrs.evolve(FINISHED, id=n) if packets[n] == "found" else None for n in ids]
    assert [line["gonderim"] and gonderim_from_dict(line["gonderim"]) for line in lines] == found
