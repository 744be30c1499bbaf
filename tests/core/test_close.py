"""`close()` while the client works: each call ends at once and says that the client is closed."""

import asyncio

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    SlowExitLimiter,
    answer_body,
    full_listener,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
)
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSNotFoundError
from vairosms_async.sandbox import Fault

IS_CLOSED = "this VairoSMSClient is closed"


async def assert_closing_ends(client, call):
    """Close a client while it works; the call must end at once with RuntimeError."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.05)
    assert not task.done()
    async with asyncio.timeout(20):
        await client.close()
        with pytest.raises(RuntimeError, match="is closed"):
            await task
    assert not library_tasks()


@pytest.fixture
async def hanging_panel(panel):
    """A panel that never answers."""
    panel.fail(Fault("hang"), times=None)
    return panel


class SilentUntilReleased:
    """A server that answers each request when the test calls `release.set()`."""

    def __init__(self, response):
        self.response = response
        self.request_arrived, self.release = asyncio.Event(), asyncio.Event()

    async def __call__(self, reader, writer):
        await read_request_head(reader)
        self.request_arrived.set()
        await self.release.wait()
        writer.write(self.response)


async def test_a_closed_client_rejects_each_call(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.close()
    with pytest.raises(RuntimeError, match=IS_CLOSED):
        await client.get_gonderim(52)
    with pytest.raises(RuntimeError, match=IS_CLOSED):
        await client.gather_gonderimler([52])
    with pytest.raises(RuntimeError, match=IS_CLOSED):
        [_ async for _ in client.iter_gonderimler([52])]
    with pytest.raises(RuntimeError, match=IS_CLOSED):
        async with client:
            pass
    assert panel.requests == 0


async def test_a_closed_client_rejects_calls_that_would_send_nothing(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.close()
    for call in (
        client.get_gonderim("x"),
        client.gather_gonderimler([]),
        client.gather_gonderimler(["x"], return_exceptions=True),
        anext(client.iter_gonderimler([])),
        anext(client.wait_gonderimler([])),
    ):
        with pytest.raises(RuntimeError, match="is closed"):
            await call


@pytest.mark.parametrize("attempts", [4, 1], ids=["first attempt", "last attempt"])
async def test_close_ends_a_lookup(hanging_panel, attempts):
    policy = RetryPolicy(attempts=attempts)
    client = VairoSMSClient(KEY, base_url=hanging_panel.base_url, retry=policy)
    await assert_closing_ends(client, client.get_gonderim(52))


async def test_close_ends_a_lookup_that_waits_for_a_slot(hanging_panel):
    client = VairoSMSClient(KEY, base_url=hanging_panel.base_url, max_concurrency=1)
    first = asyncio.ensure_future(client.get_gonderim(52))
    await assert_closing_ends(client, client.get_gonderim(61))
    with pytest.raises(RuntimeError, match="is closed"):
        await first


PATIENT = RetryPolicy(initial_delay=1e6, max_delay=1e6)


@pytest.mark.parametrize("retry_after", [None, 50])
@pytest.mark.parametrize("answers_before", [0, 1])
async def test_close_ends_a_lookup_that_waits_to_retry(panel, answers_before, retry_after):
    panel.fail(Fault("status", 500, retry_after=retry_after), id=52, times=None)
    client = VairoSMSClient(KEY, base_url=panel.base_url, retry=PATIENT)
    await client.gather_gonderimler([61][:answers_before])
    await assert_closing_ends(client, client.get_gonderim(52))
    assert panel.requests == answers_before + 1


@pytest.mark.parametrize("timeout", [None, 60])
async def test_close_ends_a_lookup_that_is_connecting(timeout):
    with full_listener() as base_url:
        client = VairoSMSClient(KEY, base_url=base_url, timeout=timeout)
        await assert_closing_ends(client, client.get_gonderim(52))


async def test_close_ends_a_lookup_that_waits_for_the_rate_limiter(panel):
    limiter = asyncio.Lock()
    await limiter.acquire()
    client = VairoSMSClient(
        KEY, base_url=panel.base_url, rate_limiter=limiter, max_concurrency=1, timeout=None
    )
    queued = asyncio.ensure_future(client.get_gonderim(61))
    await assert_closing_ends(client, client.get_gonderim(52))
    with pytest.raises(RuntimeError, match="is closed"):
        await queued
    assert panel.requests == 0


@pytest.mark.parametrize("return_exceptions", [False, True])
async def test_close_ends_a_gather(hanging_panel, return_exceptions):
    client = VairoSMSClient(KEY, base_url=hanging_panel.base_url)
    await assert_closing_ends(
        client, client.gather_gonderimler(range(1, 100), return_exceptions=return_exceptions)
    )


async def test_close_ends_an_iteration(hanging_panel):
    client = VairoSMSClient(KEY, base_url=hanging_panel.base_url)
    results = client.iter_gonderimler(range(1, 100))
    await assert_closing_ends(client, anext(results))
    with pytest.raises(StopAsyncIteration):
        await anext(results)


async def test_the_body_of_an_async_for_may_close_the_client(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    seen = 0
    with pytest.raises(RuntimeError, match="is closed"):
        async for _ in client.iter_gonderimler(range(1, 1000)):
            seen += 1
            if seen == 3:
                await client.close()
                assert not library_tasks()
    assert seen < 50


@pytest.mark.parametrize("method", ["iter_gonderimler", "wait_gonderimler"])
async def test_the_source_of_ids_may_close_the_client(panel, opened_sessions, method):
    client = VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=2)

    async def ids():
        yield 52
        await client.close()
        yield 61

    async with asyncio.timeout(1):
        with pytest.raises(RuntimeError, match="is closed"):
            [_ async for _ in getattr(client, method)(ids())]
    [session] = opened_sessions
    assert session.closed


async def test_lookups_in_flight_over_the_callers_session_may_finish():
    server = SilentUntilReleased(http_response(answer_body()))
    async with raw_server(server) as base_url, aiohttp.ClientSession() as session:
        client = VairoSMSClient(KEY, base_url=base_url, session=session)
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await server.request_arrived.wait()
        await client.close()
        server.release.set()
        assert (await lookup).id == 52


async def test_a_lookup_that_fails_after_close_is_not_retried():
    server = SilentUntilReleased(http_response(b"", "503 Service Unavailable"))
    async with raw_server(server) as base_url, aiohttp.ClientSession() as session:
        client = VairoSMSClient(KEY, base_url=base_url, session=session, retry=PATIENT)
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await server.request_arrived.wait()
        await client.close()
        server.release.set()
        with pytest.raises(RuntimeError, match=IS_CLOSED):
            await asyncio.wait_for(lookup, 20)


async def test_an_error_from_the_panel_is_not_replaced_by_the_error_of_closing():
    server = SilentUntilReleased(http_response(b"", "404 Not Found"))
    async with raw_server(server) as base_url, aiohttp.ClientSession() as session:
        client = VairoSMSClient(KEY, base_url=base_url, session=session)
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await server.request_arrived.wait()
        await client.close()
        server.release.set()
        with pytest.raises(VairoSMSNotFoundError):
            await lookup


async def test_a_cancelled_close_still_closes_the_session(hanging_panel, opened_sessions):
    limiter = SlowExitLimiter(steps=1, delay=0.2)
    client = VairoSMSClient(KEY, base_url=hanging_panel.base_url, rate_limiter=limiter)
    gathering = asyncio.ensure_future(client.gather_gonderimler([1, 2]))
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.close()
    [session] = opened_sessions
    assert session.closed
    with pytest.raises(RuntimeError, match="is closed"):
        await gathering
