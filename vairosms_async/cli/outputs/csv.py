"""OUT as CSV for Excel in Turkish: UTF-8 with its mark, semicolons, CRLF, decimal commas.

Excel makes numbers, dates and formulas of texts that look like them, in quotes or not. So a text
that starts with a digit gets a tab, which does not show: ``08505326480`` keeps its zero. A text
that starts with ``=``, ``+``, ``-`` or ``@`` gets an apostrophe, as OWASP advises. Whole numbers
that Excel shows as they are need neither.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Final

from vairosms_async.cli.inputs import Cell, Input, Row
from vairosms_async.cli.known import Known

from .columns import header, panel_cells, write_period
from .numbers import MAX_EXACT, is_plain_number

_IS_CHANGED_BY_EXCEL = re.compile(r"\s*[-=+@\d]|\t")

MAX_CELL: Final = 32_767
"""Maximum cell length in Excel, in characters. Excel would split a longer one into two cells."""


def write_csv(file: BinaryIO, input_: Input, results: Iterable[tuple[Row, Known | None]]) -> None:
    """Write a header and all rows."""
    text = io.TextIOWrapper(file, "utf-8-sig", errors="backslashreplace", newline="")
    try:
        writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
        writer.writerow(map(_write_text, header(input_.columns)))
        width = len(input_.columns)
        for row, known in results:
            missing = (None,) * (width - len(row.cells))
            cells = row.cells + missing + panel_cells(row, known)
            writer.writerow([cell if cell is None else write_cell(cell) for cell in cells])
    finally:
        text.detach()


def write_cell(cell: Cell) -> str:
    """Write a cell so that Excel shows the same value."""
    return _WRITERS[type(cell)](cell)


def _write_text(text: str) -> str:
    if _IS_CHANGED_BY_EXCEL.match(text) and not is_plain_number(text):
        start = text.lstrip()[:1]
        if not start.isdigit():
            text = f"'{text}"
        elif text[0] != "\t":  # FILE can be an OUT, with a tab
            text = f"\t{text}"
    return text[:MAX_CELL]


def _write_int(number: int) -> str:
    return _write_text(str(number)) if abs(number) > MAX_EXACT else str(number)


def _write_period(period: timedelta) -> str:
    text = write_period(period)
    return f"'{text}" if text[0] == "-" else text


# One look-up per cell: a chain of `isinstance` takes twice as long for the whole file.
_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "",
    str: _write_text,
    int: _write_int,
    float: lambda number: str(number).replace(".", ","),
    bool: lambda flag: str(flag).upper(),
    datetime: lambda moment: moment.isoformat(" ", "seconds"),
    date: date.isoformat,
    time: lambda moment: moment.isoformat("seconds"),
    timedelta: _write_period,
}
