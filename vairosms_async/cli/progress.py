"""What a person reads during a run: the progress of its lookups, and warnings."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from gettext import gettext as _
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from yarl import URL

from vairosms_async import ClientStats, VairoSMSClient

from .display import counted, grouped, is_terminal, print_line
from .inputs import printable
from .lookups import Lookups
from .signals import as_warning, suspendable, warn

_LINE_EVERY: Final = 5.0
"""Minimum number of seconds between two lines, and seconds until silence is reported."""


class Progress:
    """Shows the progress of a run: a bar on a terminal, elsewhere a line from time to time.

    Args:
        out: The console to print on.
        total: Number of packets to look up.
        quiet: Show nothing.

    Attributes:
        stats: `VairoSMSClient.stats`, for retries, limit and pauses. None: they are not shown.
    """

    WINDOW = 15.0

    def __init__(self, out: Console, total: int, *, quiet: bool = False) -> None:
        self._out = out
        self._total = total
        self._quiet = quiet
        self.stats: Callable[[], ClientStats] | None = None
        # A dumb terminal cannot move the cursor.
        self._draws = is_terminal(out) and not out.is_dumb_terminal and not quiet
        self._live = Live(console=out, auto_refresh=False, transient=True)
        self._began = self._shown = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._warnings = 0
        self._last_warning = ""
        self._warned = -math.inf

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the progress, and the warnings of the library: pauses, a spent retry budget."""
        with ExitStack() as stack:
            stack.enter_context(_library_warnings(self.warn))
            if self._draws:
                self._start()
                stack.callback(self._stop)
                stack.enter_context(suspendable(self._stop, self._start))
            yield

    def warn(self, text: str) -> None:
        """Show a warning, but not more than one every few seconds."""
        self._warnings += 1
        self._last_warning = printable(text)
        now = time.monotonic()
        if not self._draws and now - self._warned >= _LINE_EVERY:
            self._warned = now
            self._print(Text(as_warning(self._last_warning), style="yellow"))

    def warnings(self) -> list[str]:
        """Return a line with the number of warnings and the last one, or no line."""
        if not self._warnings:
            return []
        return [
            counted(
                self._warnings,
                "{number} warning; the last: {last}",
                "{number} warnings; the last: {last}",
                last=self._last_warning,
            )
        ]

    def update(self, lookups: Lookups) -> None:
        """Update the bar, or print a line if it is time."""
        now = time.monotonic()
        self._samples.append((now, lookups.answered))
        while now - self._samples[0][0] > self.WINDOW:
            self._samples.popleft()
        if self._draws:
            self._live.update(self._bar(lookups), refresh=True)
        elif now - self._shown >= self._line_interval(now):
            self._shown = now
            self._print(Text(f"{self._done(lookups)}; {self._counts(lookups)}"))

    def pace(self, answered: int) -> str:
        """Return how long the run has taken and how fast it was, such as ``0:12, 350/s``."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        return f"{_duration(seconds)}, {_per_second(answered / seconds)}"

    def _start(self) -> None:
        # A new one each time: the old one would erase what the shell has printed in between.
        self._live = Live(console=self._out, auto_refresh=False, transient=True)
        self._live.start()

    def _stop(self) -> None:
        """Erase the bar, and show the cursor."""
        self._live.stop()

    def _line_interval(self, now: float) -> float:
        # A log of a long run needs fewer lines.
        return min(max(_LINE_EVERY, (now - self._began) / 20), 60.0)

    def _print(self, line: Text) -> None:
        if not self._quiet:
            print_line(self._out, line)

    def _done(self, lookups: Lookups) -> str:
        if lookups.waiting:
            return _("{number} of {total} not final yet").format(
                number=grouped(lookups.waiting), total=grouped(self._total)
            )
        (then, before), (now, done) = self._samples[0], self._samples[-1]
        rate = (done - before) / (now - then) if now > then else 0.0
        counts = f"{grouped(done)}/{grouped(self._total)}"
        if rate > 0 and done < self._total:
            left = _("{duration} left").format(duration=_duration((self._total - done) / rate))
            return f"{counts}, {_per_second(rate)}, {left}"
        return f"{counts}, {_per_second(rate)}"

    def _counts(self, lookups: Lookups) -> str:
        counts = [f"{durum.name} {grouped(n)}" for durum, n in lookups.states.most_common()]
        counts.append(_("errors {number}").format(number=grouped(lookups.failed)))
        if self.stats is not None and (stats := self.stats()).requests:
            if stats.retries:
                counts.append(_("retries {number}").format(number=grouped(stats.retries)))
            limit = _("limit {number}").format(number=grouped(round(stats.limit)))
            counts.append(limit if stats.limit >= 1 else _("limit below 1"))
            if stats.paused >= 1:
                counts.append(_("paused {duration}").format(duration=_duration(stats.paused)))
        return ", ".join(counts)

    def _bar(self, lookups: Lookups) -> RenderableType:
        bar = Table.grid(expand=True)  # it ends its line, which a bar alone does not
        done = self._total - lookups.waiting if lookups.waiting else lookups.answered
        bar.add_row(ProgressBar(total=max(self._total, 1), completed=done))
        rows: list[RenderableType] = [bar, Text(self._done(lookups))]
        rows.append(Text(self._counts(lookups), style="dim"))
        rows += [Text(warning, style="yellow") for warning in self.warnings()]
        return Group(*rows)


@contextmanager
def _library_warnings(warn: Callable[[str], None]) -> Generator[None]:
    """Pass the warnings of the library to a function."""
    logger, handler = logging.getLogger("vairosms_async"), _Warnings(warn)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Warnings(logging.Handler):
    """Shows the library's warnings, except the one for a refused key, which ends the command."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "vairosms_event", None) != "key_refused":
            text = _(str(record.msg))
            self._warn(text % record.args if record.args else text)


def _per_second(rate: float) -> str:
    return _("{number}/s").format(number=grouped(round(rate)))


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@asynccontextmanager
async def trouble_reported(client: VairoSMSClient) -> AsyncGenerator[None]:
    """Say on stderr why no answer arrives: the warnings of the library, and a silent panel."""
    with _library_warnings(warn):
        task = asyncio.create_task(_report_silence(client))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _report_silence(client: VairoSMSClient) -> None:
    """Say once that requests have been in flight for some seconds, and that none has ended."""
    now = asyncio.get_running_loop().time
    requests, paused = 0, 0.0
    silent_since = now()
    while now() - silent_since < _LINE_EVERY:
        await asyncio.sleep(0.5)
        stats = client.stats()
        if stats.requests != requests or not stats.in_flight:
            silent_since = now()
        # The client adds all of a pause when it begins. It sends nothing until the end.
        silent_since += stats.paused - paused
        requests, paused = stats.requests, stats.paused
    host = URL(client.base_url).host_port_subcomponent
    warn(_("{host} has not answered for 5 s. The command continues to wait.").format(host=host))
