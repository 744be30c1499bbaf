"""The adaptive limit without a client: what raises it and what lowers it."""

import itertools
import math

import pytest

from vairosms_async._causes import AnswerTimes, Refusals
from vairosms_async._limit import (
    DOWN_AFTER,
    KEPT,
    MAX_INTERVAL,
    MIN_ROUND,
    RETURN,
    AdaptiveLimit,
)


def answer(limit, count, *, at, seconds=0.05, timeout=30.0, in_use=True):
    """Record answers that all arrive at the same time."""
    for _ in range(count):
        limit.answered(at, at - seconds, timeout, in_use=in_use)


@pytest.mark.parametrize(("maximum", "start"), [(1, 1), (5, 5), (16, 16), (256, 16)])
def test_starts_at_16_or_at_the_maximum(maximum, start):
    limit = AdaptiveLimit(maximum)
    assert limit.value == limit.size == start
    assert not limit.spaced


def test_rises_by_one_per_answer_up_to_the_maximum():
    limit = AdaptiveLimit(20)
    answer(limit, 3, at=1.0)
    assert limit.value == 19
    answer(limit, 3, at=1.0)
    assert limit.value == 20


def test_waits_for_the_answer_times_before_it_rises_above_32():
    limit = AdaptiveLimit(256)
    answer(limit, 63, at=1.0)
    assert limit.value == 32
    for round_ in range(2, 9):
        answer(limit, 1024, at=float(round_))
    assert limit.value == 256


def test_does_not_rise_if_it_is_not_in_use():
    limit = AdaptiveLimit(64)
    answer(limit, 200, at=1.0, in_use=False)
    assert limit.value == 16


def test_does_not_rise_if_answers_are_slow_for_their_timeout():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, in_use=False)
    answer(limit, 10, at=2.0, seconds=0.3, timeout=1.0)
    assert limit.value == 16


def overloaded(maximum=64):
    """Return a limit of 16 that spaces requests, at the time 2.0, after its first answer."""
    limit = AdaptiveLimit(maximum)
    answer(limit, 1, at=1.0, in_use=False)
    assert limit.refused(1.05, 1.0, 16)  # not immediate: the limit stays as it is
    assert limit.value == min(maximum, 16)
    assert limit.spaced
    answer(limit, 1, at=2.0, in_use=False)
    return limit


def test_a_refusal_lowers_it_once_per_answer_time():
    limit = overloaded()
    assert limit.refused(2.1, 2.05, 15)
    assert limit.value == pytest.approx(16 * 0.87)
    assert limit.refused(2.12, 2.09, 15)  # sent before the limit was lowered
    assert limit.refused(2.14, 2.11, 15)  # within an answer time
    assert limit.value == pytest.approx(16 * 0.87)
    answer(limit, 3, at=2.15, in_use=False)
    assert limit.refused(2.15, 2.1, 15)
    assert limit.value == pytest.approx(16 * 0.87**2)


def test_a_refusal_lowers_it_more_if_most_lookups_are_refused():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 1, at=2.2, in_use=False)
    limit.refused(2.11, 2.09, 15)
    limit.refused(2.12, 2.09, 15)
    assert limit.value == pytest.approx(16 * 0.87)
    limit.refused(2.2, 2.15, 15)
    assert limit.value == pytest.approx(16 * 0.87 * 0.6)


@pytest.mark.parametrize(
    ("answers", "refusals", "kept"),
    [
        pytest.param(0, 8, 0.3, id="none of 8"),
        pytest.param(0, 7, 0.6, id="none of 7"),
        pytest.param(1, 8, 0.6, id="one of 9"),
    ],
)
def test_a_refusal_lowers_it_most_if_no_lookup_is_answered(answers, refusals, kept):
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, answers, at=2.2, in_use=False)
    for _ in range(refusals - 1):
        limit.refused(2.11, 2.09, 15)
    limit.refused(2.2, 2.15, 15)
    assert limit.value == pytest.approx(16 * 0.87 * kept)


