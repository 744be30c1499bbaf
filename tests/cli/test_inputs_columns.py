"""FILE as a table: which column has the ids, in CSV and in workbooks alike."""

import csv
import unicodedata

import pytest
import xlsxwriter

from tests.cli.reading import read_file
from vairosms_async.cli.inputs import InputError, read_input


def write_csv(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)


def write_workbook(path, rows):
    with xlsxwriter.Workbook(path, {"strings_to_numbers": True}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


@pytest.fixture(params=[write_csv, write_workbook], ids=["CSV", "workbook"])
def write_table(request, tmp_path):
    """Return a function that writes rows as FILE, and returns its path."""

    def write(rows):
        path = tmp_path / "list"
        request.param(path, rows)
        return path

    return write


def ids_of(path, **options):
    return [row.id for row in read_file(path, **options)[1]]


def problem_of(path, **options):
    """Return why FILE is not read."""
    with pytest.raises(InputError) as caught:
        read_input(str(path), **options)
    start = f"Cannot read {path}: "
    assert str(caught.value).startswith(start)
    return str(caught.value).removeprefix(start)


@pytest.mark.parametrize(
    ("header", "column"),
    [
        pytest.param("Paket\nNo", "Paket No", id="line break"),
        pytest.param("Paket  No ", "paket no", id="blanks"),
        pytest.param("Paket\u00a0No", "Paket No", id="no-break space"),
        pytest.param("GÖNDERİM NO", "gönderim no", id="capital dotted i"),
        pytest.param("Gönderim no", "GÖNDERİM NO", id="small dotted i"),
        pytest.param("SATIR", "satır", id="capital dotless i"),
        pytest.param("satır", "SATIR", id="small dotless i"),
        pytest.param("GONDERIM", "gonderim", id="English capitals"),
        pytest.param(unicodedata.normalize("NFD", "GÖNDERİM"), "gönderim", id="NFD"),
        pytest.param("gönderim", unicodedata.normalize("NFD", "GÖNDERİM"), id="NFD in the option"),
        pytest.param("\u200bpaket_\u2060id", "paket_id", id="zero-width characters"),
        pytest.param("\ufeffpaket_id", "paket_id", id="byte order mark"),
        pytest.param("\u200epaket_id", "paket_id", id="mark of direction"),
    ],
)
def test_finds_a_column_by_a_name_that_looks_the_same(write_table, header, column):
    path = write_table([["Ad", header], ["x", "52"]])
    columns, rows = read_file(path, column=column)
    assert columns == ("Ad", header)
    assert [row.id for row in rows] == [52]


def test_the_exact_name_wins(write_table):
    path = write_table([["ID", "id"], ["61", "52"]])
    assert ids_of(path, column="id") == [52]
    assert ids_of(path, column="ID") == [61]


@pytest.mark.parametrize("second", ["paket_id", "PAKET_ID\u200b"], ids=["same", "looks the same"])
def test_rejects_two_columns_of_one_name(write_table, second):
    path = write_table([["paket_id\n", "ad", f" {second}"], ["52", "x", "61"]])
    assert problem_of(path, column="Paket_id") == (
        "several columns are named 'Paket_id': 1, 3. Use a number, such as --column 1"
    )


def test_a_number_chooses_between_two_columns_of_one_name(write_table):
    path = write_table([["paket_id", "ad", "paket_id"], ["52", "x", "61"]])
    assert ids_of(path, column="3") == [61]


TITLE = ["Paket raporu"]
TABLE = [["paket_id", "ad"], ["52", "x"], ["61", "y"]]


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        pytest.param([TITLE, *TABLE], 2, id="title"),
        pytest.param([["Paket raporu", ""], *TABLE], 2, id="title as wide as the table"),
        pytest.param([TITLE, ["2026"], [], *TABLE], 4, id="title, year and blank row"),
        pytest.param([[], TITLE, *TABLE], 3, id="blank row and title"),
    ],
)
def test_suggests_to_skip_the_rows_above_the_header(write_table, rows, row):
    path = write_table(rows)
    assert problem_of(path, column="PAKET_ID") == (
        f"the first row has no column 'PAKET_ID', but row {row} has. Add --skip-rows {row - 1}"
    )
    for column in ("1", None):
        assert problem_of(path, column=column) == (
            f"the first row looks like a title, and row {row} like the header. "
            f"Add --skip-rows {row - 1}"
        )
    for column in ("paket_id", "1"):
        columns, read = read_file(path, column=column, skip_rows=row - 1)
        assert columns == ("paket_id", "ad")
        assert [(r.line, r.id) for r in read] == [(row + 1, 52), (row + 2, 61)]


def test_does_not_suggest_a_row_of_values_as_the_header(write_table):
    path = write_table([["id", "ad"], ["52", "x"]])
    assert problem_of(path, column="x") == "no column 'x'. Columns: id, ad"


def test_rejects_to_skip_more_rows_than_there_are(write_table):
    path = write_table(TABLE)
    assert problem_of(path, column="1", skip_rows=4) == (
        "it has only 3 rows, and --skip-rows 4 skips all"
    )
    assert problem_of(path, column="paket_id", skip_rows=3) == (
        "it has only 3 rows, and --skip-rows 3 skips all"
    )


def test_lists_the_columns_with_their_first_values_if_none_is_named(write_table):
    path = write_table(
        [
            ["Gönderim\nNo", "", "Ad", "boş", "\x9b2J"],
            ["52", "", "x" * 40, "", "a"],
            ["61", "v", "y", "", ""],
            ["70", "", "z", "", ""],
            ["71", "", "w", "", ""],
        ]
    )
    assert problem_of(path) == (
        "name the column of the ids with --column. Columns: 1: Gönderim No (52, 61, 70); 2: (v); "
        f"3: Ad ({'x' * 29}…, y, z); 4: boş; 5: �2J (a)"
    )


def test_lists_columns_without_a_header(write_table):
    path = write_table([["52", "x"], ["61", "y"]])
    assert problem_of(path) == (
        "name the column of the ids with --column. Columns: 1: (52, 61); 2: (x, y)"
    )


def test_lists_at_most_30_columns(write_table):
    path = write_table([[f"c{n}" for n in range(1, 41)], ["x"] * 40])
    message = problem_of(path)
    assert "; 30: c30 (x); …" in message
    assert "c31" not in message


def test_the_only_column_needs_no_name(write_table):
    path = write_table([["Paket No"], ["52"], [""], ["61"]])
    columns, rows = read_file(path)
    assert columns == ("Paket No",)
    assert [row.id for row in rows] == [52, None, 61]


def test_rejects_ids_in_one_row(write_table):
    assert problem_of(write_table([["52", "61", "70"]])) == (
        "all ids are in one line. Write one id per line"
    )
