"""OUT as an Excel workbook."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, BinaryIO, Final

from vairosms_async import PaketDurum
from vairosms_async.cli.inputs import Cell, Input, Row
from vairosms_async.cli.known import Known

from .columns import PANEL_COLUMNS, header, panel_cells, write_period
from .numbers import MAX_EXACT, is_plain_number

MAX_ROWS: Final = 1_048_575
"""Rows of a sheet below the header."""

MAX_COLUMNS: Final = 16_384
"""Columns of a sheet."""

_COLOURS = {
    PaketDurum.HATALI: {"font_color": "#9C0006", "bg_color": "#FFC7CE"},
    PaketDurum.DEVAM_EDIYOR: {"font_color": "#9C5700", "bg_color": "#FFEB9C"},
    PaketDurum.SONLANDI: {"font_color": "#006100", "bg_color": "#C6EFCE"},
}
_MEASURED_ROWS = 100
_MIN_WIDTH, _MAX_WIDTH = 8, 50
_PANEL_WIDTHS = {
    "created_at": 19, "ileri_tarih": 19, "sonlanma_zamani": 19, "checked_at": 19,
    "hata_kodu": 26, "hata_mesaji": 50, "error": 26, "error_message": 50,
}  # fmt: skip
_SHOWN_WITH_EXPONENT = 10**11
"""Excel shows whole numbers from here on as 1,23E+11 if they have no format."""


def write_xlsx(file: BinaryIO, input_: Input, results: Iterable[tuple[Row, Known | None]]) -> None:
    """Write a header and all rows.

    Args:
        file: A new file; the workbook is written at its end.
        input_: FILE.
        results: Its rows with the store's answers.

    Raises:
        OSError: A file cannot be written: `file`, or one in the folder of temporary files.
    """
    # Its import takes 0.2 s, which `vairosms get` does not need.
    import xlsxwriter  # noqa: PLC0415 (see above)
    from xlsxwriter.exceptions import FileCreateError  # noqa: PLC0415 (see above)

    with tempfile.TemporaryDirectory(prefix="vairosms-", ignore_cleanup_errors=True) as folder:
        options = {"constant_memory": True, "tmpdir": folder, "use_zip64": True}
        target: Any = _Target(file)
        workbook: Any = xlsxwriter.Workbook(target, options)
        sheet = _Sheet(workbook, is_typed=input_.is_typed)
        try:
            sheet.write_header(header(input_.columns), _widths(input_))
            for number, (row, known) in enumerate(results, 1):
                sheet.write_row(number, row, known, len(input_.columns))
            workbook.close()
        except FileCreateError as exc:
            [error] = exc.args
            raise error from None
        finally:
            sheet.close()
            target.release()


class _Target:
    """The file that the workbook is written to.

    If an error stops the workbook, it writes once more when Python deletes it. `release` makes it
    write to memory, because the file is closed by then, or its disk is full.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._use(file)

    def release(self) -> None:
        self._use(io.BytesIO())

    def _use(self, file: BinaryIO) -> None:
        self.flush, self.seek, self.tell, self.write = file.flush, file.seek, file.tell, file.write


class _Sheet:
    """The workbook's sheet. Rows are written from top to bottom, cells from left to right."""

    def __init__(self, workbook: Any, *, is_typed: bool) -> None:
        self._sheet = workbook.add_worksheet()
        self._is_typed = is_typed
        self._bold = workbook.add_format({"bold": True})
        self._whole = workbook.add_format({"num_format": "0"})
        self._colours = {state.name: workbook.add_format(c) for state, c in _COLOURS.items()}
        self._times = {
            datetime: workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            date: workbook.add_format({"num_format": "yyyy-mm-dd"}),
            time: workbook.add_format({"num_format": "hh:mm:ss"}),
            timedelta: workbook.add_format({"num_format": "[h]:mm:ss"}),
        }

    def write_header(self, names: list[str], widths: Iterator[int]) -> None:
        self._sheet.freeze_panes(1, 0)
        for column, (name, width) in enumerate(zip(names, widths, strict=True)):
            self._sheet.set_column(column, column, width)
            self._write_text(0, column, name, self._bold)

    def write_row(self, number: int, row: Row, known: Known | None, width: int) -> None:
        for column, cell in enumerate(row.cells):
            is_number = not self._is_typed and isinstance(cell, str) and is_plain_number(cell)
            self._write(number, column, int(str(cell)) if is_number else cell)
        durum, name, *cells = panel_cells(row, known)
        self._write(number, width, durum)
        if isinstance(name, str):
            self._write_text(number, width + 1, name, self._colours.get(name))
        for column, cell in enumerate(cells, width + 2):
            self._write(number, column, cell)

    def _write(self, row: int, column: int, cell: Cell) -> None:
        if cell is None:
            return
        if isinstance(cell, str):
            self._write_text(row, column, cell)
        elif isinstance(cell, bool):
            self._sheet.write_boolean(row, column, cell)
        elif isinstance(cell, float):
            self._sheet.write_number(row, column, cell)
        elif isinstance(cell, int):
            self._write_int(row, column, cell)
        elif isinstance(cell, timedelta) and cell < timedelta(0):
            self._write_text(row, column, write_period(cell))
        elif isinstance(cell, date) and cell.year < 1900:
            self._write_text(row, column, str(cell))
        else:
            self._sheet.write_datetime(row, column, cell, self._times[type(cell)])

    def _write_int(self, row: int, column: int, number: int) -> None:
        if abs(number) > MAX_EXACT:
            self._write_text(row, column, str(number))
        else:
            style = self._whole if abs(number) >= _SHOWN_WITH_EXPONENT else None
            self._sheet.write_number(row, column, number, style)

    def _write_text(self, row: int, column: int, text: str, style: Any = None) -> None:
        if text:
            self._sheet.write_string(row, column, text, style)

    def close(self) -> None:
        """Close the temporary file, which the workbook leaves open if an error stops it."""
        self._sheet.row_data_fh.close()


def _widths(input_: Input) -> Iterator[int]:
    """Yield a width for each column: FILE's by its first rows, ours by their kind."""
    widest = [len(name) for name in input_.columns]
    for row in islice(input_.rows(), _MEASURED_ROWS):
        for column, cell in enumerate(row.cells):
            length = 0 if cell is None else len(str(cell))
            widest[column] = max(widest[column], length)
    for length in widest:
        yield min(max(length + 2, _MIN_WIDTH), _MAX_WIDTH)
    for name in PANEL_COLUMNS:
        yield _PANEL_WIDTHS.get(name, len(name) + 2)
