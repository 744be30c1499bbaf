"""The client's life: its session, its event loop, its end."""

import asyncio
import socket
import subprocess
import sys

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    answer_body,
    assert_no_key,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
)
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSError, VairoSMSNotFoundError
from vairosms_async.sandbox import Fault, SandboxPanel


async def test_nothing_is_opened_before_the_first_lookup(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert client._shared._transport is None
        await client.get_gonderim(52)
        session = client._shared._transport.session
        assert not session.closed
    assert session.closed


async def test_it_works_without_async_with(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    assert (await client.get_gonderim(52)).id == 52
    await client.close()
    await client.close()


async def test_a_client_that_never_looked_anything_up_closes(panel):
    await VairoSMSClient(KEY, base_url=panel.base_url).close()


async def test_it_can_be_made_outside_a_loop():
    def run(client):
        async def main():
            async with client:
                pass

        asyncio.run(main())

    await asyncio.to_thread(run, VairoSMSClient(KEY))


async def test_connections_are_kept_and_no_more_than_the_cap(panel):
    panel.latency = (0.001, 0.003)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=3) as client:
        for _ in range(3):
            await client.gather_gonderimler(range(1, 31))
        assert panel.connections == 3
        assert panel.peak_in_flight == 3


async def test_more_than_a_hundred_at_once(panel):
    panel.latency = (0.3, 0.3)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=150) as client:
        await client.gather_gonderimler(range(1, 301))
        assert panel.peak_in_flight == 150


async def test_a_session_of_the_callers_is_used_and_left_open(panel):
    async with aiohttp.ClientSession() as session:
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            await client.get_gonderim(52)
            assert client._shared._transport.session is session
        assert not session.closed
        with pytest.raises(RuntimeError, match="closed"):
            await client.get_gonderim(52)
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            await client.get_gonderim(52)


async def test_a_callers_session_that_is_closed(panel):
    session = aiohttp.ClientSession()
    client = VairoSMSClient(KEY, base_url=panel.base_url, session=session)
    await client.get_gonderim(52)
    await session.close()
    with pytest.raises(RuntimeError, match="session given to this VairoSMSClient is closed"):
        await client.get_gonderim(52)
    with pytest.raises(RuntimeError, match="session given"):
        await client.gather_gonderimler([52, 61], return_exceptions=True)