def test_the_rate_stays_while_the_first_64_answers_become_slower():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    interval, value = limit.interval, limit.value
    answer(limit, 62, at=3.0, seconds=0.055, in_use=False)
    assert limit.interval == pytest.approx(interval)
    assert limit.value > value
    value = limit.value
    answer(limit, 1, at=4.0, seconds=0.4, in_use=False)
    assert limit.value == value
    assert limit.interval > interval


@pytest.mark.parametrize(
    ("refusals", "answers", "value"), [(7, 0, 32), (8, 0, 9.6), (60, 0, 9.6), (60, 1, 32)]
)
def test_requests_on_the_way_at_the_first_refusal_lower_it_if_eight_are_refused(
    refusals, answers, value
):
    limit = AdaptiveLimit(64)
    answer(limit, 16, at=1.0)
    limit.refused(2.0, 1.95, 31)
    answer(limit, answers, at=2.01, in_use=False)
    for _ in range(refusals - 1):
        limit.refused(2.02, 1.97, 20)
    assert limit.value == pytest.approx(value)


def test_after_refusals_of_all_it_returns_to_half_by_one_per_answer():
    limit = AdaptiveLimit(64)
    answer(limit, 16, at=1.0)
    for _ in range(8):
        limit.refused(2.0, 1.95, 20)
    answer(limit, 6, at=2.1)
    assert limit.value == pytest.approx(15.6)
    answer(limit, 1, at=2.1)
    assert limit.value == pytest.approx(16.6)
    answer(limit, 1, at=2.1)
    assert limit.value < 17.5


def test_the_limit_stays_below_that_of_the_first_refusal_while_answers_become_slower():
    limit = AdaptiveLimit(256)
    answer(limit, 1, at=1.0, seconds=0.001)
    limit.refused(1.001, 1.0, 16)
    answer(limit, 10, at=2.0, seconds=0.5, in_use=False)
    assert limit.value == 17


@pytest.mark.parametrize(
    ("seconds", "value"),
    [pytest.param(0.25, 16, id="half an answer time"), pytest.param(0.24, 24, id="immediate")],
)
def test_a_refusal_after_half_an_answer_time_takes_back_the_latest_growth(seconds, value):
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.5, in_use=False)
    limit.refused(1.5, 1.0, 16)
    answer(limit, 1, at=3.0, seconds=0.5, in_use=False)
    answer(limit, 1, at=3.5, seconds=0.5, in_use=False)
    answer(limit, 8, at=3.75, seconds=0.5)
    assert limit.value == 24
    limit.refused(5.0, 5.0 - seconds, 15)
    assert limit.value == pytest.approx(value * KEPT)


@pytest.mark.parametrize(("refusals", "is_fast"), [(3, False), (4, True)])
def test_rises_fast_again_after_a_fall_below_a_quarter_without_answers(refusals, is_fast):
    limit = overloaded()
    for n in range(refusals):
        limit.refused(2.1 + n / 10, 2.1 + n / 10, 15)
    fallen = limit.value
    assert fallen == pytest.approx(16 * 0.87 * 0.6 ** (refusals - 1))
    answer(limit, 1, at=2.6)
    if is_fast:
        assert limit.value == pytest.approx(fallen + 1)
    else:
        assert fallen < limit.value < fallen + 0.9


def test_doubles_at_most_per_answer_below_1():
    limit = overloaded()
    for n in range(8):
        limit.refused(2.1 + n / 10, 2.1 + n / 10, 15)
    fallen = limit.value
    assert fallen < 0.5
    answer(limit, 1, at=3.5)
    assert limit.value == pytest.approx(2 * fallen)


