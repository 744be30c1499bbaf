"""Retry budget and shared pause: what reaches the panel when it is down or asks to wait."""

import asyncio
import logging
from collections import Counter
from email.utils import formatdate

import pytest

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import (
    Gonderim,
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
)
from vairosms_async._retry import Pause, RetryBudget, pause_asked
from vairosms_async.sandbox import Fault, SandboxPanel

ONCE = RetryPolicy(attempts=1)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


# ---- the budget by itself ----------------------------------------------------------------------


def test_a_budget_is_spent_by_retries_and_restored_by_records(caplog):
    budget = RetryBudget()
    assert [budget.withdraw() for _ in range(103)] == [True] * 100 + [False] * 3
    assert warnings(caplog) == [
        "the retry budget is spent: lookups that fail are not retried until others succeed"
    ]

    for _ in range(4):
        budget.deposit(retried=False)
    assert not budget.withdraw()
    budget.deposit(retried=False)  # the fifth
    assert budget.withdraw()
    assert not budget.withdraw()
    budget.deposit(retried=True)
    assert budget.withdraw()
    assert not budget.withdraw()
    assert len(warnings(caplog)) == 1


def test_a_budget_warns_again_once_it_had_recovered(caplog):
    budget = RetryBudget()
    for recovered in (49, 50):
        while budget.withdraw():
            pass
        for _ in range(recovered):
            budget.deposit(retried=True)
    while budget.withdraw():
        pass
    assert len(warnings(caplog)) == 2


def test_a_budget_is_never_more_than_full():
    budget = RetryBudget()
    for retried in (True, False) * 5:
        budget.deposit(retried=retried)
    assert sum(budget.withdraw() for _ in range(200)) == 100
    budget = RetryBudget()
    budget.withdraw()
    for _ in range(10):
        budget.deposit(retried=False)
    assert sum(budget.withdraw() for _ in range(200)) == 100


# ---- the pause by itself -----------------------------------------------------------------------


def test_a_pause_ends_and_its_end_is_spread(caplog):
    pause = Pause()
    assert pause.left(5.0) == 0.0
    pause.begin(100.0, 2.0, 429)
    lefts = [pause.left(101.0) for _ in range(500)]
    assert 1.0 <= min(lefts) < 1.05
    assert 1.45 < max(lefts) <= 1.5
    assert pause.left(101.999) > 0
    assert pause.left(102.0) == 0.0
    assert warnings(caplog) == ["the panel asks to wait (HTTP 429): lookups pause for 2 s"]


def test_the_spread_is_a_second_at_most():
    pause = Pause()
    pause.begin(0.0, 60.0, 503)
    assert 60.9 < max(pause.left(0.0) for _ in range(500)) <= 61.0


def test_a_pause_is_extended_and_never_cut_short(caplog):
    pause = Pause()
    pause.begin(0.0, 10.0, 429)
    for later in (0.0, 3.0, 9.0):
        pause.begin(1.0, later, 429)
    assert pause.left(9.9) > 0
    assert pause.left(10.0) == 0
    pause.begin(5.0, 10.0, 503)
    assert pause.left(14.9) > 0
    assert pause.left(15.0) == 0
    assert len(warnings(caplog)) == 1
    pause.begin(15.0, 1.0, 503)
    assert len(warnings(caplog)) == 2


@pytest.mark.parametrize(
    ("error", "delay", "seconds"),
    [
        (VairoSMSRateLimitError(status=429, retry_after=7.0), 8.0, 7.0),
        (VairoSMSRateLimitError(status=429, retry_after=7.0), None, 7.0),
        (VairoSMSRateLimitError(status=429, retry_after=0.0), 0.2, 0.0),
        (VairoSMSRateLimitError(status=429), 0.2, 0.2),
        (VairoSMSRateLimitError(status=429), None, 0.0),
        (VairoSMSRateLimitError(status=429, retry_after=60.0), None, 60.0),
        (VairoSMSRateLimitError(status=429, retry_after=60.1), None, 0.0),
        (VairoSMSServerError(status=503, retry_after=7.0), 8.0, 7.0),
        (VairoSMSServerError(status=503), 0.2, 0.0),
        (VairoSMSServerError(status=503, retry_after=1e9), None, 0.0),
        (VairoSMSServerError(status=500, retry_after=7.0), 8.0, 0.0),
        (VairoSMSConnectionError(), 0.2, 0.0),
    ],
    ids=range(12),
)
def test_what_asks_for_a_pause(error, delay, seconds):
    assert pause_asked(RetryPolicy(), error, delay) == seconds


# ---- storms ------------------------------------------------------------------------------------


