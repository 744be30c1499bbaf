"""How a command ends: exit codes, error messages and signals."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from gettext import gettext as _
from textwrap import fill
from threading import Thread, Timer
from types import FrameType
from typing import Any, Final, NoReturn, Self

import click

from vairosms_async import VairoSMSAuthError

from .inputs import printable
from .language import reason_of
from .streams import can_write

ALL_FOUND: Final = 0
SOME_FAILED: Final = 1
NOT_STARTED: Final = 2
KEY_REFUSED: Final = 3
STOPPED: Final = 4


class CommandError(click.ClickException):
    """Ends the command with a message of one line and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def say(text: str) -> None:
    """Print a line on stderr. Only a terminal gets it wrapped, between words."""
    line = printable(text.replace("\n", " "))
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        line = fill(line, width, break_on_hyphens=False)
    click.echo(line, err=True)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    say(as_warning(text))


def as_warning(text: str) -> str:
    """Return a text as the line of a warning."""
    return _("warning: {message}").format(message=text)


class Signals:
    """Handlers of Ctrl-C, SIGTERM and SIGHUP, as a context manager.

    The first signal ends the work in good order, a second one ends the process at once. If the work
    has not ended after `GRACE` seconds (a full pipe that nobody reads, a lost mount), the process
    ends anyway. The store loses nothing but what it had not committed.

    Attributes:
        received: The number of the first signal, or 0.
        on_give_up: Called before the process ends while its work is blocked.
    """

    GRACE = 1.5

    def __init__(self) -> None:
        self.received: int = 0
        self.on_give_up: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._before: dict[int, Any] = {}
        self._watchdog: Timer | None = None

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # nohup ignores SIGHUP, so that the command survives the terminal.
            if number and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        for number, before in self._before.items():
            signal.signal(number, before)

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects of a process that a signal ended."""
        return 128 + (self.received or signal.SIGINT)

    def run(self, work: Coroutine[Any, Any, int]) -> int:
        """Run a coroutine in a new event loop, and return its exit code.

        Raises:
            asyncio.CancelledError: A signal has ended it.
            CommandError: The panel refused the key, or the operating system an operation.
        """

        async def run_until_signal() -> int:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            try:
                return await work
            finally:
                self._loop = self._task = None

        try:
            return asyncio.run(run_until_signal())
        except VairoSMSAuthError as exc:
            raise CommandError(
                _(
                    "the panel refused the API key. Check VAIROSMS_API_KEY or the file of "
                    "--api-key-file. The panel's answer: {answer}"
                ).format(answer=exc.aciklama or exc.status),
                KEY_REFUSED,
            ) from None
        except OSError as exc:
            raise CommandError(reason_of(exc), STOPPED) from None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
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
        # In another thread, because stderr may be blocked too.
        speaking = Thread(target=self.on_give_up, daemon=True)
        speaking.start()
        speaking.join(0.2)
        self._leave(self.exit_code)

    @staticmethod
    def _leave(exit_code: int) -> NoReturn:
        with suppress(OSError):
            if os.isatty(2) and can_write(2, 0.0):
                os.write(2, b"\x1b[?25h")  # the progress bar hid the cursor
        os._exit(exit_code)


@contextmanager
def suspendable(suspend: Callable[[], None], resume: Callable[[], None]) -> Generator[None]:
    """Call functions around each Ctrl-Z, in the event loop.

    Args:
        suspend: Called before the process stops.
        resume: Called when the process continues, as after ``fg``.
    """
    number = getattr(signal, "SIGTSTP", None)  # Windows has none
    if number is None or signal.getsignal(number) is not signal.SIG_DFL:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        suspend()
        loop.remove_signal_handler(number)  # restores the default action, which stops the process
        os.kill(os.getpid(), number)
        loop.add_signal_handler(number, stop)
        resume()

    loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
