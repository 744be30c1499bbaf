"""The summary of a bulk run."""

import io
import re

import attrs
from rich.console import Console

from tests.cli.screens import printed, screen
from vairosms_async.cli.store import Kind
from vairosms_async.cli.summary import show_summary


def test_summary_shows_states_reasons_and_errors(summary):
    out = screen()
    show_summary(out, "Checked 100 lines", summary, ["Results: out"])
    assert printed(out) == (
        "Checked 100 lines\n"
        "  SONLANDI     80  80.0% ████████████████████████\n"
        "  DEVAM_EDIYOR 15  15.0% ████\n"
        "  HATALI        4   4.0% █\n"
        "HATALI, by reason\n"
        "  INVALID_SOURCE_ADDRESS 3   3.0% █ e.g. 96\n"
        "  no reason given        1   1.0% █ e.g. 99\n"
        "Errors\n"
        "  Packet not found 1   1.0% █ e.g. 100\n"
        "Credits charged: 198\n"
        "Results: out\n"
    )


def test_summary_counts_rows_without_an_id_and_packets_that_were_not_looked_up(summary):
    out = screen()
    summary = attrs.evolve(summary, packets=190, unknown=90)
    show_summary(out, "Checked 200 rows", summary, [], Kind(10, "line 7"))
    assert re.search(r"  not looked up +90  45\.0% ", printed(out))
    assert "  rows without a packet id 10   5.0% ██ e.g. line 7\n" in printed(out)


def test_summary_of_no_rows_shows_only_the_credits(summary):
    out = screen()
    empty = attrs.evolve(summary, packets=0, states={}, reasons={}, errors={}, kredi_toplam=0)
    show_summary(out, "Checked 0 rows", empty, [])
    assert printed(out) == "Checked 0 rows\nCredits charged: 0\n"


def test_summary_shows_five_kinds_and_counts_the_rest(summary):
    out = screen()
    errors = {f"Kind {n}": Kind(1, n) for n in range(8)}
    show_summary(out, "Checked 8 rows", attrs.evolve(summary, errors=errors), [])
    assert "Kind 4" in printed(out)
    assert "Kind 5" not in printed(out)
    assert "  and 3 more kinds\n" in printed(out)


def test_summary_fits_a_narrow_terminal(summary):
    out = screen(width=33)
    show_summary(out, "Checked 100 lines", summary, [])
    text = printed(out)
    assert all(len(line) <= 33 for line in text.splitlines())
    assert "  SONLANDI     80  80.0% ██████\n" in text
    assert "  Packet not found 1   1.0%\n    e.g. 100\n" in text
    out = screen(width=36)
    show_summary(out, "Checked 100 lines", summary, [])
    assert "  Packet not found 1   1.0% e.g. 100\n" in printed(out)


def test_summary_is_ascii_on_an_ascii_terminal(summary):
    out = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=80)
    show_summary(out, "Checked", summary, [])
    out.file.flush()
    assert b"80.0% ####" in out.file.buffer.getvalue()
