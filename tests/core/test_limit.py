"""The adaptive limit without a client: what raises it and what lowers it."""

import pytest

from vairosms_async._limit import DOWN_AFTER, MAX_INTERVAL, AdaptiveLimit, Refusals


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


def test_a_refusal_lowers_it_once_per_answer_time():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, in_use=False)
    assert limit.refused(1.0, 0.95, 15)
    assert limit.value == pytest.approx(12.8)
    assert limit.spaced
    assert limit.refused(1.01, 0.96, 15)
    assert limit.value == pytest.approx(12.8)
    answer(limit, 1, at=1.1, in_use=False)
    assert limit.refused(1.2, 1.15, 15)
    assert limit.value == pytest.approx(12.8 * 0.8)


def test_a_burst_of_immediate_refusals_lowers_it_to_the_number_in_flight():
    limit = AdaptiveLimit(64)
    answer(limit, 1, at=1.0, in_use=False)
    for in_flight in range(15, 3, -1):
        limit.refused(1.001, 1.0, in_flight)
    assert limit.size == 4


def test_returns_to_where_it_was_refused():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=1.0, in_use=False)
    limit.refused(1.1, 1.05, 15)
    answer(limit, 200, at=1.3)
    assert limit.value == 16
    assert not limit.spaced


def test_falls_below_1_and_then_spaces_requests():
    limit = AdaptiveLimit(16)
    answer(limit, 1, at=1.0, in_use=False)
    for n in range(1, 60):
        limit.refused(1.0 + n * 0.1, 1.0 + n * 0.1, 0)
    assert limit.size == 1
    assert limit.value < 1
    assert limit.interval == pytest.approx(MAX_INTERVAL)


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
    assert not limit.refused(later, later - 0.1, 5)
    assert limit.value == 16
    assert not limit.spaced


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
    assert limit.timed_out(3.0, 2.0, 5, 1.0) is overloaded
    assert limit.value == (8 if overloaded else 16)


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


def test_refusals_at_any_limit_no_longer_lower_it():
    limit, time = AdaptiveLimit(16), 1.0
    for n in range(2000):
        time += 0.06
        if n % 10:
            answer(limit, 1, at=time)
        else:
            limit.refused(time, time, 5)
    assert limit.value == 16


def test_refusals_that_become_fewer_with_a_lower_limit_depend_on_it():
    refusals = Refusals()
    for limit, refused_in_ten in ((16.0, 5), (2.0, 1)):
        for n in range(Refusals.BLOCK):
            assert not refusals.add(limit, refused=n % 10 < refused_in_ten)
    assert refusals.earlier_limit == 2.0
    assert refusals.depend_on_load
