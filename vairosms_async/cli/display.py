"""What a person reads: packets, changes of state, errors and numbers."""

from collections.abc import Iterable
from datetime import datetime
from gettext import gettext as _
from gettext import ngettext, pgettext
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vairosms_async import (
    Gonderim,
    GonderimResult,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSInvalidIdError,
    VairoSMSTimeoutError,
)

from .inputs import printable

_STATES: Final = {
    PaketDurum.HATALI: _("failed, nothing charged"),
    PaketDurum.DEVAM_EDIYOR: _("in progress (still being sent, not final yet)"),
    PaketDurum.SONLANDI: _("sent and finished"),
}
_CODES: Final = {
    "INVALID_SOURCE_ADDRESS": _("sender title refused"),
    "MISSING_MESSAGE": _("message missing"),
    "MESSAGE_TOO_LONG": _("message too long"),
    "MISSING_DESTINATION_ADDRESS": _("number missing"),
    "INVALID_DESTINATION_ADDRESS": _("number not like 905399999999"),
}
ERRORS: Final = {
    "VairoSMSInvalidIdError": _("Not a packet id (a whole number from 1)"),
    "VairoSMSConnectionError": _("No connection to the panel"),
    "VairoSMSTimeoutError": _("No answer in time"),
    "VairoSMSResponseError": _("Not an answer of the panel"),
    "VairoSMSAPIError": _("Request refused by the panel"),
    "VairoSMSAuthError": _("API key refused"),
    "VairoSMSNotFoundError": _("Packet not found"),
    "VairoSMSRateLimitError": _("Too many requests"),
    "VairoSMSServerError": _("Panel out of order"),
}
"""By the class name of an error, what a person reads. Files keep the class name."""

COLOURS: Final = {
    PaketDurum.HATALI: "red",
    PaketDurum.DEVAM_EDIYOR: "yellow",
    PaketDurum.SONLANDI: "green",
}
_NARROW = 80


def console(*, stderr: bool) -> Console:
    """Return a console for stdout or stderr, which prints text unchanged."""
    out = Console(stderr=stderr, highlight=False, emoji=False, markup=False)
    # Some programs set COLUMNS=0 or LINES=0. rich would print nothing.
    if not out.width:
        out.width = 80
    if not out.height:
        out.height = 25
    return out


def is_terminal(out: Console) -> bool:
    """Whether a console prints on a terminal. FORCE_COLOR makes rich believe so for any file."""
    return out.is_terminal and out.file.isatty()


def print_line(out: Console, line: Text) -> None:
    """Print a line. Only a terminal gets it wrapped, between words."""
    out.print(line, soft_wrap=not is_terminal(out))


def show_packets(out: Console, results: Iterable[GonderimResult]) -> None:
    """Show packets as a table, or on a narrow terminal as lists of fields."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("Gönderim", no_wrap=True)
    table.add_column("Başlık", no_wrap=True)
    table.add_column("Durum")
    table.add_column(_("Size"), no_wrap=True)
    table.add_column(_("Created, ends"), no_wrap=True)
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
                counted(gonderim.numara_toplam, "{number} number", "{number} numbers")
                + "\n"
                + counted(gonderim.kredi_toplam, "{number} credit", "{number} credits"),
                f"{_when(gonderim.created_at)}\n{_when(gonderim.sonlanma_zamani)}",
            )
    if table.row_count:
        out.print(table)
    for result in failed:
        print_line(out, Text(describe_error(result), style="red"))


def _fields(gonderim: Gonderim) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row("Gönderim", str(gonderim.id))
    grid.add_row("Başlık", Text(printable(gonderim.sms_baslik or "")))
    grid.add_row("Durum", _state(gonderim, "\n", "\n"))
    grid.add_row(_("Numbers"), grouped(gonderim.numara_toplam))
    grid.add_row(_("Credits"), grouped(gonderim.kredi_toplam))
    grid.add_row(_("Created"), _when(gonderim.created_at))
    grid.add_row(_("Ends"), _when(gonderim.sonlanma_zamani))
    return grid


def show_change(out: Console, result: GonderimResult) -> None:
    """Show the new state of a packet, with the time of day."""
    line = Text(f"{datetime.now().astimezone():%H:%M:%S}  ")
    if result.gonderim is not None:
        line.append(f"{result.id}  ")
        line.append(_state(result.gonderim))
    else:
        line.append(describe_error(result), style="red")
    print_line(out, line)


def _state(gonderim: Gonderim, after_name: str = ": ", between: str = ", ") -> Text:
    durum = gonderim.paket_durum
    words = _STATES.get(durum, _("a state that this version does not know"))
    text = Text.assemble((durum.name, COLOURS.get(durum, "")), f"{after_name}{words}")
    if durum == PaketDurum.HATALI:
        text.append(between)
        text.append(_reason(gonderim), style="red")
    if gonderim.ileri_tarih is not None and not gonderim.is_final:
        scheduled = _("scheduled for {time}").format(time=_when(gonderim.ileri_tarih))
        text.append(f"{between}{scheduled}")
    return text


def _reason(gonderim: Gonderim) -> str:
    """Return why a packet has failed."""
    if gonderim.log is None or not gonderim.log.mesaj:
        return _("no reason given")
    code = gonderim.log.hata_kodu
    if code is None:
        return printable(gonderim.log.mesaj)
    return f"{printable(code)} ({_CODES[code]})" if code in _CODES else printable(code)


def describe_error(result: GonderimResult) -> str:
    """Return what a person reads about a failed lookup."""
    error = result.error
    id, kind = printable(str(result.id)), ERRORS.get(type(error).__name__, _("Lookup failed"))
    if isinstance(error, VairoSMSInvalidIdError):
        return f"{id}: {kind}"
    if isinstance(error, VairoSMSTimeoutError) and (error.last or error.last_error):
        kind = _("Not final in time")
    details = str(error).removeprefix(f"gonderim {result.id}: ")
    if isinstance(error, VairoSMSAPIError) and error.aciklama:
        details = error.aciklama
    return f"{id}: {kind} ({printable(' '.join(details.split()))})"


def _when(moment: datetime | None) -> str:
    return "" if moment is None else str(moment)


def counted(number: int | None, one: str, many: str, **values: str) -> str:
    """Translate and fill in a sentence: `one` if its ``{number}`` is 1, otherwise `many`."""
    sentence = ngettext(one, many, 0 if number is None else number)
    return sentence.format(number=grouped(number), **values)


def grouped(number: int | None) -> str:
    """Write a number with its thousands separated, or a question mark."""
    if number is None:
        return "?"
    return f"{number:,}".replace(",", pgettext("between thousands", ","))
