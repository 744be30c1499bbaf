"""FILE as a workbook: .xlsx, .xls and .ods."""

import datetime as dt
import io
import zipfile

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.reading import read_file
from tests.helpers import FIXTURES
from vairosms_async.cli.inputs import InputError, Row, read_input

CHANGED = "Excel has changed this number: format the column as text, then enter the ids again"
NOT_AN_ID = "not a packet id: an id is a whole number above 0, written in digits"

DATE = {"num_format": "dd.mm.yyyy"}
TIME = {"num_format": "hh:mm"}
PERIOD = {"num_format": "[h]:mm"}

ODS_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/"
 manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
</manifest:manifest>"""
ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="Liste">
<table:table-row>
<table:table-cell office:value-type="string"><text:p>Gönderim No</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>Telefon</text:p></table:table-cell>
</table:table-row><table:table-row>
<table:table-cell office:value-type="float" office:value="61"><text:p>61</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>08505326480</text:p></table:table-cell>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>"""


def write_xlsx(path, cells, sheets=("Liste",)):
    """Write a workbook.

    Args:
        path: The file.
        cells: The first sheet's cells, as (row, column, value) or (row, column, value, format).
        sheets: Names of the sheets. Each but the first has only its own name, in A1.
    """
    with xlsxwriter.Workbook(path) as workbook:
        first, *others = [workbook.add_worksheet(name) for name in sheets]
        for row, column, value, *formats in cells:
            first.write(row, column, value, *map(workbook.add_format, formats))
        for sheet in others:
            sheet.write(0, 0, sheet.name)


def table(*rows):
    """Return the cells of some rows that start at A1."""
    return [(r, c, value) for r, row in enumerate(rows) for c, value in enumerate(row)]


def test_reads_the_first_sheet(tmp_path):
    rows = (["Sıra", "Gönderim No"], [1, 61], [2, "052"], [3, "yok"])
    write_xlsx(tmp_path / "x.xlsx", table(*rows), ["Liste", "İkinci"])
    assert read_file(tmp_path / "x.xlsx", column="Gönderim No") == (
        ("Sıra", "Gönderim No"),
        [
            Row(2, (1, 61), 61, "61", None),
            Row(3, (2, "052"), 52, "052", None),
            Row(4, (3, "yok"), None, "yok", NOT_AN_ID),
        ],
    )


def test_reads_xls():
    columns, rows = read_file(FIXTURES / "list.xls", column="Gönderim No")
    assert columns == ("Sıra", "Gönderim No", "Telefon")
    assert [row.cells for row in rows] == [(1, 61, "08505326480"), (2, 52, "x")]
    assert [row.id for row in rows] == [61, 52]


