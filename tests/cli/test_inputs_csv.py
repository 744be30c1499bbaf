"""FILE as CSV: its columns, its rows and the ids in one of the columns."""

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.reading import ids_and_problems, read_bytes
from vairosms_async.cli.inputs import InputError
from vairosms_async.cli.inputs.csv import MAX_QUOTED_LINES, read_text

CHANGED = "Excel has changed this number: format the column as text, then enter the ids again"
NOT_AN_ID = "not a packet id: an id is a whole number above 0, written in digits"
TOO_LONG = "the row has more cells than the header: put cells that contain the delimiter in quotes"
UNREADABLE = "the row cannot be read: close each quote, and double the quotes inside cells"


def columns_of(text, column):
    return read_text(iter(text.splitlines()), column, 0).columns


@pytest.mark.parametrize("size", [None, 1, 7], ids=["one read", "1 byte", "7 bytes"])
@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"]
)
@pytest.mark.parametrize(
    "column", ["paket_id", "2", "Başlık Ü"], ids=["name", "number", "Turkish name"]
)
def test_finds_a_column_by_name_or_number(delimiter, column, size):
    rows = [["ad", "paket_id", "Başlık Ü"], ["Ayşe", "52", "52"], ["Ömer", "61", "61"]]
    data = "\n".join(delimiter.join(row) for row in rows)
    expected = [
        (2, ("Ayşe", "52", "52"), 52, "52", None),
        (3, ("Ömer", "61", "61"), 61, "61", None),
    ]
    assert columns_of(data, column) == ("ad", "paket_id", "Başlık Ü")
    for encoding in ("utf-8", "utf-8-sig", "windows-1254"):
        assert read_bytes(data.encode(encoding), column, size=size) == expected


ROWS = [(2, 52), (3, 61)]
TABLES = {
    "no header, by number": (b"Ali;52\nVeli;61\n", "2", [(1, 52), (2, 61)]),
    "quoted": (b'id;ad\n"52";"a;b"\n"61";"a\n"\n', "id", ROWS),
    "quotes inside cells": (b'id;ad\n52;19" monitor\n61;"the ""big"" one"\n', "id", ROWS),
    "quoted newline": (b'ad;id\n"two\nlines";52\nx;61\n', "id", [(2, 52), (4, 61)]),
    "quoted newline in the header": (b'"Paket\nNo",Ad\n52,x\n61,y\n', "1", [(3, 52), (4, 61)]),
    "comments before the header": (b"# of today; x\n\n #\nid;ad\n52;x\n", "id", [(5, 52)]),
    "comments in quotes": (b'"# of today; x"\nid;ad\n52;x\n', "id", [(3, 52)]),
    "named header with a number sign in quotes": (b'"#no";"id"\n1;52\n2;61\n', "id", ROWS),
    "header with a number sign": (b"#;id\n1;52\n2;61\n", "2", ROWS),
    "named header with a number sign": (b"#no;id\n1;52\n2;61\n", "id", ROWS),
    "number signs in rows": (b"no;id\n#1;52\n#2;61\n", "id", ROWS),
    "blank rows": (b"id;ad\n;\n52;x\n\n61;x\n", "id", [(2, None), (3, 52), (4, None), (5, 61)]),
    "one column": (b"id\n52\n61\n", "id", ROWS),
    "one column, by number": (b"52\n61\n", "1", [(1, 52), (2, 61)]),
    "commas in a column name": (b"id;ad, soyad\n52;x\n61;y, z\n", "id", ROWS),
    "spaces around cells": (b" id ; ad\n 52 ;x\n61\t;y\n", "id", ROWS),
    "header with a digit": (b"paket_id1\n52\n", "1", [(2, 52)]),
    "header with a number first": ("1. Gönderim No;ad\n52;x\n".encode(), "1", [(2, 52)]),
    "header with a year": ("2026 Gönderim No;ad\n52;x\n".encode(), "1", [(2, 52)]),
    "no header, letter before the first id": (
        b"O52;x\n61;y\n",
        "1",
        [(1, "O52", NOT_AN_ID), (2, 61)],
    ),
    "no header, letter after the first id": (
        b"52a;x\n61;y\n",
        "1",
        [(1, "52a", NOT_AN_ID), (2, 61)],
    ),
    "no header, letter as the first digit": (
        b"l2;x\n61;y\n",
        "1",
        [(1, "l2", NOT_AN_ID), (2, 61)],
    ),
    "no header, column number": (b"2024;2025\n52;x\n61;y\n", "1", [(1, 2024), (2, 52), (3, 61)]),
    "delimiter in a line of Excel's": (b"sep=;\nid,x;ad\n52;x\n61;y\n", "id,x", [(3, 52), (4, 61)]),
    "the same with a byte order mark": (
        b"\xef\xbb\xbf\xef\xbb\xbfsep=|\nid|ad\n52|x\n",
        "id",
        [(3, 52)],
    ),
    "decimal commas": (b"id;tutar\n52;1,5\n61;2,5\n", "id", ROWS),
    "decimal commas without a header": (b"52;1,5\n61;2,5\n", "1", [(1, 52), (2, 61)]),
    "decimal commas and an uneven row": (
        b"x;52;1,5\ny; z;61;2,5\n",
        "2",
        [(1, 52), (2, "z", TOO_LONG)],
    ),
    "semicolon in a short comma table": (b"id,ad\n52,x; y\n", "1", [(2, 52)]),
    "decimal commas and a tab": (b"x\t52\t1,5;2\ny\t61\t2,5;3\n", "2", [(1, 52), (2, 61)]),
    "delimiters in quotes": (b'id,"Ad; Soyad"\n52,"x; y"\n61,"z; w"\n', "1", ROWS),
    "other delimiters in quotes": (b'52;"Ad, x"\n61;"y, z"\n', "1", [(1, 52), (2, 61)]),
    "delimiter in some names": (b"id,ad;soyad\n52,x\n61,y\n", "1", ROWS),
    "thousands without a header": (b"1,234\n52,0\n", "1", [(1, "1,234", CHANGED), (2, 52)]),
    "old Mac line ends": (b"id;ad\r52;x\r61;y\r", "id", ROWS),
    "Ctrl-Z at the end": (b"id;ad\r\n52;x\r\n61;y\r\n\x1a", "id", ROWS),
    "formulas": (b'id;ad\n="52";x\n"=""61""";y\n', "id", ROWS),
    "rows of delimiters above the header": (b';;\n"";"";""\nid;ad;x\n52;x;y\n', "id", [(4, 52)]),
    "header only": (b"id;ad\n", "id", []),
}


