"""The file of results: whole lines, one run at a time, nothing lost at a kill."""

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from .formats import Format
from .ledger import Ledger
from .offloop import off_loop
from .trouble import NOT_STARTED, STOPPED, Trouble

FLUSH_BYTES = 1 << 18
"""Bytes that may wait to be written; more make the lookups wait."""

MAX_LINE = 1 << 22
"""Bytes of a line that is read back. None of ours comes near."""


class Output:
    """Takes lines, and writes them whole and in order. What cannot be written ends the run.

    Args:
        fd: An open file, to whose end is written.
        name: What messages call it.
        ledger: Told of each line, where a line may come that supersedes an earlier one.

    Attributes:
        lost: Lines that could not be written.
    """

    def __init__(self, fd: int, name: str, ledger: Ledger | None = None) -> None:
        self._fd = fd
        self._name = name
        self._ledger = ledger
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self._size = os.fstat(fd).st_size  # all of it whole lines
        self._buffer: list[bytes] = []
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._in_thread: asyncio.Future[None] | None = None
        self._failure: OSError | None = None
        self.lost: int = 0

    def add(self, line: int, data: bytes) -> None:
        """Take the result of a line of the input.

        Raises:
            Trouble: What came before could not be written.
        """
        self.check()
        if self._ledger is not None:
            self._ledger.written(line)
        self._buffer.append(data)
        self._waiting += len(data)

    async def make_room(self) -> None:
        """Write, if much is waiting. Whoever adds awaits this, so that no more can pile up."""
        if self._waiting >= FLUSH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Hand what is waiting to the operating system; `add` and `finish` tell of failures."""
        async with self._turn:
            if self._in_thread is not None:  # of a flush that was cancelled
                await asyncio.wait([self._in_thread])
            if data := self._take():
                self._in_thread = asyncio.ensure_future(off_loop(lambda: self._write(data)))
                # Cancelled in the middle, the thread still writes: `finish` waits for it.
                await asyncio.shield(self._in_thread)

    async def finish(self) -> None:
        """Write what is left, and have it on the disk.

        Raises:
            Trouble: It could not be written.
        """
        if self._in_thread is not None:
            await asyncio.wait([self._in_thread])
        rest = asyncio.ensure_future(off_loop(self._write_rest))
        try:
            await asyncio.shield(rest)
        except asyncio.CancelledError:
            await asyncio.wait([rest])  # or the file could be closed below it
            raise
        self.check()

    def _write_rest(self) -> None:
        self._write(self._take())
        if self._regular and self._failure is None:
            try:
                os.fsync(self._fd)
            except OSError as exc:
                self._failure = exc

    def _take(self) -> bytes:
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._waiting = 0
        return data

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while self._failure is None and written < len(data):
                written += os.write(self._fd, data[written : written + FLUSH_BYTES])
        except OSError as exc:
            self._failure = exc
            if self._regular:  # on a full disk too, half a line can be taken back
                with suppress(OSError):
                    os.ftruncate(self._fd, self._size + data.rfind(b"\n", 0, written) + 1)
        self._size += written
        self.lost += data.count(b"\n", written)

    def check(self) -> None:
        """Raise Trouble if something could not be written."""
        if isinstance(self._failure, BrokenPipeError):
            raise Trouble(f"{self._name}: nobody reads it any more", STOPPED) from None
        if self._failure is not None:
            raise Trouble(f"{self._name}: {self._failure.strerror}", STOPPED) from None


class OutFile:
    """OUT as a file on disk, which belongs to this run as long as it is open."""

    def __init__(self, path: str, format_: Format) -> None:
        # Through a link the file itself, since it will be replaced.
        self.path: Path = Path(path).resolve()
        self.name: str = path
        self.format: Format = format_

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keep other runs off, as long as this process lives and no longer.

        Raises:
            Trouble: Another run has it, or there can be no lock there.
        """
        if not self.path.parent.is_dir():  # filelock would make it
            raise Trouble(f"{self.name}: there is no such folder", NOT_STARTED)
        lock_path = self.path.with_name(f".{self.path.name}.lock")
        lock = FileLock(lock_path, blocking=False)
        with ExitStack() as stack:
            try:
                stack.enter_context(lock)
            except Timeout:
                raise Trouble(f"{self.name}: another run is writing it", NOT_STARTED) from None
            except OSError as exc:
                raise Trouble(f"{self.name}: {exc.strerror}", NOT_STARTED) from None
            # While it is held: who opened it meanwhile finds it gone, and is refused.
            stack.callback(_unlink, lock_path)
            yield

    def create(self, *, overwrite: bool) -> int:
        """Make the file and open it.

        Raises:
            Trouble: It exists, or cannot be made.
        """
        flags = os.O_TRUNC if overwrite else os.O_EXCL
        try:
            fd = self._open(os.O_CREAT | flags)
            os.write(fd, self.format.header)
        except FileExistsError:
            raise Trouble(
                f"{self.name} exists. Complete it with --resume, or begin anew with --overwrite",
                NOT_STARTED,
            ) from None
        except OSError as exc:
            raise Trouble(f"{self.name}: {exc.strerror}", NOT_STARTED) from None
        return fd

    def reopen(self, ledger: Ledger) -> int:
        """Read the file back, mend its end, and open it to go on.

        Args:
            ledger: Of the input; it takes in what the file holds.

        Raises:
            Trouble: It belongs to another input, or cannot be read.
        """
        try:
            fd = self._open(0)
            os.ftruncate(fd, self._read(ledger))
            if not os.fstat(fd).st_size:
                os.write(fd, self.format.header)
        except OSError as exc:
            raise Trouble(f"{self.name}: {exc.strerror}", NOT_STARTED) from None
        if ledger.superseded:  # of a run that was ended before it could tidy up
            os.close(fd)
            self.tidy(ledger)
            ledger.forget_output()
            return self.reopen(ledger)
        return fd

    def tidy(self, ledger: Ledger) -> None:
        """Take out the lines that later ones supersede.

        The result is written beside the file and then put in its place, so that at any instant
        the one or the other stands there whole.

        Raises:
            Trouble: There is no room for it. The file is as it was.
        """
        beside = self.path.with_name(f".{self.path.name}.tidied")
        try:
            _unlink(beside)  # of a run that was killed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with self.path.open("rb") as old, os.fdopen(os.open(beside, flags, 0o600), "wb") as new:
                new.write(old.read(len(self.format.header)))
                new.writelines(line for n, line in enumerate(old) if not ledger.is_superseded(n))
                new.flush()
                os.fsync(new.fileno())
            shutil.copymode(self.path, beside)
            beside.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as exc:
            raise Trouble(
                f"{self.name}: all is there, but lines that later ones supersede could not be "
                f"taken out: {exc.strerror}",
                STOPPED,
            ) from None
        finally:
            _unlink(beside)

    def _open(self, flags: int) -> int:
        return os.open(
            self.path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | flags, 0o666
        )

    def _read(self, ledger: Ledger) -> int:
        """Read the lines back, and return where the last whole one ends."""
        header = self.format.header
        with self.path.open("rb") as file:
            head = file.read(len(header))
            if len(head) < len(header) and header.startswith(head):
                return 0
            if head != header:
                raise self._foreign(1, "not the header of its format")
            end = len(header)
            number = 1 if header else 0
            while (line := file.readline(MAX_LINE)).endswith(b"\n"):
                number += 1
                try:
                    ledger.read_back(self.format.read(line))
                except (ValueError, RecursionError) as exc:
                    raise self._foreign(number, exc) from None
                end += len(line)
            if len(line) == MAX_LINE:
                raise self._foreign(number + 1, "too long")
            # A disk that lost power may have zeros where the rest was to come.
            if not self.format.could_be(line.rstrip(b"\0")):
                raise self._foreign(number + 1, "not the beginning of a line of ours")
        return end

    def _foreign(self, number: int, why: object) -> Trouble:
        return Trouble(
            f"{self.name}, line {number}: {why}. Was it written from another input, column or "
            "format? Give another OUT, or --overwrite",
            NOT_STARTED,
        )


def _unlink(path: Path) -> None:
    with suppress(OSError):  # Windows, as long as it is open; or it is gone already
        path.unlink()


def _sync_directory(folder: Path) -> None:
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
