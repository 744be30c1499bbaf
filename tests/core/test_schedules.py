"""Random schedules of faults from hypothesis, in simulated time.

A server follows a script: it says how the first, second, … request for each id ends. The client
must keep its promises under any script.
"""

import asyncio
import gc
import weakref
from collections import Counter, defaultdict
from contextlib import aclosing, contextmanager

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
    run_in_simulated_time,
)
from vairosms_async import Gonderim, RetryPolicy, VairoSMSClient, VairoSMSError

# What the server sends. "hang" sends nothing and keeps the connection open.
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
    "hang": b"",
    "another": http_response(answer_body({"id": 9999})),
}
PAUSES = {"429": 2, "503": 1}  # seconds
MAX_CONCURRENCY = 3
IDS = range(1, 13)
PROBE_IDS = range(1001, 1001 + MAX_CONCURRENCY)

scripts = st.lists(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=5), min_size=len(IDS), max_size=len(IDS)
)
latencies = st.lists(st.floats(0, 3), min_size=1, max_size=7)


class ScriptedServer:
    """A server that follows a script and records how the client behaves."""

    def __init__(self, steps_by_id, latencies):
        self.remaining_steps = defaultdict(list, {i: list(s) for i, s in steps_by_id.items()})
        self.latencies = latencies
        self.requests = Counter()
        self.sent_in_a_pause = []
        self.in_flight = self.peak_in_flight = 0
        self.paused_until = -1.0
        self.all_probes_arrived = asyncio.Barrier(MAX_CONCURRENCY)

    async def __call__(self, reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            if gonderim_id in PROBE_IDS:
                await self.all_probes_arrived.wait()
                writer.write(http_response(answer_body({"id": gonderim_id})))
                continue
            self.record_request(gonderim_id)
            self.in_flight += 1
            self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
            try:
                latency = self.latencies[(self.requests.total() - 1) % len(self.latencies)]
                await asyncio.sleep(latency)
                step = self.next_step(gonderim_id)
                if step == "hang":
                    await reader.read()
                    return
            finally:
                self.in_flight -= 1
            answer = answer_body({"id": gonderim_id})
            writer.write(http_response(answer) if step == "ok" else STEPS[step])
            await writer.drain()
            if step in PAUSES:
                await self.begin_pause(PAUSES[step])
            if step in ("cut", "close"):
                return

    def record_request(self, gonderim_id):
        time = asyncio.get_running_loop().time()
        if time < self.paused_until:
            self.sent_in_a_pause.append(f"{gonderim_id} sent at {time} in a pause")
        self.requests[gonderim_id] += 1

    def next_step(self, gonderim_id):
        steps = self.remaining_steps[gonderim_id]
        return steps.pop(0) if steps else "ok"

    async def begin_pause(self, seconds):
        asked_at = asyncio.get_running_loop().time()
        # Requests sent before the client reads the answer may still arrive.
        await asyncio.sleep(0.001)
        self.paused_until = max(self.paused_until, asked_at + seconds - 0.05)


async def gather(client, _leave_at):
    outcomes = await client.gather_gonderimler(IDS, return_exceptions=True)
    assert len(outcomes) == len(IDS)
    return dict(zip(IDS, outcomes, strict=True))


async def gather_until_the_first_error(client, _leave_at):
    try:
        await client.gather_gonderimler(IDS)
    except VairoSMSError as exc:
        # Without the traceback, which would keep timeouts in memory.
        return {exc.gonderim_id: exc.with_traceback(None)}
    return {}


async def gather_until_cancelled(client, leave_at):
    try:
        async with asyncio.timeout(leave_at):
            return await gather(client, leave_at)
    except TimeoutError:
        return {}


async def iterate_and_leave(client, leave_at):
    outcomes = {}
    async with aclosing(client.iter_gonderimler(IDS)) as results:
        async for result in results:
            assert result.id not in outcomes
            outcomes[result.id] = result.gonderim or result.error
            if len(outcomes) == leave_at:
                break
    assert len(outcomes) == min(leave_at, len(IDS))
    return outcomes


async def assert_all_slots_and_connections_are_free(client):
    """Send as many lookups as the cap allows; the server answers when all have arrived."""
    async with asyncio.timeout(8):  # longer than any pause, shorter than the client's timeout
        assert len(await client.gather_gonderimler(PROBE_IDS)) == MAX_CONCURRENCY


class RecordedTimeouts:
    """The `asyncio.Timeout` objects that were created while `recorded_timeouts` was active."""

    def __init__(self):
        self.count = 0
        self.references = weakref.WeakSet()

    def still_in_memory(self):
        assert self.count, "no timeout was recorded: does the client create them in another way?"
        if self.references:
            gc.collect()
        return list(self.references)


@contextmanager
def recorded_timeouts():
    timeouts = RecordedTimeouts()

    def recording(create):
        def create_and_record(when):
            timeout = create(when)
            timeouts.count += 1
            timeouts.references.add(timeout)
            return timeout

        return create_and_record

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "timeout", recording(asyncio.timeout))
        patch.setattr(asyncio, "timeout_at", recording(asyncio.timeout_at))
        yield timeouts