async def test_a_closed_client_says_so(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.close()
    with pytest.raises(RuntimeError, match="this VairoSMSClient is closed"):
        await client.get_gonderim(52)
    with pytest.raises(RuntimeError, match="this VairoSMSClient is closed"):
        await client.gather_gonderimler([52])
    with pytest.raises(RuntimeError, match="this VairoSMSClient is closed"):
        [_ async for _ in client.iter_gonderimler([52])]
    with pytest.raises(RuntimeError, match="this VairoSMSClient is closed"):
        async with client:
            pass
    assert panel.requests == 0


async def test_another_event_loop_is_refused(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1)
    await client.get_gonderim(52)

    async def elsewhere():
        for lookup in (
            client.get_gonderim(52),
            client.gather_gonderimler([52, 61]),
            client.with_options(timeout=1).get_gonderim(52),
            anext(client.iter_gonderimler([52])),
            client.__aenter__(),
            client.close(),
        ):
            with pytest.raises(RuntimeError, match="another event loop"):
                await lookup

    await asyncio.to_thread(asyncio.run, elsewhere())
    assert (await client.get_gonderim(61)).id == 61
    await client.close()
    assert panel.requests == 2


# ---- closed in the middle ----------------------------------------------------------------------


async def closed_while(client, work):
    """Close a client while it works, and give the error that the work ends with."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.05)
    assert not task.done()
    async with asyncio.timeout(1):
        await client.close()
        with pytest.raises(RuntimeError) as caught:
            await task
    assert not library_tasks()
    return str(caught.value)


@pytest.fixture
async def hanging(panel):
    panel.fail(Fault("hang"), times=None)
    return panel


async def test_closed_during_a_lookup(hanging):
    client = VairoSMSClient(KEY, base_url=hanging.base_url)
    assert "is closed" in await closed_while(client, client.get_gonderim(52))


async def test_closed_while_waiting_for_a_slot(hanging):
    client = VairoSMSClient(KEY, base_url=hanging.base_url, max_concurrency=1)
    first = asyncio.ensure_future(client.get_gonderim(52))
    assert "is closed" in await closed_while(client, client.get_gonderim(61))
    with pytest.raises(RuntimeError, match="is closed"):
        await first


async def test_closed_during_a_back_off(panel):
    panel.fail(Fault(retry_after=50), times=None)
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    assert "is closed" in await closed_while(client, client.get_gonderim(52))
    assert panel.requests == 1


@pytest.mark.parametrize("return_exceptions", [False, True])
async def test_closed_during_a_gather(hanging, return_exceptions):
    client = VairoSMSClient(KEY, base_url=hanging.base_url)
    work = client.gather_gonderimler(range(1, 100), return_exceptions=return_exceptions)
    assert "is closed" in await closed_while(client, work)


async def test_closed_during_an_iteration(hanging):
    client = VairoSMSClient(KEY, base_url=hanging.base_url)
    results = client.iter_gonderimler(range(1, 100))
    assert "is closed" in await closed_while(client, anext(results))
    with pytest.raises(StopAsyncIteration):
        await anext(results)


async def test_closed_inside_the_loop_body(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    seen = 0
    with pytest.raises(RuntimeError, match="is closed"):
        async for _ in client.iter_gonderimler(range(1, 1000)):
            seen += 1
            if seen == 3:
                await client.close()
                assert not library_tasks()
    assert seen < 50


async def test_a_session_of_the_callers_lets_lookups_in_flight_end():
    arrived, go = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await read_request_head(reader)
        arrived.set()
        await go.wait()
        writer.write(http_response(answer_body()))

    async with raw_server(serve) as base_url, aiohttp.ClientSession() as session:
        client = VairoSMSClient(KEY, base_url=base_url, session=session)
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await arrived.wait()
        await client.close()
        go.set()
        assert (await lookup).id == 52


UNCLOSED = """
import asyncio
from tests.helpers import KEY
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

async def main():
    async with SandboxPanel(KEY) as panel:
        await VairoSMSClient(KEY, base_url=panel.base_url).get_gonderim(52)

asyncio.run(main(), debug=True)
"""


def test_a_client_dropped_unclosed_is_told_of_by_aiohttp_without_the_key():
    command = [sys.executable, "-X", "dev", "-c", UNCLOSED]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert "Unclosed client session" in done.stderr
    assert_no_key(done.stdout + done.stderr)


@pytest.mark.parametrize("timeout", [None, 60])
async def test_closed_while_connecting(timeout):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        client = VairoSMSClient(KEY, base_url=url, timeout=timeout)
        assert "is closed" in await closed_while(client, client.get_gonderim(52))
        for filler in fillers:
            filler.close()


async def test_closed_while_waiting_for_the_limiter(panel):
    limiter = asyncio.Lock()
    await limiter.acquire()
    client = VairoSMSClient(
        KEY, base_url=panel.base_url, rate_limiter=limiter, max_concurrency=1, timeout=None
    )
    queued = asyncio.ensure_future(client.get_gonderim(61))
    assert "is closed" in await closed_while(client, client.get_gonderim(52))
    with pytest.raises(RuntimeError, match="is closed"):
        await queued
    assert panel.requests == 0


async def test_closed_during_the_last_attempt(hanging):
    policy = RetryPolicy(attempts=1)
    client = VairoSMSClient(KEY, base_url=hanging.base_url, retry=policy)
    assert "is closed" in await closed_while(client, client.get_gonderim(52))


async def test_an_answer_that_came_is_not_replaced_by_the_closing():
    arrived, go = asyncio.Event(), asyncio.Event()

    async def serve(reader, writer):
        await read_request_head(reader)
        arrived.set()
        await go.wait()
        writer.write(http_response(b"", "404 Not Found"))

    async with raw_server(serve) as base_url, aiohttp.ClientSession() as session:
        client = VairoSMSClient(KEY, base_url=base_url, session=session)
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await arrived.wait()
        await client.close()
        go.set()
        with pytest.raises(VairoSMSNotFoundError):
            await lookup


async def test_a_close_that_is_cancelled_closes_its_session_all_the_same(panel):
    class Slow:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *exc):
            await asyncio.sleep(0.2)

    panel.fail(Fault("hang"), times=None)
    client = VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Slow())
    bulk = asyncio.ensure_future(client.gather_gonderimler([1, 2]))
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.close()
    assert client._shared._transport.session.closed
    with pytest.raises(RuntimeError, match="is closed"):
        await bulk


@pytest.mark.parametrize("work", ["iter_gonderimler", "wait_gonderimler"])
async def test_closed_by_its_own_source(panel, work):
    client = VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=2)

    async def ids():
        yield 52
        await client.close()
        yield 61

    async with asyncio.timeout(1):
        with pytest.raises(RuntimeError, match="is closed"):
            [_ async for _ in getattr(client, work)(ids())]
    assert client._shared._transport.session.closed


async def test_a_closed_client_says_so_even_where_nothing_would_be_asked(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.close()
    for work in (
        client.get_gonderim("x"),
        client.gather_gonderimler([]),
        client.gather_gonderimler(["x"], return_exceptions=True),
        anext(client.iter_gonderimler([])),
        anext(client.wait_gonderimler([])),
    ):
        with pytest.raises(RuntimeError, match="is closed"):
            await work


# ---- the cap -----------------------------------------------------------------------------------


async def test_the_cap_is_the_clients_whoever_looks_up(panel):
    panel.latency = (0.005, 0.02)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=5) as client:
        sibling = client.with_options(timeout=9)
        async with asyncio.TaskGroup() as group:
            for start in range(1, 100, 10):
                group.create_task(client.gather_gonderimler(range(start, start + 10)))
                group.create_task(sibling.get_gonderim(start))
        assert panel.peak_in_flight == 5


async def test_a_bulk_with_a_lower_cap_leaves_room_for_single_lookups(panel):
    panel.latency = (0.05, 0.05)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        bulk = asyncio.ensure_future(client.gather_gonderimler(range(1, 100), max_concurrency=2))
        await asyncio.sleep(0.02)
        assert len(library_tasks()) == 2
        async with asyncio.timeout(0.2):
            await client.get_gonderim(52)
        assert panel.peak_in_flight == 3
        bulk.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bulk


async def test_a_slot_is_not_held_while_waiting_to_retry(panel):
    panel.fail(Fault(status=500, retry_after=30), id=61, times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1) as client:
        waiting = asyncio.ensure_future(client.get_gonderim(61))
        while not panel.requests:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(1):
            for _ in range(10):
                assert (await client.get_gonderim(52)).id == 52
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize("kind", ["reset", "cut", "html", "status"])
async def test_faults_pass_and_the_client_goes_on(kind):
    async with SandboxPanel(KEY) as panel:
        policy = RetryPolicy(initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            panel.fail(Fault(kind), times=3)
            assert (await client.get_gonderim(52)).id == 52
            assert panel.requests == 4
            panel.fail(Fault(kind), times=4)
            with pytest.raises(VairoSMSError):
                await client.get_gonderim(61)
            assert panel.requests == 8
            assert (await client.get_gonderim(61)).id == 61
