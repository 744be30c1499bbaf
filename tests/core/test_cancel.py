"""Cancelled at the n-th step of the event loop, for every n: nothing is left, no slot is lost."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

CAP = 3
SERVER = {"web_protocol", "web_app", "selector_events", "helpers"}  # the modules its tasks run in


async def get(client):
    return await client.get_gonderim(52)


async def gather(client):
    return await client.gather_gonderimler(range(1, 13))


async def gather_all(client):
    return await client.gather_gonderimler(range(1, 13), return_exceptions=True)


async def iterate(client):
    return [result async for result in client.iter_gonderimler(range(1, 13))]


async def iterate_async(client):
    async def ids():
        for one in range(1, 13):
            await asyncio.sleep(0)
            yield one

    return [result async for result in client.iter_gonderimler(ids())]


def tasks_of_the_client():
    """List the tasks that are neither the test's nor the server's."""
    return [
        task
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
        and Path(task.get_coro().cr_code.co_filename).stem not in SERVER
    ]


async def settled():
    """Let what was cancelled on the server's side end too."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def panel():
    async with SandboxPanel(KEY, fault_rate=0.2) as panel:
        yield panel


@pytest.mark.parametrize("work", [get, gather, gather_all, iterate, iterate_async])
async def test_cancel_at_every_step(panel, work):
    policy = RetryPolicy(attempts=20, initial_delay=0.0005)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, max_concurrency=CAP, retry=policy
    ) as client:
        cancelled = finished = steps = 0
        while finished < 3:
            task = asyncio.ensure_future(work(client))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            # At once, and not after a while: whatever it started has ended before it did.
            assert not library_tasks()
            assert tasks_of_the_client() == []
            assert client.stats().in_flight == 0
            assert not client._shared.bulk_tasks
            if task.cancelled():
                cancelled += 1
            else:
                finished += 1
                task.result()
            steps += 1
        assert cancelled > 8

        await settled()
        panel.reset_counters()
        panel.latency = (0.01, 0.01)
        assert len(await client.gather_gonderimler(range(1, 31))) == 30
        assert panel.peak_in_flight == CAP


async def test_cancelled_again_and_again_while_it_cleans_up(panel):
    """The cleaning up is itself cancelled; it goes on until the lookups have ended."""
    leaving = 0

    class Slow:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *exc):
            nonlocal leaving
            leaving += 1
            for _ in range(30):
                await asyncio.sleep(0)
            leaving -= 1

    panel.fail(Fault("hang"), times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Slow()) as client:
        task = asyncio.ensure_future(client.gather_gonderimler(range(1, 10)))
        await asyncio.sleep(0.05)
        times = 0
        while not task.done():
            task.cancel(f"{times}")
            times += 1
            await asyncio.sleep(0)
        assert times > 10
        assert leaving == 0
        with pytest.raises(asyncio.CancelledError, match=f"^{times - 1}$|^{times - 2}$"):
            await task
        assert not library_tasks()


async def test_aclose_at_every_result(panel):
    policy = RetryPolicy(attempts=20, initial_delay=0.0005)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, max_concurrency=CAP, retry=policy
    ) as client:
        for leave_at in range(13):
            results = client.iter_gonderimler(range(1, 13))
            for _ in range(leave_at):
                await anext(results)
            await results.aclose()
            assert tasks_of_the_client() == []
            assert client.stats().in_flight == 0


async def test_a_task_that_waits_for_a_slot_leaves_it_to_the_next(panel):
    panel.fail(Fault("hang"), id=1)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1) as client:
        holder = asyncio.ensure_future(client.get_gonderim(1))
        await asyncio.sleep(0.05)
        waiters = [asyncio.ensure_future(client.get_gonderim(52)) for _ in range(5)]
        await asyncio.sleep(0)
        for waiter in waiters[:4]:
            waiter.cancel()
        holder.cancel()
        assert (await waiters[4]).id == 52
        done = await asyncio.gather(holder, *waiters[:4], return_exceptions=True)
        assert {type(one) for one in done} == {asyncio.CancelledError}


# ---- every await point, every end ----------------------------------------------------------------
# On looptime's clock: 20 instants a step of the loop apart, then 20 of a fifteenth of a second.

