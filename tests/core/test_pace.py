"""The pace of a client: what it counts, what changes its limit, and how it spaces requests."""

import asyncio

import pytest

from tests.helpers import answer_body, record_from
from vairosms_async import (
    VairoSMSConnectionError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._pace import Pace

RECORD = record_from(answer_body())
REFUSAL = VairoSMSServerError(status=503)
SECONDS = 0.05  # until the panel answers


def exchange(pace, outcome, *, at, seconds=SECONDS, timeout=30.0):
    """Record a request that ends at `at`; return whether an overloaded panel refused it."""
    pace.send(at - seconds)
    pace.finish()
    return pace.record(outcome, at, at - seconds, timeout)


def exchange_together(pace, count, outcome, *, at):
    """Record the first answer to requests that are sent at once, then end the others."""
    for _ in range(count):
        pace.send(at - SECONDS)
    pace.finish()
    pace.record(outcome, at, at - SECONDS, 30.0)
    for _ in range(count - 1):
        pace.finish()


def spaced_pace(now):
    """Return a pace after an answer and a refusal, whose interval is 50 ms / 16."""
    pace = Pace(64)
    exchange(pace, RECORD, at=now)
    exchange(pace, REFUSAL, at=now)
    return pace


async def seconds_until_turn(pace):
    now = asyncio.get_running_loop().time
    started = now()
    await pace.turn(asyncio.sleep)
    return now() - started


@pytest.mark.parametrize(
    ("options", "adaptive", "limit"),
    [
        pytest.param({}, True, 16, id="default"),
        pytest.param({"adaptive": True}, True, 16, id="adaptive"),
        pytest.param({"adaptive": False}, False, 64, id="fixed"),
    ],
)
def test_a_new_pace_has_sent_nothing(options, adaptive, limit):
    pace = Pace(64, **options)
    assert pace.adaptive is adaptive
    assert pace.limit == pace.slots.size == limit
    counts = (pace.requests, pace.retries, pace.refusals, pace.timeouts, pace.seconds_spaced)
    assert counts == (0, 0, 0, 0, 0)
    assert not pace.is_spaced
    assert pace.is_down(0.0)


@pytest.mark.parametrize("adaptive", [True, False], ids=["adaptive", "fixed"])
def test_counts_requests_refusals_and_timeouts(adaptive):
    pace = Pace(64, adaptive=adaptive)
    outcomes = [
        RECORD,
        REFUSAL,
        VairoSMSServerError(status=503, retry_after=3.0),
        VairoSMSRateLimitError(status=429),
        VairoSMSTimeoutError(),
        VairoSMSTimeoutError(),
        VairoSMSServerError(status=500),
        VairoSMSNotFoundError(status=404),
        VairoSMSConnectionError(reason="cut"),
    ]
    for outcome in outcomes:
        exchange(pace, outcome, at=1.0)
    assert (pace.requests, pace.refusals, pace.timeouts) == (9, 3, 2)


def test_the_latency_is_the_mean_of_the_answer_times():
    pace = Pace(64)
    assert pace.latency == 0
    exchange(pace, RECORD, at=1.0, seconds=0.2)
    exchange(pace, VairoSMSNotFoundError(status=404), at=2.0, seconds=0.4)
    exchange(pace, VairoSMSServerError(status=500), at=9.0, seconds=5.0)
    assert pace.latency == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("outcome", "limit"),
    [
        pytest.param(RECORD, 17, id="record"),
        pytest.param(VairoSMSNotFoundError(status=404), 17, id="no such packet"),
        pytest.param(VairoSMSServerError(status=500), 16, id="HTTP 500"),
        pytest.param(VairoSMSConnectionError(reason="tls"), 16, id="no connection"),
    ],
)
def test_only_an_answer_raises_the_limit(outcome, limit):
    pace = Pace(64)
    exchange_together(pace, 16, outcome, at=1.0)
    assert pace.limit == pace.slots.size == limit
    assert pace.is_down(1.0) is (limit == 16)


def test_the_limit_rises_only_if_all_slots_were_in_use():
    pace = Pace(64)
    for _ in range(20):
        exchange(pace, RECORD, at=1.0)
    exchange_together(pace, 15, RECORD, at=2.0)
    assert pace.limit == 16
    exchange_together(pace, 16, RECORD, at=3.0)
    assert pace.limit == 17
    exchange(pace, RECORD, at=4.0)  # sent when slots were free again
    assert pace.limit == 17


def test_the_limit_does_not_rise_if_answers_are_slow_for_their_timeout():
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0)
    for _ in range(16):
        pace.send(2.0)
    pace.finish()
    pace.record(RECORD, 2.3, 2.0, 1.0)
    assert pace.limit == 16
    pace.finish()
    pace.record(RECORD, 2.3, 2.0, None)
    assert pace.limit == 17


@pytest.mark.parametrize("retry_after", [None, 0.0], ids=["no Retry-After", "0 seconds"])
def test_a_refusal_lowers_the_limit_and_the_number_of_slots(retry_after):
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0)
    refusal = VairoSMSServerError(status=503, retry_after=retry_after)
    assert exchange(pace, refusal, at=1.1)
    assert pace.limit == 16  # the first refusal only spaces the requests
    assert pace.is_spaced
    assert exchange(pace, refusal, at=1.2)
    assert pace.limit == pytest.approx(16 * 0.87)
    assert pace.slots.size == 14


