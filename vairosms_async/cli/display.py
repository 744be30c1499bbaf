"""What a person sees: progress and summary on stderr, packets as a table."""

import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vairosms_async import Gonderim, GonderimResult, PaketDurum

from .tally import Tally

WORDS: Final = {
    PaketDurum.HATALI: "failed, nothing charged",
    PaketDurum.DEVAM_EDIYOR: "in progress",
    PaketDurum.SONLANDI: "sent and finished",
}
_COLOURS = {
    PaketDurum.HATALI: "red",
    PaketDurum.DEVAM_EDIYOR: "yellow",
    PaketDurum.SONLANDI: "green",
}
_NARROW = 80
_MOST_FREQUENT = 5


class _Console(Console):
    """A console whose reader may leave: work goes on without stderr, and ends without stdout."""

    def on_broken_pipe(self) -> None:
        if not self.stderr:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        self.quiet = True


def console(*, stderr: bool) -> Console:
    """Open stdout or stderr for text, without colours where they are not wanted."""
    return _Console(stderr=stderr, highlight=False, emoji=False, markup=False)


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
        self.waiting: int = 0
        self.retries: int = 0

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show it, and with it what the library warns of: pauses, a spent retry budget."""
        logger, handler = logging.getLogger("vairosms_async"), _Notes(self.note)
        logger.addHandler(handler)
        try:
            if self._live is None:
                yield
            else:
                with self._live:
                    yield
        finally:
            logger.removeHandler(handler)

    def note(self, text: str) -> None:
        """Show a line that stays."""
        if not self._quiet:
            self._out.print(text, style="yellow", soft_wrap=True)

    def update(self) -> None:
        """Show how far it is, if there is anything to show and it is time."""
        try:
            self._update(time.monotonic())
        except OSError:  # nobody is there to see it; the work goes on
            self._live, self._quiet = None, True

    def _update(self, now: float) -> None:
        self._samples.append((now, self._tally.total))
        while now - self._samples[0][0] > self.WINDOW:
            self._samples.popleft()
        if self._live is not None:
            self._live.update(self._bar(), refresh=True)
        elif not self._quiet and now - self._shown >= self.LINE_EVERY:
            self._shown = now
            self._out.print(f"{self._how_far()}; {self._counts()}", soft_wrap=True)

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
        return Group(*rows)


class _Notes(logging.Handler):
    """Hands on the library's warnings; a refused key ends the command, which says so itself."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "refused the API key" not in message:
            self._note(message)


def show_summary(out: Console, title: str, tally: Tally, notes: Iterable[str]) -> None:
    """Show what the results came to.

    Args:
        out: Where to.
        title: The first line.
        tally: The counts.
        notes: Further lines.
    """
    out.print(title, style="bold", soft_wrap=True)
    states = {PaketDurum(d).name: n for d, n in tally.states.most_common()}
    colours = {durum.name: colour for durum, colour in _COLOURS.items()}
    _show_bars(out, states, tally.total, colours, {})
    for heading, counts in (("HATALI, by reason", tally.reasons), ("Errors", tally.errors)):
        if counts:
            out.print(heading)
            shown = dict(counts.most_common(_MOST_FREQUENT))
            _show_bars(out, shown, tally.total, dict.fromkeys(shown, "red"), tally.examples)
            if rest := len(counts) - len(shown):
                out.print(f"  and {rest} more kinds")
    out.print(f"Credits charged: {tally.kredi:,}")
    for note in notes:
        out.print(note, soft_wrap=True)


def _show_bars(
    out: Console,
    counts: dict[str, int],
    total: int,
    colours: dict[str, str],
    examples: dict[str, str],
) -> None:
    full = "█" if out.encoding.startswith("utf") else "#"
    label_width = max(map(len, counts), default=0)
    for label, count in counts.items():
        share = count / total
        left = f"  {label:<{label_width}} {count:>9,} {share:>6.1%} "
        example = f" e.g. {examples[label]}" if label in examples else ""
        room = min(30, out.width - 1 - len(left) - len(example))
        line = Text(left)
        if room >= 5:
            line.append(full * max(round(share * room), 1), style=colours.get(label, ""))
        line.append(example)
        out.print(line, soft_wrap=True)


def show_packets(out: Console, results: Iterable[GonderimResult]) -> None:
    """Show packets as a table; on a narrow terminal, as one list of fields each."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("Gönderim", no_wrap=True)
    table.add_column("Başlık", no_wrap=True)
    table.add_column("Durum")
    table.add_column("Size", no_wrap=True)
    table.add_column("Created, ends", no_wrap=True)
    failed: list[GonderimResult] = []
    for result in results:
        if (gonderim := result.gonderim) is None:
            failed.append(result)
        elif out.width < _NARROW:
            out.print(_fields(gonderim))
            out.print()
        else:
            table.add_row(
                str(gonderim.id),
                Text(_shown(gonderim.sms_baslik)),
                _state(gonderim, "\n", "\n"),
                f"{counted(gonderim.numara_toplam, 'number')}\n"
                f"{counted(gonderim.kredi_toplam, 'credit')}",
                f"{_when(gonderim.created_at)}\n{_when(gonderim.sonlanma_zamani)}",
            )
    if table.row_count:
        out.print(table)
    for result in failed:
        line = Text(f"{_shown(result.id)}: {_shown(result.error)}", style="red")
        out.print(line, soft_wrap=True)


def _fields(gonderim: Gonderim) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("Gönderim", str(gonderim.id))
    grid.add_row("Başlık", Text(_shown(gonderim.sms_baslik)))
    grid.add_row("Durum", _state(gonderim, "\n", "\n"))
    grid.add_row("Numbers", f"{gonderim.numara_toplam:,}")
    grid.add_row("Credits", f"{gonderim.kredi_toplam:,}")
    grid.add_row("Created", _when(gonderim.created_at))
    grid.add_row("Ends", _when(gonderim.sonlanma_zamani))
    return grid


def show_change(out: Console, result: GonderimResult) -> None:
    """Show a state that a packet has come to, with the time of day."""
    line = Text(f"{datetime.now().astimezone():%H:%M:%S}  {_shown(result.id)}  ")
    if result.gonderim is not None:
        line.append(_state(result.gonderim))
    else:
        line.append(_shown(result.error), style="red")
    out.print(line, soft_wrap=True)


def _state(gonderim: Gonderim, after_name: str = ": ", between: str = ", ") -> Text:
    durum = gonderim.paket_durum
    words = WORDS.get(durum, "a state that this version does not know")
    text = Text.assemble((durum.name, _COLOURS.get(durum, "")), f"{after_name}{words}")
    if gonderim.log is not None:
        text.append(between)
        text.append(_shown(gonderim.log.hata_kodu or gonderim.log.mesaj), style="red")
    if gonderim.ileri_tarih is not None and not gonderim.is_final:
        text.append(f"{between}scheduled for {_when(gonderim.ileri_tarih)}")
    return text


def _shown(value: object) -> str:
    """Write what others wrote, without what would steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def _when(moment: datetime | None) -> str:
    return "" if moment is None else str(moment)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
