"""The exit code of each command."""

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.helpers import (
    add_settling_packet,
    run_vairosms,
    start_vairosms,
    wait_for_exit,
    wait_until,
)
from tests.platforms import linux
from vairosms_async.sandbox import Fault

WRONG_KEY = {"VAIROSMS_API_KEY": "wrong-key"}
NO_KEY = {"VAIROSMS_API_KEY": None}
UNREACHABLE = {"VAIROSMS_BASE_URL": "http://127.0.0.1:1"}
PLAIN_HTTP = {"VAIROSMS_BASE_URL": "http://vairosms.com"}
SOCKS_PROXY = {"VAIROSMS_BASE_URL": "https://panel.example", "HTTPS_PROXY": "socks5://x:1"}


@linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "args", "settings"),
    [
        pytest.param(0, ["get", "52", "61"], {}, id="all found"),
        pytest.param(1, ["get", "52", "9999"], {}, id="some failed"),
        pytest.param(1, ["get", "52a"], {}, id="invalid id"),
        pytest.param(1, ["get", "52"], UNREACHABLE, id="no connection"),
        pytest.param(2, ["get", "--nope"], {}, id="unknown option"),
        pytest.param(2, [], {}, id="no command"),
        pytest.param(2, ["get", "52"], NO_KEY, id="missing key"),
        pytest.param(2, ["get", "52"], PLAIN_HTTP, id="plain http"),
        pytest.param(2, ["get", "52"], SOCKS_PROXY, id="invalid proxy"),
        pytest.param(3, ["get", "52"], WRONG_KEY, id="refused key"),
        pytest.param(3, ["wait", "52"], WRONG_KEY, id="refused key of wait"),
    ],
)
def test_the_exit_code_says_how_a_command_ended(panel, folder, code, args, settings):
    ran = run_vairosms(*args, panel=panel, settings=settings)
    assert ran.code == code, ran.err


@linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "given", "args", "settings"),
    [
        pytest.param(0, b"52\n61\n", [], {}, id="all found"),
        pytest.param(0, b"52\n900\n", [], {}, id="in progress"),
        pytest.param(0, b"900\n", ["--wait", "--wait-timeout", "0.1"], {}, id="wait timeout"),
        pytest.param(1, b"52\n9999\n", [], {}, id="some failed"),
        pytest.param(1, b"52\nx\n", [], {}, id="row without an id"),
        pytest.param(2, b"", ["--column"], {}, id="usage error"),
        pytest.param(2, b"52\n", ["--store", "no/store"], {}, id="store in a missing folder"),
        pytest.param(2, b"52\n", ["--offline"], {}, id="offline without a store"),
        pytest.param(2, b"52\n", ["--column", "x"], {}, id="missing column"),
        pytest.param(3, b"52\n", [], WRONG_KEY, id="refused key"),
        pytest.param(4, b"1\n2\n3\n4\n", ["--max-failures", "3"], UNREACHABLE, id="panel down"),
    ],
)
def test_the_exit_code_says_how_a_bulk_run_ended(panel, folder, code, given, args, settings):
    """`test_kill` tests the exit codes of a run that a signal ends."""
    Path("ids").write_bytes(given)
    add_settling_packet(panel, 900, 3600)
    ran = run_vairosms("bulk", "ids", "-o", "out.csv", *args, panel=panel, settings=settings)
    assert ran.code == code, ran.err


@linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize(
    "args", [["get", "52"], ["wait", "52"], ["sandbox", "--port", "0"]], ids=" ".join
)
def test_a_signal_exits_with_128_plus_its_number(panel, folder, args, number):
    panel.fail(Fault("hang"), times=None)
    child = start_vairosms(*args, panel=panel)
    if args[0] == "sandbox":
        assert child.stdout.readline().startswith(b"export VAIROSMS_BASE_URL=http://127.0.0.1:")
    else:
        wait_until(lambda: panel.in_flight)
    child.send_signal(number)
    ran = wait_for_exit(child)
    assert ran.code == 128 + number
    assert ran.err.endswith("Interrupted.\n")


def test_a_command_in_this_process_exits_with_the_same_codes(vairosms, monkeypatch, panel):
    """The same exit codes without a child process, which coverage does not see."""
    assert vairosms("demo", "--packets", "30", "-q").code == 0
    assert vairosms("get", "52", "x").code == 1
    assert vairosms("get", "--json", "52").code == 0
    assert vairosms("wait", "52", "x").code == 1
    assert vairosms("wait", "--json", "52").code == 0
    assert vairosms("sandbox", "--port", urlsplit(panel.base_url).port).code == 2
    assert vairosms("--help").code == 0
    assert vairosms().code == 2
    monkeypatch.setenv("VAIROSMS_API_KEY", "wrong-key")
    ran = vairosms("get", "52")
    assert (ran.code, "the panel refused the API key" in ran.err) == (3, True)
