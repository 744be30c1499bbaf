"""Sessions whose connector raises exceptions that aiohttp does not know, as those of SOCKS do."""

import asyncio

import aiohttp
import pytest

from tests.helpers import KEY, NO_RETRIES, assert_keyless
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError


class ProxyError(Exception):
    """An exception of a connector, like `python_socks.ProxyError`."""


def proxy_error(url):
    return ProxyError(f"{url} was refused")


def incomplete_read(url):
    return asyncio.IncompleteReadError(b"", 2)


class FailingConnector(aiohttp.TCPConnector):
    """A connector whose first connections fail."""

    def __init__(self, make_error, times):
        super().__init__()
        self.make_error, self.times, self.calls = make_error, times, 0

    async def connect(self, req, traces, timeout):
        self.calls += 1
        if self.calls <= self.times:
            raise self.make_error(req.url)
        return await super().connect(req, traces, timeout)


@pytest.mark.parametrize("make_error", [proxy_error, incomplete_read], ids=lambda f: f.__name__)
async def test_an_exception_of_the_connector_is_a_connection_error_per_id(panel, make_error):
    connector = FailingConnector(make_error, times=9)
    policy = RetryPolicy(attempts=3, initial_delay=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session, retry=policy) as client,
    ):
        results = [result async for result in client.iter_gonderimler([52, 61, 70])]
        assert sorted(result.id for result in results) == [52, 61, 70]
        for result in results:
            assert type(result.error) is VairoSMSConnectionError
            assert (result.error.reason, result.error.retryable) == ("connect", True)
            assert type(make_error("")).__name__ in str(result.error)
            assert_keyless(result.error)
        assert connector.calls == 9
        assert (await client.get_gonderim(52)).id == 52


async def test_an_exception_of_the_connector_is_retried(panel):
    connector = FailingConnector(proxy_error, times=2)
    policy = RetryPolicy(initial_delay=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session, retry=policy) as client,
    ):
        assert (await client.get_gonderim(52)).id == 52


async def test_an_os_error_of_the_connector_is_a_connect_error(panel):
    """A SOCKS library raises a subclass of OSError if its proxy does not listen."""

    class ProxyConnectionError(OSError):
        pass

    connector = FailingConnector(lambda url: ProxyConnectionError(111, str(url)), times=1)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session, retry=NO_RETRIES) as client,
    ):
        with pytest.raises(VairoSMSConnectionError, match="ProxyConnectionError") as caught:
            await client.get_gonderim(52)
    assert caught.value.reason == "connect"
    assert_keyless(caught.value)


async def test_an_exception_of_python_itself_in_the_connector_reaches_the_caller(panel):
    """It is a fault of the program, which a retry would hide."""
    connector = FailingConnector(lambda url: TypeError("kusur"), times=1)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        with pytest.raises(TypeError, match="kusur"):
            await client.get_gonderim(52)


@pytest.mark.parametrize(
    "hook",
    [
        "on_request_start",
        "on_connection_create_start",
        "on_connection_create_end",
        "on_request_end",
    ],
)
async def test_an_exception_of_a_trace_hook_reaches_the_caller(panel, hook):
    async def fail(session, context, params):
        raise ProxyError("of a hook")

    trace = aiohttp.TraceConfig()
    getattr(trace, hook).append(fail)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        with pytest.raises(ProxyError, match="of a hook") as caught:
            await client.get_gonderim(52)
    assert_keyless(caught.value)


@pytest.mark.parametrize("after_an_error", [False, True])
async def test_an_exception_of_a_middleware_reaches_the_caller(panel, after_an_error):
    async def middleware(request, handler):
        if not after_an_error:
            raise ProxyError("of a middleware")
        try:
            return await handler(request)
        except ProxyError as exc:
            raise ProxyError("of a middleware") from exc

    connector = FailingConnector(proxy_error, times=9)
    async with (
        aiohttp.ClientSession(connector=connector, middlewares=[middleware]) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        with pytest.raises(ProxyError, match="of a middleware"):
            await client.get_gonderim(52)
    assert connector.calls == (1 if after_an_error else 0)
