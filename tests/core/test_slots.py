"""The semaphore whose size changes."""

import asyncio

from vairosms_async._pace import Slots


async def take_all(slots):
    """Take free slots until one must wait; return how many were free."""
    taken = 0
    while not slots.locked():
        await slots.acquire()
        taken += 1
    return taken


async def test_takes_free_slots_without_waiting():
    slots = Slots(2)
    assert [slots.take(), slots.take(), slots.take()] == [True, True, False]
    assert slots.used == 2
    slots.release()
    assert slots.take()


async def test_leaves_a_free_slot_to_the_lookup_that_waits():
    slots = Slots(1)
    assert slots.take()
    waiting = asyncio.ensure_future(slots.acquire())
    await asyncio.sleep(0)
    slots.release()
    assert not slots.take()
    assert await waiting
    assert slots.used == 1


async def test_a_larger_size_wakes_lookups_that_wait():
    slots = Slots(1)
    await slots.acquire()
    waiting = [asyncio.ensure_future(slots.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    slots.resize(3)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, True, False]
    assert slots.used == slots.size == 3
    waiting[2].cancel()


async def test_a_smaller_size_withholds_free_slots_at_once():
    slots = Slots(8)
    await slots.acquire()
    slots.resize(3)
    assert await take_all(slots) == 2
    assert slots.used == 3


async def test_a_smaller_size_withholds_slots_in_use_when_they_are_released():
    slots = Slots(4)
    assert await take_all(slots) == 4
    slots.resize(2)
    assert (slots.size, slots.used) == (2, 4)
    slots.release()
    slots.release()
    assert slots.locked()
    slots.release()
    assert not slots.locked()
    assert slots.used == 1


async def test_no_slot_is_lost_when_the_size_changes_back():
    slots = Slots(4)
    assert await take_all(slots) == 4
    slots.resize(1)
    slots.resize(4)
    for _ in range(4):
        slots.release()
    assert slots.used == 0
    assert await take_all(slots) == 4
