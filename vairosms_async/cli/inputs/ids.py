"""The packet ids of rows."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from . import messages
from .rows import Cell, RowFields, Table, is_blank, shorten, visible

MAX_ID: Final = 2**63 - 1
"""The largest id that SQLite, and so the store, can hold."""

_PLAIN_ID = re.compile(r"[1-9][0-9]{0,17}")
"""An id as it is usually written. 18 digits are less than `MAX_ID`."""

_ID = re.compile(r"([0-9]+)(?:[.,]00?)?")
_CHANGED_BY_EXCEL = re.compile(
    r"[0-9]{1,3}(?:[.,'\u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+"
)
_QUOTED = re.compile(r"""=?"([^"]*)"|'([^']*)'?""")


def read_rows(table: Table) -> Iterator[RowFields]:
    """Read the id of each row."""
    index = table.index
    for line, raw_cells, unreadable in table.rows:
        cells = tuple(raw_cells)
        cell = cells[index] if index < len(cells) else None
        if unreadable is None and isinstance(cell, str) and _PLAIN_ID.fullmatch(cell):
            yield line, cells, int(cell), cell, None
            continue
        text = cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
        gonderim_id: int | None = None
        problem = unreadable
        if unreadable is not None:
            text = text or str(cells[0])
        elif text:
            # A sheet's number has 15 digits. What was entered can have more.
            is_rounded = isinstance(cell, float) and abs(cell) >= 10**15
            parsed = messages.CHANGED_BY_EXCEL if is_rounded else parse_id(text)
            if isinstance(parsed, int):
                gonderim_id = parsed
            else:
                problem, text = parsed, visible(text)
        if not text and unreadable is None:
            problem = _missing(table, cells)
        yield line, cells, gonderim_id, shorten(text), problem


def parse_id(text: str) -> int | str:
    """Parse an id. If that is not possible, return the reason in one line.

    ``52.0``, ``52,0``, ``="52"``, ``'52`` and ``"52"``, which spreadsheets write for 52, are ids.
    ``52.000`` is not: it can be 52 or 52,000. Invisible characters do not matter.
    """
    found = _ID.fullmatch(text)
    if found is None:
        text = visible(text)
        if quoted := _QUOTED.fullmatch(text):
            text = (quoted[1] or quoted[2] or "").strip()
        found = _ID.fullmatch(text)
    if found is None:
        is_changed = _CHANGED_BY_EXCEL.fullmatch(text)
        return messages.CHANGED_BY_EXCEL if is_changed else messages.NOT_AN_ID
    digits = found[1].lstrip("0")
    if not digits:
        return messages.NOT_AN_ID
    # int() refuses texts of more than 4,300 digits.
    number = int(digits) if len(digits) <= len(str(MAX_ID)) else MAX_ID + 1
    return number if number <= MAX_ID else messages.TOO_LARGE


def is_number(text: str) -> bool:
    """Whether a text is an id, or a number that Excel has changed."""
    return parse_id(text) != messages.NOT_AN_ID


def _missing(table: Table, cells: Sequence[Cell]) -> str | None:
    """Return why a row has no text for an id. None: the row is blank."""
    if all(is_blank(cell) for cell in cells):
        return None
    if table.index >= len(cells):
        return messages.TOO_SHORT
    # An Excel error has no value.
    return messages.EMPTY_IN_WORKBOOK if cells[table.index] is None else messages.EMPTY
