"""Fixtures for all tests, and workarounds for the tools that the tests use."""

import asyncio
import inspect
import logging
import os
import shlex
import signal
import sys
import time
import types
from collections.abc import AsyncIterator, Iterator

import aiohttp
import aioresponses.core
import pytest
from hypothesis import HealthCheck, settings

from tests.helpers import KEY, assert_no_key, library_tasks
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

# pytest-asyncio asks for the current event loop. Before Python 3.14 that creates one, which is
# never closed, and its ResourceWarning fails a test. With None set, Python creates no loop.
asyncio.set_event_loop(None)

# A background job of a shell without job control, as in CI, starts with SIGINT ignored. The
# child processes that test Ctrl-C would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Coverage measures the processes of pytest-xdist, but not those that a test starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

# Hypothesis does not measure time, so that a busy machine fails no test.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# aiohttp 3.14 and later require `stream_writer`, which aioresponses 0.7.9 does not pass. A later
# aioresponses that passes it has the name in its source, and this patch is then skipped.
if "stream_writer" not in inspect.getsource(aioresponses.core):

    def _response_with_stream_writer(*args: object, **kwargs: object) -> aiohttp.ClientResponse:
        kwargs["stream_writer"] = types.SimpleNamespace(output_size=0)
        return aiohttp.ClientResponse(*args, **kwargs)

    aioresponses.core.ClientResponse = _response_with_stream_writer


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the environment variables that the client reads. Let the command speak English."""
    for name in ("VAIROSMS_API_KEY", "VAIROSMS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("VAIROSMS_LANG", "LANGUAGE"):  # the command changes LANGUAGE
        monkeypatch.setenv(name, "en")


@pytest.fixture
async def panel() -> AsyncIterator[SandboxPanel]:
    """Run a sandbox panel on the test's event loop."""
    async with SandboxPanel(KEY) as panel:
        yield panel


@pytest.fixture
async def client(panel: SandboxPanel) -> AsyncIterator[VairoSMSClient]:
    """Open a client of `panel`. Afterwards, check that it left no task and no slot in use."""
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=8) as client:
        yield client
        assert not library_tasks()
        assert client.stats().in_flight == 0


@pytest.fixture
def mocked() -> Iterator[aioresponses.aioresponses]:
    """Mock every aiohttp request of the test."""
    with aioresponses.aioresponses() as mocked:
        yield mocked


@pytest.fixture
def no_key_in_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Capture all loggers at DEBUG. Afterwards, check that records exist and none has the key."""
    caplog.set_level(logging.DEBUG)
    yield
    records = caplog.get_records("call")  # `caplog.records` has only those of the teardown here
    assert records
    for record in records:
        assert_no_key(record.getMessage() + repr(record.args) + str(record.exc_info))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Start looptime's clock at the time at which the test's fixtures stopped theirs.

    It would start at 0, and a panel that a fixture started would wait for hours to settle.
    """
    if item.get_closest_marker("looptime") is not None:
        item.add_marker(pytest.mark.looptime(start=time.monotonic))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list) -> None:
    """Start pytest-xdist's workers with this interpreter's `-X dev` and `-W`."""
    options = [f"-W{option}" for option in sys.warnoptions]
    if sys.flags.dev_mode:
        options += ["-X", "dev"]
    for spec in specs:
        spec.python = shlex.join([sys.executable, *options])
