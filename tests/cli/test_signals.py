"""Signals, in this process."""

import os
import signal
import sys

import pytest

from tests.cli.helpers import Ran
from tests.platforms import posix
from vairosms_async.cli.signals import Signals, say
from vairosms_async.sandbox import Fault


@posix
@pytest.mark.parametrize("args", [["get", "52"], ["wait", "52"]], ids=["get", "wait"])
def test_a_signal_ends_the_command_and_its_handler_is_restored(vairosms, panel, args):
    panel.fail(Fault("hang"), times=None)
    ran = vairosms(*args, terminate_when=lambda: panel.requests)
    assert ran == Ran(143, "", "Interrupted.\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@posix
def test_nohup_keeps_sighup_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt), Signals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
        assert signals.exit_code == 143
    finally:
        signal.signal(signal.SIGHUP, before)


def test_giving_up_shows_the_cursor_again(monkeypatch):
    written = []
    monkeypatch.setattr(os, "isatty", lambda fd: fd == 2)
    monkeypatch.setattr(os, "write", lambda fd, data: written.append((fd, data)))
    monkeypatch.setattr(os, "_exit", written.append)
    signals = Signals()
    signals.received = signal.SIGINT
    signals.on_give_up = lambda: written.append("words")
    signals._give_up()  # noqa: SLF001 (its timer calls it in a thread)
    assert written == ["words", (2, b"\x1b[?25h"), 130]


@posix
def test_a_second_signal_exits_at_once(monkeypatch):
    class Exited(BaseException):
        pass

    def exit_now(code):
        assert code == 143
        raise Exited

    monkeypatch.setattr(os, "_exit", exit_now)
    with pytest.raises(Exited), Signals():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)


@posix
def test_a_message_on_a_terminal_is_wrapped_between_words(monkeypatch):
    """A new terminal says that it has 0 columns, which means 80."""
    controlling, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        say(f"{'a ' * 35}--a-long-option {'b ' * 35}")
        lines = os.read(controlling, 1000).decode().splitlines()
    os.close(controlling)
    assert lines == ["a " * 34 + "a", f"--a-long-option {'b ' * 31}b", "b b b"]
