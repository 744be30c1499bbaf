"""Fixtures for tests of the command."""

import sys

import pytest

from tests.cli.helpers import Panel, in_process_runner
from vairosms_async import PaketDurum
from vairosms_async.cli.store import Kind, Summary


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
def summary():
    """Counts of 100 packets: 80 finished, 15 in progress, 4 failed ones and an error."""
    return Summary(
        packets=100,
        states={PaketDurum.SONLANDI: 80, PaketDurum.DEVAM_EDIYOR: 15, PaketDurum.HATALI: 4},
        reasons={"INVALID_SOURCE_ADDRESS": Kind(3, 96), "no reason given": Kind(1, 99)},
        errors={"VairoSMSNotFoundError": Kind(1, 100)},
        unknown=0,
        kredi_toplam=198,
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, and the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def vairosms(folder, panel, monkeypatch, capfd):
    """Run the command in this process, in an empty folder."""
    return in_process_runner(monkeypatch, capfd, panel)
