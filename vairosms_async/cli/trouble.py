"""What ends a command early, the exit codes, and signals."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Thread, Timer
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn, Self

import click

ALL_FOUND: Final = 0
SOME_FAILED: Final = 1
NOT_STARTED: Final = 2
KEY_REFUSED: Final = 3
STOPPED: Final = 4


class Trouble(click.ClickException):
    """One clear line about why a command ends, and its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def say(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP: the first ends the work in good order, the second at once.

    What is stuck (a pipe that nobody reads, a disk that does not answer) is not waited for longer
    than `GRACE` seconds. That loses nothing: OUT takes whole lines, and a torn one is mended.
    """

    GRACE = 1.5

    def __init__(self) -> None:
        self.received: int = 0
        self.last_words: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._before: dict[int, Any] = {}
        self._watchdog: Timer | None = None

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # nohup has SIGHUP ignored, and means it.
            if number and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        for number, before in self._before.items():
            signal.signal(number, before)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended."""
        return 128 + (self.received or signal.SIGINT)

    def cancel_on_signal(self) -> None:
        """From now on a signal cancels the task that calls this, and no longer interrupts."""
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt_on_signal(self) -> None:
        """From now on a signal raises KeyboardInterrupt: there is no event loop any more."""
        self._loop = self._task = None

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.received:
            self._leave(128 + number)
        self.received = number
        self._watchdog = Timer(self.GRACE, self._give_up)
        self._watchdog.daemon = True
        self._watchdog.start()
        if self._loop is None or self._task is None:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._task.cancel)

    def _give_up(self) -> None:
        # What is stuck may be stderr itself.
        speaking = Thread(target=self.last_words, daemon=True)
        speaking.start()
        speaking.join(0.2)
        self._leave(self.exit_code)

    @staticmethod
    def _leave(exit_code: int) -> NoReturn:
        with suppress(OSError):
            if os.isatty(2):
                os.write(2, b"\x1b[?25h")  # the progress bar hid the cursor
        os._exit(exit_code)
