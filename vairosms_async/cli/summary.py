"""The summary of a run: its counts, and examples of what failed."""

from collections.abc import Iterable, Mapping
from gettext import gettext as _
from gettext import pgettext
from typing import Final

from rich.console import Console
from rich.text import Text

from .display import COLOURS, ERRORS, counted, grouped, print_line
from .inputs import Input, printable
from .known import Known
from .store import Kind, Store, Summary

NO_BAD_ROWS: Final = Kind(0)
_MOST_FREQUENT = 5


def show_summary(
    out: Console,
    title: str,
    summary: Summary,
    notes: Iterable[str],
    bad_rows: Kind = NO_BAD_ROWS,
) -> None:
    """Show the counts of a run.

    Args:
        out: The console to print on.
        title: The first line.
        summary: The counts of the packets.
        notes: Further lines.
        bad_rows: The rows without a packet id.
    """
    print_line(out, Text(title, style="bold"))
    total = summary.packets + bad_rows.count
    colours = {durum.name: colour for durum, colour in COLOURS.items()}
    states = {durum.name: Kind(count) for durum, count in summary.states.items()}
    _show_bars(out, states | _unknown(summary), total, colours)
    errors = _errors(summary, bad_rows)
    for heading, kinds in ((_("HATALI, by reason"), summary.reasons), (_("Errors"), errors)):
        if kinds:
            out.print(heading)
            shown = {name: kinds[name] for name in list(kinds)[:_MOST_FREQUENT]}
            _show_bars(out, shown, total, dict.fromkeys(shown, "red"))
            if rest := len(kinds) - len(shown):
                out.print("  " + counted(rest, "and {number} more kind", "and {number} more kinds"))
    out.print(_("Credits charged: {number}").format(number=grouped(summary.kredi_toplam)))
    for note in notes:
        print_line(out, Text(printable(note)))


def _show_bars(
    out: Console, kinds: Mapping[str, Kind], total: int, colours: Mapping[str, str]
) -> None:
    full = "█" if out.encoding.startswith("utf") else "#"
    label_width = max(map(len, kinds), default=0)
    count_width = max((len(grouped(kind.count)) for kind in kinds.values()), default=0)
    for name, kind in kinds.items():
        label = printable(name)
        share = kind.count / total
        line = Text(
            f"  {label:<{label_width}} {grouped(kind.count):>{count_width}} {_percent(share):>6}"
        )
        example = ""
        if kind.example is not None:
            example = f" {_example(kind)}"
        room = min(30, out.width - 2 - len(line) - len(example))
        if room >= 5:
            bar = full * max(round(share * room), 1)
            line.append(f" {bar}", style=colours.get(name, ""))
        elif len(line) + len(example) > out.width:
            example = f"\n   {example}"
        line.append(example)
        print_line(out, line)


def describe_failures(summary: Summary, bad_rows: Kind) -> str:
    """Return one line with the number of failures of each kind."""
    kinds = [
        f"{name} {grouped(kind.count)}" + ("" if kind.example is None else f" ({_example(kind)})")
        for name, kind in (_errors(summary, bad_rows) | _unknown(summary)).items()
    ]
    return _("Some failed: {kinds}").format(kinds=", ".join(kinds))


def count_bad_rows(rows: Input) -> Kind:
    """Return the number of rows without a packet id, and where the first of them is."""
    if rows.first_bad_row is None:
        return NO_BAD_ROWS
    number = rows.first_bad_row.line
    place = (
        _("row {row}").format(row=number) if rows.is_typed else _("line {line}").format(line=number)
    )
    return Kind(rows.bad_rows, place)


def example_of_failure(rows: Input, store: Store, summary: Summary) -> str | None:
    """Return the text of one failure if nothing but failures happened."""
    row = rows.first_bad_row
    if row is not None and not summary.packets:
        return _("No row has a packet id. For example, row {row} has {text!r}: {problem}").format(
            row=row.line, text=row.text, problem=_(str(row.problem))
        )
    if summary.errors and not (summary.states or summary.unknown):
        examples = [
            kind.example for kind in summary.errors.values() if isinstance(kind.example, int)
        ]
        [known] = store.known(examples[:1]).values()
        return _("No lookup succeeded. For example: {error}").format(error=_describe_known(known))
    return None


def _unknown(summary: Summary) -> dict[str, Kind]:
    return {_("not looked up"): Kind(summary.unknown)} if summary.unknown else {}


def _errors(summary: Summary, bad_rows: Kind) -> dict[str, Kind]:
    errors = {ERRORS.get(name, name): kind for name, kind in summary.errors.items()}
    if bad_rows.count:
        errors[_("rows without a packet id")] = bad_rows
    return errors


def _example(kind: Kind) -> str:
    return _("e.g. {example}").format(example=kind.example)


def _describe_known(known: Known) -> str:
    kind = ERRORS.get(known.error or "", _("Lookup failed"))
    details = (known.error_message or "").removeprefix(f"gonderim {known.id}: ")
    return f"{known.id}: {kind} ({details})"


def _percent(share: float) -> str:
    digits = f"{100 * share:.1f}".replace(".", pgettext("before decimals", "."))
    return _("{number}%").format(number=digits)
