"""``vairosms bulk -o -``: one JSON line per row, to stdout or a pipe, in completion order."""

import os
import stat
from array import array
from bisect import bisect_left
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Self

from vairosms_async import GonderimResult

from .inputs import Input, Row
from .outputs import JsonLines
from .signals import STOPPED, CommandError
from .store import Store
from .streams import ReaderLeftError, StdoutError, write_error

_STDOUT: Final = frozenset(("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"))
_ROWS_PER_WRITE = 500


def is_stream(out: str) -> bool:
    """Whether OUT is stdout, a pipe or a device, and not a file.

    Raises:
        OSError: OUT cannot be inspected, for example because of a loop of links.
    """
    if out in _STDOUT:
        return True
    try:
        mode = Path(out).stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


class Stream:
    """The rows of FILE, each of which is written as one JSON line when it is complete.

    A context manager that closes OUT.

    Args:
        out: ``-`` or the path of a pipe.
        rows: FILE's rows.
        store: The answers for their packets.
        waits: Whether packets in progress are polled after the lookups, so that their rows wait for
            the last answer. Also an attribute.

    Raises:
        CommandError: OUT cannot be opened.
    """

    def __init__(self, out: str, rows: Input, store: Store, *, waits: bool) -> None:
        self.waits: bool = waits
        self._name = "stdout" if out in _STDOUT else out
        self._input = rows
        self._store = store
        self._format = JsonLines(rows.columns)
        self._asked: dict[int, list[Row]] = {}
        self._complete: list[Row] = []
        self._in_progress = array("q")  # at the start, sorted
        try:
            # stdout is not opened by its name, because that would overwrite a redirected file.
            self._fd = os.dup(1) if out in _STDOUT else os.open(out, os.O_WRONLY)
        except OSError as exc:
            raise self._error(exc) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        os.close(self._fd)

    def write_known(self, to_ask: "array[int]") -> None:
        """Write the rows that need no lookup.

        Args:
            to_ask: The sorted ids to look up. Their rows are not written.
        """
        if self.waits:
            self._in_progress = self._store.in_progress()
        rows = (row for row in self._input.rows() if _find(to_ask, row.id) is None)
        while batch := list(islice(rows, _ROWS_PER_WRITE)):
            self._write(batch)

    async def ids(
        self, to_ask: "array[int]", make_room: Callable[[], Awaitable[None]]
    ) -> AsyncGenerator[int]:
        """Yield each of the ids to look up once, in the order of FILE's rows.

        Args:
            to_ask: The sorted ids to look up.
            make_room: Awaited for each row, so that memory is bounded.
        """
        was_asked = bytearray(len(to_ask))
        for row in self._input.rows():
            position = _find(to_ask, row.id)
            if row.id is None or position is None:
                continue
            if row.id in self._asked:
                self._asked[row.id].append(row)
            elif was_asked[position]:
                self._complete.append(row)
            else:
                was_asked[position] = True
                self._asked[row.id] = [row]
                yield row.id
            await make_room()

    def take(self, result: GonderimResult) -> None:
        """Take an answer. The next save writes the rows of its packet."""
        if self.waits and self._is_in_progress(result):
            return
        self._complete += self._asked.pop(int(result.id), [])

    def _is_in_progress(self, result: GonderimResult) -> bool:
        if result.gonderim is not None:
            return not result.gonderim.is_final
        return _find(self._in_progress, int(result.id)) is not None

    def start_save(self) -> Callable[[], None]:
        """Return a function that writes the rows that are complete so far.

        The store must have saved their answers. The function raises CommandError if OUT cannot be
        written, and ReaderLeftError if nobody reads stdout any more.
        """
        rows, self._complete = self._complete, []
        return partial(self._save, rows)

    def _save(self, rows: list[Row]) -> None:
        for start in range(0, len(rows), _ROWS_PER_WRITE):
            self._write(rows[start : start + _ROWS_PER_WRITE])

    def _write(self, rows: list[Row]) -> None:
        known = self._store.known({row.id for row in rows if row.id is not None})
        lines = (
            self._format.line(row, None if row.id is None else known.get(row.id)) for row in rows
        )
        data = memoryview(b"".join(lines))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as exc:
            raise self._error(exc) from None

    def _error(self, error: OSError) -> CommandError | StdoutError:
        reason = write_error(error)
        if self._name == "stdout" and isinstance(reason, ReaderLeftError):
            return reason
        return CommandError(f"{self._name}: {reason}", STOPPED)


def _find(ids: "array[int]", id: int | None) -> int | None:
    """Return the position of an id in a sorted array, or None."""
    if id is None:
        return None
    position = bisect_left(ids, id)
    return position if position < len(ids) and ids[position] == id else None
