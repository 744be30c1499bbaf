"""Writing OUT: whole lines, on any disk."""

import asyncio
import os
import threading

import pytest

from tests.platforms import posix
from vairosms_async.cli.out import FLUSH_BYTES, Output
from vairosms_async.cli.trouble import Trouble


@pytest.fixture
def out_fd_and_path(tmp_path):
    """An empty file, open for appending, and its path."""
    binary = getattr(os, "O_BINARY", 0)
    fd = os.open(tmp_path / "out", os.O_RDWR | os.O_CREAT | os.O_APPEND | binary)
    yield fd, tmp_path / "out"
    os.close(fd)


async def test_buffers_lines_until_flush(out_fd_and_path):
    fd, path = out_fd_and_path
    out = Output(fd, "out")
    out.add(1, b"a\n")
    await out.make_room()
    assert path.read_bytes() == b""
    await out.flush()
    assert path.read_bytes() == b"a\n"
    out.add(2, b"b" * FLUSH_BYTES)
    await out.make_room()
    assert path.stat().st_size == 2 + FLUSH_BYTES
    out.add(3, b"c\n")
    await out.finish()
    assert path.read_bytes().endswith(b"bc\n")
    await out.flush()
    await out.finish()


async def test_finish_syncs_the_file(out_fd_and_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    out = Output(out_fd_and_path[0], "out")
    out.add(1, b"a\n")
    await out.flush()
    assert synced == []
    await out.finish()
    assert synced == [out_fd_and_path[0]]


@pytest.mark.parametrize("room", range(12))
async def test_a_full_disk_leaves_whole_lines(out_fd_and_path, monkeypatch, room):
    fd, path = out_fd_and_path
    write, left = os.write, room

    def write_some(fd, data):
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        written = write(fd, data[: min(left, 3)])
        left -= written
        return written

    out = Output(fd, "out")
    monkeypatch.setattr(os, "write", write_some)
    out.add(1, b"abc\ndef\n")
    out.add(2, b"ghi\n")
    await out.flush()
    with pytest.raises(Trouble, match=r"^out: No space left on device$") as caught:
        out.add(3, b"jkl\n")
    assert caught.value.exit_code == 4
    with pytest.raises(Trouble):
        await out.finish()
    assert path.read_bytes() == b"abc\ndef\nghi\n"[: room // 4 * 4]
    assert out.lost == 3 - room // 4


async def test_a_failed_sync_is_an_error(out_fd_and_path, monkeypatch):
    def raise_io_error(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", raise_io_error)
    out = Output(out_fd_and_path[0], "out")
    with pytest.raises(Trouble, match="Input/output error"):
        await out.finish()


@posix
async def test_an_unread_pipe_is_an_error():
    reading, writing = os.pipe()
    os.close(reading)
    out = Output(writing, "stdout")
    out.add(1, b"a\n")
    await out.flush()
    with pytest.raises(Trouble, match="stdout: nobody reads it any more"):
        out.add(2, b"b\n")
    os.close(writing)


@pytest.fixture
def may_write(monkeypatch):
    """An event that every write waits for."""
    write, may_write = os.write, threading.Event()

    def write_later(fd, data):
        may_write.wait(10)
        return write(fd, data)

    monkeypatch.setattr(os, "write", write_later)
    return may_write


async def test_finish_waits_for_a_cancelled_flush(may_write, out_fd_and_path):
    fd, path = out_fd_and_path
    out = Output(fd, "out")
    out.add(1, b"a\n")
    flushing = asyncio.create_task(out.flush())
    await asyncio.sleep(0.05)
    flushing.cancel()
    await asyncio.wait([flushing])
    assert flushing.cancelled()
    out.add(2, b"b\n")
    finishing = asyncio.create_task(out.finish())
    await asyncio.sleep(0.05)
    assert not finishing.done()
    may_write.set()
    await finishing
    assert path.read_bytes() == b"a\nb\n"


async def test_a_cancelled_finish_still_writes(may_write, out_fd_and_path):
    fd, path = out_fd_and_path
    out = Output(fd, "out")
    out.add(1, b"a\n")
    finishing = asyncio.create_task(out.finish())
    await asyncio.sleep(0.05)
    finishing.cancel()
    await asyncio.sleep(0.05)
    assert not finishing.done()
    may_write.set()
    await asyncio.wait([finishing])
    assert finishing.cancelled()
    assert path.read_bytes() == b"a\n"
