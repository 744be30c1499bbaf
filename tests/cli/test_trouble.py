"""What `get` and `wait` say on stderr while no answer arrives."""

import asyncio
import logging
import types

import pytest

from tests.cli.helpers import add_settling_packet, start_vairosms, wait_for_exit
from tests.helpers import run_in_simulated_time
from tests.platforms import posix
from vairosms_async.cli.progress import trouble_reported
from vairosms_async.sandbox import Fault

SILENT = "warning: panel.example has not answered for 5 s. The command continues to wait.\n"


def said_until(second, stats_at, capsys):
    """Return what is said in the first seconds of a command.

    Args:
        second: The number of seconds.
        stats_at: Returns requests, lookups in flight and seconds of pauses at a time.
        capsys: Captures stderr.
    """

    async def run():
        now = asyncio.get_running_loop().time
        began = now()

        def stats():
            names = ("requests", "in_flight", "paused")
            return types.SimpleNamespace(**dict(zip(names, stats_at(now() - began), strict=True)))

        client = types.SimpleNamespace(stats=stats, base_url="https://panel.example/x")
        async with trouble_reported(client):
            await asyncio.sleep(second)

    run_in_simulated_time(run())
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "stats_at",
    [
        pytest.param(lambda time: (int(time), 1, 0.0), id="answers arrive"),
        pytest.param(lambda _: (1, 0, 0.0), id="between two polls"),
        pytest.param(lambda _: (1, 1, 600.0), id="a pause of ten minutes"),
    ],
)
def test_says_nothing_while_all_is_well(stats_at, capsys):
    assert said_until(300, stats_at, capsys) == ""


def test_says_once_that_the_panel_is_silent(capsys):
    def stats_at(time):
        return (1, 1, 0.0)

    assert said_until(5, stats_at, capsys) == ""
    assert said_until(7, stats_at, capsys) == SILENT
    assert said_until(300, stats_at, capsys) == SILENT


def test_a_silence_after_a_pause_is_reported(capsys):
    def stats_at(time):
        return (1, 1, 30.0 if time > 3 else 0.0)

    assert said_until(30, stats_at, capsys) == ""
    assert said_until(40, stats_at, capsys) == SILENT


async def test_shows_warnings_of_the_library_without_control_characters(capsys):
    client = types.SimpleNamespace(stats=None, base_url="")
    logger = logging.getLogger("vairosms_async")
    async with trouble_reported(client):
        logger.warning("polling failed: \x1b[2J")
    logger.warning("not shown")
    assert capsys.readouterr().err == "warning: polling failed: \ufffd[2J\n"


@posix
def test_wait_says_why_it_gets_no_answer(vairosms, monkeypatch, caplog):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "http://127.0.0.1:1")
    ran = vairosms("wait", "52", terminate_when=lambda: "polling failed" in caplog.text)
    assert ran.code == 143
    assert "warning: polling failed, and the wait continues: " in ran.err
    assert "no connection to 127.0.0.1:1" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["get", "wait"])
def test_a_panel_that_hangs_is_reported_within_seconds(panel, command):
    panel.fail(Fault("hang"), times=None)
    child = start_vairosms(command, "52", panel=panel, bufsize=0)
    assert child.stderr.readline().endswith(
        b" has not answered for 5 s. The command continues to wait.\n"
    )
    child.terminate()
    wait_for_exit(child)


@pytest.mark.slow
def test_wait_says_that_the_panel_answers_again(panel):
    add_settling_packet(panel, 779, 2)
    panel.fail(Fault("status", 500), times=2)
    ran = wait_for_exit(start_vairosms("wait", "779", panel=panel))
    assert ran.code == 0
    assert "779  SONLANDI: sent and finished" in ran.out
    assert "HTTP 500" in ran.err