def test_reads_ods(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.ods", "w") as ods:
        ods.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        ods.writestr("META-INF/manifest.xml", ODS_MANIFEST)
        ods.writestr("content.xml", ODS_CONTENT.replace("\n", ""))
    columns, rows = read_file(tmp_path / "x.ods", column="Gönderim No")
    assert columns == ("Gönderim No", "Telefon")
    assert rows == [Row(2, (61, "08505326480"), 61, "61", None)]


def test_a_name_without_a_suffix_is_a_workbook_too(tmp_path):
    write_xlsx(tmp_path / "list", table(["id"], [52]))
    assert read_file(tmp_path / "list", column="id")[1] == [Row(2, (52,), 52, "52", None)]


def test_reads_the_named_sheet(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", [], ["Liste", "İkinci"])
    assert read_file(tmp_path / "x.xlsx", sheet="İkinci")[0] == ("İkinci",)


@pytest.mark.parametrize(
    ("value", "style", "cell"),
    [
        pytest.param("08505326480", {}, "08505326480", id="digits as text"),
        pytest.param(52.5, {}, 52.5, id="decimal"),
        pytest.param(-3, {}, -3, id="negative"),
        pytest.param(999_999_999_999_999, {}, 999_999_999_999_999, id="15 digits"),
        pytest.param(True, {}, True, id="boolean"),
        pytest.param(
            dt.datetime(2026, 1, 2, 3, 4, 5), DATE, dt.datetime(2026, 1, 2, 3, 4, 5), id="time"
        ),
        pytest.param(dt.date(2026, 1, 2), DATE, dt.date(2026, 1, 2), id="date"),
        pytest.param(dt.time(3, 4), TIME, dt.time(3, 4), id="time of day"),
        pytest.param(dt.timedelta(hours=30), PERIOD, dt.timedelta(hours=30), id="period"),
        pytest.param(None, {}, None, id="empty"),
    ],
)
def test_a_cell_keeps_its_value_and_type(tmp_path, value, style, cell):
    write_xlsx(tmp_path / "x.xlsx", [*table(["id", "x"], [52]), (1, 1, value, style)])
    [row] = read_file(tmp_path / "x.xlsx", column="id")[1]
    assert row.cells == (52, cell)
    assert type(row.cells[1]) is type(cell)


def test_empty_columns_and_rows_keep_their_place(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", [(2, 1, "id"), (3, 1, 52), (5, 1, 61), (5, 2, "y")])
    columns, rows = read_file(tmp_path / "x.xlsx", column="2")
    assert columns == ("", "id", "")
    assert rows == [
        Row(4, (None, 52, None), 52, "52", None),
        Row(5, (None, None, None), None, "", None),
        Row(6, (None, 61, "y"), 61, "61", None),
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        pytest.param(52.5, NOT_AN_ID, id="decimal"),
        pytest.param(0, NOT_AN_ID, id="0"),
        pytest.param(-52, NOT_AN_ID, id="negative"),
        pytest.param(True, NOT_AN_ID, id="boolean"),
        pytest.param(10**15, CHANGED, id="16 digits"),
        pytest.param(1234567890123456789, CHANGED, id="19 digits"),
        pytest.param(
            None,
            "the id is missing: its cell is empty, or has an Excel error such as #N/A",
            id="empty",
        ),
        pytest.param("  ", "the id is missing: its cell is empty", id="spaces"),
    ],
)
def test_a_cell_that_is_no_id_is_a_problem(tmp_path, value, problem):
    write_xlsx(tmp_path / "x.xlsx", table(["id", "x"], [value, "y"]))
    [row] = read_file(tmp_path / "x.xlsx", column="id")[1]
    assert (row.id, row.problem) == (None, problem)


def test_the_only_column_needs_no_name(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", table(["no"], [52]))
    assert read_file(tmp_path / "x.xlsx") == (("no",), [Row(2, (52,), 52, "52", None)])


def test_the_only_column_that_is_not_empty_needs_no_name(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", [(1, 2, "no"), (2, 2, 52)])
    columns, rows = read_file(tmp_path / "x.xlsx")
    assert columns == ("", "", "no")
    assert rows == [Row(3, (None, None, 52), 52, "52", None)]


@pytest.mark.parametrize("column", [None, "1"], ids=["the only column", "number"])
def test_a_sheet_needs_no_header(tmp_path, column):
    write_xlsx(tmp_path / "x.xlsx", table([52], ["61"]))
    columns, rows = read_file(tmp_path / "x.xlsx", column=column)
    assert columns == ("1",)
    assert [(row.line, row.id) for row in rows] == [(1, 52), (2, 61)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        pytest.param("52,0", 52, id="decimal comma"),
        pytest.param("'52", 52, id="apostrophe"),
        pytest.param('="52"', 52, id="formula"),
        pytest.param("\u200b52\u00a0", 52, id="invisible characters"),
        pytest.param("1.234.567", CHANGED, id="thousands"),
        pytest.param("1,23E+11", CHANGED, id="exponent"),
    ],
)
def test_reads_the_text_of_a_cell_as_an_id(tmp_path, cell, expected):
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as workbook:
        workbook.add_worksheet().write_column(0, 0, ["id"])
        workbook.worksheets()[0].write_string(1, 0, cell)
    [row] = read_file(tmp_path / "x.xlsx")[1]
    assert (row.id or row.problem) == expected


def write_sheets(path, **hidden):
    """Write a workbook with the sheets Boş (empty), Grafik (a chart), Kapalı and Liste.

    Args:
        path: The file.
        hidden: Names of the methods that hide a sheet, by its name. Kapalı is always hidden.
    """
    with xlsxwriter.Workbook(path) as workbook:
        workbook.add_worksheet("Boş").activate()
        chart = workbook.add_chart({"type": "line"})
        workbook.add_chartsheet("Grafik").set_chart(chart)
        closed, list_ = workbook.add_worksheet("Kapalı"), workbook.add_worksheet("Liste")
        closed.write_column(0, 0, ["id", 61])
        list_.write_column(0, 0, ["id", 52])
        chart.add_series({"values": "=Liste!$A$1:$A$2"})
        for name, hide in ({"Kapalı": "hide"} | hidden).items():
            getattr(workbook.get_worksheet_by_name(name), hide)()


@pytest.mark.parametrize("hide", ["hide", "very_hidden"])
def test_reads_the_first_visible_sheet_that_has_rows(tmp_path, hide):
    write_sheets(tmp_path / "x.xlsx", Kapalı=hide)
    assert read_file(tmp_path / "x.xlsx") == (("id",), [Row(2, (52,), 52, "52", None)])


def test_reads_a_hidden_sheet_if_it_is_named(tmp_path):
    write_sheets(tmp_path / "x.xlsx")
    rows = read_file(tmp_path / "x.xlsx", sheet="Kapalı")[1]
    assert [row.id for row in rows] == [61]


@pytest.mark.parametrize("column", [None, "id", "1"], ids=["no column", "name", "number"])
@pytest.mark.parametrize(
    ("sheet", "why"),
    [
        pytest.param("Boş", "the sheet 'Boş' has no rows. Sheets: {}", id="empty"),
        pytest.param("Grafik", "the sheet 'Grafik' has no rows. Sheets: {}", id="chart"),
        pytest.param(None, "no visible sheet has rows. Name the sheet. Sheets: {}", id="hidden"),
    ],
)
def test_rejects_a_sheet_without_rows(tmp_path, sheet, why, column):
    write_sheets(tmp_path / "x.xlsx", Liste="hide")
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x.xlsx"), sheet=sheet, column=column)
    why = why.format("Boş, Grafik, Kapalı, Liste")
    assert str(caught.value) == f"Cannot read {tmp_path}/x.xlsx: {why}"


def test_a_sheet_with_only_a_header_has_no_rows(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", table(["id", "ad"]))
    assert read_file(tmp_path / "x.xlsx", column="id") == (("id", "ad"), [])


def test_a_message_quotes_no_part_of_a_key_in_the_name_of_a_sheet(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", table(["id"], [52]), ["Liste", "gizli-anahtar"])
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x.xlsx"), sheet="x", has_secret=lambda data: b"gizli" in data)
    assert "gizli" not in str(caught.value)


def test_an_error_of_excel_is_an_empty_cell(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "x.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["id", "ad"])
        sheet.write_formula(1, 0, "=NA()", None, "#N/A")
        sheet.write(1, 1, "x")
    [row] = read_file(tmp_path / "x.xlsx", column="id")[1]
    assert (row.cells, row.id) == ((None, "x"), None)
    assert row.problem == "the id is missing: its cell is empty, or has an Excel error such as #N/A"


def test_finds_a_key_of_digits_in_a_number(tmp_path):
    write_xlsx(tmp_path / "x.xlsx", table(["id", "x"], [52, 123456789012345]))
    with pytest.raises(InputError) as caught:
        read_input(
            str(tmp_path / "x.xlsx"),
            column="id",
            has_secret=lambda data: b"123456789012345" in data,
        )
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/x.xlsx: row 2 contains the API key. Remove the key"
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"column": "x"}, "no column 'x'. Columns: id, ad", id="column"),
        pytest.param({"column": "3"}, "no column 3: the first row has 2", id="column number"),
        pytest.param(
            {},
            "name the column of the ids with --column. Columns: 1: id (52); 2: ad (x)",
            id="no column named",
        ),
        pytest.param(
            {"column": "id", "sheet": "x"}, "no sheet 'x'. Sheets: Liste, İkinci", id="sheet"
        ),
    ],
)
def test_rejects_a_missing_column_or_sheet(tmp_path, options, why):
    write_xlsx(tmp_path / "x.xlsx", table(["id", "ad"], [52, "x"]), ["Liste", "İkinci"])
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x.xlsx"), **options)
    assert str(caught.value) == f"Cannot read {tmp_path}/x.xlsx: {why}"


def xls(start):
    return (FIXTURES / "list.xls").read_bytes()[:start]


def zip_of(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "x")
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PK\x03\x04 and nothing else", id="truncated zip"),
        pytest.param(xls(512), id="xls of 512 bytes"),
        pytest.param(xls(4000), id="xls of 4000 bytes"),  # calamine panics
    ],
)
def test_rejects_a_workbook_that_cannot_be_read(tmp_path, data):
    (tmp_path / "x.xlsx").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x.xlsx"), column="id")
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/x.xlsx: not a workbook, or it is damaged. "
        "Open it in Excel and save a copy as .xlsx"
    )


