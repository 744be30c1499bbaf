"""Many time limits under one timer."""

import asyncio

import pytest

from vairosms_async._deadlines import Deadlines

pytestmark = pytest.mark.looptime


async def wait(deadlines, limit, seconds=3600.0):
    """Wait under a limit; give what became of it, and when."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    within = deadlines.start(limit)
    outcome = "done"
    try:
        async with within:
            await asyncio.sleep(seconds)
    except TimeoutError:
        outcome = "time is up"
    finally:
        deadlines.finish(within)
    return outcome, round(loop.time() - began, 6)


async def test_each_ends_at_its_own_time():
    deadlines = Deadlines()
    limits = [30.0, 5.0, 30.0, 0.5, 12.0, 0.0]
    outcomes = await asyncio.gather(*(wait(deadlines, limit) for limit in limits))
    assert outcomes == [("time is up", limit) for limit in limits]
    assert len(deadlines) == 0


async def test_one_that_began_later_ends_later():
    deadlines = Deadlines()
    first = asyncio.create_task(wait(deadlines, 1.0))
    await asyncio.sleep(0.4)
    second = asyncio.create_task(wait(deadlines, 1.0))
    assert await first == ("time is up", 1.0)
    assert len(deadlines) == 1
    assert await second == ("time is up", 1.0)


async def test_those_that_end_in_time_share_a_timer(monkeypatch):
    loop = asyncio.get_running_loop()
    deadlines, ends = Deadlines(), []
    call_at = loop.call_at

    def counting(when, callback, *args, **kwargs):
        if getattr(callback, "__self__", None) is deadlines:
            ends.append(round(when, 6))
        return call_at(when, callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_at", counting)
    began = loop.time()
    for _ in range(100):
        assert await wait(deadlines, 30.0, 0.5) == ("done", 0.5)
    # It looked at 30 s and found one that had begun at 29.5 or so.
    assert ends == [began + 30.0, began + 59.5]


async def test_without_a_limit_only_all_are_ended():
    deadlines = Deadlines()
    waits = [asyncio.create_task(wait(deadlines, limit)) for limit in (None, 30.0, None)]
    await asyncio.sleep(10)
    assert len(deadlines) == 3
    deadlines.expire_all()
    assert await asyncio.gather(*waits) == [("time is up", 10.0)] * 3


async def test_all_are_ended_while_one_is_just_ending():
    deadlines = Deadlines()
    waits = [asyncio.create_task(wait(deadlines, limit)) for limit in (1.0, 2.0)]
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(
        asyncio.get_running_loop().time() + 1.0, deadlines.expire_all
    )
    assert await asyncio.gather(*waits) == [("time is up", 1.0)] * 2
    deadlines.expire_all()


async def test_after_all_were_ended_it_can_go_on():
    deadlines = Deadlines()
    first = asyncio.create_task(wait(deadlines, 5.0))
    await asyncio.sleep(1)
    deadlines.expire_all()
    assert await first == ("time is up", 1.0)
    assert await wait(deadlines, 30.0) == ("time is up", 30.0)


async def test_a_cancellation_from_outside_stays_one():
    deadlines = Deadlines()
    waiting = asyncio.create_task(wait(deadlines, 1.0))
    await asyncio.sleep(0.5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(deadlines) == 0
    await asyncio.sleep(60)  # its timer finds nothing
