"""What a person reads: the progress and the summary of a bulk run, packets, changes of state."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vairosms_async import ClientStats, Gonderim, GonderimResult, PaketDurum

from .lookups import Lookups
from .signals import printable
from .store import Kind, Summary

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


def console(*, stderr: bool) -> Console:
    """Return a console for stdout or stderr, which prints text unchanged."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def print_line(out: Console, line: Text) -> None:
    """Print a line. Only a terminal gets it wrapped, between words."""
    out.print(line, soft_wrap=not out.is_terminal)


class Progress:
    """Shows the progress of a run: a bar on a terminal, a line every few seconds elsewhere.

    Args:
        out: The console to print on.
        total: Number of packets to look up.
        quiet: Show nothing.

    Attributes:
        stats: `VairoSMSClient.stats`, which counts the retries. None: they are not shown.
    """

    LINE_EVERY = 5.0
    WINDOW = 15.0

    def __init__(self, out: Console, total: int, *, quiet: bool = False) -> None:
        self._out = out
        self._total = total
        self._quiet = quiet
        self.stats: Callable[[], ClientStats] | None = None
        # A dumb terminal cannot move the cursor.
        live = out.is_terminal and not out.is_dumb_terminal and not quiet
        self._live = Live(console=out, auto_refresh=False, transient=True) if live else None
        self._began = self._shown = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._began, 0)])
        self._warnings = 0
        self._last_warning = ""
        self._warned = -math.inf

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the progress, and the warnings of the library: pauses, a spent retry budget."""
        logger, handler = logging.getLogger("vairosms_async"), _Warnings(self.warn)
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

    def warn(self, text: str) -> None:
        """Show a warning, but not more than one every few seconds."""
        self._warnings += 1
        self._last_warning = printable(text)
        now = time.monotonic()
        if self._live is None and now - self._warned >= self.LINE_EVERY:
            self._warned = now
            self._print(Text(self._last_warning, style="yellow"))

    def warnings(self) -> list[str]:
        """Return a line with the number of warnings and the last one, or no line."""
        if not self._warnings:
            return []
        return [f"{counted(self._warnings, 'warning')}; the last: {self._last_warning}"]

    def update(self, lookups: Lookups) -> None:
        """Update the bar, or print a line if it is time."""
        now = time.monotonic()
        self._samples.append((now, lookups.answered))
        while now - self._samples[0][0] > self.WINDOW:
            self._samples.popleft()
        if self._live is not None:
            self._live.update(self._bar(lookups), refresh=True)
        elif now - self._shown >= self.LINE_EVERY:
            self._shown = now
            self._print(Text(f"{self._done(lookups)}; {self._counts(lookups)}"))

    def pace(self, answered: int) -> str:
        """Return how long the run has taken and how fast it was, such as ``0:12, 350/s``."""
        seconds = max(time.monotonic() - self._began, 1e-3)
        return f"{_duration(seconds)}, {answered / seconds:,.0f}/s"

    def _print(self, line: Text) -> None:
        if not self._quiet:
            print_line(self._out, line)

    def _done(self, lookups: Lookups) -> str:
        if lookups.waiting:
            return f"{lookups.waiting:,} of {self._total:,} not final yet"
        (then, before), (now, done) = self._samples[0], self._samples[-1]
        rate = (done - before) / (now - then) if now > then else 0.0
        parts = [f"{done:,}/{self._total:,}", f"{rate:,.0f}/s"]
        if rate > 0 and done < self._total:
            parts.append(f"{_duration((self._total - done) / rate)} left")
        return ", ".join(parts)

    def _counts(self, lookups: Lookups) -> str:
        counts = [f"{durum.name} {count:,}" for durum, count in lookups.states.most_common()]
        counts.append(f"errors {lookups.failed:,}")
        if self.stats is not None and (retries := self.stats().retries):
            counts.append(f"retries {retries:,}")
        return ", ".join(counts)

    def _bar(self, lookups: Lookups) -> RenderableType:
        bar = Table.grid(expand=True)  # it ends its line, which a bar alone does not
        done = self._total - lookups.waiting if lookups.waiting else lookups.answered
        bar.add_row(ProgressBar(total=max(self._total, 1), completed=done))
        rows: list[RenderableType] = [bar, Text(self._done(lookups))]
        rows.append(Text(self._counts(lookups), style="dim"))
        rows += [Text(warning, style="yellow") for warning in self.warnings()]
        return Group(*rows)


class _Warnings(logging.Handler):
    """Shows the library's warnings, except the one for a refused key, which ends the command."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._warn = warn

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "vairosms_event", None) != "key_refused":
            self._warn(record.getMessage())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def show_summary(
    out: Console,
    title: str,
    summary: Summary,
    notes: Iterable[str],
    *,
    bad_rows: int = 0,
    bad_line: int | None = None,
) -> None:
    """Show the counts of a run.

    Args:
        out: The console to print on.
        title: The first line.
        summary: The counts of the packets.
        notes: Further lines.
        bad_rows: Number of rows without a packet id.
        bad_line: The line of one of them.
    """
    print_line(out, Text(title, style="bold"))
    total = summary.packets + bad_rows
    colours = {durum.name: colour for durum, colour in _COLOURS.items()}
    states = {durum.name: Kind(count) for durum, count in summary.states.items()}
    if summary.unknown:
        states["not looked up"] = Kind(summary.unknown)
    _show_bars(out, states, total, colours)
    errors = dict(summary.errors)
    if bad_rows:
        errors["rows without a packet id"] = Kind(
            bad_rows, None if bad_line is None else f"line {bad_line}"
        )
    for heading, kinds in (("HATALI, by reason", summary.reasons), ("Errors", errors)):
        if kinds:
            out.print(heading)
            shown = {name: kinds[name] for name in list(kinds)[:_MOST_FREQUENT]}
            _show_bars(out, shown, total, dict.fromkeys(shown, "red"))
            if rest := len(kinds) - len(shown):
                out.print(f"  and {rest} more kinds")
    out.print(f"Credits charged: {summary.kredi_toplam:,}")
    for note in notes:
        print_line(out, Text(printable(note)))