@pytest.mark.parametrize("name", ["word/document.xml", "list.xlsx"], ids=["document", "archive"])
def test_rejects_a_zip_archive_without_a_workbook(tmp_path, name):
    (tmp_path / "x.xlsx").write_bytes(zip_of(name))
    with pytest.raises(InputError) as caught:
        read_input(str(tmp_path / "x.xlsx"), column="id")
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/x.xlsx: it is a zip archive or a document, not a workbook. "
        "Unpack it, or save the list as .xlsx"
    )


def test_rejects_a_workbook_with_a_password():
    with pytest.raises(InputError) as caught:
        read_input(str(FIXTURES / "password.xlsx"), column="id")
    assert str(caught.value) == (
        f"Cannot read {FIXTURES}/password.xlsx: it has a password. "
        "Open it in Excel and save a copy as .xlsx without a password"
    )


@given(
    st.lists(
        st.integers(1, 10**15 - 1) | st.integers(1, 2**63 - 1).map(str), min_size=1, max_size=5
    )
)
def test_every_id_of_a_written_sheet_is_read(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "x.xlsx"
    write_xlsx(path, table(["id"], *([gonderim_id] for gonderim_id in ids)))
    assert [row.id for row in read_file(path)[1]] == [int(gonderim_id) for gonderim_id in ids]
