"""Packet ids out of bytes: one a line, or a column of CSV, as they come and of any size."""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from attrs import frozen

from .trouble import NOT_STARTED, Trouble

MAX_LINE = 1 << 20
"""Characters of a line that are kept, be the file one line of a gigabyte: ids are short."""

SHOWN = 100
"""Characters of a bad line that are shown."""

QUOTED_LINES = 50
"""Lines that a quoted CSV field may span. A quote that stays open longer is a mistake."""


@frozen
class Line:
    """One line of the input that asks for a packet.

    Attributes:
        number: Where it stands in the file, from 1.
        text: The id as it is written there.
        problem: Why there is none, where there is none to read.
    """

    number: int
    text: str
    problem: str | None = None


class IdReader:
    """Cuts what is read from a file into lines, and takes the ids out of them.

    Args:
        column: The CSV column that holds the ids, by name or by number from 1. None: the file has
            one id a line.
        encoding: The file's. None: UTF-8 (or UTF-16, where it begins with that mark), and
            windows-1254 for what is not UTF-8.

    Raises:
        Trouble: There is no such encoding.
    """

    def __init__(self, column: str | None, encoding: str | None) -> None:
        self._encoding = encoding
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._head = b""
        self._rest = ""
        self._number = 0
        self._rows = None if column is None else _Rows(column)
        if encoding is not None:
            try:
                "".encode(encoding)
            except (LookupError, UnicodeError):
                raise Trouble(f"no such encoding: {encoding}", NOT_STARTED) from None

    def feed(self, data: bytes, *, final: bool = False) -> Iterator[Line]:
        """Take in the next bytes, and give the lines that are whole by now.

        Args:
            data: The bytes.
            final: They are the last.

        Raises:
            Trouble: The first line of a CSV file has no such column.
        """
        if self._decoder is None:
            self._head += data
            if len(self._head) < len(codecs.BOM_UTF16) and not final:
                return
            self._decoder, data = _decoder(self._encoding, self._head), self._head
        *texts, self._rest = (self._rest + self._decoder.decode(data, final)).split("\n")
        if final and self._rest:
            texts.append(self._rest)
        self._rest = self._rest[:MAX_LINE]
        numbered = enumerate(texts, self._number + 1)
        self._number += len(texts)
        if self._rows is not None:
            yield from self._rows.feed(numbered, final=final)
            return
        for number, text in numbered:
            stripped = text.strip()
            if stripped and not stripped.startswith("#"):
                yield Line(number, stripped)


class _Rows:
    """Takes ids out of the rows of a CSV file."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._index = -1
        self._delimiters = ";,\t"
        self._delimiter = ""
        self._waiting: deque[tuple[int, str]] = deque()

    def feed(self, lines: Iterator[tuple[int, str]], *, final: bool) -> Iterator[Line]:
        self._waiting.extend(lines)
        while self._waiting:
            number, text = self._waiting[0]
            if not text.strip() or text.lstrip().startswith("#"):
                self._waiting.popleft()
                continue
            if self._index < 0:
                # Excel's own way to say what stands between columns.
                excel = re.fullmatch(r"sep=([;,\t])", text.strip(" \r"))
                if excel:
                    self._delimiters = excel[1]
                if excel or self._find_column(text):
                    self._waiting.popleft()
                    continue
            row, used = self._take_row()
            if row is None and used < QUOTED_LINES and not final:
                return  # the quote may be closed in what comes next
            for _ in range(1 if row is None else used):
                self._waiting.popleft()
            if row is None:
                yield Line(number, text, "the row cannot be read: is a quote not closed?")
            elif any(cell.strip() for cell in row):
                yield self._line(number, row)

    def _take_row(self) -> tuple[list[str] | None, int]:
        """Read a row; None if a quote is still open. And say how many lines it took."""
        used, dry = 0, False

        def lines() -> Iterator[str]:
            nonlocal used, dry
            for _, text in islice(self._waiting, QUOTED_LINES):
                used += 1
                yield text + "\n"
            dry = True

        try:
            row = next(csv.reader(lines(), delimiter=self._delimiter))
        except csv.Error:  # a field beyond csv's limit: only an open quote makes one
            return None, QUOTED_LINES
        return (None if dry else row), used

    def _line(self, number: int, row: list[str]) -> Line:
        if self._index >= len(row):
            return Line(number, "", f"the row has no column {self._column}")
        text = row[self._index].strip()
        return Line(number, text, None if text else f"column {self._column} is empty")

    def _find_column(self, text: str) -> bool:
        """Find delimiter and column by the first row; tell whether it is a header."""
        try:
            rows = {d: [cell.strip() for cell in _row(text, d)] for d in self._delimiters}
        except csv.Error:
            raise Trouble("the first row cannot be read: is it CSV?", NOT_STARTED) from None
        if self._column.isdecimal():
            self._delimiter = max(self._delimiters, key=lambda d: len(rows[d]))
            row, self._index = rows[self._delimiter], int(self._column) - 1
            if not 0 <= self._index < len(row):
                raise Trouble(
                    f"there is no column {self._column}: the first row has {len(row)}", NOT_STARTED
                )
            # What begins with a letter, or has no digit at all, was never meant for an id.
            cell = row[self._index]
            return cell[:1].isalpha() or not any(c.isdigit() for c in cell)
        having = [d for d in self._delimiters if self._column in rows[d]]
        if not having:
            columns = ", ".join(rows[max(self._delimiters, key=lambda d: len(rows[d]))])
            raise Trouble(
                f"there is no column {self._column!r}. The first row has: {columns[:SHOWN]}",
                NOT_STARTED,
            )
        self._delimiter = max(having, key=lambda d: len(rows[d]))
        self._index = rows[self._delimiter].index(self._column)
        return True


def _row(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter))


def _decoder(encoding: str | None, head: bytes) -> io.IncrementalNewlineDecoder:
    errors = "replace"
    if encoding is None:
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        else:
            encoding, errors = "utf-8-sig", "vairosms-windows-1254"
    elif codecs.lookup(encoding).name == "utf-8":
        encoding = "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _as_windows_1254(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("windows-1254", "replace"), error.end


codecs.register_error("vairosms-windows-1254", _as_windows_1254)
