"""Where a bulk check's lines come from: a file, stdin, or numbers for a demonstration."""

import errno
import os
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Protocol

from attrs import frozen

from .ids import IdReader, Line
from .offloop import off_loop
from .trouble import NOT_STARTED, STOPPED, Trouble

CHUNK = 1 << 16


class Source(Protocol):
    """Where the lines of a bulk check come from."""

    def lines(self) -> AsyncGenerator[Line]:
        """Give them as they come."""
        ...


@frozen
class Numbers:
    """The ids from 1 to a number."""

    last: int

    async def lines(self) -> AsyncGenerator[Line]:
        """Give them."""
        for number in range(1, self.last + 1):
            yield Line(number, str(number))


@frozen
class Input:
    """A file of ids, or stdin.

    Attributes:
        path: The file; ``-`` is stdin.
        column: As for `IdReader`.
        encoding: As for `IdReader`.
    """

    path: str
    column: str | None
    encoding: str | None

    def check(self) -> None:
        """Raise Trouble if there is no such file or encoding."""
        IdReader(self.column, self.encoding)
        if Path(self.path).is_dir():
            raise Trouble(f"{self.path}: {os.strerror(errno.EISDIR)}", NOT_STARTED)
        if self.path == "-":
            os.fstat(0)  # it may be closed
        elif not os.access(self.path, os.R_OK):
            os.close(self._open())  # which says why not

    def is_regular(self) -> bool:
        """Tell whether it can be read more than once."""
        return self.path != "-" and Path(self.path).is_file()

    def spooled(self, folder: Path) -> "Input":
        """Copy what can be read only once into a file in `folder`."""
        fd = self._open()
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            while chunk := self._read(fd):
                copy.write(chunk)
        return Input(copy.name, self.column, self.encoding)

    def scan(self) -> Iterator[Line]:
        """Read all lines, before anything else is done."""
        reader, fd = IdReader(self.column, self.encoding), self._open()
        try:
            while chunk := self._read(fd):
                yield from reader.feed(chunk)
            yield from reader.feed(b"", final=True)
        finally:
            os.close(fd)

    async def lines(self) -> AsyncGenerator[Line]:
        """Read the lines as they come."""
        reader, fd = IdReader(self.column, self.encoding), self._open()
        while chunk := await off_loop(lambda: self._read(fd)):
            for line in reader.feed(chunk):
                yield line
        for line in reader.feed(b"", final=True):
            yield line
        # Not closed where it is left early: a thread may be reading it.
        os.close(fd)

    def _open(self) -> int:
        if self.path == "-":
            return os.dup(0)
        try:
            return os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as exc:
            raise Trouble(f"{self.path}: {exc.strerror}", NOT_STARTED) from None

    def _read(self, fd: int) -> bytes:
        try:
            return os.read(fd, CHUNK)
        except OSError as exc:
            raise Trouble(f"{self.path}: {exc.strerror}", STOPPED) from None
