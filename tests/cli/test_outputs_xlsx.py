"""OUT as an Excel workbook."""

import datetime as dt
import re
import zipfile

import attrs
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.known_samples import FINISHED, KNOWN, known_of, titled, write_out
from tests.cli.reading import read_file
from vairosms_async import PaketDurum
from vairosms_async.cli.inputs import read_input
from vairosms_async.cli.outputs import write_output
from vairosms_async.cli.outputs.columns import PANEL_COLUMNS


def read_rows(path):
    """Read OUT. Return a dict for each row."""
    columns, rows = read_file(path, column="1")
    return [dict(zip(columns, row.cells, strict=True)) for row in rows]


def row_of(folder, known):
    """Write OUT for packet 52. Return its row."""
    [row] = read_rows(write_out(folder, "x.xlsx", known))
    return row


def part_of(path, name):
    """Return a part of a workbook as text."""
    with zipfile.ZipFile(path) as workbook:
        return workbook.read(name).decode()


def cell_of(path, name):
    """Return a cell of a workbook's sheet as XML, by its name such as "A2"."""
    [cell] = re.findall(rf'<c r="{name}".*?(?:/>|</c>)', part_of(path, "xl/worksheets/sheet1.xml"))
    return cell


def format_of(path, name):
    """Return the font's colour and the number format of a cell."""
    styles = part_of(path, "xl/styles.xml")
    [index] = re.findall(r' s="(\d+)"', cell_of(path, name)) or ["0"]
    cell_formats = re.findall(r"<xf .*?>", styles.partition("<cellXfs")[2])
    font, number_format = (
        int(re.search(rf'{key}="(\d+)"', cell_formats[int(index)])[1])
        for key in ("fontId", "numFmtId")
    )
    fonts = re.findall(r"<font>.*?</font>", styles)
    colours = re.findall(r'<color rgb="FF(\w+)"', fonts[font])
    codes = dict(re.findall(r'<numFmt numFmtId="(\d+)" formatCode="(.*?)"', styles))
    return (colours or [None])[0], codes.get(str(number_format), number_format)


def test_own_columns_and_order_are_kept(tmp_path):
    text = "Sıra;Müşteri;Gönderim No\r\n1;Ayşe;61\r\n2;Öner;52\r\n;;\r\n3;Işık;70\r\n"
    known = {52: KNOWN["found"], 61: KNOWN["failed packet"]}
    out = write_out(tmp_path, "x.xlsx", known, text, "Gönderim No")
    failed, found, blank, unknown = read_rows(out)
    assert list(failed.values()) == [
        1, "Ayşe", 61, -1, "HATALI", "BAŞLIK", 2, 0, dt.datetime(2016, 7, 22, 17, 13, 11), None,
        dt.datetime(2016, 7, 23, 17, 13, 11), dt.timedelta(hours=24), "INVALID_SOURCE_ADDRESS",
        "Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS", None, None,
        dt.datetime(2026, 11, 24, 9, 30, 5),
    ]  # fmt: skip
    assert list(failed) == ["Sıra", "Müşteri", "Gönderim No", *PANEL_COLUMNS]
    assert (found["Müşteri"], found["durum"]) == ("Öner", "SONLANDI")
    assert set(blank.values()) == {None}
    assert {k: v for k, v in unknown.items() if v is not None} == {
        "Sıra": 3, "Müşteri": "Işık", "Gönderim No": 70
    }  # fmt: skip