async def test_a_full_outage_is_asked_less_than_half_as_often_again(caplog):
    requests = Counter()

    async def serve(reader, writer):
        head = await read_request_head(reader)
        requests[head.split(b"?")[0]] += 1
        writer.transport.abort()

    async with raw_server(serve) as base_url:
        policy = RetryPolicy(attempts=4, initial_delay=0.01)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            outcomes = await client.gather_gonderimler(range(1, 1001), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [VairoSMSConnectionError] * 1000
            assert [outcome.gonderim_id for outcome in outcomes] == list(range(1, 1001))
            assert 1000 + 100 == requests.total() < 1500
            assert len(requests) == 1000
            assert len([w for w in warnings(caplog) if "budget is spent" in w]) == 1

            # A sibling has the same budget: it is the client's.
            sibling = client.with_options(retry=RetryPolicy(attempts=9))
            await sibling.gather_gonderimler(range(1, 101), return_exceptions=True)
            assert requests.total() == 1200


async def test_after_an_outage_the_budget_recovers_by_itself(panel):
    policy = RetryPolicy(attempts=4, initial_delay=0.001)
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
        panel.fail(Fault("reset"), times=None)
        await client.gather_gonderimler(range(1, 301), return_exceptions=True)
        panel.clear_faults()
        panel.reset_counters()
        panel.fail(Fault("reset"))
        with pytest.raises(VairoSMSConnectionError):
            await client.get_gonderim(52)
        assert panel.requests == 1
        await client.gather_gonderimler(range(1, 101))
        panel.fail(Fault("reset"))
        assert (await client.get_gonderim(52)).id == 52


async def test_an_unknown_id_is_no_failure_of_the_panels(panel, client):
    await client.gather_gonderimler(range(5000, 5300), return_exceptions=True)
    panel.fail(Fault("reset"))
    assert (await client.get_gonderim(52)).id == 52


@pytest.mark.parametrize("rate", [pytest.param(0.05, marks=pytest.mark.slow), 0.3])
async def test_faults_at_random_are_all_retried(rate):
    """Six attempts, so that five per cent hit one id six times once in 64 million."""
    async with SandboxPanel(KEY, fault_rate=rate, packets=20_000) as panel:
        policy = RetryPolicy(attempts=6 if rate < 0.1 else 20, initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            ids = range(1, 20_001 if rate < 0.1 else 1001)
            gonderimler = await client.gather_gonderimler(ids)
            assert [g.id for g in gonderimler] == list(ids)
            assert len(ids) * (1 + rate * 0.7) < panel.requests < len(ids) * (1 + rate * 2)


# ---- pauses over sockets -----------------------------------------------------------------------


class Throttled:
    """A panel that says 429 or 503 to the first request, and keeps the times of all."""

    def __init__(self, status=429, header="Retry-After: 1"):
        self.status, self.header = status, header
        self.times = []
        self.refused_at = None

    async def __call__(self, reader, writer):
        loop = asyncio.get_running_loop()
        while True:
            head = await read_request_head(reader)
            first = not self.times
            self.times.append(loop.time())
            await asyncio.sleep(0.01)
            if first:
                self.refused_at = loop.time()
                writer.write(
                    http_response(b"", f"{self.status} No", self.header, "Content-Type: x/y")
                )
            else:
                gonderim_id = requested_id(head)
                writer.write(http_response(answer_body({"id": gonderim_id})))
            await writer.drain()


@pytest.mark.looptime
@pytest.mark.parametrize("status", [429, 503])
async def test_nothing_is_sent_during_a_pause(status, caplog):
    panel = Throttled(status)
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=4) as client:
            gonderimler = await client.gather_gonderimler(range(1, 101))
    assert [g.id for g in gonderimler] == list(range(1, 101))
    during = [t for t in panel.times if panel.refused_at < t < panel.refused_at + 1]
    assert len(during) <= 3
    before = [t for t in panel.times if t <= panel.refused_at]
    assert len(before) + len(during) <= 4
    after = sorted(t for t in panel.times if t >= panel.refused_at + 1)
    assert len(set(after[:4])) == 4  # not all at the same instant
    assert after[3] - after[0] > 0.001
    assert after[0] < panel.refused_at + 1.3
    assert warnings(caplog) == [f"the panel asks to wait (HTTP {status}): lookups pause for 1 s"]


@pytest.mark.looptime
async def test_a_pause_holds_for_every_lookup_of_the_client_and_its_siblings():
    panel = Throttled(header="Retry-After: 50")
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=1) as client:
            sibling = client.with_options(retry=ONCE)
            lookups = [asyncio.ensure_future(client.get_gonderim(i)) for i in range(1, 6)]
            lookups += [asyncio.ensure_future(sibling.get_gonderim(i)) for i in range(6, 9)]
            await asyncio.sleep(1)
            lookups.append(asyncio.ensure_future(sibling.get_gonderim(9)))
            assert client.stats().in_flight == 0  # what sleeps holds none
            gonderimler = await asyncio.gather(*lookups)
    assert [g.id for g in gonderimler] == list(range(1, 10))
    assert panel.times[1] >= panel.refused_at + 50


