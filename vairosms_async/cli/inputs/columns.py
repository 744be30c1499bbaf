"""Which column of a table holds the ids."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeGuard

from . import messages
from .ids import is_number
from .rows import Cell, InputError, is_blank, printable, shorten, visible

SAMPLE: Final = 50
"""Number of rows that are read before the delimiter and the header are decided."""

SampleRow = tuple[int, Sequence[Cell]]
"""Line and cells."""

_SHOWN_COLUMNS, _SHOWN_VALUES, _SHOWN_CHARACTERS = 30, 3, 30
_MAX_DIGITS = 9
"""Maximum number of digits in the number of a column."""

_TURKISH_I = str.maketrans("Iİı", "iii")
_SEVERAL_IDS = re.compile(r"[0-9]+(?:[\s,;|]+[0-9]+)+[\s,;|]*")


def find_id_column(column: str | None, rows: Sequence[SampleRow]) -> int:
    """Return the index of the column of the ids.

    Args:
        column: Its name, or its number from 1. None: the only column that is not empty.
        rows: The first rows. The first of them, which is not blank, is the header if there is one.

    Raises:
        InputError: There is no such column, or it cannot be told which it is.
    """
    header = rows[0][1]
    if column is None:
        used = _used_columns(rows)
        if len(used) == 1:
            return used[0]
        check_is_not_one_line(rows)
        _check_is_not_title(rows)
        cells = [cell for _, row in rows for cell in row]
        raise InputError(messages.NAME_THE_COLUMN.format(columns=_described(rows)), cells)
    if column.isdecimal():
        _check_is_not_title(rows)
    found = find_columns(column, header)
    if not found:
        raise _no_such_column(column, rows)
    if len(found) > 1:
        raise InputError(
            messages.SAME_NAME.format(
                numbers=", ".join(str(index + 1) for index in found),
                column=printable(column),
                number=found[0] + 1,
            )
        )
    return found[0]


def find_columns(column: str, header: Sequence[Cell]) -> list[int]:
    """Return the indices of the columns with a name, or the index of a column's number.

    Names that differ only in case, blanks, Unicode form or invisible characters are equal, unless
    one of them is the name as it was given.
    """
    if column.isdecimal():
        # int() refuses texts of more than 4,300 digits.
        number = int(column) if len(column) <= _MAX_DIGITS else 0
        return [number - 1] if 1 <= number <= len(header) else []
    names = ["" if cell is None else str(cell).strip() for cell in header]
    if names.count(column) == 1:
        return [names.index(column)]
    wanted = _folded(column)
    return [index for index, name in enumerate(names) if _folded(name) == wanted]


def is_name(column: str | None) -> TypeGuard[str]:
    """Whether a column is given by its name."""
    return column is not None and not column.isdecimal()


def has_header(index: int, header: Sequence[Cell]) -> bool:
    """Whether the first row is a header: whether its cell in the ids' column looks like a name.

    A name has no digits, as ``Gönderim No``, or fewer than letters, as ``1. Gönderim No``. ``O52``
    is more probably an id with a mistake, which must not be lost as a header.
    """
    text = "" if header[index] is None else str(header[index])
    digits = sum(map(str.isdigit, text))
    return digits == 0 or digits < sum(map(str.isalpha, text))


def numbered(count: int) -> tuple[str, ...]:
    """Return the names of columns without a header: ``1``, ``2`` and so on."""
    return tuple(str(number) for number in range(1, count + 1))


def listed(names: Sequence[str]) -> str:
    """Return names of columns or sheets for a message."""
    return ", ".join(printable(shorten(name.strip())) for name in names)


def check_is_not_one_line(rows: Sequence[SampleRow]) -> None:
    """Raise `InputError` if there is only one row, which has several ids."""
    if len(rows) == 1:
        cells = rows[0][1]
        line = " ".join("" if cell is None else str(cell) for cell in cells)
        if _SEVERAL_IDS.fullmatch(visible(line).strip("[](){}")):
            raise InputError(messages.ONE_LINE)


def _folded(name: str) -> str:
    # Turkish writes the capital of "i" as "İ", and that of "ı" as "I".
    text = unicodedata.normalize("NFC", visible(name)).translate(_TURKISH_I).casefold()
    return " ".join(text.split())


def _used_columns(rows: Sequence[SampleRow]) -> list[int]:
    width = max(len(cells) for _, cells in rows)
    return [
        index
        for index in range(width)
        if not all(is_blank(cell) for _, cells in rows for cell in cells[index : index + 1])
    ]


def _check_is_not_title(rows: Sequence[SampleRow]) -> None:
    """Raise `InputError` if the first row has one cell, and the other rows have more."""
    counts = [sum(not is_blank(cell) for cell in cells) for _, cells in rows]
    frequencies = Counter(count for count in counts if count)
    usual = max(frequencies, key=lambda count: (frequencies[count], count))
    first = next(cell for cell in rows[0][1] if not is_blank(cell))
    if counts[0] == 1 < usual and not is_number(str(first)):
        row = next(rows[i][0] for i, count in enumerate(counts) if count >= usual)
        raise InputError(messages.TITLE_ABOVE.format(row=row, option=f"--skip-rows {row - 1}"))


def _no_such_column(column: str, rows: Sequence[SampleRow]) -> InputError:
    header = rows[0][1]
    if column.isdecimal():
        message = messages.NO_COLUMN_NUMBER.format(column=shorten(column), width=len(header))
        return InputError(message)
    for row, cells in rows[1:]:
        if find_columns(column, cells) and not _has_number(cells):
            return InputError(
                messages.HEADER_BELOW.format(
                    column=printable(column), row=row, option=f"--skip-rows {row - 1}"
                )
            )
    names = ["" if cell is None else str(cell) for cell in header]
    message = messages.NO_COLUMN.format(column=printable(shorten(column)), columns=listed(names))
    return InputError(message, names)


def _described(rows: Sequence[SampleRow]) -> str:
    """Return the number, the name and the first values of each column that is not empty."""
    header = rows[0][1]
    is_named = not _has_number(header)
    descriptions: list[str] = []
    for index in _used_columns(rows):
        cells = [row[index] for _, row in rows if index < len(row)]
        texts = [_brief(cell) for cell in cells if not is_blank(cell)]
        name = ""
        if is_named and index < len(header) and not is_blank(header[index]):
            name = f" {texts.pop(0)}"
        values = f" ({', '.join(texts[:_SHOWN_VALUES])})" if texts else ""
        descriptions.append(f"{index + 1}:{name}{values}")
    if len(descriptions) > _SHOWN_COLUMNS:
        descriptions[_SHOWN_COLUMNS:] = ["…"]
    return "; ".join(descriptions)


def _has_number(cells: Sequence[Cell]) -> bool:
    """Whether a row has a number that can be an id. A header has none."""
    return any(is_number(str(cell)) for cell in cells)


def _brief(cell: Cell) -> str:
    text = " ".join(visible(str(cell)).split())
    return printable(shorten(text, _SHOWN_CHARACTERS))
