"""Tables from CSV: the delimiter, the header and the rows."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final

from .rows import InputError, RawRow, Table, find_column, no_such_column

MAX_QUOTED_LINES: Final = 50
"""Lines that one row may span. A quote that stays open for longer is a mistake."""

_DELIMITERS = ";,\t"
_EXCEL_DELIMITER = re.compile(r"sep=([;,\t])\s*")
_UNREADABLE = "the row cannot be read: is a quote not closed?"


def read_csv(lines: Iterator[str], column: str) -> Table:
    """Read a table whose first row is its header.

    Blank lines and comments (``#``) before the header are skipped. If `column` is a number and its
    cell in the first row looks like an id, there is no header, and the columns are called ``1``,
    ``2`` and so on.

    Args:
        lines: The lines.
        column: The column of the ids, by name or by number from 1.

    Raises:
        InputError: The header cannot be read or has no such column.
    """
    parser = _Parser(lines)
    delimiters = _DELIMITERS
    while (line := parser.peek()) is not None:
        if excel := _EXCEL_DELIMITER.fullmatch(line):
            delimiters = excel[1]
        elif line.strip():
            header = _header(parser, delimiters, column)
            if header is not None:
                break
        parser.skip(1)
    else:
        return Table((column,), column, 0, iter(()))
    delimiter, cells, length = header
    index = find_column(column, cells)
    if index is None:
        raise no_such_column(column, cells)
    if column.isdecimal() and _looks_like_an_id(cells[index]):
        cells = [str(n) for n in range(1, len(cells) + 1)]
    else:
        parser.skip(length)
    return Table(tuple(cells), column, index, _rows(parser, delimiter))


def _header(parser: "_Parser", delimiters: str, column: str) -> tuple[str, list[str], int] | None:
    """Return delimiter, cells and number of lines of the header, or None for a comment."""
    candidates: list[tuple[str, list[str], int]] = []
    for delimiter in delimiters:
        cells, length = parser.parse(delimiter)
        if cells is not None:
            candidates.append((delimiter, cells, length))
    if not candidates:
        raise InputError("the first row cannot be read: is it CSV, with each quote closed?")
    with_the_column = [c for c in candidates if find_column(column, c[1]) is not None]
    best = max(with_the_column or candidates, key=lambda candidate: len(candidate[1]))
    cells = [cell.strip() for cell in best[1]]
    # "#" is also the name of a column with row numbers.
    is_header = not cells[0].startswith("#") or (cells[0] == "#" and len(cells) > 1)
    is_named = bool(with_the_column) and not column.isdecimal()
    return best if is_header or is_named else None


def _looks_like_an_id(cell: str) -> bool:
    text = cell.strip()
    return not text[:1].isalpha() and any(c.isdigit() for c in text)


def _rows(parser: "_Parser", delimiter: str) -> Iterator[RawRow]:
    while (line := parser.peek()) is not None:
        number = parser.number
        # Most rows have no quote. The csv module takes several times as long for them.
        cells, length = parser.parse(delimiter) if '"' in line else (line.split(delimiter), 1)
        parser.skip(length)
        if cells is None:
            yield number, [line], _UNREADABLE
        else:
            yield number, cells, None


class _Parser:
    """Parses one row at a time, and reads ahead as far as quotes span lines.

    Attributes:
        number: The number of the next line, from 1.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._ahead: deque[str] = deque()
        self.number: int = 1

    def peek(self) -> str | None:
        """Return the next line, or None at the end."""
        if not self._ahead:
            self._ahead.extend(islice(self._lines, 1))
        return self._ahead[0] if self._ahead else None

    def skip(self, count: int) -> None:
        """Move past some lines, which `peek` or `parse` has read."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count

    def parse(self, delimiter: str) -> tuple[list[str] | None, int]:
        """Parse the row that starts at the next line.

        Returns:
            The cells and the number of lines; None and 1 if the row cannot be read.
        """
        used, is_open = 0, False

        def lines() -> Iterator[str]:
            nonlocal used, is_open
            for line in self._next_lines(MAX_QUOTED_LINES):
                used += 1
                yield line + "\n"
            is_open = True

        try:
            cells = next(csv.reader(lines(), delimiter=delimiter))
        except csv.Error:  # a field longer than csv's limit: a quote is not closed
            return None, 1
        return (None, 1) if is_open else (cells, used)

    def _next_lines(self, count: int) -> Iterator[str]:
        for i in range(count):
            if i == len(self._ahead):
                line = next(self._lines, None)
                if line is None:
                    return
                self._ahead.append(line)
            yield self._ahead[i]
