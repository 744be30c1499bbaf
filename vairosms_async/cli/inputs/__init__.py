"""FILE's rows and their packet ids: from text, CSV, workbooks and stdin.

`read_input` reads all of FILE into a temporary file, so that stdin works like a file and edits
during the run do not matter.
"""

import pickle
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from vairosms_async.cli.language import reason_of

from . import messages
from .csv import read_text
from .ids import read_rows
from .kinds import check_is_text
from .rows import Cell, InputError, Row, RowFields, Table, printable
from .text import HEAD, decode_lines
from .workbook import SIGNATURES, read_workbook

__all__ = ["Cell", "Input", "InputError", "Row", "printable", "read_input"]

HasSecret = Callable[[bytes], bool]

_ROWS_PER_BATCH = 200
"""Rows that are written to the temporary file together. More are no faster."""


class Input:
    """FILE's rows, in a temporary file. A context manager that deletes the temporary file.

    Args:
        table: The header and the rows.
        is_typed: As the attribute.
        has_secret: Whether some bytes contain a secret. FILE must have none.

    Attributes:
        columns: The header, as wide as the widest row; ``("id",)`` for a text FILE.
        ids: The ids in FILE's order. An id that FILE has twice comes twice.
        total: Number of rows, with those that have no id.
        bad_rows: Number of rows with a `Row.problem`.
        first_bad_row: The first of them, or None.
        is_typed: Whether cells have types, as in a workbook. In text and CSV each cell is a str.
        formula: A cell, such as ``F2``, whose formula has no saved result and is read as empty.
    """

    def __init__(
        self, table: Table, *, is_typed: bool, has_secret: HasSecret = lambda _: False
    ) -> None:
        if _contain_secret(table.columns, has_secret):
            raise InputError(messages.HEADER_CONTAINS_KEY)
        self._has_secret = has_secret
        self.is_typed: bool = is_typed
        self.formula: str | None = table.formula
        self.ids: array[int] = array("q")
        self.total: int = 0
        self.bad_rows: int = 0
        self.first_bad_row: Row | None = None
        self._spool: Any = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        try:
            width = self._write(read_rows(table))
        except BaseException:
            self.close()
            raise
        self.columns: tuple[str, ...] = table.columns + ("",) * (width - len(table.columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete the temporary file."""
        self._spool.close()

    def rows(self) -> Iterator[Row]:
        """Iterate over the rows in FILE's order. Several iterators can run at the same time."""
        for batch in self._batches():
            yield from map(Row._make, batch)

    def _write(self, rows: Iterator[RowFields]) -> int:
        """Write all rows to the temporary file. Return the number of cells of the widest."""
        width = 0
        while batch := list(islice(rows, _ROWS_PER_BATCH)):
            self.total += len(batch)
            self.ids.extend(id for _, _, id, _, _ in batch if id is not None)
            bad_rows = [fields for fields in batch if fields[-1] is not None]
            self.bad_rows += len(bad_rows)
            if bad_rows and self.first_bad_row is None:
                self.first_bad_row = Row(*bad_rows[0])
            width = max(width, *(len(cells) for _, cells, _, _, _ in batch))
            data = pickle.dumps(batch)
            self._check_has_no_secret(batch, data)
            try:
                self._spool.write(data)
                self._spool.flush()
            except OSError as exc:
                raise InputError(
                    messages.NO_ROOM.format(folder=tempfile.gettempdir(), error=reason_of(exc))
                ) from None
        return width

    def _check_has_no_secret(self, batch: list[RowFields], data: bytes) -> None:
        # One search per batch, because one per cell is slow. A pickle has numbers in binary.
        if self.is_typed:
            data += _numbers(batch)
        if not self._has_secret(data):
            return
        for line, cells, _, _, _ in batch:
            if _contain_secret(cells, self._has_secret):
                raise InputError(messages.ROW_CONTAINS_KEY.format(row=line))

    def _batches(self) -> Iterator[list[RowFields]]:
        position, rows_left = 0, self.total
        while rows_left:
            self._spool.seek(position)
            batch: list[RowFields] = pickle.load(self._spool)  # noqa: S301 (nobody else writes it)
            position = self._spool.tell()
            rows_left -= len(batch)
            yield batch


def read_input(
    file: str,
    *,
    column: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    skip_rows: int = 0,
    has_secret: HasSecret = lambda _: False,
) -> Input:
    """Read all of FILE into a temporary file.

    Args:
        file: The path; ``-`` is stdin. A workbook is recognized by its first bytes.
        column: The column of the ids, by name or by number from 1. None: FILE has one column.
        sheet: The sheet of a workbook. None: the first visible one that has rows.
        encoding: The encoding of text and CSV. None: UTF-8, or UTF-16 if FILE starts with its mark
            or looks like it; bytes that are not UTF-8 are read as windows-1254.
        skip_rows: Number of rows above the header. In text and CSV, rows are lines.
        has_secret: Whether some bytes contain the API key. FILE is refused then, because OUT would
            contain the key too.

    Raises:
        InputError: FILE cannot be read, is not in `encoding`, has no such column or sheet, has
            several columns and `column` is None, or contains the key.
    """
    try:
        with _open(file) as stream:
            head = stream.read(HEAD)
            is_workbook = head.startswith(SIGNATURES)
            if is_workbook:
                table = read_workbook(head + stream.read(), column, sheet, skip_rows)
            else:
                check_is_text(head)
                _check_has_no_sheets(sheet)
                table = read_text(decode_lines(head, stream, encoding), column, skip_rows)
            return Input(table, is_typed=is_workbook, has_secret=has_secret)
    except OSError as exc:
        reason = reason_of(exc)
    except UnicodeError:
        reason = messages.OTHER_ENCODING.format(encoding=encoding)
    except InputError as exc:
        has_key = _contain_secret(exc.quoted, has_secret)
        reason = messages.CONTAINS_KEY if has_key else str(exc)
    name = "stdin" if file == "-" else printable(file)
    raise InputError(messages.CANNOT_READ.format(file=name, reason=reason))


def _contain_secret(cells: Iterable[Cell], has_secret: HasSecret) -> bool:
    return has_secret("\n".join(map(str, cells)).encode(errors="surrogatepass"))


def _numbers(batch: list[RowFields]) -> bytes:
    """Return the digits of all cells that are whole numbers."""
    return "\n".join(
        [str(cell) for _, cells, _, _, _ in batch for cell in cells if type(cell) is int]
    ).encode()


def _open(file: str) -> BinaryIO:
    return open(0, "rb", closefd=False) if file == "-" else Path(file).open("rb")


def _check_has_no_sheets(sheet: str | None) -> None:
    if sheet is not None:
        raise InputError(messages.NO_SHEETS)