def _show_bars(
    out: Console, kinds: Mapping[str, Kind], total: int, colours: Mapping[str, str]
) -> None:
    full = "█" if out.encoding.startswith("utf") else "#"
    label_width = max(map(len, kinds), default=0)
    count_width = max((len(f"{kind.count:,}") for kind in kinds.values()), default=0)
    for label, kind in kinds.items():
        share = kind.count / total
        line = Text(f"  {label:<{label_width}} {kind.count:>{count_width},} {share:>6.1%}")
        example = "" if kind.example is None else f" e.g. {kind.example}"
        room = min(30, out.width - 2 - len(line) - len(example))
        if room >= 5:
            bar = full * max(round(share * room), 1)
            line.append(f" {bar}", style=colours.get(label, ""))
        elif len(line) + len(example) > out.width:
            example = f"\n   {example}"
        line.append(example)
        print_line(out, line)


def show_packets(out: Console, results: Iterable[GonderimResult]) -> None:
    """Show packets as a table, or on a narrow terminal as lists of fields."""
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
                Text(printable(gonderim.sms_baslik or "")),
                _state(gonderim, "\n", "\n"),
                f"{counted(gonderim.numara_toplam, 'number')}\n"
                f"{counted(gonderim.kredi_toplam, 'credit')}",
                f"{_when(gonderim.created_at)}\n{_when(gonderim.sonlanma_zamani)}",
            )
    if table.row_count:
        out.print(table)
    for result in failed:
        print_line(out, Text(printable(result.error), style="red"))


def _fields(gonderim: Gonderim) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("Gönderim", str(gonderim.id))
    grid.add_row("Başlık", Text(printable(gonderim.sms_baslik or "")))
    grid.add_row("Durum", _state(gonderim, "\n", "\n"))
    grid.add_row("Numbers", _grouped(gonderim.numara_toplam))
    grid.add_row("Credits", _grouped(gonderim.kredi_toplam))
    grid.add_row("Created", _when(gonderim.created_at))
    grid.add_row("Ends", _when(gonderim.sonlanma_zamani))
    return grid


def show_change(out: Console, result: GonderimResult) -> None:
    """Show the new state of a packet, with the time of day."""
    line = Text(f"{datetime.now().astimezone():%H:%M:%S}  ")
    if result.gonderim is not None:
        line.append(f"{result.id}  ")
        line.append(_state(result.gonderim))
    else:
        line.append(printable(result.error), style="red")
    print_line(out, line)


def _state(gonderim: Gonderim, after_name: str = ": ", between: str = ", ") -> Text:
    durum = gonderim.paket_durum
    words = WORDS.get(durum, "a state that this version does not know")
    text = Text.assemble((durum.name, _COLOURS.get(durum, "")), f"{after_name}{words}")
    if gonderim.log is not None and gonderim.log.mesaj:
        text.append(between)
        text.append(printable(gonderim.log.hata_kodu or gonderim.log.mesaj), style="red")
    if gonderim.ileri_tarih is not None and not gonderim.is_final:
        text.append(f"{between}scheduled for {_when(gonderim.ileri_tarih)}")
    return text


def _when(moment: datetime | None) -> str:
    return "" if moment is None else str(moment)


def counted(number: int | None, noun: str) -> str:
    """Write a number with its noun."""
    return f"{_grouped(number)} {noun}{'' if number == 1 else 's'}"


def _grouped(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
