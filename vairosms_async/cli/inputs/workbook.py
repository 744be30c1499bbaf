"""Tables from the sheets of workbooks: .xlsx, .xls, .ods and others."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain, dropwhile, islice
from typing import Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
)

from . import messages
from .columns import (
    SAMPLE,
    SampleRow,
    find_id_column,
    has_header,
    is_name,
    listed,
    numbered,
)
from .rows import Cell, InputError, RawRow, Table, is_blank, printable

SIGNATURES: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
"""The first bytes of a workbook: a zip archive, or a compound file of older Excel versions."""

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the part of a compound file that holds a workbook with a password."""


def read_workbook(data: bytes, column: str | None, sheet: str | None, skip_rows: int) -> Table:
    """Read the table on a sheet. Its first row is the first one that is not blank.

    The first row is the header. If its cell of the ids looks like an id, there is no header, and
    the columns are called ``1``, ``2`` and so on.

    Args:
        data: The workbook.
        column: The column of the ids, by name or by number from 1. None: the only column that is
            not empty.
        sheet: The sheet's name. None: the first visible one that has rows.
        skip_rows: Number of rows above the header.

    Raises:
        InputError: The workbook cannot be read, has no such sheet or column, or has no rows.
    """
    from .formulas import find_formula_without_result  # noqa: PLC0415 (it imports an XML parser)

    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            found = _find_sheet(workbook, sheet)
            rows = _rows(found)
            formula = find_formula_without_result(data, workbook.sheet_names.index(found.name))
    except BaseException as exc:
        # calamine panics at some damaged files. The class of that exception cannot be imported.
        if not isinstance(exc, CalamineError) and type(exc).__name__ != "PanicException":
            raise
        has_password = isinstance(exc, PasswordError) or _ENCRYPTED in data
        if has_password:
            raise InputError(messages.ENCRYPTED) from None
        raise InputError(
            messages.NO_WORKBOOK_IN_ZIP if _is_other_zip(data) else messages.NOT_A_WORKBOOK
        ) from None
    return _table(rows, column, skip_rows, formula)


def _table(
    rows: Iterator[RawRow], column: str | None, skip_rows: int, formula: str | None
) -> Table:
    skipped = list(islice(rows, skip_rows))
    if skip_rows > len(skipped):
        raise InputError(messages.TOO_FEW_ROWS.format(rows=len(skipped), skip_rows=skip_rows))
    below = dropwhile(lambda row: all(map(is_blank, row[1])), rows)
    first_rows = list(islice(below, SAMPLE))
    if not first_rows:  # all rows that are not blank have been skipped
        raise InputError(messages.TOO_FEW_ROWS.format(rows=len(skipped), skip_rows=skip_rows))
    sample: list[SampleRow] = [(number, cells) for number, cells, _ in first_rows]
    index = find_id_column(column, sample)
    header = sample[0][1]
    if is_name(column) or index >= len(header) or has_header(index, header):
        columns = tuple("" if cell is None else str(cell) for cell in header)
        first_rows.pop(0)
    else:
        columns = numbered(len(header))
    return Table(columns, index, chain(first_rows, below), formula)


def _is_other_zip(data: bytes) -> bool:
    """Whether this is a zip archive that has no part of a workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return False
    return not any(name.startswith("xl/") or name == "content.xml" for name in names)


def _find_sheet(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    names = workbook.sheet_names
    if name is None:
        for metadata in workbook.sheets_metadata:
            if metadata.visible == SheetVisibleEnum.Visible:
                sheet = workbook.get_sheet_by_name(metadata.name)
                if _has_rows(sheet):
                    return sheet
        raise InputError(messages.EMPTY_SHEETS.format(sheets=listed(names)), names)
    if name not in names:
        raise InputError(
            messages.NO_SHEET.format(sheet=printable(name), sheets=listed(names)), names
        )
    sheet = workbook.get_sheet_by_name(name)
    if not _has_rows(sheet):
        raise InputError(
            messages.EMPTY_SHEET.format(sheet=printable(name), sheets=listed(names)), names
        )
    return sheet


def _has_rows(sheet: CalamineSheet) -> bool:
    """Whether a sheet has a cell that is not blank. A sheet with a chart only has no cells."""
    return any(not is_blank(cell) for _, cells, _ in _rows(sheet) for cell in cells)


def _rows(sheet: CalamineSheet) -> Iterator[RawRow]:
    if sheet.start is None:  # an empty sheet, or a chart
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
