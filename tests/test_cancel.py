"""Cancelled at the n-th step of the event loop, for every n: nothing is left, no slot is lost."""

import asyncio
from pathlib import Path

import pytest

from tests.helpers import KEY, bulk_tasks
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

CAP = 3
SERVER = {"web_protocol", "web_app", "selector_events"}  # the modules its tasks run in


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
            assert not bulk_tasks()
            assert tasks_of_the_client() == []
            assert client._shared.slots._value == CAP
            assert not client._shared.bulk_workers
            if task.cancelled():
                cancelled += 1
            else:
                finished += 1
                task.result()
            steps += 1
        assert cancelled > 8

        await settled()
        panel.reset_counters()
        panel._latency = (0.01, 0.01)
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
        assert task.cancelled()
        assert not bulk_tasks()


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
            assert client._shared.slots._value == CAP


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
