"""Rows and columns of FILE, and the texts of them that messages show."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from attrs import frozen

Cell = str | int | float | bool | datetime | date | time | timedelta | None

SHOWN: Final = 100
"""Characters of FILE's text that a message shows."""


class InputError(Exception):
    """FILE cannot be read as the options say. The message is one line."""


class Row(NamedTuple):
    """One row of FILE.

    Attributes:
        line: Its first line in a text or CSV file, or its number in a sheet; the first is 1.
        cells: FILE's own cells, unchanged; a text FILE has one. It can be shorter than the header.
        id: The packet id, or None.
        text: The id's cell as text, at most `SHOWN` characters.
        problem: Why there is no id. None for a row with an id and for a blank row.
    """

    line: int
    cells: tuple[Cell, ...]
    id: int | None
    text: str
    problem: str | None


RowFields = tuple[int, tuple[Cell, ...], int | None, str, str | None]
"""A `Row` as a tuple of its fields."""

RawRow = tuple[int, Sequence[Cell], str | None]
"""Line, cells, and why the row cannot be read, if it cannot."""


@frozen
class Table:
    """The rows of FILE below the header.

    Attributes:
        columns: The header.
        column: The column of the ids, as the user named it.
        index: Its index in `columns`.
        rows: The rows.
    """

    columns: tuple[str, ...]
    column: str
    index: int
    rows: Iterator[RawRow]


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty or contains only whitespace."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def find_column(column: str, columns: Sequence[str]) -> int | None:
    """Return the index of a column by its name, or by its number from 1. None: not found."""
    if column.isdecimal():
        index = int(column) - 1
        return index if 0 <= index < len(columns) else None
    names = [name.strip() for name in columns]
    return names.index(column) if column in names else None


def no_such_column(column: str, columns: Sequence[str]) -> InputError:
    """Return the error for a column that the header does not have."""
    if column.isdecimal():
        return InputError(f"no column {column}: the first row has {len(columns)}")
    return InputError(f"no column {printable(column)!r}. Columns: {listed(columns)}")


def listed(names: Sequence[str]) -> str:
    """Return names of columns or sheets for a message."""
    return ", ".join(printable(shorten(name.strip())) for name in names)


def shorten(text: str) -> str:
    """Truncate a text of FILE to `SHOWN` characters. A truncated text ends with an ellipsis."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def printable(text: str) -> str:
    """Return a text for the terminal: in one line and without control characters."""
    return "".join(c if c.isprintable() else "�" for c in text)
