"""Input: a column of a CSV file."""

import pytest

from tests.cli.parsing import parse_ids, parse_lines
from vairosms_async.cli.ids import QUOTED_LINES
from vairosms_async.cli.trouble import Trouble

ROWS = [(2, "52"), (3, "61")]


@pytest.mark.parametrize("size", [None, 1, 7], ids=["one chunk", "1 byte", "7 bytes"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize(
    "column", ["paket_id", "2", "Başlık Ü"], ids=["name", "number", "Turkish name"]
)
def test_finds_a_column_by_name_or_number(delimiter, column, size):
    rows = [["ad", "paket_id", "Başlık Ü"], ["Ayşe", "52", "52"], ["Ömer", "61", "61"]]
    data = "\n".join(delimiter.join(row) for row in rows)
    for encoding in ("utf-8", "utf-8-sig", "windows-1254"):
        assert parse_ids(data.encode(encoding), column, size=size) == ROWS


CSV_TABLES = {
    "no header, by number": (b"Ali;52\nVeli;61\n", "2", [(1, "52"), (2, "61")]),
    "no header, cells with letters": (b"x1;52a\n", "2", [(1, "52a")]),
    "quoted": (b'id;ad\n"52";"a;b"\n"61";"a\n"\n', "id", ROWS),
    "quotes inside cells": (b'id;ad\n52;19" monitor\n61;"the ""big"" one"\n', "id", ROWS),
    "quoted newline": (b'ad;id\n"two\nlines";52\nx;61\n', "id", [(2, "52"), (4, "61")]),
    "empty rows and comments": (b"# of today\n\nid;ad\n;\n52;x\n#61;x\n", "id", [(5, "52")]),
    "one column": (b"id\n52\n61\n", "id", ROWS),
    "one column, by number": (b"52\n61\n", "1", [(1, "52"), (2, "61")]),
    "commas in a column name": (b"id;ad, soyad\n52;x\n61;y, z\n", "id", ROWS),
    "spaces around cells": (b" id ; ad\n 52 ;x\n61\t;y\n", "id", ROWS),
    "header with a digit": (b"paket_id1\n52\n", "1", [(2, "52")]),
    "no header, column number": (
        b"2024;2025\n52;x\n61;y\n",
        "1",
        [(1, "2024"), (2, "52"), (3, "61")],
    ),
    "delimiter in a line of Excel's": (
        b"sep=;\nid,x;ad\n52;x\n61;y\n",
        "id,x",
        [(3, "52"), (4, "61")],
    ),
    "header only": (b"id;ad\n", "id", []),
    "empty": (b"", "id", []),
}


@pytest.mark.parametrize("size", [None, 1, 5], ids=["one chunk", "1 byte", "5 bytes"])
@pytest.mark.parametrize("name", CSV_TABLES)
def test_reads_the_column_of_a_table(name, size):
    data, column, expected = CSV_TABLES[name]
    assert parse_ids(data, column, size=size) == expected


def test_row_without_an_id_is_a_problem():
    data = b"ad;id\nx\ny;\nz;52\n"
    assert parse_lines(data, "id") == [
        (2, "", "the row has no column id"),
        (3, "", "column id is empty"),
        (4, "52", None),
    ]


@pytest.mark.parametrize("size", [None, 1, 50], ids=["one chunk", "1 byte", "50 bytes"])
@pytest.mark.parametrize("rows", [3, QUOTED_LINES * 3], ids=["few rows", "many rows"])
def test_an_unclosed_quote_costs_only_its_own_line(rows, size):
    data = 'id;ad\n1;x\n"2;y\n' + "".join(f"{n};z\n" for n in range(3, rows))
    lines = parse_lines(data.encode(), "id", size=size)
    problem = "the row cannot be read: is a quote not closed?"
    assert lines[1] == (3, '"2;y', problem)
    del lines[1]
    assert lines == [(n + 1, str(n), None) for n in (1, *range(3, rows))]


def test_a_field_above_the_csv_limit_costs_only_its_own_line():
    data = b"id;ad\n52;" + b"x" * 200_000 + b"\n61;y\n"
    assert parse_lines(data, "id")[0][2] == "the row cannot be read: is a quote not closed?"
    assert parse_lines(data, "id")[1] == (3, "61", None)


@pytest.mark.parametrize(
    ("column", "why"),
    [
        pytest.param("paket", r"there is no column 'paket'\. The first row has: id, ad", id="name"),
        pytest.param("0", "there is no column 0: the first row has 2", id="number 0"),
        pytest.param("3", "there is no column 3: the first row has 2", id="number 3"),
    ],
)
def test_rejects_a_missing_column(column, why):
    with pytest.raises(Trouble, match=why) as caught:
        parse_lines(b"id;ad\n52;x\n", column)
    assert caught.value.exit_code == 2


def test_rejects_an_unreadable_header():
    with pytest.raises(Trouble, match="the first row cannot be read"):
        parse_lines(b"x" * 200_000 + b";id\n52;x\n", "id")