@pytest.mark.parametrize("size", [None, 1, 5], ids=["one read", "1 byte", "5 bytes"])
@pytest.mark.parametrize("name", TABLES)
def test_reads_the_column_of_a_table(name, size):
    data, column, expected = TABLES[name]
    assert ids_and_problems(data, column, size=size) == expected


@pytest.mark.parametrize(
    ("text", "column", "columns"),
    [
        pytest.param("Sıra; Ad ;\n", "Ad", ("Sıra", " Ad ", ""), id="names as they are"),
        pytest.param("ad;52\n", "2", ("1", "2"), id="no header"),
        pytest.param("x;Ad\n", "2", ("x", "Ad"), id="header, by number"),
        pytest.param("id;ad, soyad\n1;x\n2;y, z", "id", ("id", "ad, soyad"), id="comma in a name"),
        pytest.param("id\n52,0\n61,0\n", "id", ("id",), id="one column of decimals"),
    ],
)
def test_the_header_is_kept(text, column, columns):
    assert columns_of(text, column) == columns


def test_cells_are_kept_as_they_are():
    data = 'no;id;Not\n 1 ;52;"a;b"\n2;61\n3; 70;x;;\n'
    assert [row[1] for row in read_bytes(data.encode(), "id")] == [
        (" 1 ", "52", "a;b"),
        ("2", "61"),
        ("3", " 70", "x", "", ""),
    ]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"tutar,id\n1,50,52\n2,61\n", id="decimal comma"),
        pytest.param(b"tutar,id,ad\n1,50,52,\n2,61,x\n", id="decimal comma and an empty cell"),
        pytest.param(b"ad;id\nx;50;52\ny;61\n", id="semicolon"),
        pytest.param(b"ad;id\nx\\;50;\ny;61\n", id="backslash before a delimiter"),
        pytest.param(b"ad;id\nx^;50;\ny;61\n", id="caret before a delimiter"),
    ],
)
def test_rejects_a_row_whose_cells_may_have_moved(data):
    assert ids_and_problems(data, "id") == [(2, "50", TOO_LONG), (3, 61)]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"id,ad\n1,234,x\n61,y\n", id="thousands"),
        pytest.param(b"id,ad\n1,234,\n61,y\n", id="thousands and an empty cell"),
        pytest.param(b"id,ad\n1, 234 ,,\n61,y\n", id="thousands and blanks"),
        pytest.param(b"id,ad\n1,0,\n61,y\n", id="decimal"),
    ],
)
def test_rejects_an_id_that_may_have_been_divided(data):
    assert ids_and_problems(data, "id") == [(2, "1", TOO_LONG), (3, 61)]


def test_delimiters_at_the_end_of_rows_do_not_matter():
    data = b"id,ad\n52,a,\n61,08505326480, ,\n70,,\n"
    assert ids_and_problems(data, "id") == [(2, 52), (3, 61), (4, 70)]


def test_more_cells_after_a_first_column_do_not_matter():
    data = b"id;ad\n52;x;y\n61;z\n"
    assert ids_and_problems(data, "id") == [(2, 52), (3, 61)]


