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
from functools import lru_cache
from typing import Any, BinaryIO, Final

from vairosms_async import PaketDurum
from vairosms_async.cli.inputs import Cell, Input, Row
from vairosms_async.cli.known import Known

from .columns import header, naive, panel_cells, write_period
from .numbers import MAX_EXACT, is_plain_number

_STATES = {durum.value: durum.name for durum in PaketDurum}
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
            cells = [cell if cell is None else write_cell(cell) for cell in row.cells]
            cells += (None,) * (width - len(cells))
            cells += _write_stored(known) or map(write_cell, panel_cells(row, known))
            writer.writerow(cells)
    finally:
        text.detach()


def _write_stored(known: Known | None) -> tuple[str | None, ...] | None:
    """Write the cells of a usual record as the store has them. None: they need `panel_cells`.

    This does not parse the record, so that OUT takes two thirds of the time.
    """
    if known is None or known.record is None or known.error is not None or not known.is_plain:
        return None
    durum, baslik, numaralar, kredi, *times, period = known.record[1:9]
    name = _STATES.get(durum)
    if name is None or not (period is None or period.replace(":", "").isdigit()):
        return None
    return (
        str(durum),
        name,
        baslik and _write_text(baslik),
        numaralar if numaralar is None else _write_int(numaralar),
        kredi if kredi is None else _write_int(kredi),
        *times,
        period,
        None,
        None,
        None,
        None,
        _write_moment(known.checked_at),
    )


@lru_cache(maxsize=64)  # the answers of a second share one moment
def _write_moment(moment: datetime | None) -> str:
    return write_cell(naive(moment))


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
