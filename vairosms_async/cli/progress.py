"""How a bulk check gets on: a bar on a terminal, a line now and then elsewhere."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vairosms_async import PaketDurum

from .display import counted, print_line
from .tally import Tally


class Progress:
    """Shows how a bulk check gets on: a bar on a terminal, a line now and then elsewhere.

    Args:
        out: Where to.
        tally: The counts to show.
        total: How many results there will be, if that is known.
        quiet: Show nothing.

    Attributes:
        waiting: Results that are not final yet.
        retries: Retries so far.
    """

    LINE_EVERY = 5.0
    WINDOW = 15.0

    def __init__(self, out: Console, tally: Tally, total: int | None, *, quiet: bool) -> None:
        self._out = out
        self._tally = tally
        self._total = total
        self._quiet = quiet
        # A dumb terminal cannot take back what it shows.
        live = out.is_terminal and not out.is_dumb_terminal and not quiet
        self._live = Live(console=out, auto_refresh=False, transient=True) if live else None
        self._kept = tally.total
        self._began = self._shown = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, tally.total)])
        self._notes = 0
        self._note = ""
        self._noted = -math.inf
        self.waiting: int = 0
        self.retries: int = 0

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show it, and with it what the library warns of: pauses, a spent retry budget."""
        logger, handler = logging.getLogger("vairosms_async"), _Notes(self.note)
        logger.addHandler(handler)
        live = self._live
        try:
            if live is not None:
                live.start()
            yield
        finally:
            logger.removeHandler(handler)
            if live is not None:
                live.stop()

    def note(self, text: str) -> None:
        """Tell of something. Of what comes again and again, a line every few seconds is enough."""
        self._notes += 1
        self._note = text
        now = time.monotonic()
        if self._live is None and now - self._noted >= self.LINE_EVERY:
            self._noted = now
            self._print(Text(text, style="yellow"))

    def notes(self) -> list[str]:
        """Say what there was to tell of, in a line or none."""
        return [f"{counted(self._notes, 'warning')}; the last: {self._note}"] if self._notes else []

    def update(self) -> None:
        """Show how far it is, if there is anything to show and it is time."""
        now = time.monotonic()
        self._samples.append((now, self._tally.total + self.waiting))
        while now - self._samples[0][0] > self.WINDOW:
            self._samples.popleft()
        if self._live is not None:
            self._live.update(self._bar(), refresh=True)
        elif now - self._shown >= self.LINE_EVERY:
            self._shown = now
            self._print(Text(f"{self._how_far()}; {self._counts()}"))

    def _print(self, line: Text) -> None:
        if not self._quiet:
            print_line(self._out, line)

    def pace(self) -> str:
        """Say how long this run has taken, and how fast it was."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        rate = (self._tally.total - self._kept) / seconds
        return f" in {_duration(seconds)}, {rate:,.0f}/s"

    def _recent_rate(self) -> float:
        (then, before), (now, done) = self._samples[0], self._samples[-1]
        return (done - before) / (now - then) if now > then else 0.0

    def _how_far(self) -> str:
        done, rate = self._tally.total + self.waiting, self._recent_rate()
        of = "" if self._total is None else f"/{self._total:,}"
        parts = [f"{done:,}{of}", f"{rate:,.0f}/s"]
        if self.waiting and done == self._total:
            parts = [f"{done:,}{of}", f"{self.waiting:,} not final yet"]
        elif self._total is not None and rate > 0:
            parts.append(f"{_duration((self._total - done) / rate)} left")
        return ", ".join(parts)

    def _counts(self) -> str:
        counts = [f"{PaketDurum(d).name} {n:,}" for d, n in self._tally.states.most_common()]
        if self.waiting:
            counts.append(f"not final {self.waiting:,}")
        counts.append(f"errors {self._tally.failed:,}")
        if self.retries:
            counts.append(f"retries {self.retries:,}")
        return ", ".join(counts)

    def _bar(self) -> RenderableType:
        done = self._tally.total + self.waiting
        rows: list[RenderableType] = [Text(self._how_far()), Text(self._counts(), style="dim")]
        if self._total is not None:
            bar = Table.grid(expand=True)  # which ends its line, as a bar by itself does not
            bar.add_row(ProgressBar(total=max(self._total, 1), completed=done))
            rows.insert(0, bar)
        rows += [Text(note, style="yellow") for note in self.notes()]
        return Group(*rows)


class _Notes(logging.Handler):
    """Shows the library's warnings, except the one for a refused key, which ends the command."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "vairosms_event", None) != "key_refused":
            self._note(record.getMessage())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
