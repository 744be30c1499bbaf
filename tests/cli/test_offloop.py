"""Blocking calls in a thread."""

import asyncio
import threading
from contextlib import suppress

import pytest

from vairosms_async.cli.offloop import off_loop


def blocking_threads():
    return [t for t in threading.enumerate() if t.name == "vairosms blocking call"]


async def test_returns_the_value_or_raises_the_error():
    assert await off_loop(lambda: 52) == 52
    with pytest.raises(ZeroDivisionError):
        await off_loop(lambda: 1 / 0)


async def test_cancellation_does_not_wait_for_the_thread():
    may_return, loop = threading.Event(), asyncio.get_running_loop()
    calling = asyncio.create_task(off_loop(lambda: may_return.wait(10)))
    await asyncio.sleep(0.01)
    calling.cancel()
    await asyncio.wait([calling])
    assert calling.cancelled()
    may_return.set()
    thread_ended = loop.run_in_executor(None, lambda: [t.join() for t in blocking_threads()])
    await asyncio.wait_for(thread_ended, 10)
    await asyncio.sleep(0)


def test_the_thread_may_outlive_its_event_loop():
    may_return = threading.Event()

    async def call_and_time_out():
        with suppress(TimeoutError):
            await asyncio.wait_for(off_loop(lambda: may_return.wait(10)), 0.01)

    asyncio.run(call_and_time_out())
    [thread] = blocking_threads()
    may_return.set()
    thread.join(10)
    assert not thread.is_alive()