def test_the_highest_limit_depends_on_the_answer_times_at_a_lower_one():
    limit = AdaptiveLimit(256)
    answer(limit, 64, at=1.0)
    answer(limit, 16, at=1.0)
    assert limit.value == 32
    answer(limit, 200, at=2.0)
    assert limit.value == 64


def test_the_answer_time_is_a_mean_of_the_latest():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.1)
    answer(limit, 1, at=2.0, seconds=0.2)
    assert limit.latency == pytest.approx(0.15)
    answer(limit, 126, at=3.0, seconds=0.15)
    answer(limit, 1, at=4.0, seconds=1.43)
    assert limit.latency == pytest.approx(0.16)


def test_requests_are_spaced_by_at_least_a_millisecond_per_slot():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=1.0, seconds=0.00001)
    assert limit.interval == pytest.approx(0.001 / 16)
    answer(limit, 1, at=1.0, seconds=0.032 - 0.00001)
    assert limit.interval == pytest.approx(0.001)


def test_a_burst_of_immediate_refusals_lowers_it_to_the_number_in_flight():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, in_use=False)
    for in_flight in range(15, 3, -1):
        limit.refused(1.001, 1.0, in_flight)
    assert limit.size == 4


def test_returns_to_where_it_was_refused_then_rises_faster_and_faster():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    values = [limit.value]
    for _ in range(12):
        answer(limit, 16, at=3.0)
        values.append(limit.value)
    assert values[6] == pytest.approx(15.9, rel=0.01)
    rises = [later - earlier for earlier, later in itertools.pairwise(values)]
    assert rises[0] > rises[1] > rises[2] > rises[4] > 0
    assert rises[11] > rises[10] > rises[9] > rises[6] > 0
    assert rises[5] < rises[0] / 20
    assert values[12] == pytest.approx(17.6, rel=0.01)


def test_rises_faster_with_time_if_answers_are_rare():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 1, at=2.2)
    first = limit.value - 16 * 0.87
    answer(limit, 1, at=14.1)  # 12 seconds: as far from the middle of the curve
    assert limit.value == pytest.approx(16 * 0.87 + 2 * first, rel=0.003)
    before = limit.value
    answer(limit, 1, at=26.1)
    assert limit.value - before > 8 * first


def test_stops_spacing_requests_at_the_maximum():
    limit = overloaded(20)
    limit.refused(2.1, 2.05, 15)
    answer(limit, 40, at=3.0)
    assert limit.value < 20
    assert limit.spaced
    answer(limit, 300, at=3.0)
    assert limit.value == 20
    assert not limit.spaced


def test_spaces_requests_at_the_maximum_for_two_answer_times_after_a_refusal():
    limit = AdaptiveLimit(32)
    answer(limit, 20, at=1.0)
    limit.refused(1.001, 1.0, 20)  # a burst: the panel works on 20
    answer(limit, 20, at=1.05)
    assert limit.value == 32
    answer(limit, 1, at=1.1, in_use=False)
    assert limit.spaced
    answer(limit, 1, at=1.102, in_use=False)
    assert not limit.spaced


def test_answers_to_requests_before_a_refusal_do_not_raise_it():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 5, at=2.12)
    assert limit.value == pytest.approx(16 * 0.87)


def test_falls_below_1_and_then_spaces_requests():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=1.0, in_use=False)
    for n in range(1, 60):
        limit.refused(1.0 + n * 0.1, 1.0 + n * 0.1, 0)
    assert limit.size == 1
    assert limit.value < 1
    assert limit.interval == pytest.approx(MAX_INTERVAL)


def test_a_slow_panel_gets_one_request_per_answer_time():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=20.0, seconds=20.0, in_use=False)
    for n in range(60):
        limit.refused(20.1 + n * 0.5, 20.0 + n * 0.5, 1)
    assert limit.value == limit.size == 1
    assert limit.interval == 20.0


def test_the_first_refusals_leave_the_requests_that_the_panel_may_work_on():
    limit = AdaptiveLimit(64)
    assert not limit.refused(0.001, 0.0, 3)
    assert limit.value == 3


