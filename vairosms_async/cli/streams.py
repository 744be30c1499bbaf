"""Guards for stdout and stderr, so that Python can flush both when it exits."""

import errno
import io
import os
import sys
from typing import Any, TextIO


class StdoutError(Exception):
    """Raised once when stdout cannot be written."""


def guard_streams() -> None:
    """Replace stdout and stderr with guarded streams.

    A write to stderr never fails: the stream drops data that it cannot write. The first write to
    stdout that fails raises `StdoutError`; from then on, stdout drops such data too. So Python can
    flush both streams when it exits. If a flush failed, Python would exit with code 120.
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
        raises: Whether the first failure raises `StdoutError`.
    """

    def __init__(self, raw: io.RawIOBase, *, raises: bool) -> None:
        self._raw = raw
        self._raises = raises

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        failure = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))  # if the raw stream returns None
        try:
            written = self._raw.write(data)
        except OSError as exc:
            written, failure = None, exc
        if written is not None:
            return written
        if self._raises:
            self._raises = False
            raise StdoutError(_reason(failure)) from None
        return memoryview(data).nbytes


def _reason(failure: OSError) -> str:
    match failure.errno:
        case errno.EPIPE:
            return "nobody reads it any more"
        case errno.EBADF:
            return "it is closed"
        case _:
            return failure.strerror or str(failure)
