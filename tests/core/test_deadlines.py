"""`Deadlines`: many time limits that share one timer."""

import asyncio

import pytest

from vairosms_async._deadlines import Deadlines

pytestmark = pytest.mark.looptime


async def sleep_within(deadlines, limit, seconds=3600.0):
    """Sleep under a limit. Return "done" or "timed out", and the seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = "done"
    try:
        with deadlines.limit(limit):
            await asyncio.sleep(seconds)
    except TimeoutError:
        outcome = "timed out"
    return outcome, round(loop.time() - began, 6)


async def test_each_deadline_expires_at_its_own_time():
    deadlines = Deadlines(asyncio.get_running_loop())
    limits = [30.0, 5.0, 30.0, 0.5, 12.0, 0.0]
    outcomes = await asyncio.gather(*(sleep_within(deadlines, limit) for limit in limits))
    assert outcomes == [("timed out", limit) for limit in limits]
    assert len(deadlines) == 0


async def test_a_deadline_that_starts_later_expires_later():
    deadlines = Deadlines(asyncio.get_running_loop())
    first = asyncio.create_task(sleep_within(deadlines, 1.0))
    await asyncio.sleep(0.4)
    second = asyncio.create_task(sleep_within(deadlines, 1.0))
    assert await first == ("timed out", 1.0)
    assert len(deadlines) == 1
    assert await second == ("timed out", 1.0)


async def test_deadlines_that_are_met_share_a_timer(monkeypatch):
    loop = asyncio.get_running_loop()
    deadlines, timers = Deadlines(loop), []
    call_at = loop.call_at

    def recording_call_at(when, callback, *args, **kwargs):
        if getattr(callback, "__self__", None) is deadlines:
            timers.append(round(when, 6))
        return call_at(when, callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_at", recording_call_at)
    began = loop.time()
    for _ in range(100):
        assert await sleep_within(deadlines, 30.0, 0.5) == ("done", 0.5)
    # At 30 s the timer finds the deadline that started at 29.5 s, and is set again for that one.
    assert timers == [began + 30.0, began + 59.5]


async def test_a_timer_that_fires_before_the_clock_has_reached_it_expires_its_wait(monkeypatch):
    """The loop's clock has ticks, and asyncio also runs the timers of the tick that follows."""
    loop = asyncio.get_running_loop()
    deadlines, call_at = Deadlines(loop), loop.call_at
    monkeypatch.setattr(loop, "call_at", lambda when, *args, **k: call_at(when - 0.25, *args, **k))
    assert await sleep_within(deadlines, 0.75, 10.0) == ("timed out", 0.5)


async def test_expire_all_also_ends_waits_without_a_limit():
    deadlines = Deadlines(asyncio.get_running_loop())
    waits = [asyncio.create_task(sleep_within(deadlines, limit)) for limit in (None, 30.0, None)]
    await asyncio.sleep(10)
    assert len(deadlines) == 3
    deadlines.expire_all()
    assert await asyncio.gather(*waits) == [("timed out", 10.0)] * 3


async def test_expire_all_at_the_moment_a_deadline_expires():
    deadlines = Deadlines(asyncio.get_running_loop())
    waits = [asyncio.create_task(sleep_within(deadlines, limit)) for limit in (1.0, 2.0)]
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    loop.call_at(loop.time() + 1.0, deadlines.expire_all)
    assert await asyncio.gather(*waits) == [("timed out", 1.0)] * 2
    deadlines.expire_all()


async def test_starts_new_deadlines_after_expire_all():
    deadlines = Deadlines(asyncio.get_running_loop())
    first = asyncio.create_task(sleep_within(deadlines, 5.0))
    await asyncio.sleep(1)
    deadlines.expire_all()
    assert await first == ("timed out", 1.0)
    assert await sleep_within(deadlines, 30.0) == ("timed out", 30.0)


async def test_a_cancellation_is_not_turned_into_a_timeout():
    deadlines = Deadlines(asyncio.get_running_loop())
    waiting = asyncio.create_task(sleep_within(deadlines, 1.0))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(deadlines) == 0
    await asyncio.sleep(60)  # the timer goes off and finds no deadline


async def test_a_cancellation_at_the_moment_a_deadline_expires_wins():
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    waiting = asyncio.create_task(sleep_within(deadlines, 1.0))
    await asyncio.sleep(0)
    loop.call_at(loop.time() + 1.0, waiting.cancel)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert waiting.cancelling() == 1
    assert len(deadlines) == 0


@pytest.mark.parametrize(("outer", "inner"), [(5.0, 1.0), (1.0, 5.0)])
async def test_a_wait_inside_another_one_of_the_same_task_has_its_own_deadline(outer, inner):
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    began, outcomes = loop.time(), []
    with pytest.raises(TimeoutError):
        with deadlines.limit(outer):
            outcomes.append(await sleep_within(deadlines, inner))
            await asyncio.sleep(3600)
    assert outcomes == ([("timed out", inner)] if inner < outer else [])
    assert loop.time() - began == pytest.approx(outer)


async def test_the_task_of_an_expired_wait_is_not_left_cancelled():
    deadlines = Deadlines(asyncio.get_running_loop())
    assert await sleep_within(deadlines, 1.0) == ("timed out", 1.0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(1):
        await asyncio.sleep(0.5)


async def test_an_exception_of_the_block_is_not_turned_into_a_timeout():
    deadlines = Deadlines(asyncio.get_running_loop())
    with pytest.raises(ZeroDivisionError):
        with deadlines.limit(1.0):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise ZeroDivisionError from None
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_task_can_expire_its_own_wait():
    deadlines = Deadlines(asyncio.get_running_loop())
    with pytest.raises(TimeoutError):
        with deadlines.limit(None):
            deadlines.expire_all()
            await asyncio.sleep(3600)


async def test_a_wait_that_ends_before_expire_all_takes_effect_is_not_cancelled():
    deadlines = Deadlines(asyncio.get_running_loop())
    with deadlines.limit(None):
        deadlines.expire_all()
    await asyncio.sleep(1)


async def test_a_wait_needs_a_task():
    loop = asyncio.get_running_loop()
    entered = loop.create_future()

    def enter():
        try:
            with Deadlines(loop).limit(None):
                entered.set_result(None)
        except RuntimeError as exc:
            entered.set_exception(exc)

    loop.call_soon(enter)
    with pytest.raises(RuntimeError, match="a deadline needs a task"):
        await entered


async def test_a_result_that_arrived_while_the_loop_was_busy_is_not_timed_out():
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    result = loop.create_future()

    async def wait():
        with deadlines.limit(1.0):
            return await result

    waiting = asyncio.create_task(wait())
    # The result and the deadline are due in the same iteration of the loop, the result first.
    loop.call_at(loop.time() + 1.0, result.set_result, "answer")
    assert await waiting == "answer"
