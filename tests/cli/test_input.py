"""The command's input: ids out of lines and CSV, in any encoding, cut anywhere."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.platforms import posix
from vairosms_async.cli.ids import MAX_LINE, QUOTED_LINES, IdReader
from vairosms_async.cli.source import Input
from vairosms_async.cli.trouble import Trouble


def read(data, column=None, encoding=None, size=None):
    """Read ids as (line, text, problem) out of bytes that come `size` at a time."""
    reader, found = IdReader(column, encoding), []
    for i in range(0, len(data), size or len(data) or 1):
        found += reader.feed(data[i : i + (size or len(data))])
    found += reader.feed(b"", final=True)
    return [(line.number, line.text, line.problem) for line in found]


def ids(*args, **kwargs):
    lines = read(*args, **kwargs)
    assert all(problem is None for _, _, problem in lines), lines
    return [(number, text) for number, text, _ in lines]


LISTS = {
    "LF": (b"52\n61\n", [(1, "52"), (2, "61")]),
    "CRLF": (b"52\r\n61\r\n", [(1, "52"), (2, "61")]),
    "CR": (b"52\r61\r", [(1, "52"), (2, "61")]),
    "no newline at the end": (b"52\n61", [(1, "52"), (2, "61")]),
    "blanks around": (b" 52\t\n\xc2\xa061 \n", [(1, "52"), (2, "61")]),
    "blank lines and comments": (b"# ids\n\n52\n \n  # more\n61\n", [(3, "52"), (6, "61")]),
    "what is no id": (b"52a\n-1\n", [(1, "52a"), (2, "-1")]),
    "a mark": (b"\xef\xbb\xbf52\n", [(1, "52")]),
    "a mark of UTF-16": ("\ufeff52\nşube\n".encode("utf-16-le"), [(1, "52"), (2, "şube")]),
    "a mark of UTF-16, big-endian": ("\ufeff52\n".encode("utf-16-be"), [(1, "52")]),
    "UTF-8": ("şube ğ\n".encode(), [(1, "şube ğ")]),
    "windows-1254": ("şube ğ İ\n52\n".encode("windows-1254"), [(1, "şube ğ İ"), (2, "52")]),
    "not even windows-1254": (b"\x81\x9e\n52\n", [(1, "��"), (2, "52")]),
    "other characters that end lines": (
        "5\x0b2\x85\u2028\n52\n".encode(),
        [(1, "5\x0b2"), (2, "52")],
    ),
    "nothing": (b"", []),
    "one byte": (b"5", [(1, "5")]),
}


@pytest.mark.parametrize("size", [None, 1, 2, 3])
@pytest.mark.parametrize("name", LISTS)
def test_one_id_a_line(name, size):
    data, expected = LISTS[name]
    assert ids(data, size=size) == expected


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("şube\n", "windows-1254"),
        ("şube\n", "cp857"),
        ("şube\n", "utf-16-le"),
        ("\ufeffşube\n", "UTF-8"),
        ("şube\n", "utf-16"),
    ],
)
def test_a_named_encoding(data, encoding):
    assert ids(data.encode(encoding), encoding=encoding, size=1) == [(1, "şube")]


def test_what_is_not_of_the_named_encoding_is_a_bad_line():
    assert ids("52\nş\n".encode("windows-1254"), encoding="utf-8") == [(1, "52"), (2, "�")]


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "undefined"])
def test_no_such_encoding(encoding):
    with pytest.raises(Trouble, match=f"no such encoding: {encoding}"):
        IdReader(None, encoding)


def test_only_reading_falls_back_on_windows_1254():
    with pytest.raises(UnicodeEncodeError):
        "ş".encode("ascii", "vairosms-windows-1254")


def test_a_line_without_an_end_is_not_kept():
    reader = IdReader(None, None)
    for _ in range(64):
        assert not list(reader.feed(b"5" * (1 << 18)))
    [long, short] = reader.feed(b"\n52\n")
    assert len(long.text) == MAX_LINE
    assert (short.number, short.text) == (2, "52")


# ---- CSV ---------------------------------------------------------------------------------------

ROWS = [(2, "52"), (3, "61")]


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("column", ["paket_id", "2", "Başlık Ü"])
def test_a_column(delimiter, column, size):
    rows = [["ad", "paket_id", "Başlık Ü"], ["Ayşe", "52", "52"], ["Ömer", "61", "61"]]
    data = "\n".join(delimiter.join(row) for row in rows)
    for encoding in ("utf-8", "utf-8-sig", "windows-1254"):
        assert ids(data.encode(encoding), column, size=size) == ROWS


TABLES = {
    "no header, by number": (b"Ali;52\nVeli;61\n", "2", [(1, "52"), (2, "61")]),
    "a number with a word of digits first": (b"x1;52a\n", "2", [(1, "52a")]),
    "quoted": (b'id;ad\n"52";"a;b"\n"61";"a\n"\n', "id", ROWS),
    "quotes within": (b'id;ad\n52;19" monitor\n61;"the ""big"" one"\n', "id", ROWS),
    "a quoted newline": (b'ad;id\n"two\nlines";52\nx;61\n', "id", [(2, "52"), (4, "61")]),
    "blank rows and comments": (b"# of today\n\nid;ad\n;\n52;x\n#61;x\n", "id", [(5, "52")]),
    "one column": (b"id\n52\n61\n", "id", ROWS),
    "one column, by number": (b"52\n61\n", "1", [(1, "52"), (2, "61")]),
    "commas in the names": (b"id;ad, soyad\n52;x\n61;y, z\n", "id", ROWS),
    "blanks around": (b" id ; ad\n 52 ;x\n61\t;y\n", "id", ROWS),
    "a header with a digit": (b"paket_id1\n52\n", "1", [(2, "52")]),
    "a name that is a number's": (
        b"2024;2025\n52;x\n61;y\n",
        "1",
        [(1, "2024"), (2, "52"), (3, "61")],
    ),
    "as Excel says it": (b"sep=;\nid,x;ad\n52;x\n61;y\n", "id,x", [(3, "52"), (4, "61")]),
    "only a header": (b"id;ad\n", "id", []),
    "empty": (b"", "id", []),
}


@pytest.mark.parametrize("size", [None, 1, 5])
@pytest.mark.parametrize("name", TABLES)
def test_tables(name, size):
    data, column, expected = TABLES[name]
    assert ids(data, column, size=size) == expected


def test_rows_with_no_id():
    data = b"ad;id\nx\ny;\nz;52\n"
    assert read(data, "id") == [
        (2, "", "the row has no column id"),
        (3, "", "column id is empty"),
        (4, "52", None),
    ]


@pytest.mark.parametrize("size", [None, 1, 50])
@pytest.mark.parametrize("rows", [3, QUOTED_LINES * 3])
def test_a_quote_that_is_not_closed_costs_its_own_line_only(rows, size):
    data = 'id;ad\n1;x\n"2;y\n' + "".join(f"{n};z\n" for n in range(3, rows))
    lines = read(data.encode(), "id", size=size)
    bad = "the row cannot be read: is a quote not closed?"
    assert lines[1] == (3, '"2;y', bad)
    del lines[1]
    assert lines == [(n + 1, str(n), None) for n in (1, *range(3, rows))]


def test_a_field_beyond_csvs_limit():
    data = b"id;ad\n52;" + b"x" * 200_000 + b"\n61;y\n"
    assert read(data, "id")[0][2] == "the row cannot be read: is a quote not closed?"
    assert read(data, "id")[1] == (3, "61", None)


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("paket", r"there is no column 'paket'\. The first row has: id, ad"),
        ("0", "there is no column 0: the first row has 2"),
        ("3", "there is no column 3: the first row has 2"),
    ],
)
def test_no_such_column(column, why):
    with pytest.raises(Trouble, match=why) as caught:
        read(b"id;ad\n52;x\n", column)
    assert caught.value.exit_code == 2


@given(
    st.text('52#;,\t"\r\nİş\ufeff ', max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9)
)
@example('1\n"', "1", 1)
def test_where_it_is_cut_makes_no_difference(text, column, size):
    data = text.encode()
    assert read(data, column, size=size) == read(data, column)


@given(st.binary(max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9))
def test_any_bytes_are_read(data, column, size):
    for number, text, problem in read(data, column, size=size):
        assert 1 <= number <= data.count(b"\n") + data.count(b"\r") + data.count(b"\n\x00") + 1
        assert text or problem


# ---- files -------------------------------------------------------------------------------------


async def lines_of(source):
    return [(line.number, line.text) async for line in source.lines()]


async def test_a_file_twice_over(tmp_path):
    path = tmp_path / "ids"
    path.write_text("".join(f"{n}\n" for n in range(1, 40_001)))
    source = Input(str(path), None, None)
    assert source.is_regular()
    expected = [(n, str(n)) for n in range(1, 40_001)]
    assert [(line.number, line.text) for line in source.scan()] == expected
    assert await lines_of(source) == expected


@posix
async def test_what_cannot_be_read(tmp_path):
    source = Input(str(tmp_path / "none"), None, None)
    assert not source.is_regular()
    with pytest.raises(Trouble, match="No such file") as caught:
        await lines_of(source)
    assert caught.value.exit_code == 2
    folder = Input(str(tmp_path), None, None)
    with pytest.raises(Trouble, match="Is a directory") as caught:
        list(folder.scan())
    assert caught.value.exit_code == 4


def test_a_header_that_cannot_be_read():
    with pytest.raises(Trouble, match="the first row cannot be read"):
        read(b"x" * 200_000 + b";id\n52;x\n", "id")
