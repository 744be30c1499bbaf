"""OUT: FILE's rows with what the store knows of them, as JSON Lines, CSV or an Excel workbook.

`write_output` writes a temporary file beside OUT and puts it in OUT's place at the end. A run that
stops early leaves OUT as it was.
"""

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from gettext import gettext as _
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal

from vairosms_async.cli.display import grouped
from vairosms_async.cli.inputs import Input, Row, printable
from vairosms_async.cli.known import Known
from vairosms_async.cli.language import reason_of
from vairosms_async.cli.store import NOT_SUPPORTED

from .columns import PANEL_COLUMNS
from .csv import write_csv
from .jsonl import JsonLines, write_jsonl
from .xlsx import MAX_COLUMNS, MAX_ROWS, write_xlsx

__all__ = ["FORMATS", "Format", "JsonLines", "OutputError", "check_output", "write_output"]

Format = Literal["jsonl", "csv", "xlsx"]

FORMATS: Final[tuple[Format, ...]] = ("jsonl", "csv", "xlsx")

Lookup = Callable[[Iterable[int]], Mapping[int, Known]]
"""Returns the store's answers about packets, by id."""

_ROWS_PER_LOOKUP = 500

_IN_USE = ". " + _("If Excel has it open, close it")

_Writer = Callable[[BinaryIO, Input, Iterable[tuple[Row, Known | None]]], None]
_WRITERS: dict[Format, _Writer] = {"jsonl": write_jsonl, "csv": write_csv, "xlsx": write_xlsx}


class OutputError(Exception):
    """OUT cannot be written. The message is one line."""


def check_output(path: str, format_: Format, input_: Input) -> None:
    """Check that OUT can be written, before any request. OUT stays as it is.

    Raises:
        OutputError: OUT is not a file, its folder is missing or read-only, or a workbook cannot
            hold so many rows or columns.
    """
    if format_ == "xlsx":
        columns = len(input_.columns) + len(PANEL_COLUMNS)
        if input_.total > MAX_ROWS or columns > MAX_COLUMNS:
            reason = _(
                "a sheet has at most {max_rows} rows and {max_columns} columns, not {rows} and "
                "{columns}. Name a .csv file"
            )
            raise _cannot_write(
                path,
                reason.format(
                    max_rows=grouped(MAX_ROWS),
                    max_columns=grouped(MAX_COLUMNS),
                    rows=grouped(input_.total),
                    columns=grouped(columns),
                ),
            )
    try:
        target = _target(path)
        if target.exists():
            _check_existing(path, target)
        with tempfile.TemporaryFile(dir=target.parent):
            pass  # not the file of `write_output`, which another run may be writing
    except OSError as exc:
        raise _failure(path, exc) from None


def write_output(
    path: str,
    format_: Format,
    input_: Input,
    known: Lookup,
    on_complete: Callable[[Path], None] = lambda _: None,
    *,
    store: Path | None = None,
) -> None:
    """Write OUT: FILE's rows in FILE's order, each with the store's answer about its packet.

    Args:
        path: OUT. If it is a symbolic link, the file that it points to is replaced.
        format_: The format.
        input_: FILE.
        known: Returns the store's answers about packets (at most 500 per call), by id.
        on_complete: Called with the path of the complete temporary file, before it replaces OUT.
        store: The store that this run has locked. Runs with other stores may write OUT at the same
            time, each its own temporary file.

    Raises:
        OutputError: OUT cannot be written. It is as it was before.
    """
    try:
        with _replacing(path, store, on_complete) as file:
            _WRITERS[format_](file, input_, _results(input_, known))
    except OSError as exc:
        raise _failure(path, exc) from None


def _check_existing(path: str, target: Path) -> None:
    try:
        with target.open("r+b"):  # raises OSError for a folder and for a read-only file
            pass
    except PermissionError as exc:
        raise _failure(path, exc, _IN_USE) from None
    if not target.is_file():
        raise _cannot_write(path, _("it is not a file"))


def _results(input_: Input, known: Lookup) -> Iterator[tuple[Row, Known | None]]:
    rows = input_.rows()
    while batch := list(islice(rows, _ROWS_PER_LOOKUP)):
        found = known({row.id for row in batch if row.id is not None})
        for row in batch:
            yield row, None if row.id is None else found.get(row.id)


def _target(path: str) -> Path:
    """Return the file to replace: through a link, the file that it points to."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _temporary(target: Path, store: Path | None) -> Path:
    # The same name in each run with a store, so that the next replaces what a killed run has left.
    names = f"{target.name}\0{'' if store is None else os.path.realpath(store)}"
    digest = hashlib.sha256(os.fsencode(names)).hexdigest()[:16]
    return target.with_name(f".vairosms-{digest}.partial")


def _create(temporary: Path) -> BinaryIO:
    temporary.unlink(missing_ok=True)
    return temporary.open("xb")  # "x" follows no link that somebody else puts there


@contextmanager
def _replacing(
    path: str, store: Path | None, on_complete: Callable[[Path], None]
) -> Generator[BinaryIO]:
    """Open a temporary file, and at the end of the block put it in the place of OUT."""
    target = _target(path)
    temporary = _temporary(target, store)
    try:
        with _create(temporary) as file:
            yield file
            file.flush()
            with _if_supported():
                os.fsync(file.fileno())
        with _if_supported(), suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        on_complete(temporary)
        try:
            temporary.replace(target)
        except OSError as exc:
            raise _failure(path, exc, _IN_USE) from None
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


@contextmanager
def _if_supported() -> Generator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno not in NOT_SUPPORTED:
            raise


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    # OUT is in its place by now. An error here does not change that.
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _failure(path: str, exc: OSError, advice: str = "") -> OutputError:
    return _cannot_write(path, f"{reason_of(exc)}{advice}")


def _cannot_write(path: str, reason: str) -> OutputError:
    return OutputError(
        _("Cannot write {file}: {reason}").format(file=printable(path), reason=reason)
    )