@pytest.mark.looptime
async def test_an_attempt_that_is_the_last_still_begins_the_pause():
    panel = Throttled(header="Retry-After: 20")
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=ONCE) as client:
            with pytest.raises(VairoSMSRateLimitError) as caught:
                await client.get_gonderim(52)
            assert caught.value.retry_after == 20
            assert (await client.get_gonderim(52)).id == 52
    assert panel.times[1] >= panel.refused_at + 20


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("Retry-After: 30", 30),
        ("Retry-After: 0", 0),
        ("Retry-After: -5", 0),
        ("Retry-After: ", 0),
        ("Retry-After: soon", 0),
        ("X-Nothing: 1", 0),
        ("Retry-After: Tue, 24 Nov 2026 12:00:30 GMT\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT", 30),
        ("Retry-After: Tue, 24 Nov 2016 12:00:30 GMT\r\nDate: Tue, 24 Nov 2016 12:00:00 GMT", 30),
        ("Retry-After: Tue, 24 Nov 2026 11:59:30 GMT\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT", 0),
        (f"Retry-After: {formatdate(0, usegmt=True)}", 0),
    ],
    ids=range(10),
)
async def test_forms_of_retry_after(header, wait):
    panel = Throttled(header=header)
    async with raw_server(panel) as base_url:
        policy = RetryPolicy(initial_delay=0.25)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            assert (await client.get_gonderim(52)).id == 52
    assert wait <= panel.times[1] - panel.refused_at <= wait + 0.25 + min(1, wait / 4) + 0.01


@pytest.mark.looptime
@pytest.mark.parametrize("value", ["61", "99999999999999999"])
async def test_a_wait_longer_than_the_policy_allows_ends_the_lookup_and_pauses_nothing(value):
    panel = Throttled(header=f"Retry-After: {value}")
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSRateLimitError) as caught:
                await client.get_gonderim(52)
            assert caught.value.retry_after == float(value)
            assert (await client.get_gonderim(61)).id == 61
    assert panel.times[1] - panel.refused_at < 1


@pytest.mark.looptime
async def test_a_pause_that_begins_while_one_waits_for_the_limiter():
    """The limiter lets through one a second; the first is told to wait 10 seconds."""
    loop = asyncio.get_running_loop()

    class OneASecond:
        last = -1.0

        async def __aenter__(self):
            self.last = at = max(self.last + 1, loop.time())
            await asyncio.sleep(at - loop.time())

        async def __aexit__(self, *exc):
            pass

    panel = Throttled(header="Retry-After: 10")
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, max_concurrency=4, rate_limiter=OneASecond()
        ) as client:
            await client.gather_gonderimler(range(1, 9))
    assert all(t >= panel.refused_at + 10 for t in panel.times[1:])


@pytest.mark.looptime
async def test_429s_cost_no_budget():
    """A rate limit that refuses most requests is lived with as long as it says when to return."""
    async with SandboxPanel(KEY, rate_limit=(20, 0.05)) as panel:
        policy = RetryPolicy(attempts=100, initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            outcomes = await client.gather_gonderimler(range(1, 101), return_exceptions=True)
    assert all(isinstance(outcome, Gonderim) for outcome in outcomes)


@pytest.mark.looptime
async def test_a_rate_limited_panel_is_asked_little_more_often_than_it_allows():
    async with SandboxPanel(KEY, rate_limit=(10, 5)) as panel:
        policy = RetryPolicy(attempts=50)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            gonderimler = await client.gather_gonderimler(range(1, 101))
            assert len(gonderimler) == 100
        assert panel.requests < 300


async def test_a_pause_is_over_when_the_client_is_closed():
    panel = Throttled(header="Retry-After: 50")
    async with raw_server(panel) as base_url:
        client = VairoSMSClient(KEY, base_url=base_url, max_concurrency=2)
        lookups = [asyncio.ensure_future(client.get_gonderim(i)) for i in range(1, 9)]
        while panel.refused_at is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await client.close()
            done = await asyncio.gather(*lookups, return_exceptions=True)
    assert Counter(type(one) for one in done) >= Counter({RuntimeError: 7})


def test_no_warning_without_a_reason(caplog):
    caplog.set_level(logging.DEBUG)
    pause = Pause()
    for seconds in (0.0, -1.0):
        pause.begin(0.0, seconds, 429)
        pause.begin(50.0, seconds, 429)
    assert pause.left(0.0) == 0.0
    assert caplog.records == []


async def test_errors_that_last_are_not_retried_and_cost_nothing(panel, client):
    for _ in range(150):
        with pytest.raises(VairoSMSNotFoundError):
            await client.get_gonderim(5000)
    assert client._shared.budget._tokens == RetryBudget.CAPACITY
    assert isinstance(VairoSMSNotFoundError(), VairoSMSError)
