"""Tables from the sheets of workbooks: .xlsx, .xls, .ods and others."""

import io
from collections.abc import Iterator, Sequence
from typing import Final

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from .rows import (
    Cell,
    InputError,
    RawRow,
    Table,
    find_column,
    is_blank,
    listed,
    no_such_column,
    printable,
)

SIGNATURES: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""The first bytes of a workbook: a zip archive, or a compound file of older Excel versions."""


def read_workbook(data: bytes, column: str | None, sheet: str | None) -> Table:
    """Read the table on a sheet. Its header is the first row that is not blank.

    Args:
        data: The workbook.
        column: The column of the ids, by name or by number from 1. None: the only column.
        sheet: The sheet's name. None: the first sheet.

    Raises:
        InputError: The workbook cannot be read, or has no such sheet or column.
    """
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            rows = _rows(_find_sheet(workbook, sheet))
    except BaseException as exc:
        # calamine panics at some damaged files. The class of that exception cannot be imported.
        if not isinstance(exc, CalamineError) and type(exc).__name__ != "PanicException":
            raise
        raise InputError(
            "not a workbook, or it is damaged or has a password. Open it in Excel and save a copy "
            "as .xlsx without a password"
        ) from None
    header = next((cells for _, cells, _ in rows if not all(map(is_blank, cells))), [""])
    columns = tuple("" if cell is None else str(cell) for cell in header)
    if column is None:
        if len(columns) > 1:
            raise InputError(
                f"name the column of the ids with --column. Columns: {listed(columns)}"
            )
        column = "1"
    index = find_column(column, columns)
    if index is None:
        raise no_such_column(column, columns)
    return Table(columns, column, index, rows)


def _find_sheet(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    if name is None:
        return workbook.get_sheet_by_index(0)
    if name not in workbook.sheet_names:
        raise InputError(f"no sheet {printable(name)!r}. Sheets: {listed(workbook.sheet_names)}")
    return workbook.get_sheet_by_name(name)


def _rows(sheet: CalamineSheet) -> Iterator[RawRow]:
    if sheet.start is None:  # an empty sheet
        return
    # calamine leaves out empty columns on the left, but not empty rows at the top.
    left: Sequence[Cell] = [None] * sheet.start[1]
    for number, cells in enumerate(sheet.iter_rows(), 1):
        yield number, [*left, *map(_cell, cells)], None


def _cell(value: Cell) -> Cell:
    if value == "":
        return None
    # A sheet has no whole numbers. Above 15 digits it has not kept all of them.
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return int(value)
    return value