def test_row_without_an_id_is_a_problem():
    data = b"ad;id\nx\ny;\nz;52\n"
    assert ids_and_problems(data, "id") == [
        (2, "", "the id is missing: the row is too short"),
        (3, "", "the id is missing: its cell is empty"),
        (4, 52),
    ]


@pytest.mark.parametrize("size", [None, 1, 50], ids=["one read", "1 byte", "50 bytes"])
@pytest.mark.parametrize("rows", [3, MAX_QUOTED_LINES * 3], ids=["few rows", "many rows"])
def test_an_unclosed_quote_costs_only_its_own_line(rows, size):
    data = 'id;ad\n1;x\n"2;y\n' + "".join(f"{n};z\n" for n in range(3, rows))
    found = read_bytes(data.encode(), "id", size=size)
    assert found.pop(1) == (3, ('"2;y',), None, '"2;y', UNREADABLE)
    assert [(row[0], row[2]) for row in found] == [(n + 1, n) for n in (1, *range(3, rows))]


def test_an_unclosed_quote_costs_only_its_own_line_if_another_line_has_a_quote():
    data = b'id;ad\n52;"abc\n61;x\n70;y\n71;"def\n72;z\n'
    assert ids_and_problems(data, "id") == [
        (2, '52;"abc', UNREADABLE),
        (3, 61),
        (4, 70),
        (5, '71;"def', UNREADABLE),
        (6, 72),
    ]


def test_rejects_text_behind_a_quoted_text():
    data = b'id;ad\n52;"Ahmet" Bey\n"61"5;x\n70;y\n'
    assert ids_and_problems(data, "id") == [
        (2, '52;"Ahmet" Bey', UNREADABLE),
        (3, '"61"5;x', UNREADABLE),
        (4, 70),
    ]


def test_a_field_above_the_csv_limit_costs_only_its_own_line():
    data = b'id;ad\n52;"' + b"x" * 200_000 + b'"\n61;y\n'
    assert ids_and_problems(data, "id") == [(2, '52;"' + "x" * 95 + "…", UNREADABLE), (3, 61)]


def test_a_long_field_without_quotes_has_no_limit():
    data = b"id;ad\n52;" + b"x" * 200_000 + b"\n"
    assert read_bytes(data, "id") == [(2, ("52", "x" * 200_000), 52, "52", None)]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        pytest.param("paket", "no column 'paket'. Columns: id, ad", id="name"),
        pytest.param("a\x1bb", "no column 'a�b'. Columns: id, ad", id="control character"),
        pytest.param("0", "no column 0: the first row has 2", id="number 0"),
        pytest.param("3", "no column 3: the first row has 2", id="number 3"),
        pytest.param("9" * 5000, f"no column {'9' * 99}…: the first row has 2", id="5000 digits"),
        pytest.param("x" * 5000, f"no column '{'x' * 99}…'. Columns: id, ad", id="long name"),
    ],
)
def test_rejects_a_missing_column(column, why):
    with pytest.raises(InputError) as caught:
        read_bytes(b"id;ad\n52;x\n", column)
    assert str(caught.value) == why


def test_a_message_shows_names_without_control_characters():
    with pytest.raises(InputError) as caught:
        read_bytes(b'"\x1b[2Jid\nx";' + b"y" * 500 + b"\n52;x\n", "paket")
    assert str(caught.value) == f"no column 'paket'. Columns: �[2Jid�x, {'y' * 99}…"


@pytest.mark.parametrize("column", ["id", "1"], ids=["name", "number"])
@pytest.mark.parametrize("data", [b"", b"# of today\n\n"], ids=["empty", "comment"])
def test_rejects_a_column_of_a_table_without_rows(data, column):
    with pytest.raises(InputError) as caught:
        read_bytes(data, column)
    assert str(caught.value) == f"it has no rows, and so no column '{column}'"


@pytest.mark.parametrize(
    "data", [b"x" * 200_000 + b";id\n52;x\n", b'"id;ad\n52;x\n'], ids=["long cell", "open quote"]
)
def test_rejects_an_unreadable_header(data):
    with pytest.raises(InputError, match="the first row cannot be read"):
        read_bytes(data, "id")


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=5),
    st.sampled_from(";,\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_csv_writes_comes_back(rows, delimiter, quoting):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")
    writer.writerows([["no", "paket id"], *rows])
    found = [row[1] for row in read_bytes(text.getvalue().encode(), "paket id")]
    assert found == [tuple(row) for row in rows]


@given(st.lists(st.tuples(CELLS, st.integers(1, 2**63 - 1)), max_size=5))
def test_each_id_of_a_written_table_is_found_in_its_line(rows):
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\n").writerows([["no", "id"], *rows])
    starts = itertools.accumulate((cell.count("\n") + 1 for cell, _ in rows), initial=2)
    expected = list(zip(starts, (number for _, number in rows), strict=False))
    assert ids_and_problems(text.getvalue().encode(), "id") == expected
