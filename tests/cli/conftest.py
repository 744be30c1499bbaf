"""Fixtures for tests of the command."""

import sys

import pytest

from tests.cli.helpers import Panel, in_process_runner
from tests.cli.screens import entry
from vairosms_async.cli.tally import Tally


@pytest.fixture(autouse=True)
def restore_streams(monkeypatch):
    """Undo what the command does to stdout and stderr in this process."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)


@pytest.fixture(scope="module")
def module_panel():
    """A panel in a thread. Modules with other needs override this."""
    with Panel(packets=300, settle_time=0.0) as panel:
        yield panel


@pytest.fixture
def panel(module_panel):
    return module_panel.reset_panel()


@pytest.fixture
def tally():
    """Counts of 100 lines: 80 finished, 15 in progress, 4 failed packets and an error."""
    tally = Tally()
    for n in range(1, 81):
        tally.add(entry(n))
    for n in range(81, 96):
        tally.add(entry(n, 0))
    for n in range(96, 99):
        tally.add(entry(n, -1, kod="INVALID_SOURCE_ADDRESS"))
    tally.add(entry(99, -1))
    tally.add(entry(100, error="VairoSMSNotFoundError 404"))
    return tally


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, and the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vairosms(folder, panel, monkeypatch, capfd):
    """Run the command in this process, in an empty folder."""
    return in_process_runner(monkeypatch, capfd, panel)
