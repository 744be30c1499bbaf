"""OUT as CSV for Excel."""

import csv
import datetime as dt
import io
from types import SimpleNamespace

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.known_samples import FINISHED, KNOWN, known_of, titled, write_out
from vairosms_async import PaketDurum
from vairosms_async.cli.inputs import Row
from vairosms_async.cli.outputs import csv as csv_module
from vairosms_async.cli.outputs.csv import MAX_CELL, write_cell, write_csv

HEADER = (
    "paket_durum;durum;sms_baslik;numara_toplam;kredi_toplam;created_at;ileri_tarih;"
    "sonlanma_zamani;gecerlilik_suresi;hata_kodu;hata_mesaji;error;error_message;checked_at"
)


def read_rows(path):
    """Parse OUT. Return a dict for each row."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";", strict=True))


def row_of(folder, known):
    """Write OUT for packet 52. Return its row."""
    [row] = read_rows(write_out(folder, "x.csv", known))
    return row


def test_own_columns_and_order_are_kept(tmp_path):
    text = "Sıra;Müşteri;Gönderim No\r\n1;Ayşe;61\r\n2;Öner;52\r\n3;Işık;70\r\n"
    known = {52: KNOWN["found"], 61: KNOWN["failed packet"]}
    out = write_out(tmp_path, "x.csv", known, text, "Gönderim No")
    assert out.read_bytes().decode() == (
        f"\ufeffSıra;Müşteri;Gönderim No;{HEADER}\r\n"
        "1;Ayşe;61;-1;HATALI;BAŞLIK;2;0;2016-07-22 17:13:11;;2016-07-23 17:13:11;24:00:00;"
        "INVALID_SOURCE_ADDRESS;Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS;;;"
        "2026-11-24 09:30:05\r\n"
        "2;Öner;52;1;SONLANDI;\t08505326480;2;2;2016-07-21 14:40:16;;2016-07-22 14:40:16;24:00:00;"
        ";;;;2026-11-24 09:30:05\r\n"
        "3;Işık;70;;;;;;;;;;;;;;\r\n"
    )


def test_rows_without_a_record_say_why(tmp_path):
    out = write_out(tmp_path, "x.csv", KNOWN["unknown id"], "id\n52\nyok\n\n", "id")
    found, bad, blank = read_rows(out)
    assert (found["error"], found["error_message"]) == ("VairoSMSNotFoundError", "HTTP 404: yok")
    assert (bad["id"], bad["error"]) == ("yok", "VairoSMSInvalidIdError")
    assert bad["error_message"].startswith("not a packet id")
    assert set(blank.values()) == {""}


def test_a_failed_refresh_keeps_the_record_and_its_time(tmp_path):
    row = row_of(tmp_path, KNOWN["failed refresh"])
    assert (row["durum"], row["error"]) == ("DEVAM_EDIYOR", "VairoSMSServerError")
    assert row["checked_at"] == "2026-11-24 09:30:05"


def test_missing_and_unreadable_values_are_empty(tmp_path):
    row = row_of(tmp_path, KNOWN["only id and state"])
    empty = (
        "sms_baslik",
        "numara_toplam",
        "kredi_toplam",
        "created_at",
        "hata_kodu",
        "hata_mesaji",
    )
    assert {row[column] for column in empty} == {""}
    assert (row["paket_durum"], row["durum"]) == ("-1", "HATALI")

    row = row_of(tmp_path, KNOWN["drifted"])
    assert {row[name] for name in ("kredi_toplam", "gecerlilik_suresi")} == {""}


def test_times_with_an_offset_are_those_of_istanbul(tmp_path):
    assert row_of(tmp_path, KNOWN["drifted"])["created_at"] == "2016-07-21 17:40:16"
    winter = dt.datetime(2016, 1, 2, 3, 4, 5, tzinfo=dt.UTC)  # Turkey was 2 hours ahead of UTC
    row = row_of(tmp_path, known_of(attrs.evolve(FINISHED, created_at=winter)))
    assert row["created_at"] == "2016-01-02 05:04:05"


def test_the_last_time_that_python_has_is_written(tmp_path):
    """Databases use it for "never"."""
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    row = row_of(tmp_path, known_of(attrs.evolve(FINISHED, sonlanma_zamani=never)))
    assert row["sonlanma_zamani"] == "9999-12-31 23:59:59"


def test_a_column_that_file_has_too_gets_a_prefix(tmp_path):
    first = write_out(tmp_path, "x.csv", KNOWN["found"], "durum;id\nx;52\n", "id")
    [row] = read_rows(first)
    assert (row["durum"], row["panel_durum"]) == ("x", "SONLANDI")

    text = first.read_text("utf-8-sig")
    [row] = read_rows(write_out(tmp_path, "y.csv", KNOWN["in progress"], text, "id"))
    assert (row["panel_durum"], row["panel_panel_durum"]) == ("SONLANDI", "DEVAM_EDIYOR")
    assert (row["paket_durum"], row["panel_paket_durum"]) == ("1", "0")
    assert row["sms_baslik"] == row["panel_sms_baslik"] == "\t08505326480"


def test_line_breaks_of_own_cells_are_kept(tmp_path):
    text = 'id;"a\r\nb";"c\rd"\r\n52;"x\r\ny";"z\rw"\r\n'
    [row] = read_rows(write_out(tmp_path, "x.csv", KNOWN["found"], text, "id"))
    assert list(row.items())[:3] == [("id", "52"), ("a\r\nb", "x\r\ny"), ("c\rd", "z\rw")]


def test_rows_have_the_cells_of_the_widest(tmp_path):
    out = write_out(tmp_path, "x.csv", KNOWN["found"], "id;ad\n52\n52;y;z\n", "id")
    lines = out.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("id;ad;;paket_durum;")
    assert lines[1].startswith("52;;;1;SONLANDI;")
    assert lines[2].startswith("52;y;z;1;SONLANDI;")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("08505326480", "\t08505326480", id="leading zero"),
        pytest.param(" 0850", "\t 0850", id="space and leading zero"),
        pytest.param("3/4", "\t3/4", id="date"),
        pytest.param("3.4", "\t3.4", id="decimal point"),
        pytest.param("1e5", "\t1e5", id="exponent"),
        pytest.param("52", "52", id="whole number"),
        pytest.param("-52", "-52", id="negative number"),
        pytest.param("0", "0", id="0"),
        pytest.param("-0", "'-0", id="negative 0"),
        pytest.param("9" * 15, "9" * 15, id="15 digits"),
        pytest.param("9" * 16, "\t" + "9" * 16, id="16 digits"),
        pytest.param("\t0850", "\t0850", id="tab of an earlier OUT"),
        pytest.param("=HYPERLINK(1)", "'=HYPERLINK(1)", id="formula"),
        pytest.param("+905", "'+905", id="formula with plus"),
        pytest.param("-1+1", "'-1+1", id="formula with minus"),
        pytest.param("@SUM", "'@SUM", id="formula with at"),
        pytest.param("\t=1", "'\t=1", id="tab and formula"),
        pytest.param("\tx", "'\tx", id="tab"),
        pytest.param("\r\n=1", "'\r\n=1", id="newline and formula"),
        pytest.param("two\nlines", "two\nlines", id="two lines"),
        pytest.param("BAŞLIK", "BAŞLIK", id="word"),
        pytest.param("ŞUBE ÇAĞRI", "ŞUBE ÇAĞRI", id="words"),
        pytest.param('a;b "c"', 'a;b "c"', id="delimiter and quotes"),
        pytest.param("", "", id="empty"),
    ],
)
def test_protects_text_from_excel(tmp_path, text, written):
    row = row_of(tmp_path, titled(text))
    assert row["sms_baslik"] == written
    assert write_cell(text) == written


def test_protects_own_columns_from_excel(tmp_path):
    text = '=1+1;id;"0532\n111"\n@x;52;0532\n'
    [row] = read_rows(write_out(tmp_path, "x.csv", KNOWN["found"], text, "id"))
    assert list(row)[:3] == ["'=1+1", "id", "\t0532\n111"]
    assert list(row.values())[:3] == ["'@x", "52", "\t0532"]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        pytest.param(None, "", id="empty"),
        pytest.param(52, "52", id="whole number"),
        pytest.param(-(10**15) + 1, "-999999999999999", id="negative number"),
        pytest.param(10**15, "\t1000000000000000", id="16 digits"),
        pytest.param(-(10**15), "'-1000000000000000", id="negative number of 16 digits"),
        pytest.param(52.5, "52,5", id="decimal comma"),
        pytest.param(True, "TRUE", id="boolean"),
        pytest.param(dt.datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02 03:04:05", id="time"),
        pytest.param(dt.date(2026, 1, 2), "2026-01-02", id="date"),
        pytest.param(dt.time(3, 4), "03:04:00", id="time of day"),
        pytest.param(dt.timedelta(hours=30, seconds=1), "30:00:01", id="period"),
        pytest.param(-dt.timedelta(hours=1), "'-01:00:00", id="negative period"),
    ],
)
def test_writes_cells_of_sheets_for_excel(cell, written):
    assert write_cell(cell) == written


def test_own_cells_are_never_truncated(tmp_path):
    long = "x" * (MAX_CELL + 1)
    out = write_out(tmp_path, "x.csv", KNOWN["found"], f"id;{long}\n52;{long}\n", "id")
    assert read_rows(out)[0][long] == long


def test_a_text_of_the_panel_longer_than_a_cell_is_truncated(tmp_path):
    """Excel would put the rest, which can look like a formula, into another cell."""
    row = row_of(tmp_path, titled("x" * MAX_CELL + "=1+1"))
    assert row["sms_baslik"] == "x" * MAX_CELL
    assert len(write_cell("0" * MAX_CELL)) == MAX_CELL


def write_row(columns, cells, known):
    """Write the row of a FILE whose packet is 52. Return the cells that are read back."""
    file = io.BytesIO()
    write_csv(file, SimpleNamespace(columns=columns), [(Row(2, cells, 52, "52", None), known)])
    lines = io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")
    [_, row] = csv.reader(lines, delimiter=";", strict=True)
    return row


@given(st.text(st.characters(codec=None)))
@example(" =1 ")
@example("\t'5\n")
@example("\n-")
@example("a;b")
@example('a"b')
@example("a\rb")
def test_no_text_becomes_a_formula_or_a_second_cell_or_row(text):
    written = write_cell(text)
    assert written in {text, f"'{text}", f"\t{text}"}
    start = written.lstrip()[:2]
    assert start[:1] not in {"=", "+", "@"}
    assert start[:1] != "-" or start[1:].isdigit()
    row = write_row(("id", "Not"), ("52", text), titled(text))
    readable = written.encode(errors="backslashreplace").decode()
    assert (len(row), row[1], row[4]) == (16, readable, readable)


def test_an_unpaired_surrogate_is_escaped(tmp_path):
    assert row_of(tmp_path, titled("\ud83d"))["sms_baslik"] == "\\ud83d"


UNUSUAL = {
    "negative period": {"gecerlilik_suresi": dt.timedelta(hours=-24)},
    "period of a fraction": {"gecerlilik_suresi": dt.timedelta(seconds=0.5)},
    "no period": {"gecerlilik_suresi": None},
    "time with a fraction": {"created_at": dt.datetime(2016, 7, 21, 14, 40, 16, 500_000)},
    "time with an offset": {"created_at": dt.datetime(2016, 7, 21, 14, 40, 16, tzinfo=dt.UTC)},
    "number of 16 digits": {"kredi_toplam": 10**15},
    "number of 65 bits": {"kredi_toplam": 2**64},
    "negative number": {"numara_toplam": -5},
    "no numbers": {"numara_toplam": None, "kredi_toplam": None},
    "formula": {"sms_baslik": "=1+1"},
    "no title": {"sms_baslik": None},
    "unknown state": {"paket_durum": PaketDurum(7)},
    "unknown field": {"extra": {"yeni": 1}},
}


@pytest.mark.parametrize("name", [*KNOWN, *UNUSUAL])
def test_the_fast_way_to_write_a_record_gives_the_same_row(tmp_path, monkeypatch, name):
    known = KNOWN.get(name) or known_of(attrs.evolve(FINISHED, **UNUSUAL[name]))
    fast = write_out(tmp_path, "out.csv", known).read_bytes()
    monkeypatch.setattr(csv_module, "_write_stored", lambda _: None)
    assert write_out(tmp_path, "out.csv", known).read_bytes() == fast