def test_a_panel_that_is_down_resets_it():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, in_use=False)
    limit.refused(1.1, 1.05, 15)
    later = 1.0 + DOWN_AFTER + 0.1
    assert limit.is_down(later)
    assert not limit.refused(later, later - 0.1, 5)  # the panel may work on these
    assert limit.value == 5
    assert not limit.refused(later, later - 0.1, 0)
    assert limit.value == 16
    assert not limit.spaced


@pytest.mark.parametrize("kind", ["timeout", "system timeout", "failure"])
def test_failures_of_a_panel_that_is_down_raise_it_to_16(kind):
    def fail(now):
        if kind == "failure":
            limit.failed(now)
        else:
            assert not limit.timed_out(now, now - 1.0, 1.0 if kind == "timeout" else None)

    limit = overloaded()
    for n in range(100):
        limit.refused(2.1 + n * 0.05, 2.05 + n * 0.05, 15)
    lowered = limit.value
    assert lowered < 1
    for _ in range(3):
        fail(2.0 + DOWN_AFTER)
    for _ in range(2):  # after an idle time, one or two may fail although the panel is up
        fail(2.1 + DOWN_AFTER)
    assert limit.value == lowered
    assert limit.spaced
    fail(2.1 + DOWN_AFTER)
    assert limit.value == limit.size == 16
    assert not limit.spaced


def test_an_answer_between_failures_leaves_the_limit_as_it_is():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    for at in (20.0, 40.0, 60.0):
        limit.failed(at)
        limit.failed(at)
        answer(limit, 1, at=at, in_use=False)
    assert limit.spaced


def test_failures_of_a_panel_that_is_down_do_not_lower_it():
    limit = AdaptiveLimit(64)
    for round_ in range(9):
        answer(limit, 300, at=float(round_))
    assert limit.value == 64
    for _ in range(9):
        limit.failed(99.0)
    assert limit.value == 64


@pytest.mark.parametrize(
    ("slowest", "overloaded"),
    [
        pytest.param(0.01, False, id="one packet hangs"),
        pytest.param(0.8, True, id="a queue"),
        pytest.param(1.2, False, id="the timeout of a sibling is too short"),
    ],
)
def test_a_timeout_lowers_it_if_answers_take_nearly_as_long(slowest, overloaded):
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=2.0, seconds=slowest, in_use=False)
    assert limit.timed_out(3.0, 2.0, 1.0) is overloaded
    assert limit.value == (1 if overloaded else 16)
    assert not limit.spaced


def test_rises_along_a_new_curve_after_a_timeout():
    limit = AdaptiveLimit(4)
    answer(limit, 1, at=2.0, seconds=0.8, in_use=False)
    limit.timed_out(3.0, 2.0, 1.0)
    answer(limit, 1, at=3.0, seconds=0.0)
    assert limit.value == pytest.approx(1 + 3 * (1 - KEPT) / RETURN / MIN_ROUND)
    limit.timed_out(4.0, 3.0, 1.0)
    assert limit.value == 1


@pytest.mark.parametrize("maximum", [2, 3])
def test_a_timeout_lowers_a_small_limit_to_1(maximum):
    limit = AdaptiveLimit(maximum)
    answer(limit, 1, at=2.0, seconds=0.8, in_use=False)
    limit.timed_out(3.0, 2.0, 1.0)
    assert limit.value == 1


def test_rises_fast_to_a_quarter_after_a_timeout():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=2.0, seconds=0.8, in_use=False)
    assert limit.timed_out(3.0, 2.0, 1.0)
    assert limit.timed_out(4.0, 3.0, 1.0)  # a second one changes nothing
    answer(limit, 3, at=5.0)
    assert limit.value == 4
    answer(limit, 1, at=5.0)
    assert 4 < limit.value < 4.5