def test_the_cells_of_a_workbook_keep_value_and_type(tmp_path):
    header = ["id", "text", "digits", "number", "time", "date", "time of day", "period", "boolean"]
    cells = [
        52, "x", "61", 52.5, dt.datetime(2026, 1, 2, 3, 4, 5), dt.date(2026, 1, 2), dt.time(3, 4),
        dt.timedelta(hours=30), True,
    ]  # fmt: skip
    with xlsxwriter.Workbook(tmp_path / "in.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, header)
        for column, cell in enumerate(cells):
            formats = {dt.datetime: "yyyy-mm-dd hh:mm", dt.date: "yyyy-mm-dd", dt.time: "hh:mm"}
            code = formats.get(
                type(cell), "[h]:mm" if isinstance(cell, dt.timedelta) else "General"
            )
            sheet.write(1, column, cell, workbook.add_format({"num_format": code}))
    out = tmp_path / "out.xlsx"
    with read_input(str(tmp_path / "in.xlsx"), column="id") as input_:
        write_output(str(out), "xlsx", input_, lambda ids: {52: KNOWN["found"]})
    [row] = read_rows(out)
    assert [row[name] for name in header] == cells
    assert [type(row[name]) for name in header] == [type(cell) for cell in cells]


def test_rows_without_a_record_say_why(tmp_path):
    out = write_out(tmp_path, "x.xlsx", KNOWN["unknown id"], "52\nyok\n")
    found, bad = read_rows(out)
    assert (found["error"], found["error_message"]) == ("VairoSMSNotFoundError", "HTTP 404: yok")
    assert (bad["id"], bad["error"]) == ("yok", "VairoSMSInvalidIdError")


@pytest.mark.parametrize(
    "text",
    ["08505326480", "9" * 16, "=1+1", "=HYPERLINK(1)", "{=1}", "https://x.example", "-0", " 52"],
)
def test_text_stays_text(tmp_path, text):
    assert row_of(tmp_path, titled(text))["sms_baslik"] == text
    out = write_out(tmp_path, "x.xlsx", KNOWN["found"], f"id;x\n52;{text}\n", "id")
    assert read_rows(out)[0]["x"] == text
    sheet = part_of(out, "xl/worksheets/sheet1.xml")
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet


def test_whole_numbers_of_text_and_csv_are_numbers(tmp_path):
    text = "id;a;b;c\n52;-3;999999999999999;0\n"
    out = write_out(tmp_path, "x.xlsx", KNOWN["found"], text, "id")
    [row] = read_rows(out)
    assert [row[name] for name in ("id", "a", "b", "c")] == [52, -3, 999999999999999, 0]
    assert format_of(out, "A2")[1] == 0  # "General"
    assert format_of(out, "C2")[1] == 1  # "0": not shown as 1E+15


def test_numbers_above_15_digits_are_text(tmp_path):
    row = row_of(
        tmp_path, known_of(attrs.evolve(FINISHED, numara_toplam=10**15, kredi_toplam=10**11))
    )
    assert (row["numara_toplam"], row["kredi_toplam"]) == ("1000000000000000", 10**11)


def test_times_are_dates_of_excel(tmp_path):
    out = write_out(tmp_path, "x.xlsx", KNOWN["found"])
    assert format_of(out, "G2")[1] == "yyyy-mm-dd hh:mm:ss"
    assert format_of(out, "J2")[1] == "[h]:mm:ss"


def test_times_with_an_offset_are_those_of_istanbul(tmp_path):
    row = row_of(tmp_path, KNOWN["drifted"])
    assert row["created_at"] == dt.datetime(2016, 7, 21, 17, 40, 16, 500_000)


def test_what_excel_cannot_show_as_a_time_is_text(tmp_path):
    gonderim = attrs.evolve(
        FINISHED,
        created_at=dt.datetime(1899, 12, 31, 3, 4, 5),
        gecerlilik_suresi=-dt.timedelta(hours=1),
    )
    row = row_of(tmp_path, known_of(gonderim))
    assert row["created_at"] == "1899-12-31 03:04:05"
    assert row["gecerlilik_suresi"] == "-01:00:00"


def test_each_known_state_has_a_colour(tmp_path):
    states = {1: -1, 2: 0, 3: 1, 4: 7}
    known = {
        n: known_of(attrs.evolve(FINISHED, paket_durum=PaketDurum(state)))
        for n, state in states.items()
    }
    out = write_out(tmp_path, "x.xlsx", known, "1\n2\n3\n4\n5\n")
    assert [row["durum"] for row in read_rows(out)] == [
        "HATALI", "DEVAM_EDIYOR", "SONLANDI", "BILINMEYEN_7", None
    ]  # fmt: skip
    colours = [format_of(out, f"C{n}")[0] for n in range(2, 6)]
    assert len({*colours[:3], None}) == 4
    assert colours[3] is None


def test_the_header_is_frozen(tmp_path):
    sheet = part_of(write_out(tmp_path, "x.xlsx", KNOWN["found"]), "xl/worksheets/sheet1.xml")
    assert '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' in sheet


def test_columns_are_as_wide_as_their_first_rows(tmp_path):
    text = f"id;ad;{'a' * 20}\n52;{'x' * 30};y\n52;{'x' * 500};\n"
    sheet = part_of(
        write_out(tmp_path, "x.xlsx", KNOWN["found"], text, "id"), "xl/worksheets/sheet1.xml"
    )
    widths = [round(float(width)) for width in re.findall(r'<col [^>]*width="([\d.]+)"', sheet)]
    assert widths[0] < 10
    assert 45 < widths[1] < 55
    assert 20 < widths[2] < 25


@settings(max_examples=30)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=20))
def test_any_text_gives_a_workbook_that_can_be_read(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("out")
    known = {n: titled(text) for n, text in enumerate(texts, 1)}
    out = write_out(folder, "x.xlsx", known, "".join(f"{n}\n" for n in known))
    titles = [row["sms_baslik"] or "" for row in read_rows(out)]
    assert len(titles) == len(texts)
    for title, text in zip(titles, texts, strict=True):
        if text.isprintable():
            assert title == text


def test_a_text_longer_than_a_cell_is_truncated(tmp_path):
    assert row_of(tmp_path, titled("x" * 40_000))["sms_baslik"] == "x" * 32_767
