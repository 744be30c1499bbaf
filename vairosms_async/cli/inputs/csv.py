"""Tables and lists from text: the delimiter, the header and the rows."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from . import messages
from .columns import (
    SAMPLE,
    SampleRow,
    check_is_not_one_line,
    find_columns,
    find_id_column,
    has_header,
    is_name,
    numbered,
)
from .ids import is_number
from .rows import InputError, RawRow, Table, is_blank, printable, shorten, visible
from .text import MAX_LINE, without_end

MAX_QUOTED_LINES: Final = 50
"""Lines that one row may span. A quote that stays open for longer is a mistake."""

_DELIMITERS: Final = "\t;|,"
"""The rarer a delimiter is inside cells, the earlier it stands."""

_NO_DELIMITER: Final = "\uffff"
"""The delimiter of a table with one column: not a character of Unicode."""

_PART_OF_NUMBER = re.compile(r"\s*[0-9]{1,3}\s*")
"""Three digits of a large number, or decimals."""

_ESCAPES: Final = ("\\", "^")
"""Characters before a delimiter that belongs to its cell. Excel does not write so."""

_EXCEL_DELIMITER = re.compile(r"\ufeff?sep=([;,\t|])\s*")


def read_text(lines: Iterator[str], column: str | None, skip_rows: int) -> Table:
    """Read a table whose first row is its header, or a list with one id per line.

    Blank lines and comments (``#``) before the header are skipped, and in a list all of them. If
    the cell of the ids in the first row looks like an id, there is no header, and the columns are
    called ``1``, ``2`` and so on.

    Args:
        lines: The lines.
        column: The column of the ids, by name or by number from 1. None: the only column of a
            table, or a list.
        skip_rows: Number of lines above the header.

    Raises:
        InputError: There is no such column, or the header cannot be read.
    """
    parser = _Parser(lines)
    parser.skip_rows(skip_rows)
    excel_delimiter = None
    while (line := parser.peek()) is not None:
        if found := _EXCEL_DELIMITER.fullmatch(line):
            excel_delimiter = found[1]
        elif column is None and is_number(line):
            return _list(parser)
        elif not is_blank(line) and not _is_comment(line, column):
            delimiter = excel_delimiter or _find_delimiter(parser, column)
            rows = parser.sample(delimiter)
            if rows and rows[0][0] == parser.number:  # its cells are not all blank
                return _table(parser, delimiter, column, rows)
        parser.skip(1)
    if column is None:
        return _list(parser)
    if skip_rows:
        raise InputError(messages.TOO_FEW_ROWS.format(rows=skip_rows, skip_rows=skip_rows))
    raise InputError(messages.NO_ROWS.format(column=printable(shorten(column))))


def _table(
    parser: "_Parser", delimiter: str, column: str | None, rows: Sequence[SampleRow]
) -> Table:
    cells, length = parser.parse(delimiter)
    first_lines = "".join(islice(parser.ahead(), length))
    if any(escape + delimiter in first_lines for escape in _ESCAPES):
        raise InputError(messages.ESCAPED_DELIMITER)
    if column is None and delimiter == _NO_DELIMITER:
        check_is_not_one_line(rows)
        if cells is None or not has_header(0, cells) or not _starts_with_id(rows[1:]):
            return _list(parser)
    if cells is None:
        raise InputError(messages.UNREADABLE_HEADER)
    index = find_id_column(column, rows)
    if is_name(column) or index >= len(cells) or has_header(index, cells):
        parser.skip(length)
        columns = tuple(cells)
    else:
        columns = numbered(len(cells))
    return Table(columns, index, _rows(parser, delimiter, index, len(cells)))


def _rows(parser: "_Parser", delimiter: str, index: int, width: int) -> Iterator[RawRow]:
    while (line := parser.peek()) is not None:
        number = parser.number
        # Most rows have no quote. The csv module takes several times as long for them.
        cells, length = parser.parse(delimiter) if '"' in line else (line.split(delimiter), 1)
        parser.skip(length)
        if len(line) > MAX_LINE:
            yield number, [line], messages.LINE_TOO_LONG
        # A quote that its own row does not close can end in a later row.
        elif cells is None or (length > 1 and index < len(cells) < width):
            yield number, [line], messages.UNREADABLE_ROW
        elif len(cells) > width and _may_have_moved(cells, width, delimiter, index):
            yield number, cells, messages.TOO_LONG
        else:
            yield number, cells, None


def _may_have_moved(cells: Sequence[str], width: int, delimiter: str, index: int) -> bool:
    """Whether a row has surplus cells because one of the cells up to the id was divided."""
    if any(cell.endswith(_ESCAPES) for cell in cells[:index]):
        return True
    is_surplus_blank = all(map(is_blank, cells[width:]))
    if delimiter != ",":
        return index > 0 and not is_surplus_blank
    # "50" in "1,50,52," below "tutar,id,ad" is no id, nor is "1" in "1,234," below "id,ad".
    is_id_whole = index == 0 and not _PART_OF_NUMBER.fullmatch(cells[1])
    return not (is_id_whole and is_surplus_blank)


def _list(parser: "_Parser") -> Table:
    return Table(("id",), 0, _list_rows(parser))


def _list_rows(parser: "_Parser") -> Iterator[RawRow]:
    for number, line in parser.rest():
        text = line.strip()
        if len(without_end(line)) > MAX_LINE:
            yield number, (text,), messages.LINE_TOO_LONG
        elif text and text[0] != "#":
            yield number, (text,), None


def _starts_with_id(rows: Sequence[SampleRow]) -> bool:
    return bool(rows) and is_number(str(rows[0][1][0]))


def _is_comment(line: str, column: str | None) -> bool:
    """Whether a line starts with ``#`` and is no header."""
    text = visible(line).replace('"', "")
    if not text.startswith("#"):
        return False
    for cells in map(text.split, _DELIMITERS):
        # "#" is also the name of a column with row numbers.
        if (len(cells) > 1 and cells[0].strip() == "#") or (
            is_name(column) and find_columns(column, cells)
        ):
            return False
    return True


def _find_delimiter(parser: "_Parser", column: str | None) -> str:
    """Return the delimiter with which the largest share of the rows has an id in the column.

    If there are several, one with which the rows are even. If there are still several, the rarest
    of those that divide the first row, because a decimal comma can be in each row.
    """
    samples = {_NO_DELIMITER: parser.sample(_NO_DELIMITER)}
    for delimiter in _DELIMITERS:
        # "52,0" is one number, and so is a tab before a number.
        if any(delimiter in line and not is_number(line) for line in parser.ahead()):
            samples[delimiter] = parser.sample(delimiter)
    if column is not None:
        if is_name(column):
            with_column = {d: rows for d, rows in samples.items() if _find_in_header(column, rows)}
            samples = with_column or samples
        shares = {d: _share_of_ids(column, rows, d) for d, rows in samples.items()}
        most_ids = max(shares.values())
        samples = {d: rows for d, rows in samples.items() if shares[d] == most_ids}
    even_rows = {delimiter: _count_even_rows(rows) for delimiter, rows in samples.items()}
    most = max(even_rows.values())
    for delimiter, count in even_rows.items():
        if 0 < most <= 2 * count and len(samples[delimiter][0][1]) > 1:
            return delimiter
    return max(even_rows, key=lambda delimiter: even_rows[delimiter])


def _find_in_header(column: str, rows: Sequence[SampleRow]) -> list[int]:
    return find_columns(column, rows[0][1]) if rows else []


def _share_of_ids(column: str, rows: Sequence[SampleRow], delimiter: str) -> float:
    """Return the share of the rows with an id in a column. The decimals of a number are no id.

    A share and not a number, because a wrong delimiter can divide a row with line breaks into more.
    """
    found = _find_in_header(column, rows)
    if not found:
        return 0.0
    index = found[0]
    texts = [[str(cell) for cell in cells] for _, cells in rows if index < len(cells)]
    ids = sum(
        is_number(cells[index])
        and not (delimiter == "," and index > 0 and cells[index - 1][-1:].isdecimal())
        for cells in texts
    )
    return ids / len(rows)


def _count_even_rows(rows: Sequence[SampleRow]) -> int:
    """Return how many rows have as many cells as most rows, which is more than one."""
    widths = Counter(
        len(cells)
        for _, cells in rows
        # A wrong delimiter divides quoted cells.
        if not any(str(cell).count('"') % 2 for cell in cells)
    )
    width = max(widths, key=lambda width: (widths[width], width), default=1)
    return widths[width] if width > 1 else 0


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
        """Return the next line without its end, or None at the end."""
        if not self._ahead:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return without_end(self._ahead[0])

    def skip(self, count: int) -> None:
        """Move past some lines, which `peek` or `parse` has read."""
        for _ in range(count):
            self._ahead.popleft()
        self.number += count

    def skip_rows(self, count: int) -> None:
        """Move past the lines above the header.

        Raises:
            InputError: There are no more lines.
        """
        for skipped in range(count):
            if self.peek() is None:
                raise InputError(messages.TOO_FEW_ROWS.format(rows=skipped, skip_rows=count))
            self.skip(1)

    def rest(self) -> Iterator[tuple[int, str]]:
        """Iterate over the numbers and the texts of all further lines, with their ends."""
        return enumerate(chain(self._ahead, self._lines), self.number)

    def ahead(self) -> Iterator[str]:
        """Iterate over the lines that have been read ahead, with their ends."""
        return iter(self._ahead)

    def sample(self, delimiter: str) -> list[SampleRow]:
        """Parse the first rows, and return those that are not blank."""
        rows: list[SampleRow] = []
        start = 0
        for _ in range(SAMPLE):
            line = next(self._next_lines(start, 1), None)
            if line is None:
                break
            cells, length = self.parse(delimiter, start)
            if not all(map(is_blank, cells or [line])):
                rows.append((self.number + start, cells or [line]))
            start += length
        return rows

    def parse(self, delimiter: str, start: int = 0) -> tuple[list[str] | None, int]:
        """Parse the row that starts at the next line, or `start` lines later.

        Returns:
            The cells and the number of lines; None and 1 if the row cannot be read.
        """
        reader = csv.reader(self._csv_lines(start), delimiter=delimiter, strict=True)
        try:
            return next(reader), reader.line_num
        except (csv.Error, StopIteration):  # a quote is not closed, or the line is too long
            return None, 1

    def _csv_lines(self, start: int) -> Iterator[str]:
        for line in self._next_lines(start, MAX_QUOTED_LINES):
            if len(without_end(line)) > MAX_LINE:
                return
            yield line

    def _next_lines(self, start: int, count: int) -> Iterator[str]:
        for i in range(start, start + count):
            if i == len(self._ahead):
                line = next(self._lines, None)
                if line is None:
                    return
                self._ahead.append(line)
            yield self._ahead[i]
