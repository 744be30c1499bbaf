"""Lines of text from bytes in any encoding."""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from . import messages
from .rows import InputError

MAX_LINE: Final = 1 << 20
"""Maximum line length, in characters. Longer lines are truncated to one character more."""

HEAD: Final = 1 << 10
"""Number of bytes that decide about the kind of FILE and its encoding."""

_CHUNK = 1 << 16
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it starts with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def decode_lines(head: bytes, stream: BinaryIO, encoding: str | None) -> Iterator[str]:
    r"""Decode bytes into lines, with their ends: ``\n``, ``\r\n`` or ``\r``.

    Args:
        head: The first bytes, at least 8 if there are so many.
        stream: The bytes after them.
        encoding: The encoding. None: UTF-8, or UTF-16 or UTF-32 if the bytes start with a mark or
            look like UTF-16; bytes that are not UTF-8 are read as windows-1254.

    Raises:
        InputError: There is no such encoding.
        UnicodeError: The bytes are not in `encoding`.
    """
    decoder = _decoder(encoding, head)
    rest = ""
    data = head
    while data:
        lines = _split(rest + decoder.decode(data))
        rest = "" if not lines or lines[-1].endswith(("\n", "\r")) else lines.pop()
        if lines and len(without_end(lines[0])) > MAX_LINE:
            lines[0] = lines[0][: MAX_LINE + 1]
        yield from lines
        rest = rest[: MAX_LINE + 1]
        data = stream.read(_CHUNK)
    # Old programs for DOS end a file with Ctrl-Z.
    yield from _split((rest + decoder.decode(b"", final=True)).rstrip("\x1a"))


def without_end(line: str) -> str:
    """Return a line without its end."""
    return line.rstrip("\r\n")


def _split(text: str) -> list[str]:
    # Not str.splitlines, which also splits at line separators of Unicode.
    return io.StringIO(text, newline="").readlines()


def _decoder(encoding: str | None, head: bytes) -> io.IncrementalNewlineDecoder:
    errors = "strict"
    if encoding is None:
        encoding, errors = _detect_utf_16_or_32(head), "replace"
        if encoding is None:
            encoding, errors = "utf-8-sig", "vairosms-windows-1254"
    try:
        "".encode(encoding)
        if codecs.lookup(encoding).name == "utf-8":
            encoding = "utf-8-sig"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
    except (LookupError, UnicodeError):
        raise InputError(messages.NO_ENCODING.format(encoding=encoding)) from None
    return io.IncrementalNewlineDecoder(decoder, translate=False)


def _detect_utf_16_or_32(head: bytes) -> str | None:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    # In UTF-16, one of the two bytes of a digit and of most letters is 0.
    start = head[:8]
    zeros_first, zeros_last = start[::2].count(0), start[1::2].count(0)
    half = max((len(start) + 3) // 4, 1)
    if zeros_last >= half and not zeros_first:
        return "utf-16-le"
    if zeros_first >= half and not zeros_last:
        return "utf-16-be"
    return None


def _as_windows_1254(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("windows-1254", "replace"), error.end


codecs.register_error("vairosms-windows-1254", _as_windows_1254)
