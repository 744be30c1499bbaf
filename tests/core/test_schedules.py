"""Whole schedules of faults, made up by hypothesis, on a clock that runs ahead.

A panel follows a script: for each id, what its first, second, … request meets. Whatever the script,
the client keeps its promises.
"""

import asyncio
from collections import Counter, defaultdict
from contextlib import aclosing

import looptime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import Gonderim, RetryPolicy, VairoSMSClient, VairoSMSError

STEPS = {
    "ok": http_response(answer_body()),
    "500": http_response(b"<html>", "500 Oops"),
    "429": http_response(b"", "429 Slow down", "Retry-After: 2"),
    "429 for long": http_response(b"", "429 Slow down", "Retry-After: 900"),
    "429 alone": http_response(b"", "429 Slow down"),
    "503": http_response(b"", "503 Busy", "Retry-After: 1"),
    "404": http_response(b"", "404 Not Found"),
    "html": http_response(b"<html>"),
    "cut": http_response(answer_body())[:-5],
    "close": b"",
    "hang": None,
    "another": http_response(answer_body({"id": 9999})),
}
IDS = 12
CAP = 3

scripts = st.lists(st.lists(st.sampled_from(sorted(STEPS)), max_size=5), min_size=IDS, max_size=IDS)
waits = st.lists(st.floats(0, 3), min_size=1, max_size=7)


class Panel:
    """Follows a script, and keeps what the client is to be held to."""

    def __init__(self, script, latencies):
        self.script = defaultdict(list, {n + 1: list(steps) for n, steps in enumerate(script)})
        self.latencies = latencies
        self.requests = Counter()
        self.broken = []
        self.in_flight = self.peak = 0
        self.paused_until = -1.0

    async def serve(self, reader, writer):
        loop = asyncio.get_running_loop()
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            if loop.time() < self.paused_until:
                self.broken.append(f"{gonderim_id} sent at {loop.time()} in a pause")
            number = self.requests.total()
            self.requests[gonderim_id] += 1
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            try:
                await asyncio.sleep(self.latencies[number % len(self.latencies)])
                step = self.script[gonderim_id].pop(0) if self.script[gonderim_id] else "ok"
                data = STEPS[step]
                if data is None:
                    await reader.read()
                    return
            finally:
                self.in_flight -= 1
            if step == "ok":
                data = http_response(answer_body({"id": gonderim_id}))
            writer.write(data)
            await writer.drain()
            if step in ("429", "503"):
                # From when the client has it; what it had sent before is on its way.
                await asyncio.sleep(0.001)
                seconds = 2 if step == "429" else 1
                self.paused_until = max(self.paused_until, loop.time() - 0.001 + seconds - 0.05)
            if step in ("cut", "close"):
                return


async def run(panel, work, leave_at):
    """Do the work against the panel; give the outcomes by id, and check what must hold."""
    policy = RetryPolicy(attempts=3, initial_delay=0.5)
    async with raw_server(panel.serve) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, max_concurrency=CAP, timeout=10, retry=policy
        ) as client:
            outcomes = await work(client, leave_at)
            assert not library_tasks()
            assert client.stats().in_flight == 0
            assert not client._shared.bulk_tasks
            assert not client._shared.interruptible
            if panel.requests:  # each connection is back in the pool, or closed
                assert not client._shared._transport.session.connector._acquired
    assert panel.peak <= CAP
    for gonderim_id, outcome in outcomes.items():
        if isinstance(outcome, Gonderim):
            assert outcome.id == gonderim_id
        else:
            assert isinstance(outcome, VairoSMSError)
            assert outcome.gonderim_id == gonderim_id
    assert all(count <= policy.attempts for count in panel.requests.values())
    return outcomes


async def gather(client, _):
    ids = range(1, IDS + 1)
    outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
    assert len(outcomes) == IDS
    return dict(zip(ids, outcomes, strict=True))


async def iterate(client, leave_at):
    outcomes = {}
    async with aclosing(client.iter_gonderimler(range(1, IDS + 1))) as results:
        async for result in results:
            assert result.id not in outcomes
            outcomes[result.id] = result.gonderim or result.error
            if len(outcomes) == leave_at:
                break
    assert len(outcomes) == min(leave_at, IDS)
    return outcomes


async def gather_until_the_first_error(client, _):
    try:
        await client.gather_gonderimler(range(1, IDS + 1))
    except VairoSMSError as exc:
        return {exc.gonderim_id: exc}
    return {}


async def cancelled(client, leave_at):
    try:
        async with asyncio.timeout(leave_at):
            return await gather(client, leave_at)
    except TimeoutError:
        return {}


def on_a_fast_clock(work):
    """Run a coroutine on an event loop of its own whose clock runs ahead."""
    loop = looptime.patch_event_loop(asyncio.new_event_loop())
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    scripts,
    waits,
    st.sampled_from([gather, iterate, gather_until_the_first_error, cancelled]),
    st.integers(1, IDS + 3),
)
def test_promises_hold_on_any_schedule(script, latencies, work, leave_at):
    panel = Panel(script, latencies)
    outcomes = on_a_fast_clock(run(panel, work, leave_at))
    assert panel.broken == []
    for gonderim_id, outcome in outcomes.items():
        steps = script[gonderim_id - 1][: panel.requests[gonderim_id]]
        if isinstance(outcome, Gonderim):
            assert len(steps) < panel.requests[gonderim_id] or steps[-1] == "ok"
        else:
            assert steps
            assert steps[-1] != "ok"


@pytest.mark.slow
@settings(deadline=None, max_examples=4)
@given(st.lists(st.sampled_from(["500", "cut", "close"]), min_size=3, max_size=3), waits)
def test_a_panel_that_is_down_is_asked_within_the_budget(steps, latencies):
    async def work():
        panel = Panel([], latencies[:1])
        for gonderim_id in range(1, 401):
            panel.script[gonderim_id] = list(steps)
        async with raw_server(panel.serve) as base_url:
            policy = RetryPolicy(attempts=3, initial_delay=0.1)
            async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
                outcomes = await client.gather_gonderimler(range(1, 401), return_exceptions=True)
        assert all(isinstance(outcome, VairoSMSError) for outcome in outcomes)
        assert panel.requests.total() == 500

    on_a_fast_clock(work())