def test_a_refusal_with_retry_after_leaves_the_limit_as_it_is():
    pace = Pace(64)
    refusal = VairoSMSRateLimitError(status=429, retry_after=1.0)
    assert not exchange(pace, refusal, at=0.5)  # the panel has not answered yet: it may be down
    exchange(pace, RECORD, at=1.0)
    assert exchange(pace, refusal, at=1.1)
    assert not exchange(pace, refusal, at=11.1)
    assert pace.limit == 16
    assert not pace.is_spaced


def test_the_first_refusal_lowers_the_limit_to_the_requests_without_an_answer():
    pace = Pace(64)
    for _ in range(10):
        pace.send(0.0)
    pace.finish()
    assert not pace.record(REFUSAL, 0.01, 0.0, 30.0)
    assert pace.limit == pace.slots.size == 9


def test_refusals_at_once_lower_the_limit_to_the_requests_without_an_answer():
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0)
    for _ in range(6):
        pace.send(1.01)
    pace.finish()
    assert pace.record(REFUSAL, 1.011, 1.01, 30.0)
    assert pace.limit == 5


def test_a_timeout_in_the_queue_of_a_panel_lowers_the_limit_to_1():
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0, seconds=0.4)
    assert exchange(pace, VairoSMSTimeoutError(), at=2.0, seconds=0.5, timeout=0.5)
    assert pace.limit == pace.slots.size == 1


def test_a_timeout_of_the_system_is_no_sign_of_overload():
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0, seconds=0.4)
    assert not exchange(pace, VairoSMSTimeoutError(), at=2.0, seconds=0.5, timeout=None)
    assert pace.limit == 16


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(REFUSAL, id="refusal"),
        pytest.param(VairoSMSServerError(status=503, retry_after=1.0), id="Retry-After"),
        pytest.param(VairoSMSTimeoutError(), id="timeout"),
    ],
)
def test_a_fixed_limit_never_changes(outcome):
    pace = Pace(10, adaptive=False)
    exchange_together(pace, 10, RECORD, at=1.0)
    assert not exchange(pace, outcome, at=1.1, seconds=0.06, timeout=0.06)
    assert pace.limit == pace.slots.size == 10
    pace = Pace(64, adaptive=False)
    assert not exchange(pace, outcome, at=1.1)
    assert pace.limit == pace.slots.size == 64
    assert not pace.is_spaced


def test_a_panel_is_down_if_no_lookup_succeeds_for_ten_seconds():
    pace = Pace(64)
    exchange(pace, RECORD, at=1.0)
    exchange(pace, VairoSMSServerError(status=500), at=9.0)
    assert not pace.is_down(11.0)
    assert pace.is_down(11.1)


@pytest.mark.looptime
async def test_a_request_after_a_refusal_waits_one_interval():
    pace = spaced_pace(asyncio.get_running_loop().time())
    assert await seconds_until_turn(pace) == pytest.approx(SECONDS / 16, abs=1e-5)


@pytest.mark.looptime
async def test_spaced_requests_wait_for_one_another():
    pace = spaced_pace(asyncio.get_running_loop().time())
    waits = await asyncio.gather(*(seconds_until_turn(pace) for _ in range(3)))
    interval = SECONDS / 16
    assert waits == pytest.approx([interval, 2 * interval, 3 * interval], abs=1e-5)
    assert pace.seconds_spaced == pytest.approx(3 * interval, abs=1e-5)


@pytest.mark.looptime
async def test_an_old_refusal_makes_no_request_wait():
    pace = spaced_pace(asyncio.get_running_loop().time() - 60)
    assert await seconds_until_turn(pace) == 0
    assert pace.seconds_spaced == 0


@pytest.mark.looptime
async def test_requests_do_not_wait_before_the_first_refusal():
    pace = Pace(64)
    assert [await seconds_until_turn(pace) for _ in range(3)] == [0, 0, 0]


@pytest.mark.looptime
async def test_a_request_sleeps_again_if_its_sleep_ends_too_early():
    pace = spaced_pace(asyncio.get_running_loop().time())
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        await asyncio.sleep(seconds / 2)

    await pace.turn(sleep)
    assert len(slept) > 2
    assert pace.seconds_spaced == pytest.approx(slept[0], abs=1e-5)


@pytest.mark.looptime
async def test_the_limit_rises_if_a_spaced_request_had_to_wait():
    loop = asyncio.get_running_loop()
    pace = spaced_pace(loop.time())
    exchange(pace, RECORD, at=loop.time() + 1)
    limit = pace.limit
    assert limit == 16  # no request has waited yet
    await pace.turn(asyncio.sleep)
    exchange(pace, RECORD, at=loop.time() + 1)
    assert pace.limit > limit
    limit = pace.limit
    await asyncio.sleep(60)
    await pace.turn(asyncio.sleep)
    exchange(pace, RECORD, at=loop.time() + 1)
    assert pace.limit == limit  # this request did not wait
