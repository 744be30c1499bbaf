"""The summary of a bulk run."""

import io

from rich.console import Console

from tests.cli.screens import entry, printed, screen
from vairosms_async.cli.display import show_summary
from vairosms_async.cli.tally import Tally


def test_tally_counts_entries(tally):
    assert (tally.found, tally.failed, tally.total, tally.kredi) == (99, 1, 100, 198)
    assert tally.examples["INVALID_SOURCE_ADDRESS"] == "96"
    tally.clear()
    assert tally == Tally()


def test_summary_shows_states_reasons_and_errors(tally):
    out = screen()
    show_summary(out, "Checked 100 lines", tally, ["Results: out"])
    assert printed(out) == (
        "Checked 100 lines\n"
        "  SONLANDI     80  80.0% ████████████████████████\n"
        "  DEVAM_EDIYOR 15  15.0% ████\n"
        "  HATALI        4   4.0% █\n"
        "HATALI, by reason\n"
        "  INVALID_SOURCE_ADDRESS 3   3.0% █ e.g. 96\n"
        "  no reason given        1   1.0% █ e.g. 99\n"
        "Errors\n"
        "  VairoSMSNotFoundError 404 1   1.0% █ e.g. 100\n"
        "Credits charged: 198\n"
        "Results: out\n"
    )


def test_summary_of_no_lines_shows_only_the_credits():
    out = screen()
    show_summary(out, "Checked 0 lines", Tally(), [])
    assert printed(out) == "Checked 0 lines\nCredits charged: 0\n"


def test_summary_shows_five_kinds_and_counts_the_rest():
    tally = Tally()
    for n in range(8):
        tally.add(entry(n + 1, error=f"Kind {n}"))
    out = screen()
    show_summary(out, "Checked 8 lines", tally, [])
    assert "Kind 4" in printed(out)
    assert "Kind 5" not in printed(out)
    assert "  and 3 more kinds\n" in printed(out)


def test_summary_fits_a_narrow_terminal(tally):
    out = screen(width=40)
    show_summary(out, "Checked 100 lines", tally, [])
    text = printed(out)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "  SONLANDI     80  80.0% ███████████\n" in text
    assert "  VairoSMSNotFoundError 404 1   1.0%\n    e.g. 100\n" in text
    out = screen(width=46)
    show_summary(out, "Checked 100 lines", tally, [])
    assert "  VairoSMSNotFoundError 404 1   1.0% e.g. 100\n" in printed(out)


def test_summary_is_ascii_on_an_ascii_terminal(tally):
    out = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=80)
    show_summary(out, "Checked", tally, [])
    out.file.flush()
    assert b"80.0% ####" in out.file.buffer.getvalue()