async def run_schedule(server, work, leave_at):
    """Return the outcomes of the work by id, and assert what holds under any script."""
    policy = RetryPolicy(attempts=3, initial_delay=0.5)
    async with raw_server(server) as base_url:
        async with VairoSMSClient(
            KEY,
            base_url=base_url,
            max_concurrency=MAX_CONCURRENCY,
            adaptive=False,  # the probes need all slots
            timeout=10,
            retry=policy,
        ) as client:
            with recorded_timeouts() as timeouts:
                outcomes = await work(client, leave_at)
            assert not library_tasks()
            assert client.stats().in_flight == 0
            assert not timeouts.still_in_memory()
            await assert_all_slots_and_connections_are_free(client)
    assert server.peak_in_flight <= MAX_CONCURRENCY
    assert server.sent_in_a_pause == []
    for gonderim_id, outcome in outcomes.items():
        if isinstance(outcome, Gonderim):
            assert outcome.id == gonderim_id
        else:
            assert isinstance(outcome, VairoSMSError)
            assert outcome.gonderim_id == gonderim_id
    assert all(count <= policy.attempts for count in server.requests.values())
    return outcomes


@pytest.mark.slow
@settings(max_examples=60)
@given(
    scripts,
    latencies,
    st.sampled_from(
        [gather, gather_until_the_first_error, gather_until_cancelled, iterate_and_leave]
    ),
    st.integers(1, len(IDS) + 3),
)
def test_promises_hold_under_any_schedule(script, latencies, work, leave_at):
    steps_by_id = dict(zip(IDS, script, strict=True))
    server = ScriptedServer(steps_by_id, latencies)
    outcomes = run_in_simulated_time(run_schedule(server, work, leave_at))
    for gonderim_id, outcome in outcomes.items():
        requests = server.requests[gonderim_id]
        steps_used = steps_by_id[gonderim_id][:requests]
        if isinstance(outcome, Gonderim):
            assert len(steps_used) < requests or steps_used[-1] == "ok"
        else:
            assert steps_used
            assert steps_used[-1] != "ok"


@pytest.mark.slow
@settings(max_examples=4)
@given(st.lists(st.sampled_from(["500", "cut", "close"]), min_size=3, max_size=3), latencies)
def test_an_outage_costs_the_ids_plus_100_requests_under_any_schedule(steps, latencies):
    ids = range(1, 401)
    server = ScriptedServer(dict.fromkeys(ids, steps), latencies[:1])

    async def look_up_all_ids():
        async with raw_server(server) as base_url:
            policy = RetryPolicy(attempts=3, initial_delay=0.1)
            async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
                return await client.gather_gonderimler(ids, return_exceptions=True)

    outcomes = run_in_simulated_time(look_up_all_ids())
    assert all(isinstance(outcome, VairoSMSError) for outcome in outcomes)
    assert server.requests.total() == 500
