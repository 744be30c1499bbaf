"""Guards for stdout and stderr, so that Python can flush both when it exits."""

import asyncio
import errno
import io
import os
import select
import sys
from gettext import gettext as _
from typing import Any, Final, TextIO

from .language import reason_of

_PATIENCE: Final = 1.0
"""Seconds that a message waits for the reader of a full pipe."""

_UNREAD: Final = {errno.EPIPE, errno.EINVAL} if sys.platform == "win32" else {errno.EPIPE}
"""Errors of a write to a pipe that nobody reads."""

_PIECE: Final[int] = getattr(select, "PIPE_BUF", io.DEFAULT_BUFFER_SIZE)
"""Maximum number of bytes that a writable pipe accepts without blocking."""


class StdoutError(Exception):
    """Raised once when stdout cannot be written."""


class ReaderLeftError(StdoutError):
    """Nobody reads stdout any more, as after ``| head``. The reader has enough: no failure."""


def guard_streams() -> None:
    """Replace stdout and stderr with guarded streams.

    A write to stderr never fails: the stream drops data that it cannot write. In an event loop, it
    never waits for a reader either. The first write to stdout that fails raises `StdoutError`; from
    then on, stdout drops such data too. So Python can flush both streams when it exits. If a flush
    failed, Python would exit with code 120.
    """
    for fd in (1, 2):
        _open_if_closed(fd)
    sys.stdout = _guarded(sys.stdout, 1, raises=True)
    sys.stderr = _guarded(sys.stderr, 2, raises=False)


def _open_if_closed(fd: int) -> None:
    # If the descriptor stayed closed, the next open file, such as OUT, would get its number.
    try:
        os.fstat(fd)
    except OSError:
        placeholder = os.open(os.devnull, os.O_RDONLY)  # writes to it fail
        if placeholder != fd:
            os.dup2(placeholder, fd)
            os.close(placeholder)


def _guarded(stream: TextIO | None, fd: int, *, raises: bool) -> TextIO:
    if stream is None:  # Python found the descriptor closed
        raw: Any = io.FileIO(fd, "w", closefd=False)
        encoding, errors = "utf-8", "backslashreplace"
    else:
        buffer = getattr(stream, "buffer", None)
        if buffer is None:  # a replacement without a descriptor, such as io.StringIO
            return stream
        raw = getattr(buffer, "raw", buffer)
        encoding, errors = stream.encoding, stream.errors or "strict"
    return io.TextIOWrapper(
        io.BufferedWriter(_GuardedRaw(raw, raises=raises)),
        encoding=encoding,
        errors=errors,
        line_buffering=True,
    )


class _GuardedRaw(io.RawIOBase):
    """The unbuffered stream below a text stream.

    Args:
        raw: The stream to write to.
        raises: Whether the first failure raises `StdoutError`. False: writes never block for long.
    """

    def __init__(self, raw: io.RawIOBase, *, raises: bool) -> None:
        self._raw = raw
        self._raises = raises
        self._may_block = raises
        self._is_stuck = False

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        failure = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))  # if the raw stream returns None
        try:
            written = self._raw.write(data) if self._may_block else self._write_or_drop(data)
        except OSError as exc:
            written, failure = None, exc
        if written is not None:
            return written
        if self._raises:
            self._raises = False
            raise write_error(failure) from None
        return memoryview(data).nbytes

    def _write_or_drop(self, data: Any) -> int | None:
        """Write what does not block. Return None if nobody reads the pipe or terminal."""
        self._is_stuck = not can_write(self, 0.0 if self._is_stuck else self._patience())
        return None if self._is_stuck else self._raw.write(memoryview(data)[:_PIECE])

    def _patience(self) -> float | None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return None if self.isatty() else _PATIENCE  # Ctrl-S on a terminal: until Ctrl-Q
        return 0.0


def can_write(file: int | io.RawIOBase, timeout: float | None) -> bool:
    """Wait until a file is writable.

    Args:
        file: The file, or its descriptor.
        timeout: Maximum number of seconds to wait. None: no limit.

    Returns:
        False if it is not. True if the operating system cannot say it.
    """
    if sys.platform == "win32":  # its select supports only sockets
        return True
    try:
        return bool(select.select([], [file], [], timeout)[1])
    except OSError:  # it has no descriptor, or the write reports the error
        return True


def write_error(failure: OSError) -> StdoutError:
    """Return the error for a failed write to stdout. Its message is the reason."""
    if failure.errno in _UNREAD:
        return ReaderLeftError(_("nobody reads it any more"))
    if failure.errno == errno.EBADF:
        return StdoutError(_("it is closed"))
    return StdoutError(reason_of(failure))
