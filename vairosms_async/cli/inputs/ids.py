"""The packet ids of rows."""

import re
from collections.abc import Iterator
from typing import Final

from .rows import RowFields, Table, is_blank, shorten

MAX_ID: Final = 2**63 - 1
"""The largest id that SQLite, and so the store, can hold."""

_ID = re.compile(r"([0-9]+)(?:[.,]00?)?")
_CHANGED_BY_EXCEL = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+|[0-9]+(?:[.,][0-9]+)?[eE][+]?[0-9]+")
_NOT_AN_ID = "not a packet id: an id is a whole number above 0, written in digits"
_CHANGED = "Excel has changed this number: format the column as text, then enter the ids again"


def read_rows(table: Table) -> Iterator[RowFields]:
    """Read the id of each row."""
    index = table.index
    for line, raw_cells, unreadable in table.rows:
        cells = tuple(raw_cells)
        cell = cells[index] if index < len(cells) else None
        text = cell.strip() if isinstance(cell, str) else "" if cell is None else str(cell)
        gonderim_id: int | None = None
        problem = unreadable
        if unreadable is not None:
            text = str(cells[0])
        elif text:
            # A sheet's number has 15 digits. What was entered can have more.
            is_rounded = isinstance(cell, float) and abs(cell) >= 10**15
            parsed = _CHANGED if is_rounded else parse_id(text)
            if isinstance(parsed, int):
                gonderim_id = parsed
            else:
                problem = parsed
        elif not all(is_blank(cell) for cell in cells):
            problem = (
                f"column {table.column} is empty"
                if index < len(cells)
                else f"the row has no column {table.column}"
            )
        yield line, cells, gonderim_id, shorten(text), problem


def parse_id(text: str) -> int | str:
    """Parse an id. If that is not possible, return the reason in one line.

    ``52.0`` and ``52,0``, which spreadsheets write for 52, are ids. ``52.000`` is not: it can be 52
    or 52,000.
    """
    found = _ID.fullmatch(text)
    if found is None:
        return _CHANGED if _CHANGED_BY_EXCEL.fullmatch(text) else _NOT_AN_ID
    digits = found[1].lstrip("0")
    if not digits:
        return _NOT_AN_ID
    # int() refuses texts of more than 4,300 digits.
    number = int(digits) if len(digits) <= len(str(MAX_ID)) else MAX_ID + 1
    return number if number <= MAX_ID else f"the number is too large for a packet id (max {MAX_ID})"
