"""Lines of text from bytes in any encoding, and a list of ids with one per line."""

import codecs
import io
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO, Final

from .rows import InputError, RawRow, Table

MAX_LINE: Final = 1 << 20
"""Maximum line length kept in memory, in characters. Longer lines are truncated."""

_CHUNK = 1 << 16


def read_ids(lines: Iterator[str]) -> Table:
    """Read one id per line. Blank lines and lines that start with ``#`` are skipped."""
    return Table(("id",), "id", 0, _ids(lines))


def _ids(lines: Iterator[str]) -> Iterator[RawRow]:
    for number, line in zip(count(1), lines):
        text = line.strip()
        if text and text[0] != "#":
            yield number, (text,), None


def decode_lines(head: bytes, stream: BinaryIO, encoding: str | None) -> Iterator[str]:
    """Decode bytes into lines, without their ends.

    Args:
        head: The first bytes, at least two if there are so many.
        stream: The bytes after them.
        encoding: The encoding. None: UTF-8, or UTF-16 if the bytes start with its mark; bytes that
            are not UTF-8 are read as windows-1254.

    Raises:
        InputError: There is no such encoding.
    """
    decoder = _decoder(encoding, head)
    rest = ""
    data = head
    while data:
        *lines, rest = (rest + decoder.decode(data)).split("\n")
        if lines:
            lines[0] = lines[0][:MAX_LINE]
        yield from lines
        rest = rest[:MAX_LINE]
        data = stream.read(_CHUNK)
    lines = (rest + decoder.decode(b"", final=True)).split("\n")
    yield from lines if lines[-1] else lines[:-1]


def _decoder(encoding: str | None, head: bytes) -> io.IncrementalNewlineDecoder:
    errors = "replace"
    if encoding is None:
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        else:
            encoding, errors = "utf-8-sig", "vairosms-windows-1254"
    try:
        "".encode(encoding)
        if codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
    except (LookupError, UnicodeError):
        raise InputError(f"no such encoding: {encoding}") from None
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _as_windows_1254(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("windows-1254", "replace"), error.end


codecs.register_error("vairosms-windows-1254", _as_windows_1254)
