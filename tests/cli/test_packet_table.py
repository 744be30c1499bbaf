"""Packets as a table or a list, and changes of state."""

import re

import attrs
import pytest

import vairosms_async
from tests.cli.known_samples import DRIFTED, FAILED_PACKET, FINISHED, ONLY_STATE
from tests.cli.screens import NOT_FOUND, UNKNOWN_STATE, printed, screen
from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSTimeoutError,
)
from vairosms_async.cli.display import ERRORS, console, show_change, show_packets


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits_the_width(width):
    out = screen(width)
    show_packets(out, [GonderimResult(52, FINISHED), GonderimResult(61, FAILED_PACKET), NOT_FOUND])
    text = printed(out)
    assert re.search(r"52 +08505326480 +SONLANDI +2 numbers +2016-07-21 14:40:16", text)
    assert re.search(r"sent and finished +2 credits +2016-07-22 14:40:16", text)
    assert re.search(r"failed, nothing charged +0 credits", text)
    assert "BAŞLIK" in text
    assert re.search(r"^ +INVALID_SOURCE_ADDRESS", text, re.MULTILINE)
    assert text.endswith("\n9999: Packet not found (HTTP 404)\n")
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("width", [40, 80])
def test_missing_and_unreadable_fields_are_shown_as_unknown(width):
    out = screen(width)
    show_packets(out, [GonderimResult(7, ONLY_STATE), GonderimResult(61, DRIFTED)])
    text = printed(out)
    assert "None" not in text
    assert "HATALI" in text
    assert re.search(r"\? numbers" if width == 80 else r"Numbers +\?", text)
    assert re.search(r"\? credits" if width == 80 else r"Credits +\?", text)
    assert "14:40:16.500000+00:00" in text


@pytest.mark.parametrize("width", [34, 40, 79])
def test_narrow_terminal_gets_a_list_of_fields(width):
    out = screen(width)
    show_packets(out, [GonderimResult(52, FINISHED), GonderimResult(61, FAILED_PACKET), NOT_FOUND])
    text = printed(out)
    assert re.search(r"Başlık +08505326480", text)
    assert re.search(r"Created +2016-07-21 14:40:16", text)
    assert "INVALID_SOURCE_ADDRESS" in text
    assert all(len(line) <= width for line in text.splitlines())


def test_failures_alone_print_no_table():
    out = screen()
    show_packets(out, [NOT_FOUND])
    assert printed(out) == "9999: Packet not found (HTTP 404)\n"


def test_control_characters_are_replaced():
    evil = attrs.evolve(FINISHED, sms_baslik="\x1b[2J\x07x[red]")
    for width in (40, 100):
        out = screen(width, markup=False)
        show_packets(out, [GonderimResult(52, evil)])
        assert "\x1b" not in printed(out)
        assert "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x[red]" in printed(out)


def test_change_shows_the_new_state():
    out = screen()
    soon = attrs.evolve(
        FINISHED, paket_durum=PaketDurum.DEVAM_EDIYOR, ileri_tarih=FINISHED.created_at
    )
    for result in (
        GonderimResult(52, soon),
        GonderimResult(61, FAILED_PACKET),
        GonderimResult(52, UNKNOWN_STATE),
    ):
        show_change(out, result)
    show_change(out, NOT_FOUND)
    lines = [re.sub(r"^\d\d:\d\d:\d\d  ", "", line) for line in printed(out).splitlines()]
    assert lines == [
        (
            "52  DEVAM_EDIYOR: in progress (still being sent, not final yet), "
            "scheduled for 2016-07-21 14:40:16"
        ),
        "61  HATALI: failed, nothing charged, INVALID_SOURCE_ADDRESS (sender title refused)",
        "52  BILINMEYEN_7: a state that this version does not know",
        "9999: Packet not found (HTTP 404)",
    ]


def test_failed_packet_without_a_code_shows_its_message():
    out = screen()
    log = attrs.evolve(FAILED_PACKET.log, mesaj="Bilinmeyen hata")
    show_change(out, GonderimResult(61, attrs.evolve(FAILED_PACKET, log=log)))
    assert printed(out).endswith("HATALI: failed, nothing charged, Bilinmeyen hata\n")


def test_failed_packet_without_a_log_says_that_no_reason_is_given():
    out = screen()
    show_change(out, GonderimResult(61, attrs.evolve(FAILED_PACKET, log=None)))
    assert printed(out).endswith("HATALI: failed, nothing charged, no reason given\n")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            VairoSMSNotFoundError("gonderim 7: HTTP 404: Yok", status=404, aciklama="Yok"),
            "7: Packet not found (Yok)",
            id="panel's words",
        ),
        pytest.param(
            VairoSMSConnectionError("gonderim 7: no connection to p"),
            "7: No connection to the panel (no connection to p)",
            id="details",
        ),
        pytest.param(
            VairoSMSTimeoutError("gonderim 7: no complete answer"),
            "7: No answer in time (no complete answer)",
            id="timeout of a lookup",
        ),
        pytest.param(
            VairoSMSTimeoutError("gonderim 7: not final within 1 s", last=FINISHED),
            "7: Not final in time (not final within 1 s)",
            id="timeout of a wait",
        ),
        pytest.param(VairoSMSError("new"), "7: Lookup failed (new)", id="unknown kind"),
    ],
)
def test_an_error_is_shown_without_its_class_name(error, text):
    out = screen()
    show_packets(out, [GonderimResult(7, error=error)])
    assert printed(out) == f"{text}\n"


def test_each_error_of_the_library_has_words():
    """Except the base class, which lookups do not raise."""
    names = {name for name in vairosms_async.__all__ if name.endswith("Error")}
    assert names - {"VairoSMSError"} == ERRORS.keys()


def test_a_console_without_a_size_gets_a_usual_one(monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setenv("LINES", "0")
    out = console(stderr=False)
    assert (out.width, out.height) == (80, 25)
