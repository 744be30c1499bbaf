"""Rows and columns of FILE, and the texts of them that messages show."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

from attrs import frozen

Cell = str | int | float | bool | datetime | date | time | timedelta | None

SHOWN: Final = 100
"""Characters of FILE's text that a message shows."""

# Zero-width characters, byte order marks and marks of the writing direction. Pasting adds them.
_INVISIBLE: Final = dict.fromkeys(
    [
        0x00AD,
        0x061C,
        0x180E,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
    ]
)


class InputError(Exception):
    """FILE cannot be read as the options say. The message is one line.

    Args:
        message: The message.
        quoted: The cells of FILE that the message quotes, perhaps truncated. Also an attribute.
    """

    def __init__(self, message: str, quoted: Sequence[Cell] = ()) -> None:
        super().__init__(message)
        self.quoted = quoted


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
        index: The index of the column of the ids.
        rows: The rows.
        formula: A cell of a workbook, such as ``F2``, whose formula has no saved result, or None.
    """

    columns: tuple[str, ...]
    index: int
    rows: Iterator[RawRow]
    formula: str | None = None


def is_blank(cell: Cell) -> bool:
    """Whether a cell is empty or has no visible character."""
    return cell is None or (isinstance(cell, str) and not visible(cell))


def visible(text: str) -> str:
    """Return a text without invisible characters, and without blanks at its ends."""
    return text.translate(_INVISIBLE).strip()


def shorten(text: str, length: int = SHOWN) -> str:
    """Truncate a text of FILE to `length` characters. A truncated text ends with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    """Return a text for the terminal: in one line and without control characters."""
    return "".join(c if c.isprintable() else "�" for c in text)
