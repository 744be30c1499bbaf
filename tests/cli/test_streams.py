"""The guards of stdout and stderr, in this process."""

import errno
import io
import os
import select
import sys
from contextlib import contextmanager

import pytest

from tests.cli.helpers import open_full_device, open_full_pipe, open_unread_pipe
from tests.platforms import linux, posix
from vairosms_async.cli.display import console
from vairosms_async.cli.streams import StdoutError, guard_streams
from vairosms_async.sandbox import SandboxPanel


@contextmanager
def guarded(monkeypatch, fd):
    """Use a descriptor as guarded stdout and stderr. Flush both, as Python does at exit."""
    with os.fdopen(fd, "w", encoding="utf-8", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        guard_streams()
        yield sys.stdout, sys.stderr
        sys.stdout.flush()
        sys.stderr.flush()
    os.close(fd)


def open_full_non_blocking_pipe():
    _, writing = open_full_pipe()  # the reading end stays open
    os.set_blocking(writing, False)
    return writing


BROKEN = [
    pytest.param(open_unread_pipe, "nobody reads it any more", id="unread pipe", marks=posix),
    pytest.param(open_full_device, "No space left on device", id="full device", marks=linux),
    pytest.param(
        open_full_non_blocking_pipe,
        os.strerror(errno.EAGAIN),
        id="full non-blocking pipe",
        marks=posix,
    ),
]


@pytest.mark.parametrize(("open_broken", "reason"), BROKEN)
def test_stdout_raises_once_and_can_then_be_flushed(monkeypatch, open_broken, reason):
    with guarded(monkeypatch, open_broken()) as (stdout, _):
        with pytest.raises(StdoutError, match=f"^{reason}$"):
            print("lost")
        print("lost too")
        stdout.buffer.write(b"and bytes")


@pytest.mark.parametrize(("open_broken", "reason"), BROKEN)
def test_stderr_drops_what_it_cannot_write(monkeypatch, open_broken, reason):
    with guarded(monkeypatch, open_broken()) as (_, stderr):
        for _ in range(3):
            print("x" * 10_000, file=stderr)
        stderr.buffer.write(b"and bytes")


@pytest.fixture
def patience(monkeypatch):
    """How long each call of `select` may wait for stderr. No call waits."""
    waits = []

    def is_ready(reading, writing, exceptional, timeout):
        waits.append(timeout)
        return select_now(reading, writing, exceptional, 0)

    select_now = select.select
    monkeypatch.setattr(select, "select", is_ready)
    return waits


@posix
def test_a_full_stderr_is_waited_for_once(monkeypatch, patience):
    """A reader that is only slow gets all messages. One that has stopped does not stall the run."""
    reading, writing = open_full_pipe()
    with guarded(monkeypatch, writing) as (_, stderr):
        for _ in range(3):
            print("lost", file=stderr)
        os.read(reading, 1 << 16)
        print("written", file=stderr)
    assert patience == [1.0, 0.0, 0.0, 0.0]
    assert os.read(reading, 1 << 20).endswith(b"written\n")
    os.close(reading)


@posix
async def test_an_event_loop_never_waits_for_stderr(monkeypatch, patience):
    reading, writing = open_full_pipe()
    with guarded(monkeypatch, writing) as (_, stderr):
        print("lost", file=stderr)
    assert patience[0] == 0.0
    os.close(reading)


@posix
def test_a_long_message_is_written_in_pieces_that_do_not_block(monkeypatch):
    """Here, the pipe has room for one piece only."""
    reading, writing = open_full_pipe()
    os.read(reading, select.PIPE_BUF)
    with guarded(monkeypatch, writing) as (_, stderr):
        print("x" * 3 * select.PIPE_BUF, file=stderr)
    os.close(reading)


@posix
def test_a_frozen_terminal_is_waited_for(monkeypatch, patience):
    """After Ctrl-S, the summary waits for Ctrl-Q."""
    controlling, terminal = os.openpty()
    with guarded(monkeypatch, terminal) as (_, stderr):
        print("written", file=stderr)
        assert patience == [None]
    os.close(controlling)


@posix
def test_stderr_writes_again_when_it_can(monkeypatch):
    writing = open_full_non_blocking_pipe()
    with guarded(monkeypatch, writing) as (_, stderr):
        print("lost", file=stderr)
        reading, other = os.pipe()
        os.dup2(other, writing)
        os.close(other)
        print("written", file=stderr)
        assert os.read(reading, 100) == b"written\n"
    os.close(reading)


def test_working_streams_stay_as_they_are(monkeypatch, tmp_path):
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT)
    with guarded(monkeypatch, fd) as (stdout, stderr):
        print("BAŞLIK")
        print("hata", file=stderr)
        assert (stdout.encoding, stdout.fileno(), stdout.isatty()) == ("utf-8", fd, False)
    assert (tmp_path / "out").read_bytes() == "BAŞLIK\nhata\n".encode()


def test_a_stream_without_a_descriptor_is_kept(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    guard_streams()
    assert sys.stdout is stream


@posix
@pytest.mark.parametrize("also_stdin", [False, True], ids=["alone", "with stdin"])
def test_a_closed_descriptor_is_not_given_to_the_next_file(monkeypatch, capfd, also_stdin):
    closed = [0, 2] if also_stdin else [2]
    saved = {fd: os.dup(fd) for fd in closed}
    for fd in closed:
        os.close(fd)
    monkeypatch.setattr(sys, "stderr", None)
    try:
        guard_streams()
        print("dropped", file=sys.stderr)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(2, b"x")
        os.fstat(2)
        if also_stdin:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(0)
    finally:
        for fd, copy in saved.items():
            os.dup2(copy, fd)
            os.close(copy)


def test_a_closed_stdout_raises(monkeypatch, capfd):
    saved = os.dup(1)
    os.close(1)
    monkeypatch.setattr(sys, "stdout", None)
    try:
        guard_streams()
        with pytest.raises(StdoutError, match=r"^it is closed$"):
            print("lost")
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def test_another_os_error_is_an_error_message(vairosms, monkeypatch):
    async def raise_permission_error(_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(SandboxPanel, "start", raise_permission_error)
    ran = vairosms("demo")
    assert (ran.code, ran.out, ran.err) == (4, "", "Error: Operation not permitted\n")


@posix
def test_only_the_console_of_stdout_raises(monkeypatch):
    with guarded(monkeypatch, open_unread_pipe()):
        console(stderr=True).print("x")
        with pytest.raises(StdoutError):
            console(stderr=False).print("x")


@posix
@pytest.mark.parametrize("command", ["get", "wait"])
def test_a_reader_of_stdout_that_leaves_is_no_error(vairosms, monkeypatch, command):
    writing = open_unread_pipe()
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        ran = vairosms(command, "52")
        sys.stdout.flush()
    assert (ran.code, ran.err) == (0, "")
