"""The sandbox panel in a thread: `with SandboxPanel()`."""

import errno
import os
import threading
import time
import urllib.request
from concurrent.futures import Future
from urllib.parse import urlsplit

import pytest

from tests.helpers import KEY, example_packet
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


def panel_threads():
    return [thread for thread in threading.enumerate() if thread.name == "SandboxPanel"]


def test_serves_while_the_with_statement_runs():
    before = threading.active_count()
    with SandboxPanel(KEY) as panel:
        url = f"{panel.base_url}/GonderimBilgisi/52?api_key=x"
        panel.fail(Fault("status", 401))
        with pytest.raises(urllib.error.HTTPError) as raised, urllib.request.urlopen(url):
            pass
        raised.value.close()
        assert panel.requests == 1
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="not running"):
        _ = panel.base_url


async def test_serves_packets_that_another_thread_adds():
    in_progress = example_packet(52) | {"id": 7000, "paket_durum": 0}
    final = in_progress | {"paket_durum": 1}
    with SandboxPanel(KEY) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            panel.add_gonderim(in_progress, then=final, after=3600)
            assert not (await client.get_gonderim(7000)).is_final
            began = time.monotonic()
            panel.add_gonderim(in_progress, then=final, after=0.2)
            assert (await client.wait_gonderim(7000, timeout=30, poll_interval=0.05)).is_final
            assert time.monotonic() - began >= 0.2


def test_raises_what_stop_raises():
    class Panel(SandboxPanel):
        async def stop(self):
            await super().stop()
            raise OSError("no")

    with pytest.raises(OSError, match="no"), Panel(KEY):
        pass


@pytest.mark.parametrize("can_start", [True, False], ids=["can-start", "cannot-start"])
def test_ctrl_c_during_the_start_stops_the_panel(monkeypatch, can_start):
    may_start = threading.Event()
    threads = []

    class Panel(SandboxPanel):
        async def start(self):
            may_start.wait(10)  # until after Ctrl-C
            if not can_start:
                raise OSError("no")
            await super().start()

    def interrupted(self):
        threads.extend(thread for thread in threading.enumerate() if thread.name == "Panel")
        monkeypatch.undo()
        raise KeyboardInterrupt

    panel = Panel(KEY)
    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt), panel:
        pass
    may_start.set()
    [thread] = threads
    thread.join(10)
    assert not thread.is_alive()
    if can_start:
        with panel:  # it can be started again
            assert panel.base_url


def test_raises_if_the_port_is_in_use():
    with SandboxPanel(KEY) as panel:
        port = urlsplit(panel.base_url).port
        with pytest.raises(OSError, match=r".") as caught, SandboxPanel(KEY, port=port):
            pass
        assert caught.value.errno == errno.EADDRINUSE
    assert not panel_threads()


def test_raises_if_it_is_already_running():
    with SandboxPanel(KEY) as panel:
        with pytest.raises(RuntimeError, match="already"), panel:
            pass
    assert not panel_threads()
    with panel:  # it can be started again
        assert panel.base_url


def test_does_not_change_the_environment(monkeypatch):
    monkeypatch.setenv("VAIROSMS_API_KEY", "mine")
    with SandboxPanel(KEY):
        assert os.environ["VAIROSMS_API_KEY"] == "mine"
        assert "VAIROSMS_BASE_URL" not in os.environ
