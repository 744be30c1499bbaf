"""What a person reads: the summary of a bulk check, packets as a table, changes of state."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console
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


def console(*, stderr: bool) -> Console:
    """Open stdout or stderr for text, without colours where they are not wanted."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def print_line(out: Console, line: Text) -> None:
    """Print a line: broken between words on a terminal, and not at all in a file."""
    out.print(line, soft_wrap=not out.is_terminal)


def show_summary(out: Console, title: str, tally: Tally, notes: Iterable[str]) -> None:
    """Show what the results came to.

    Args:
        out: Where to.
        title: The first line.
        tally: The counts.
        notes: Further lines.
    """
    print_line(out, Text(title, style="bold"))
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
        print_line(out, Text(note))


def _show_bars(
    out: Console,
    counts: dict[str, int],
    total: int,
    colours: dict[str, str],
    examples: dict[str, str],
) -> None:
    full = "█" if out.encoding.startswith("utf") else "#"
    label_width = max(map(len, counts), default=0)
    count_width = len(f"{max(counts.values(), default=0):,}")
    for label, count in counts.items():
        share = count / total
        line = Text(f"  {label:<{label_width}} {count:>{count_width},} {share:>6.1%}")
        example = f" e.g. {examples[label]}" if label in examples else ""
        room = min(30, out.width - 2 - len(line) - len(example))
        if room >= 5:
            bar = full * max(round(share * room), 1)
            line.append(f" {bar}", style=colours.get(label, ""))
        elif len(line) + len(example) > out.width:
            example = f"\n   {example}"
        line.append(example)
        print_line(out, line)


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
                Text(_shown(gonderim.sms_baslik or "")),
                _state(gonderim, "\n", "\n"),
                f"{counted(gonderim.numara_toplam, 'number')}\n"
                f"{counted(gonderim.kredi_toplam, 'credit')}",
                f"{_when(gonderim.created_at)}\n{_when(gonderim.sonlanma_zamani)}",
            )
    if table.row_count:
        out.print(table)
    for result in failed:
        print_line(out, Text(_shown(result.error), style="red"))


def _fields(gonderim: Gonderim) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("Gönderim", str(gonderim.id))
    grid.add_row("Başlık", Text(_shown(gonderim.sms_baslik or "")))
    grid.add_row("Durum", _state(gonderim, "\n", "\n"))
    grid.add_row("Numbers", _grouped(gonderim.numara_toplam))
    grid.add_row("Credits", _grouped(gonderim.kredi_toplam))
    grid.add_row("Created", _when(gonderim.created_at))
    grid.add_row("Ends", _when(gonderim.sonlanma_zamani))
    return grid


def show_change(out: Console, result: GonderimResult) -> None:
    """Show a state that a packet has come to, with the time of day."""
    line = Text(f"{datetime.now().astimezone():%H:%M:%S}  ")
    if result.gonderim is not None:
        line.append(f"{result.id}  ")
        line.append(_state(result.gonderim))
    else:
        line.append(_shown(result.error), style="red")
    print_line(out, line)


def _state(gonderim: Gonderim, after_name: str = ": ", between: str = ", ") -> Text:
    durum = gonderim.paket_durum
    words = WORDS.get(durum, "a state that this version does not know")
    text = Text.assemble((durum.name, _COLOURS.get(durum, "")), f"{after_name}{words}")
    if gonderim.log is not None and gonderim.log.mesaj:
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


def counted(number: int | None, noun: str) -> str:
    """Write a number with its noun."""
    return f"{_grouped(number)} {noun}{'' if number == 1 else 's'}"


def _grouped(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
