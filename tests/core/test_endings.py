"""Calls that end early at each point where they wait: no task is left and no slot is lost.

Each test combines one call, one way to end it and one situation, and tries 40 instants in turn.
"""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import aiohttp
import pytest
from attrs import field, frozen

from tests.core import workloads
from tests.core.workloads import IDS, MAX_CONCURRENCY, assert_nothing_left, run_loop_steps
from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

# The first 20 steps of the event loop, then 20 instants a fifteenth of a second apart.
INSTANTS = [
    *(partial(run_loop_steps, count) for count in range(20)),
    *(partial(asyncio.sleep, n / 15) for n in range(1, 21)),
]


async def cancel(client, call, until_instant):
    task = asyncio.ensure_future(call)
    await until_instant()
    task.cancel("bitti")
    await asyncio.wait([task])
    return task


async def time_out(client, call, until_instant):
    timeout = asyncio.timeout(None)

    async def call_within_timeout():
        async with timeout:
            return await call

    task = asyncio.ensure_future(call_within_timeout())
    await asyncio.sleep(0)
    await until_instant()
    if not task.done():
        timeout.reschedule(asyncio.get_running_loop().time())
    await asyncio.wait([task])
    return task


async def fail_in_a_sibling_task(client, call, until_instant):
    async def fail():
        await until_instant()
        raise LookupError

    async def call_beside_a_failure():
        async with asyncio.TaskGroup() as group:
            group.create_task(call)
            group.create_task(fail())

    task = asyncio.ensure_future(call_beside_a_failure())
    await asyncio.wait([task])
    return task


async def close(client, call, until_instant):
    task = asyncio.ensure_future(call)
    await until_instant()
    await client.close()
    await asyncio.wait([task])
    return task


class SlowEntryLimiter:
    async def __aenter__(self):
        await asyncio.sleep(0.07)

    async def __aexit__(self, *exc):
        await asyncio.sleep(0)


async def answer_in_pieces(reader, writer):
    """Serve answers piece by piece, so that the client waits for headers and body."""
    while True:
        gonderim_id = requested_id(await read_request_head(reader))
        data = http_response(answer_body({"id": gonderim_id}))
        for start in range(0, len(data), 150):
            writer.write(data[start : start + 150])
            await asyncio.sleep(0.03)


@frozen
class Situation:
    """The conditions under which a call waits."""

    latency: float = 0.0
    faults: tuple[Fault, ...] = ()
    connections: int = 100
    in_pieces: bool = False
    options: dict[str, Any] = field(factory=dict)


SITUATIONS = {
    "answer": Situation(latency=0.1),
    "body": Situation(in_pieces=True),
    "retry": Situation(faults=(Fault(status=500, retry_after=0.2),)),
    "pause": Situation(faults=(Fault(status=429, retry_after=0.3),)),
    "rate limiter": Situation(options={"rate_limiter": SlowEntryLimiter()}),
    "connection": Situation(latency=0.1, connections=1),
    "slot": Situation(latency=0.1, options={"max_concurrency": 1}),
}


@pytest.mark.slow
@pytest.mark.looptime
@pytest.mark.parametrize("end", [cancel, time_out, fail_in_a_sibling_task, close])
@pytest.mark.parametrize(
    "call",
    [
        workloads.get,
        workloads.gather,
        workloads.iterate,
        workloads.iterate_over_async_ids,
        workloads.wait_for_one,
        workloads.wait_for_many,
        workloads.wait_for_async_ids,
    ],
)
@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS.keys())
async def test_ending_a_call_at_any_instant_leaves_nothing(situation, call, end):
    ended_early = 0
    async with AsyncExitStack() as stack:
        panel = await stack.enter_async_context(
            SandboxPanel(KEY, latency=situation.latency, settle_time=0.5)
        )
        in_pieces_url = await stack.enter_async_context(raw_server(answer_in_pieces))
        connector = aiohttp.TCPConnector(limit=situation.connections)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        options = {
            "base_url": in_pieces_url if situation.in_pieces else panel.base_url,
            "session": session,
            "retry": RetryPolicy(initial_delay=0.1),
            "max_concurrency": MAX_CONCURRENCY,
        } | situation.options
        client = VairoSMSClient(KEY, **options)

        for until_instant in INSTANTS:
            panel.clear_faults()
            panel.fail(*situation.faults, times=2)
            task = await end(client, call(client), until_instant)
            assert_nothing_left(client)
            ended_early += task.cancelled() or task.exception() is not None
            if end is close:
                client = VairoSMSClient(KEY, **options)

        # close() lets single lookups over the caller's session finish.
        assert ended_early >= (1 if end is close else 5)
        patient = client.with_options(retry=RetryPolicy(attempts=9, initial_delay=0.01))
        assert len(await patient.gather_gonderimler(IDS)) == len(IDS)
        await client.close()
