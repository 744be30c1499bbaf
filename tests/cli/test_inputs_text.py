"""FILE as text: one id per line, in any encoding."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.reading import ids_and_problems, read_bytes
from vairosms_async.cli.inputs import InputError
from vairosms_async.cli.inputs.csv import read_text
from vairosms_async.cli.inputs.ids import MAX_ID
from vairosms_async.cli.inputs.text import MAX_LINE

NOT_AN_ID = "not a packet id: an id is a whole number above 0, written in digits"
CHANGED = "Excel has changed this number: format the column as text, then enter the ids again"
LINE_TOO_LONG = f"the line is too long (max {MAX_LINE} characters)"
UNREADABLE = "the row cannot be read: close each quote, and double the quotes inside cells"
TOO_LARGE = f"the number is too large for a packet id (max {MAX_ID})"

ID_LISTS = {
    "LF": (b"52\n61\n", [(1, 52), (2, 61)]),
    "CRLF": (b"52\r\n61\r\n", [(1, 52), (2, 61)]),
    "CR": (b"52\r61\r", [(1, 52), (2, 61)]),
    "no newline at the end": (b"52\n61", [(1, 52), (2, 61)]),
    "spaces around ids": (b" 52\t\n\xc2\xa061 \n", [(1, 52), (2, 61)]),
    "empty lines and comments": (b"# ids\n\n52\n \n  # more\n61\n", [(3, 52), (6, 61)]),
    "invalid ids": (b"52a\n-1\n", [(1, "52a", NOT_AN_ID), (2, "-1", NOT_AN_ID)]),
    "UTF-8 with BOM": (b"\xef\xbb\xbf52\n", [(1, 52)]),
    "UTF-16 with BOM": ("\ufeff52\nşube\n".encode("utf-16-le"), [(1, 52), (2, "şube", NOT_AN_ID)]),
    "big-endian UTF-16 with BOM": ("\ufeff52\n".encode("utf-16-be"), [(1, 52)]),
    "UTF-8": ("şube ğ\n".encode(), [(1, "şube ğ", NOT_AN_ID)]),
    "windows-1254": (
        "52\nşube ğ İ\n".encode("windows-1254"),
        [(1, 52), (2, "şube ğ İ", NOT_AN_ID)],
    ),
    "undefined in windows-1254": (b"52\n\x81\x9e\n", [(1, 52), (2, "��", NOT_AN_ID)]),
    "UTF-32 with BOM": ("\ufeff52\n61".encode("utf-32-le"), [(1, 52), (2, 61)]),
    "several BOMs": ("\ufeff\ufeff52\n\ufeff61".encode(), [(1, 52), (2, 61)]),
    "Ctrl-Z at the end": (b"52\r\n61\r\n\x1a", [(1, 52), (2, 61)]),
    "Ctrl-Z after the last id": (b"52\n61\x1a\x1a", [(1, 52), (2, 61)]),
    "header": (b"paket_id\n52\n\n61\n", [(2, 52), (3, None), (4, 61)]),
    "header after comments": (b"# of today\n\npaket_id\n52\n", [(4, 52)]),
    "header in quotes with a line break": (b'"Paket\nNo"\n"52"\n', [(3, 52)]),
    "first id is invalid": (b"52a\n61\n", [(1, "52a", NOT_AN_ID), (2, 61)]),
    "letter before the first id": (b"O52\n61\n", [(1, "O52", NOT_AN_ID), (2, 61)]),
    "header with a number first": ("1. Gönderim No\n52\n".encode(), [(2, 52)]),
    "words only": (b"paket\nad\n", [(1, "paket", NOT_AN_ID), (2, "ad", NOT_AN_ID)]),
    "decimal commas": (b"52,0\n61,00\n", [(1, 52), (2, 61)]),
    "decimal commas below a header": (b"id\n52,0\n61,0\n", [(2, 52), (3, 61)]),
    "thousands": (b"1,234\n52\n", [(1, "1,234", CHANGED), (2, 52)]),
    "a delimiter at each end": (b"52;\n61;\n", [(1, 52), (2, 61)]),
    "delimiters in a bad line": (b"52\na;b\n61\n", [(1, 52), (2, "a;b", NOT_AN_ID), (3, 61)]),
    "an open quote": (b'"52\n61\n', [(1, '"52', NOT_AN_ID), (2, 61)]),
    "line separators of Unicode": (
        "5\x0b2\x85\u2028\n52\n".encode(),
        [(1, "5\x0b2", NOT_AN_ID), (2, 52)],
    ),
    "empty": (b"", []),
    "one byte": (b"5", [(1, 5)]),
}


@pytest.mark.parametrize("size", [None, 1, 2, 3], ids=["one read", "1 byte", "2 bytes", "3 bytes"])
@pytest.mark.parametrize("name", ID_LISTS)
def test_reads_one_id_per_line(name, size):
    data, expected = ID_LISTS[name]
    assert ids_and_problems(data, size=size) == expected


def test_a_row_has_the_line_as_its_only_cell():
    assert read_bytes(b" 0052\n") == [(1, ("0052",), 52, "0052", None)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0061", 61, id="leading zeros"),
        pytest.param(str(MAX_ID), MAX_ID, id="largest"),
        pytest.param("0" * 5000 + "61", 61, id="5000 leading zeros"),
        pytest.param("52.0", 52, id="52.0"),
        pytest.param("52,0", 52, id="52,0"),
        pytest.param("52,00", 52, id="52,00"),
        pytest.param("52\u00a0", 52, id="no-break space"),
        pytest.param("\u200b5\u200c2\u2060", 52, id="zero-width characters"),
        pytest.param("\u202a52\u202c", 52, id="marks of direction"),
        pytest.param('"52"', 52, id="double quotes"),
        pytest.param("'52", 52, id="apostrophe"),
        pytest.param("'52'", 52, id="single quotes"),
        pytest.param('="52"', 52, id="formula"),
        pytest.param('="52,0"', 52, id="formula with a decimal"),
        pytest.param('="52', NOT_AN_ID, id="half a formula"),
        pytest.param("=52+1", NOT_AN_ID, id="sum"),
        pytest.param('52"', NOT_AN_ID, id="inches"),
        pytest.param('"1.234"', CHANGED, id="1.234 in quotes"),
        pytest.param("1.234,00", CHANGED, id="1.234,00"),
        pytest.param("1\u00a0234", CHANGED, id="no-break space for thousands"),
        pytest.param("5 2", NOT_AN_ID, id="two numbers"),
        pytest.param("52.000", CHANGED, id="52.000"),
        pytest.param("1.234.567", CHANGED, id="1.234.567"),
        pytest.param("1,234,567", CHANGED, id="1,234,567"),
        pytest.param("1,23E+11", CHANGED, id="1,23E+11"),
        pytest.param("1.23457e18", CHANGED, id="1.23457e18"),
        pytest.param("4E+17", CHANGED, id="4E+17"),
        pytest.param("52.5", NOT_AN_ID, id="52.5"),
        pytest.param("0", NOT_AN_ID, id="0"),
        pytest.param("0.0", NOT_AN_ID, id="0.0"),
        pytest.param("+52", NOT_AN_ID, id="sign"),
        pytest.param("5_2", NOT_AN_ID, id="underscore"),
        pytest.param("５２", NOT_AN_ID, id="wide digits"),
        pytest.param("52/../x", NOT_AN_ID, id="path"),
        pytest.param(str(MAX_ID + 1), TOO_LARGE, id="largest and 1"),
        pytest.param("9" * 50, TOO_LARGE, id="50 digits"),
        pytest.param("9" * 5000, TOO_LARGE, id="5000 digits"),
    ],
)
def test_an_id_is_read_or_its_problem_is_named(text, expected):
    [_, (_, cells, gonderim_id, _, problem)] = read_bytes(f"1\n{text}\n".encode())
    assert cells == (text.strip(),)
    assert (gonderim_id if problem is None else problem) == expected
    assert gonderim_id is None or problem is None


@given(st.integers(1, MAX_ID), st.integers(0, 5))
def test_every_id_is_read(gonderim_id, zeros):
    assert ids_and_problems(f"{'0' * zeros}{gonderim_id}\n".encode()) == [(1, gonderim_id)]


def test_a_header_names_the_only_column():
    table = read_text(iter(["# of today", "Paket No", "52"]), None, 0)
    assert (table.columns, table.index) == (("Paket No",), 0)


def test_a_line_of_invisible_characters_is_blank():
    assert ids_and_problems("52\n\u200b\ufeff\n".encode()) == [(1, 52), (2, None)]


@pytest.mark.parametrize(
    "line",
    ["52,61,70", "52, 61, 70,", "52;61", "52 61 70", "52\t61", "52|61", "[52, 61, 70]"],
    ids=["comma", "spaces", "semicolon", "space", "tab", "pipe", "brackets"],
)
def test_rejects_ids_in_one_line(line):
    with pytest.raises(InputError, match=r"^all ids are in one line. Write one id per line$"):
        read_bytes(f"# of today\n\n{line}\n".encode())


def test_skips_the_lines_above_a_list():
    rows = ids_and_problems(b"Rapor\n2026\n52\n61\n", skip_rows=2)
    assert rows == [(3, 52), (4, 61)]


def test_rejects_to_skip_more_lines_than_there_are():
    with pytest.raises(InputError, match="only 2 rows, and --skip-rows 3 skips all"):
        read_bytes(b"52\n61\n", skip_rows=3)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    ["5", "52\n61\n", "Gönderim No\r\n52\r\n", "Şube;İl\n52;Iğdır\n", f"id\n52\n{'ş' * 900}\n"],
    ids=["one digit", "ids", "header", "Turkish table", "many Turkish letters"],
)
def test_recognizes_utf_16_without_a_mark(text, encoding):
    expected = read_or_error(text.encode())
    assert read_or_error(text.encode(encoding)) == expected


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("52\nşube\n", "windows-1254"),
        ("52\nşube\n", "cp857"),
        ("52\nşube\n", "utf-16-le"),
        ("\ufeff52\nşube\n", "UTF-8"),
        ("52\nşube\n", "utf-16"),
    ],
    ids=["windows-1254", "cp857", "UTF-16-LE", "UTF-8 with BOM", "UTF-16 with BOM"],
)
def test_reads_a_named_encoding(data, encoding):
    rows = ids_and_problems(data.encode(encoding), encoding=encoding, size=1)
    assert rows == [(1, 52), (2, "şube", NOT_AN_ID)]


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "undefined"])
def test_rejects_an_unknown_encoding(encoding):
    with pytest.raises(InputError, match=f"no such encoding: {encoding}"):
        read_bytes(b"52\n", encoding=encoding)


def test_the_windows_1254_fallback_does_not_encode():
    with pytest.raises(UnicodeEncodeError):
        "ş".encode("ascii", "vairosms-windows-1254")


def test_an_endless_line_is_truncated():
    [long, short] = read_bytes(b"5" * (MAX_LINE * 4) + b"\n52\n", size=1 << 16)
    assert len(long[1][0]) == MAX_LINE + 1
    assert short == (2, ("52",), 52, "52", None)


@pytest.mark.parametrize("size", [None, 1 << 16], ids=["one read", "64 KiB"])
@pytest.mark.parametrize(
    ("start", "column", "line"),
    [
        pytest.param("ad;id\n", "id", f"{'x' * (MAX_LINE - 4)};123456", id="table"),
        pytest.param("ad;id\n", "id", f'"y";"{"x" * (MAX_LINE - 9)}";123456', id="quotes"),
        pytest.param("52\n", None, f"{' ' * (MAX_LINE - 3)}123456", id="list"),
        pytest.param("52\n", None, f"{' ' * (MAX_LINE + 9)}123456", id="blank start"),
    ],
)
def test_a_line_above_the_limit_has_no_id(start, column, line, size):
    rows = read_bytes(f"{start}{line}\n{start}".encode(), column, size=size)
    assert [row[4] for row in rows if row[0] == 2] == [LINE_TOO_LONG]
    assert [row[2] for row in rows if row[0] == 2] == [None]


def test_a_line_at_the_limit_is_read():
    data = f"ad;id\n{'x' * (MAX_LINE - 7)};123456\n"
    assert ids_and_problems(data.encode(), "id", size=1 << 16) == [(2, 123456)]


def test_a_quoted_text_with_a_line_above_the_limit_is_not_read():
    data = f'ad;id;x\n"a\n{"x;" * MAX_LINE}";52;y\n'
    assert [row[4] for row in read_bytes(data.encode(), "id")] == [UNREADABLE, LINE_TOO_LONG]


def test_the_text_of_a_long_line_is_truncated():
    [row] = read_bytes(b"x" * 5000)
    assert row[3] == "x" * 99 + "…"
    assert row[1] == ("x" * 5000,)


@given(
    st.text('52#;,\t"\r\nİş\ufeff ', max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9)
)
@example('1\n"', "1", 1)
def test_chunk_boundaries_make_no_difference(text, column, size):
    data = text.encode()
    assert read_or_error(data, column, size=size) == read_or_error(data, column)


@given(st.binary(max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9))
def test_any_bytes_are_ids_or_problems_or_blank_rows(data, column, size):
    rows = read_or_error(data, column, size=size)
    if isinstance(rows, str):
        assert rows.isprintable()
        return
    for line, cells, gonderim_id, _, problem in rows:
        assert 1 <= line <= data.count(b"\n") + data.count(b"\r") + data.count(b"\n\x00") + 1
        is_blank = not "".join(cells).strip()
        assert [gonderim_id is not None, problem is not None, is_blank].count(True) == 1


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.binary(max_size=60),
    st.sampled_from([None, "1"]),
    st.integers(1, 9),
)
@example("utf-8", b"\0", None, 1)
def test_any_bytes_may_follow_an_id(encoding, data, column, size):
    rows = ids_and_problems("61\n52\n".encode(encoding) + data, column, size=size)
    assert rows[:1] == [(1, 61)]
    assert (2, 52) in rows


def read_or_error(data, column=None, size=None):
    """Parse bytes. Return the rows, or the message of the error."""
    try:
        return read_bytes(data, column, size=size)
    except InputError as exc:
        return str(exc)
