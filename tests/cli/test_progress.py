"""The progress of a bulk run."""

import errno
import io
import logging
import re
import sys
import time

import pytest
from rich.console import Console

from tests.cli.screens import entry, printed, screen
from vairosms_async.cli.progress import Progress
from vairosms_async.cli.streams import guard_streams
from vairosms_async.cli.tally import Tally


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, which stands still. Tests set `clock[0]`, in seconds."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_prints_a_line_every_five_seconds(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, 1000, quiet=False)
    with progress.shown():
        for second in range(21):
            clock[0] = 1000.0 + second
            tally.add(entry(second + 1, 0 if second % 2 else 1))
            progress.retries = second
            progress.update()
    lines = printed(out).splitlines()
    assert lines[0] == ("6/1,000, 1/s, 13:48 left; SONLANDI 3, DEVAM_EDIYOR 3, errors 0, retries 5")
    assert len(lines) == 4
    assert progress.pace() == " in 0:20, 1/s"


def test_prints_the_time_left_only_with_a_total(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, None, quiet=False)
    clock[0] += 6
    progress.update()
    assert printed(out) == "0, 0/s; errors 0\n"
    progress = Progress(out, tally, 100_000, quiet=False)
    clock[0] += 6
    tally.add(entry(1))
    progress.update()
    assert "1/100,000, 0/s, 166:39:54 left" in printed(out)


def test_a_line_counts_packets_that_are_not_final(clock):
    out, tally = screen(), Tally()
    progress = Progress(out, tally, 3, quiet=False)
    tally.add(entry(1))
    progress.waiting = 2
    clock[0] += 6
    progress.update()
    assert printed(out) == "3/3, 2 not final yet; SONLANDI 1, not final 2, errors 0\n"


def test_shows_warnings_of_the_library():
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=False)
    logger = logging.getLogger("vairosms_async")
    handlers = list(logger.handlers)
    with progress.shown():
        logger.warning("the panel answered (HTTP %d)", 429)
        refused = {"vairosms_event": "key_refused"}
        logger.warning("the panel refused the API key (HTTP 401)", extra=refused)
        logger.info("no")
    logger.warning("later")
    assert printed(out) == "the panel answered (HTTP 429)\n"
    assert progress.notes() == ["1 warning; the last: the panel answered (HTTP 429)"]
    assert logger.handlers == handlers


def test_limits_repeated_warnings(clock):
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=False)
    for n in range(100):
        clock[0] += 0.1
        progress.note(f"pause {n}")
    assert printed(out) == "pause 0\npause 50\n"
    assert progress.notes() == ["100 warnings; the last: pause 99"]


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
def test_a_hung_up_terminal_does_not_end_the_run(monkeypatch, clock, bar, hung_up):
    terminal = HungUpTerminal()
    terminal.hung_up = hung_up
    stderr = io.TextIOWrapper(io.BufferedWriter(terminal), "utf-8")
    monkeypatch.setattr(sys, "stderr", stderr)
    guard_streams()
    out = Console(stderr=True, force_terminal=bar, width=80, legacy_windows=False)
    progress = Progress(out, Tally(), 3, quiet=False)
    with progress.shown():
        for _ in range(2):
            clock[0] += 10
            progress.update()
            progress.note("x")
            terminal.hung_up = True


def test_quiet_shows_nothing(clock):
    out = screen()
    progress = Progress(out, Tally(), 3, quiet=True)
    with progress.shown():
        progress.note("x")
        clock[0] += 10
        progress.update()
    assert printed(out) == ""


def test_shows_no_bar_without_a_total(clock):
    out = screen(force_terminal=True)
    progress = Progress(out, Tally(), None, quiet=False)
    with progress.shown():
        progress.update()
    assert "━" not in printed(out)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_bar_fits_the_width(clock, tally, width):
    out = screen(width, force_terminal=True)
    progress = Progress(out, tally, 1_000_000, quiet=False)
    with progress.shown():
        clock[0] += 1
        progress.update()
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", printed(out))
    assert "100/1,000,000" in text
    assert all(len(line) <= width for line in re.split(r"[\r\n]+", text))
