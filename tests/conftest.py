"""Fixtures, and what the tools of the tests need to work together."""

import asyncio
import inspect
import signal
import types
from collections.abc import AsyncIterator

import aiohttp
import aioresponses.core
import pytest

from tests.helpers import KEY, library_tasks
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

# pytest-asyncio asks for the current event loop, and before Python 3.14 that makes one, which
# nobody closes: its ResourceWarning would be some test's failure. Told "none", Python makes none.
asyncio.set_event_loop(None)

# A shell without job control has SIGINT ignored in what it starts in the background, CI too, and
# children would inherit that: Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# aioresponses 0.7.9 makes its responses without `stream_writer`, which aiohttp has required since
# 3.14. Once aioresponses gives one, its source has the name and this is passed over.
if "stream_writer" not in inspect.getsource(aioresponses.core):

    def _response(*args: object, **kwargs: object) -> aiohttp.ClientResponse:
        kwargs["stream_writer"] = types.SimpleNamespace(output_size=0)
        return aiohttp.ClientResponse(*args, **kwargs)

    aioresponses.core.ClientResponse = _response


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAIROSMS_API_KEY", "VAIROSMS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def panel() -> AsyncIterator[SandboxPanel]:
    async with SandboxPanel(KEY) as panel:
        yield panel


@pytest.fixture
async def client(panel: SandboxPanel) -> AsyncIterator[VairoSMSClient]:
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=8) as client:
        yield client
        assert not library_tasks()
        assert client.stats().in_flight == 0