def test_timeouts_of_requests_before_the_last_timeout_do_not_lower_it():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=2.0, seconds=0.8, in_use=False)
    limit.timed_out(3.0, 2.0, 1.0)
    answer(limit, 2, at=3.1)
    assert limit.value == 3
    assert limit.timed_out(3.2, 2.2, 1.0)
    assert limit.value == 3


def slow_down(limit, seconds, *, faster_with_half):
    """Record rounds of answers that take longer, whose time may depend on the limit."""
    at = 1.0
    for _ in range(3):
        answer(limit, 130, at=at, in_use=False)
        at += 1.0
    for _ in range(4):
        at += 1.0
        half = limit.value < 16 and faster_with_half
        answer(limit, 130, at=at, seconds=seconds / 2 if half else seconds, in_use=False)


def test_slower_answers_lower_it_if_fewer_in_flight_make_them_faster():
    limit = AdaptiveLimit(16)
    slow_down(limit, 0.4, faster_with_half=True)
    assert limit.value == 8


def test_slower_answers_do_not_lower_it_for_long_if_they_stay_slow():
    limit = AdaptiveLimit(16)
    slow_down(limit, 0.4, faster_with_half=False)
    assert limit.value == 16


@pytest.mark.parametrize("seconds", [0.06, 0.006])
def test_refusals_at_any_limit_no_longer_lower_it_or_space_requests(seconds):
    limit, time = AdaptiveLimit(16), 1.0
    for n in range(6000):
        time += seconds
        if n % 10:
            answer(limit, 1, at=time)
        else:
            limit.refused(time, time, 5)
    assert limit.value == 16
    assert not limit.spaced


def add_blocks(refusals, *blocks):
    """Add blocks of requests, each (limit, number of refused requests)."""
    for limit, refused in blocks:
        for n in range(Refusals.BLOCK):
            refusals.add(limit, refused=n < refused)


@pytest.mark.parametrize(
    ("blocks", "are_random"),
    [
        pytest.param([(16, 6), (3.3, 6)], False, id="not yet a fifth"),
        pytest.param([(16, 6), (3.1, 6)], True, id="a fifth"),
        pytest.param([(2.6, 6)], False, id="the first block"),
        pytest.param([(16, 6), (2.6, 1)], True, id="2 %"),
        pytest.param([(16, 1), (2.6, 6)], True, id="2 % before"),
        pytest.param([(16, 16), (2.6, 6)], True, id="25 % before"),
        pytest.param([(16, 6), (3.2, 6)], False, id="at a fifth of the limit"),
        pytest.param([(16, 6), (2.6, 0)], False, id="none"),
        pytest.param([(16, 6), (2.6, 16)], True, id="25 %"),
        pytest.param([(16, 6), (2.6, 17)], False, id="27 %"),
        pytest.param([(16, 6), (2.6, 6), (2.6, 0)], False, id="they have ended"),
        pytest.param([(16, 40), (2.6, 6), (2.6, 6)], False, id="the fall ended an overload"),
        pytest.param([(16, 40), (12, 6), (1.9, 6)], True, id="after an overload"),
    ],
)
def test_a_small_share_of_refusals_at_any_limit_is_random(blocks, are_random):
    refusals = Refusals()
    add_blocks(refusals, *blocks)
    assert refusals.are_random is are_random


def test_refusals_are_judged_after_64_requests():
    refusals = Refusals()
    add_blocks(refusals, (16, 6))
    for n in range(63):
        refusals.add(1.0, refused=n < 6)
    assert not refusals.are_random
    refusals.add(1.0, refused=False)
    assert refusals.are_random


def add_round(times, limit, *, at, seconds):
    """Add answers until the round is complete; return their number and the new limit."""
    count = 1
    while not times.add(at, seconds):
        count += 1
    return count, times.finish_round(at + 1, limit)


