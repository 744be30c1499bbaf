"""Input: one id per line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.parsing import parse_ids, parse_lines
from vairosms_async.cli.ids import MAX_LINE, IdReader
from vairosms_async.cli.trouble import Trouble

ID_LISTS = {
    "LF": (b"52\n61\n", [(1, "52"), (2, "61")]),
    "CRLF": (b"52\r\n61\r\n", [(1, "52"), (2, "61")]),
    "CR": (b"52\r61\r", [(1, "52"), (2, "61")]),
    "no newline at the end": (b"52\n61", [(1, "52"), (2, "61")]),
    "spaces around ids": (b" 52\t\n\xc2\xa061 \n", [(1, "52"), (2, "61")]),
    "empty lines and comments": (b"# ids\n\n52\n \n  # more\n61\n", [(3, "52"), (6, "61")]),
    "invalid ids": (b"52a\n-1\n", [(1, "52a"), (2, "-1")]),
    "UTF-8 with BOM": (b"\xef\xbb\xbf52\n", [(1, "52")]),
    "UTF-16 with BOM": ("\ufeff52\nşube\n".encode("utf-16-le"), [(1, "52"), (2, "şube")]),
    "big-endian UTF-16 with BOM": ("\ufeff52\n".encode("utf-16-be"), [(1, "52")]),
    "UTF-8": ("şube ğ\n".encode(), [(1, "şube ğ")]),
    "windows-1254": ("şube ğ İ\n52\n".encode("windows-1254"), [(1, "şube ğ İ"), (2, "52")]),
    "undefined in windows-1254": (b"\x81\x9e\n52\n", [(1, "��"), (2, "52")]),
    "line separators of Unicode": (
        "5\x0b2\x85\u2028\n52\n".encode(),
        [(1, "5\x0b2"), (2, "52")],
    ),
    "empty": (b"", []),
    "one byte": (b"5", [(1, "5")]),
}


@pytest.mark.parametrize("size", [None, 1, 2, 3], ids=["one chunk", "1 byte", "2 bytes", "3 bytes"])
@pytest.mark.parametrize("name", ID_LISTS)
def test_reads_one_id_per_line(name, size):
    data, expected = ID_LISTS[name]
    assert parse_ids(data, size=size) == expected


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("şube\n", "windows-1254"),
        ("şube\n", "cp857"),
        ("şube\n", "utf-16-le"),
        ("\ufeffşube\n", "UTF-8"),
        ("şube\n", "utf-16"),
    ],
    ids=["windows-1254", "cp857", "UTF-16-LE", "UTF-8 with BOM", "UTF-16 with BOM"],
)
def test_reads_a_named_encoding(data, encoding):
    assert parse_ids(data.encode(encoding), encoding=encoding, size=1) == [(1, "şube")]


def test_bytes_outside_the_named_encoding_are_replaced():
    assert parse_ids("52\nş\n".encode("windows-1254"), encoding="utf-8") == [(1, "52"), (2, "�")]


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "undefined"])
def test_rejects_an_unknown_encoding(encoding):
    with pytest.raises(Trouble, match=f"no such encoding: {encoding}"):
        IdReader(None, encoding)


def test_the_windows_1254_fallback_does_not_encode():
    with pytest.raises(UnicodeEncodeError):
        "ş".encode("ascii", "vairosms-windows-1254")


def test_an_endless_line_is_truncated():
    reader = IdReader(None, None)
    for _ in range(64):
        assert not list(reader.feed(b"5" * (1 << 18)))
    [long, short] = reader.feed(b"\n52\n")
    assert len(long.text) == MAX_LINE
    assert (short.number, short.text) == (2, "52")


@given(
    st.text('52#;,\t"\r\nİş\ufeff ', max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9)
)
@example('1\n"', "1", 1)
def test_chunk_boundaries_make_no_difference(text, column, size):
    data = text.encode()
    assert parse_lines(data, column, size=size) == parse_lines(data, column)


@given(st.binary(max_size=60), st.sampled_from([None, "1"]), st.integers(1, 9))
def test_any_bytes_are_ids_or_problems(data, column, size):
    for number, text, problem in parse_lines(data, column, size=size):
        assert 1 <= number <= data.count(b"\n") + data.count(b"\r") + data.count(b"\n\x00") + 1
        assert text or problem


@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.binary(max_size=60),
    st.sampled_from([None, "1"]),
    st.integers(1, 9),
)
def test_any_bytes_may_follow_an_id(encoding, data, column, size):
    lines = parse_lines("no\n52\n".encode(encoding) + data, column, size=size)
    assert (2, "52", None) in lines
