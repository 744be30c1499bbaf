"""Consoles and results for tests of the display."""

import io

import attrs
from rich.console import Console

from tests.cli.known_samples import FINISHED
from vairosms_async import GonderimResult, PaketDurum, VairoSMSNotFoundError

UNKNOWN_STATE = attrs.evolve(FINISHED, paket_durum=PaketDurum(7))
NOT_FOUND = GonderimResult(9999, error=VairoSMSNotFoundError("gonderim 9999: HTTP 404"))


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def screen(width=80, *, terminal=False, **options):
    """Return a console that keeps what is printed. `printed` returns it."""
    options = {"force_terminal": terminal, "no_color": True} | options
    options |= {"highlight": False, "legacy_windows": False}
    return Console(file=_Terminal() if terminal else io.StringIO(), width=width, **options)


def printed(out):
    """Return what was printed on a console of `screen`."""
    return out.file.getvalue()