def test_a_round_has_at_least_two_answers_per_lookup_in_flight_or_four_if_it_has_not_grown():
    times = AnswerTimes(40.0)
    assert add_round(times, 40.0, at=1.0, seconds=0.1) == (80, 40.0)
    assert add_round(times, 40.0, at=3.0, seconds=0.1) == (160, 40.0)
    small = AnswerTimes(4.0)
    assert add_round(small, 4.0, at=1.0, seconds=0.1)[0] == 64
    assert add_round(small, 4.0, at=3.0, seconds=0.1)[0] == 128


def test_a_round_ignores_answers_to_requests_before_it():
    times = AnswerTimes(16.0)
    add_round(times, 16.0, at=1.0, seconds=0.1)
    assert not any(times.add(1.9, 9.0) for _ in range(500))


@pytest.mark.parametrize(
    ("seconds", "tested"), [(0.149, None), (0.152, 16.0)], ids=["1.49 times", "1.52 times"]
)
def test_a_round_that_is_1_5_times_slower_starts_a_test_with_half_the_limit(seconds, tested):
    times = AnswerTimes(16.0)
    add_round(times, 16.0, at=1.0, seconds=0.1)
    _, limit = add_round(times, 16.0, at=3.0, seconds=seconds)
    assert times.tested == tested
    assert limit == (8.0 if tested else 16.0)


@pytest.mark.parametrize(
    ("seconds", "kept"), [(0.28, 16.0), (0.30, 32.0)], ids=["faster", "not faster"]
)
def test_a_test_keeps_half_the_limit_if_answers_are_1_35_times_faster(seconds, kept):
    times = AnswerTimes(32.0)
    add_round(times, 32.0, at=1.0, seconds=0.1)
    add_round(times, 32.0, at=3.0, seconds=0.39)
    # Answers within half an answer time belong to the requests before the test.
    assert not times.add(4.19, 0.1)
    count, limit = add_round(times, 16.0, at=4.2, seconds=seconds)
    assert count == 16
    assert limit == kept
    assert times.tested is None
    # Both results become the usual time, so the same time starts no test again.
    add_round(times, limit, at=7.0, seconds=seconds)
    assert times.tested is None


def test_a_large_rise_of_the_limit_may_slow_answers_down():
    times = AnswerTimes(16.0)
    add_round(times, 16.0, at=1.0, seconds=0.1)
    for limit, seconds in ((24.0, 0.13), (31.0, 0.13), (32.0, 0.14), (40.0, 0.18)):
        times.start_round(2.0, limit)
        add_round(times, limit, at=2.0, seconds=seconds)
    assert times.tested is None  # 0.18 is compared with 0.14, at a limit twice as high
    times.start_round(9.0, 40.0)
    add_round(times, 40.0, at=9.0, seconds=0.22)
    assert times.tested == 40.0


def test_the_usual_answer_time_follows_slower_rounds_by_an_eighth():
    times = AnswerTimes(16.0)
    add_round(times, 16.0, at=1.0, seconds=0.1)
    add_round(times, 16.0, at=3.0, seconds=0.14)
    assert times.usual == pytest.approx(math.log(0.1) + math.log(1.4) / 8)
    times.start_round(5.0, 17.0)
    add_round(times, 17.0, at=5.0, seconds=0.14)  # a higher limit may be the cause
    assert times.usual == pytest.approx(math.log(0.1) + math.log(1.4) / 8)


def test_a_panel_is_down_after_10_seconds_without_an_answer():
    limit = AdaptiveLimit(16)
    assert limit.is_down(0.0)
    answer(limit, 1, at=1.0)
    assert not limit.is_down(11.0)
    assert limit.is_down(11.01)


