"""`vairosms get` and `vairosms wait`."""

import json
import re

import pytest

from tests.cli.helpers import Ran, run_vairosms, start_vairosms, wait_for_exit
from tests.helpers import example_packet
from vairosms_async.cli import display
from vairosms_async.cli.streams import StdoutError


@pytest.mark.slow
def test_get_shows_a_table_and_asks_once_per_id(panel):
    ran = run_vairosms("get", "52", "61", "52", panel=panel)
    assert ran.code == 0
    assert re.search(r"52 +08505326480 +SONLANDI", ran.out)
    assert "INVALID_SOURCE_ADDRESS" in ran.out
    assert panel.requests_by_id == {52: 1, 61: 1}


@pytest.mark.slow
def test_get_shows_the_error_of_each_failed_id(panel):
    ran = run_vairosms("get", "52", "9999", "5x", "0", "", panel=panel)
    assert ran.code == 1
    *_, not_found, text, zero, empty = ran.out.splitlines()
    assert not_found == "9999: Packet not found (Gönderim bulunamadı.)"
    assert text == "5x: Not a packet id (a whole number from 1)"
    assert zero == "0: Not a packet id (a whole number from 1)"
    assert empty == ": Not a packet id (a whole number from 1)"


@pytest.mark.slow
def test_get_writes_json_lines_in_the_given_order(panel):
    ran = run_vairosms("get", "--json", "61", " 0052", "x", "61", panel=panel)
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [(row["line"], row["id"]) for row in rows] == [(1, 61), (2, 52), (3, "x"), (4, 61)]
    assert rows[0]["gonderim"] == example_packet(61)
    assert rows[2]["error"]["type"] == "VairoSMSInvalidIdError"


@pytest.mark.slow
def test_wait_shows_each_change_of_state(panel):
    packet = example_packet(52) | {"id": 777, "paket_durum": 0}
    panel.add_gonderim(packet)
    child = start_vairosms("wait", "777", "52", "x", panel=panel, bufsize=0)
    lines = [child.stdout.readline().decode() for _ in range(3)]
    assert "  x: Not a packet id" in lines[0]
    assert any("  52  SONLANDI: sent and finished" in line for line in lines)
    assert any("  777  DEVAM_EDIYOR: in progress" in line for line in lines)
    panel.add_gonderim(packet | {"paket_durum": 1})
    line = child.stdout.readline().decode()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  777  SONLANDI: sent and finished\n", line)
    assert wait_for_exit(child).code == 1
    assert panel.requests_by_id[777] == 2


@pytest.mark.slow
def test_wait_writes_a_timeout_as_json(panel):
    panel.add_gonderim(example_packet(52) | {"id": 778, "paket_durum": 0})
    ran = run_vairosms("wait", "778", "--json", "--timeout", "0.3", panel=panel)
    assert ran.code == 1
    first, last = (json.loads(line) for line in ran.out.splitlines())
    assert (first["gonderim"]["paket_durum"], first["error"]) == (0, None)
    assert last["error"]["type"] == "VairoSMSTimeoutError"


def test_get_writes_an_error_as_json(vairosms):
    ran = vairosms("get", "--json", "9999")
    [row] = map(json.loads, ran.out.splitlines())
    assert (ran.code, row["id"], row["input"]) == (1, 9999, {"id": "9999"})
    assert row["error"]["type"] == "VairoSMSNotFoundError"


@pytest.mark.parametrize(
    "args", [["get", "--\x1b[2J"], ["\x1b[2J"], ["sandbox", "--port", "\x1b[2J"]], ids=repr
)
def test_an_argument_cannot_steer_the_terminal(vairosms, args):
    """It may be from a file, as with `xargs vairosms get`."""
    ran = vairosms(*args)
    assert ran.code == 2
    assert "\x1b" not in ran.err
    assert ran.err.startswith("Usage: vairosms ")


def test_json_cannot_steer_the_terminal(vairosms, panel):
    title = "\x1b[2J\x9b2J\u202e\u2028BAŞLIK"
    panel.add_gonderim(example_packet(52) | {"id": 780, "sms_baslik": title})
    [line] = vairosms("get", "--json", "780").out.splitlines()
    assert line.isprintable()
    assert json.loads(line)["gonderim"]["sms_baslik"] == title


def test_a_stdout_that_cannot_be_written_is_an_error(vairosms, monkeypatch):
    def fail(*_):
        raise StdoutError("No space left on device")

    monkeypatch.setattr(display, "show_packets", fail)
    assert vairosms("get", "52") == Ran(4, "", "Error: stdout: No space left on device\n")
