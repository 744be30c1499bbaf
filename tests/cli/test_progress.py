"""The progress of a bulk run."""

import asyncio
import errno
import io
import logging
import os
import re
import signal
import sys
import time
import types

import pytest
from rich.console import Console

from tests.cli.screens import printed, screen
from tests.platforms import posix
from vairosms_async import PaketDurum
from vairosms_async.cli.lookups import Lookups
from vairosms_async.cli.progress import Progress
from vairosms_async.cli.streams import guard_streams

HIDE_CURSOR = "\x1b[?25l"
SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, which stands still. Tests set `clock[0]`, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def lookups(answered=0, *, waiting=0, failed=0, **states):
    """Return the lookups of a run, as far as the display reads them."""
    lookups = Lookups([], lambda _: None)
    lookups.answered, lookups.waiting, lookups.failed = answered, waiting, failed
    lookups.states.update({PaketDurum[name]: count for name, count in states.items()})
    return lookups


def test_prints_a_line_every_five_seconds(clock):
    out = screen()
    progress = Progress(out, 1000)
    with progress.shown():
        for second in range(21):
            clock[0] = 1000.0 + second
            progress.update(lookups(second + 1, SONLANDI=second, DEVAM_EDIYOR=1, failed=2))
    lines = printed(out).splitlines()
    assert lines[0] == "6/1,000, 1/s, 13:48 left; SONLANDI 5, DEVAM_EDIYOR 1, errors 2"
    assert len(lines) == 4
    assert progress.pace(20) == "0:20, 1/s"


def test_a_log_of_a_long_run_gets_a_line_per_minute(clock):
    out = screen()
    progress = Progress(out, 1000)
    for minute in range(600):
        clock[0] = 1000.0 + 60 * minute
        for _ in range(240):
            clock[0] += 0.25
            progress.update(lookups(1))
    assert 590 < len(printed(out).splitlines()) < 700


@pytest.mark.parametrize(
    ("figures", "shown"),
    [
        pytest.param({"limit": 16.0}, "errors 0, limit 16", id="limit"),
        pytest.param({"limit": 0.4}, "errors 0, limit below 1", id="limit below 1"),
        pytest.param({"retries": 1234}, "errors 0, retries 1,234, limit 8", id="retries"),
        pytest.param({"paused": 65.2}, "errors 0, limit 8, paused 1:05", id="pauses"),
        pytest.param({"paused": 0.2}, "errors 0, limit 8", id="short pause"),
        pytest.param({"requests": 0}, "errors 0", id="lookups on a cluster"),
    ],
)
def test_shows_how_the_panel_is_asked(clock, figures, shown):
    out = screen()
    progress = Progress(out, 10)
    figures = {"requests": 5, "retries": 0, "limit": 8.0, "paused": 0.0} | figures
    progress.stats = lambda: types.SimpleNamespace(**figures)
    clock[0] += 6
    progress.update(lookups())
    assert printed(out) == f"0/10, 0/s; {shown}\n"


def test_prints_the_time_left_while_packets_are_answered(clock):
    out = screen()
    progress = Progress(out, 100_000)
    clock[0] += 6
    progress.update(lookups())
    assert printed(out) == "0/100,000, 0/s; errors 0\n"
    progress = Progress(out, 100_000)
    clock[0] += 6
    progress.update(lookups(1))
    assert "1/100,000, 0/s, 166:39:54 left" in printed(out)


def test_a_line_counts_packets_that_are_polled(clock):
    out = screen()
    progress = Progress(out, 3)
    clock[0] += 6
    progress.update(lookups(3, waiting=2, SONLANDI=1))
    assert printed(out) == "2 of 3 not final yet; SONLANDI 1, errors 0\n"


def test_shows_warnings_of_the_library():
    out = screen()
    progress = Progress(out, 3)
    logger = logging.getLogger("vairosms_async")
    handlers = list(logger.handlers)
    with progress.shown():
        logger.warning("the panel answered (HTTP %d)", 429)
        refused = {"vairosms_event": "key_refused"}
        logger.warning("the panel refused the API key (HTTP 401)", extra=refused)
        logger.info("no")
    logger.warning("later")
    assert printed(out) == "warning: the panel answered (HTTP 429)\n"
    assert progress.warnings() == ["1 warning; the last: the panel answered (HTTP 429)"]
    assert logger.handlers == handlers