@pytest.mark.parametrize("answered_at", [None, 1.0], ids=["new client", "idle client"])
def test_a_panel_that_refuses_the_first_requests_is_down_10_seconds_after_the_17th(answered_at):
    limit = AdaptiveLimit(256)
    if answered_at is not None:
        answer(limit, 1, at=answered_at)
    for n in range(16):
        assert not limit.refused(60 + n / 100, 60.0, 0)
    for n in range(100):
        assert limit.refused(65 + n / 10, 65 + n / 10, 0)
    assert limit.value < 1  # the client tries again, but slowly
    assert limit.refused(75.0, 75.0, 0)
    assert not limit.refused(75.01, 75.0, 0)
    for n in range(30):
        assert not limit.refused(80.0 + n, 80.0, 0)


def test_an_answer_gives_the_panel_time_again():
    limit = AdaptiveLimit(256)
    for n in range(30):
        limit.refused(n / 100, 0.0, 0)
    answer(limit, 1, at=5.0)
    assert limit.refused(15.0, 14.0, 0)
    for n in range(15):
        assert not limit.refused(60 + n / 100, 60.0, 0)
    assert limit.refused(61.0, 60.0, 0)


def test_the_first_answer_shows_the_answer_time_of_a_panel_that_has_refused_many():
    limit = AdaptiveLimit(16)
    for n in range(200):
        limit.refused(0.01 * n, 0.01 * n, 0)
    assert limit.value == pytest.approx(0.001 / MAX_INTERVAL)
    answer(limit, 1, at=3.0, seconds=0.5)
    assert limit.value == pytest.approx(0.5 / MAX_INTERVAL)
    answer(limit, 1, at=4.0, seconds=0.5)
    assert limit.value == pytest.approx(1.0 / MAX_INTERVAL)  # it doubles
    answer(limit, 9, at=5.0, seconds=0.5)
    assert limit.value > 7


def test_a_slow_panel_is_down_after_two_answer_times():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=20.0, seconds=20.0)
    assert not limit.is_down(60.0)
    assert limit.is_down(60.01)


def test_requests_are_at_most_2_5_seconds_apart():
    limit = overloaded()
    for n in range(60):
        limit.refused(2.1 + n / 10, 2.1 + n / 10, 0)
    assert limit.interval == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("fastest", "seconds", "rises"),
    [
        pytest.param(0.05, 0.24, True, id="less than a quarter of the timeout"),
        pytest.param(0.05, 0.25, False, id="a quarter of the timeout"),
        pytest.param(0.2, 0.39, True, id="less than twice the fastest answer"),
        pytest.param(0.2, 0.41, False, id="more than twice the fastest answer"),
    ],
)
def test_rises_only_if_answers_are_fast_enough(fastest, seconds, rises):
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=fastest, in_use=False)
    answer(limit, 1, at=2.0, seconds=seconds, timeout=1.0)
    assert (limit.value > 16) is rises


def test_forgets_the_fastest_and_the_slowest_answer():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.05, in_use=False)
    answer(limit, 100, at=2.0, seconds=0.2, in_use=False)
    answer(limit, 1, at=3.0, seconds=0.26, timeout=1.0)
    assert limit.value == 17
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.8, in_use=False)
    answer(limit, 150, at=2.0, seconds=0.01, in_use=False)
    assert not limit.timed_out(3.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("slowest", "overloaded"), [(0.23, False), (0.25, True), (1.0, True), (1.01, False)]
)
def test_a_timeout_is_compared_with_the_slowest_answer(slowest, overloaded):
    limit = AdaptiveLimit(64)
    limit.answered(2.0 + slowest, 2.0, 30.0, in_use=False)
    assert limit.timed_out(4.0, 3.0, 1.0) is overloaded


def test_rises_fast_up_to_a_quarter_of_the_limit_at_the_timeout():
    limit = AdaptiveLimit(30)
    answer(limit, 1, at=1.0, seconds=0.8, in_use=False)
    answer(limit, 16, at=2.0)
    assert limit.value == 30
    limit.timed_out(3.0, 2.0, 1.0)
    answer(limit, 7, at=4.0)
    assert limit.value == 8
    answer(limit, 1, at=4.0)
    assert 8 < limit.value < 8.5


