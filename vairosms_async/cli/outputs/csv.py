"""OUT as CSV for Excel in Turkish: UTF-8 with its mark, semicolons, CRLF, decimal commas.

Excel makes numbers, dates and formulas of texts that look like them, in quotes or not. So a text
that starts with a digit gets a tab, which does not show: ``08505326480`` keeps its zero. A text
that starts with ``=``, ``+``, ``-`` or ``@`` gets an apostrophe, as OWASP advises. Whole numbers
that Excel shows as they are need neither.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO, Final

from vairosms_async import PaketDurum
from vairosms_async.cli.inputs import Cell, Input, Row
from vairosms_async.cli.known import Known, read_moment

from .columns import header, naive, panel_cells, write_period
from .numbers import MAX_EXACT, PLAIN_NUMBER

_STATES = {durum.value: durum.name for durum in PaketDurum}
_LENGTH_OF_A_TIME = len("2016-07-21 14:40:16")
_IS_CHANGED_BY_EXCEL = re.compile(rf"(?!{PLAIN_NUMBER}\Z)\s*[-=+@\d]|\t").match
_NEEDS_QUOTES = re.compile(r'[;"\r\n]').search

MAX_CELL: Final = 32_767
"""Maximum cell length in Excel, in characters. Excel splits a longer one into two cells.

The panel's texts are truncated. FILE's own cells are not, because OUT has all that FILE had.
"""

_LINES_PER_WRITE = 100


def write_csv(file: BinaryIO, input_: Input, results: Iterable[tuple[Row, Known | None]]) -> None:
    """Write a header and all rows."""
    lines = map(_write_line, _rows(input_.columns, results))
    file.write(codecs.BOM_UTF8)
    while text := "".join(islice(lines, _LINES_PER_WRITE)):
        file.write(text.encode(errors="backslashreplace"))


def _rows(
    columns: Sequence[str], results: Iterable[tuple[Row, Known | None]]
) -> Iterator[list[str]]:
    yield [_write_text(name) for name in header(columns)]
    for row, known in results:
        cells = [_WRITERS[type(cell)](cell) for cell in row.cells]
        if len(cells) < len(columns):
            cells += [""] * (len(columns) - len(cells))
        stored = known and _write_stored(known)
        cells += stored or map(write_cell, panel_cells(row, known))
        yield cells


def _write_line(cells: list[str]) -> str:
    line = ";".join(cells)
    # Few rows need quotes. The csv module, which examines each character, takes four times as long.
    if line.count(";") >= len(cells) or '"' in line or "\n" in line or "\r" in line:
        line = ";".join(map(_quote, cells))
    return f"{line}\r\n"


def _quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES(text) else text


def _write_stored(known: Known) -> tuple[str, ...] | None:
    """Write the cells of a usual record as the store has them. None: they need `panel_cells`.

    This does not parse the record, so that OUT takes half the time.
    """
    (
        _, durum, baslik, numaralar, kredi, created_at, ileri_tarih, sonlanma_zamani, period, log,
        _, unreadable, checked_at, error, _,
    ) = known  # fmt: skip
    if (
        checked_at is None
        or durum not in _STATES
        or unreadable is not None
        or error is not None
        or not (created_at is None or len(created_at) == _LENGTH_OF_A_TIME)
        or not (ileri_tarih is None or len(ileri_tarih) == _LENGTH_OF_A_TIME)
        or not (sonlanma_zamani is None or len(sonlanma_zamani) == _LENGTH_OF_A_TIME)
    ):
        return None
    hata_kodu = mesaj = None
    if log is not None:
        entry = known.log_entry
        hata_kodu, mesaj = entry.hata_kodu, entry.mesaj and write_cell(entry.mesaj)
    return (
        str(durum),
        _STATES[durum],
        _write_repeated(baslik),
        _write_repeated(numaralar),
        _write_repeated(kredi),
        created_at or "",
        ileri_tarih or "",
        sonlanma_zamani or "",
        _write_period(period),
        hata_kodu or "",
        mesaj or "",
        "",
        "",
        _write_checked_at(checked_at),
    )


# Few titles, numbers and periods are in use, and the answers of a second share one moment.


@lru_cache(maxsize=1024)
def _write_repeated(cell: str | int | None) -> str:
    return write_cell(cell)


@lru_cache(maxsize=64)
def _write_period(period: str | None) -> str:
    return "" if period is None else _guard_minus(period.partition(".")[0])


@lru_cache(maxsize=64)
def _write_checked_at(checked_at: str) -> str:
    return write_cell(naive(read_moment(checked_at)))


def write_cell(cell: Cell) -> str:
    """Write a cell of the panel so that Excel shows the same value, or its first part."""
    return _WRITERS[type(cell)](cell)[:MAX_CELL]


def _write_text(text: str) -> str:
    if _IS_CHANGED_BY_EXCEL(text):
        start = text.lstrip()[:1]
        if not start.isdigit():
            text = f"'{text}"
        elif text[0] != "\t":  # FILE can be an OUT, with a tab
            text = f"\t{text}"
    return text


def _write_int(number: int) -> str:
    return _write_text(str(number)) if abs(number) > MAX_EXACT else str(number)


def _guard_minus(period: str) -> str:
    return f"'{period}" if period[0] == "-" else period


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
    timedelta: lambda period: _guard_minus(write_period(period)),
}