def test_limits_repeated_warnings(clock):
    out = screen()
    progress = Progress(out, 3)
    for n in range(100):
        clock[0] += 0.1
        progress.warn(f"pause {n}")
    assert printed(out) == "warning: pause 0\nwarning: pause 50\n"
    assert progress.warnings() == ["100 warnings; the last: pause 99"]


class HungUpTerminal(io.RawIOBase):
    """A terminal that hangs up at some moment."""

    hung_up = False

    def isatty(self):
        return True

    def writable(self):
        return True

    def write(self, data):
        if self.hung_up:
            raise OSError(errno.EIO, "Input/output error")
        return len(data)


@pytest.mark.parametrize("bar", [True, False], ids=["bar", "lines"])
@pytest.mark.parametrize("hung_up", [True, False], ids=["before", "during the run"])
async def test_a_hung_up_terminal_does_not_end_the_run(monkeypatch, clock, bar, hung_up):
    terminal = HungUpTerminal()
    terminal.hung_up = hung_up
    stderr = io.TextIOWrapper(io.BufferedWriter(terminal), "utf-8")
    monkeypatch.setattr(sys, "stderr", stderr)
    guard_streams()
    out = Console(stderr=True, force_terminal=bar, width=80, legacy_windows=False)
    progress = Progress(out, 3)
    with progress.shown():
        for _ in range(2):
            clock[0] += 10
            progress.update(lookups())
            progress.warn("x")
            terminal.hung_up = True


def test_quiet_shows_nothing(clock):
    out = screen(terminal=True)
    progress = Progress(out, 3, quiet=True)
    with progress.shown():
        progress.warn("x")
        clock[0] += 10
        progress.update(lookups())
    assert printed(out) == ""


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("waiting", [0, 999_900], ids=["lookups", "polls"])
async def test_bar_fits_the_width(clock, width, waiting):
    out = screen(width, terminal=True)
    progress = Progress(out, 1_000_000)
    with progress.shown():
        clock[0] += 1
        progress.update(lookups(100, SONLANDI=60, DEVAM_EDIYOR=30, HATALI=10, waiting=waiting))
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", printed(out))
    assert ("999,900 of 1,000,000" if waiting else "100/1,000,000") in text
    assert all(len(line) <= width for line in re.split(r"[\r\n]+", text))


def test_a_warning_cannot_steer_the_terminal():
    out = screen()
    progress = Progress(out, 3)
    progress.warn("\x1b[2J")
    assert "\x1b" not in printed(out) + progress.warnings()[0]


def test_force_color_draws_no_bar_in_a_log(clock):
    """As in CI: colours are welcome there, but each frame of a bar would be a line."""
    out = screen(force_terminal=True, no_color=False, color_system="standard")
    progress = Progress(out, 10)
    with progress.shown():
        clock[0] += 6
        progress.update(lookups(5))
        progress.warn("a pause")
    assert printed(out) == "5/10, 1/s, 0:06 left; errors 0\n\x1b[33mwarning: a pause\x1b[0m\n"


@posix
async def test_ctrl_z_shows_the_cursor_until_the_process_continues(monkeypatch):
    out = screen(terminal=True)
    progress = Progress(out, 10)
    screens = []
    monkeypatch.setattr(os, "kill", lambda pid, number: screens.append(printed(out)))
    with progress.shown():
        progress.update(lookups(5))
        signal.raise_signal(signal.SIGTSTP)
        await asyncio.sleep(0.01)
        progress.update(lookups(6))
    [stopped] = screens
    assert stopped.endswith(SHOW_CURSOR + "\r" + "\x1b[1A\x1b[2K" * 3)
    continued = printed(out).removeprefix(stopped)
    assert continued.startswith(HIDE_CURSOR)
    assert "6/10" in continued
    assert SHOW_CURSOR in continued
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


@posix
async def test_an_ignored_ctrl_z_stays_ignored():
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with Progress(screen(terminal=True), 10).shown():
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)