def test_a_refusal_takes_back_at_most_half():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.8, in_use=False)
    limit.refused(1.8, 1.0, 16)
    limit.timed_out(3.0, 2.0, 1.0)
    answer(limit, 1, at=4.0, seconds=0.8)
    answer(limit, 4, at=5.0, seconds=0.8)
    value = limit.value
    assert value > 4
    limit.refused(6.0, 5.2, 5)
    assert limit.value == pytest.approx(value / 2 * KEPT)


@pytest.mark.parametrize(
    ("seconds", "in_flight", "value"),
    [
        pytest.param(0.24, 5, 5, id="immediate"),
        pytest.param(0.25, 5, 16, id="after half an answer time"),
        pytest.param(0.4, 5, 16, id="not immediate"),
        pytest.param(0.24, 0, 16, id="nothing in flight"),
        pytest.param(0.24, 20, 16, id="more in flight"),
    ],
)
def test_only_immediate_refusals_show_what_the_panel_works_on(seconds, in_flight, value):
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.5, in_use=False)
    limit.refused(1.0 + seconds, 1.0, in_flight)
    assert limit.value == value


def test_two_refusals_per_answer_are_not_most():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 2, at=2.2, in_use=False)
    for _ in range(3):
        limit.refused(2.11, 2.09, 15)
    limit.refused(2.2, 2.15, 15)
    assert limit.value == pytest.approx(16 * 0.87**2)


def test_the_first_answer_after_a_refusal_raises_it_along_the_curve():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 1, at=2.15)
    assert limit.value - 16 * 0.87 == pytest.approx(3 * 0.13 / 6 * (1 - 0.05 / 6) ** 2, rel=0.005)


def test_the_curve_has_rounds_of_at_least_4_answers():
    limit = AdaptiveLimit(2)
    answer(limit, 1, at=1.0, in_use=False)
    limit.refused(1.05, 1.0, 2)
    limit.refused(2.1, 2.05, 1)
    assert limit.value == pytest.approx(1.74)
    answer(limit, 1, at=2.15)
    curve = 3 * 0.13 / 6 * (1 - 0.05 / 6) ** 2
    assert limit.value == pytest.approx(1.74 * (1 + curve / 4), rel=0.001)


def test_an_answer_adds_at_most_1_after_a_long_time():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 1, at=3600.0)
    assert limit.value == pytest.approx(16 * 0.87 + 1)


def test_more_than_two_refusals_per_answer_are_most():
    limit = overloaded()
    limit.refused(2.1, 2.05, 15)
    answer(limit, 10, at=2.2, in_use=False)
    for _ in range(20):
        limit.refused(2.11, 2.09, 15)
    limit.refused(2.2, 2.15, 15)
    assert limit.value == pytest.approx(16 * 0.87 * 0.6)


def test_slower_answers_lower_a_limit_of_2():
    limit = AdaptiveLimit(2)
    answer(limit, 130, at=1.0, in_use=False)
    answer(limit, 130, at=3.0, seconds=0.4, in_use=False)
    assert limit.value == 1


def test_has_no_answer_time_before_the_first_answer():
    assert AdaptiveLimit(16).latency == 0


def test_a_slow_answer_counts_less_with_each_later_one():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, seconds=0.8, in_use=False)
    answer(limit, 20, at=2.0, seconds=0.01, in_use=False)
    assert not limit.timed_out(6.0, 2.0, 3.2)


def test_a_failed_test_makes_the_slower_time_the_usual_one():
    times = AnswerTimes(32.0)
    add_round(times, 32.0, at=1.0, seconds=0.1)
    add_round(times, 32.0, at=3.0, seconds=0.39)
    add_round(times, 16.0, at=5.0, seconds=0.35)
    assert times.usual == pytest.approx(math.log(0.39))