INSTANTS = [*range(20), *(n / 15 for n in range(1, 21))]


async def wait_one(client):
    return await client.wait_gonderim(1, poll_interval=0.2)


async def wait_many(client):
    return [r async for r in client.wait_gonderimler(range(1, 13), poll_interval=0.2)]


async def wait_async(client):
    async def ids():
        for one in range(1, 13):
            await asyncio.sleep(0.01)
            yield one

    return [r async for r in client.wait_gonderimler(ids(), poll_interval=0.2)]


async def by_cancel(work, at):
    task = asyncio.ensure_future(work)
    await at()
    task.cancel("bitti")
    await asyncio.wait([task])
    return task


async def by_timeout(work, at):
    within = asyncio.timeout(None)

    async def run():
        async with within:
            return await work

    task = asyncio.ensure_future(run())
    await asyncio.sleep(0)
    await at()
    if not task.done():
        within.reschedule(asyncio.get_running_loop().time())
    await asyncio.wait([task])
    return task


async def by_a_sibling(work, at):
    async def fail():
        await at()
        raise LookupError

    async def run():
        async with asyncio.TaskGroup() as group:
            group.create_task(work)
            group.create_task(fail())

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    return task


async def by_close(work, at, client):
    task = asyncio.ensure_future(work)
    await at()
    await client.close()
    await asyncio.wait([task])
    return task


class Limiter:
    async def __aenter__(self):
        await asyncio.sleep(0.07)

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)


async def in_pieces(reader, writer):
    """Answer in pieces, so that headers and body are waited for."""
    while True:
        gonderim_id = requested_id(await read_request_head(reader))
        data = http_response(answer_body({"id": gonderim_id}))
        for start in range(0, len(data), 150):
            writer.write(data[start : start + 150])
            await asyncio.sleep(0.03)


SITUATIONS = {
    "connecting and waiting": {"latency": 0.1},
    "back-off": {"faults": [Fault(status=500, retry_after=0.2)]},
    "pause": {"faults": [Fault(status=429, retry_after=0.3)]},
    "limiter": {"options": {"rate_limiter": Limiter()}},
    "body": {"raw": True},
    "connection": {"latency": 0.1, "connections": 1},
    "slot": {"latency": 0.1, "options": {"max_concurrency": 1}},
}


@pytest.mark.looptime
@pytest.mark.parametrize("end", [by_cancel, by_timeout, by_a_sibling, by_close])
@pytest.mark.parametrize(
    "work", [get, gather, iterate, iterate_async, wait_one, wait_many, wait_async]
)
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_every_end_at_every_instant(situation, work, end):
    setting = SITUATIONS[situation]
    unfinished = 0
    async with AsyncExitStack() as stack:
        panel = await stack.enter_async_context(
            SandboxPanel(KEY, latency=setting.get("latency", 0.0), settle_time=0.5)
        )
        raw = await stack.enter_async_context(raw_server(in_pieces))
        options = {
            "base_url": raw if setting.get("raw") else panel.base_url,
            "retry": RetryPolicy(initial_delay=0.1),
            "max_concurrency": CAP,
        } | setting.get("options", {})
        connector = aiohttp.TCPConnector(limit=setting.get("connections", 100))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        client = VairoSMSClient(KEY, session=session, **options)

        for instant in INSTANTS:

            async def at(instant=instant):
                for _ in range(instant if isinstance(instant, int) else 1):
                    await asyncio.sleep(0 if isinstance(instant, int) else instant)

            panel.clear_faults()
            panel.fail(*setting.get("faults", ()), times=2)
            closing = [client] if end is by_close else []
            task = await end(work(client), at, *closing)
            assert not library_tasks()
            assert tasks_of_the_client() == []
            assert client.stats().in_flight == 0
            assert not client._shared.bulk_tasks
            unfinished += task.cancelled() or task.exception() is not None
            if end is by_close:
                client = VairoSMSClient(KEY, session=session, **options)

        # A session that is not its own keeps single lookups in flight alive when a client closes.
        assert unfinished >= (1 if end is by_close else 5)
        usable = client.with_options(retry=RetryPolicy(attempts=9, initial_delay=0.01))
        assert len(await usable.gather_gonderimler(range(1, 13))) == 12
        await client.close()
