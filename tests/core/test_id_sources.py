"""Sources of ids for `iter_gonderimler`: sync, async, slow and failing ones."""

import asyncio
import logging
import sys
from contextlib import aclosing

import pytest

from tests.helpers import KEY, FatalError, library_tasks, library_tasks_in_memory, wait_until
from vairosms_async import VairoSMSClient


async def test_accepts_an_async_source(client):
    async def ids():
        for gonderim_id in range(1, 40):
            await asyncio.sleep(0)
            yield gonderim_id

    looked_up = [result.id async for result in client.iter_gonderimler(ids())]
    assert sorted(looked_up) == list(range(1, 40))


async def test_yields_results_while_the_source_waits(client):
    yield_61 = asyncio.Event()

    async def ids():
        yield 52
        await yield_61.wait()
        yield 61

    async with asyncio.timeout(1):
        results = client.iter_gonderimler(ids())
        assert (await anext(results)).id == 52
        yield_61.set()
        assert (await anext(results)).id == 61
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_closing_the_iterator_ends_a_source_that_waits(client):
    source_ended = asyncio.Event()

    async def ids():
        try:
            yield 52
            await asyncio.sleep(1000)
        finally:
            source_ended.set()

    async with aclosing(client.iter_gonderimler(ids())) as results:
        async for _ in results:
            break
    assert source_ended.is_set()
    assert not library_tasks()


def failing_ids(count):
    yield from range(1, count + 1)
    raise LookupError("veritabanı")


async def failing_async_ids(count):
    for gonderim_id in failing_ids(count):
        yield gonderim_id


@pytest.mark.parametrize("source", [failing_ids, failing_async_ids])
@pytest.mark.parametrize("count", [0, 1, 5, 40])
async def test_an_error_of_the_source_is_raised_after_the_results_in_flight(
    panel, client, source, count
):
    panel.latency = (0.001, 0.02)
    seen = []
    with pytest.raises(LookupError, match="veritabanı"):
        async for result in client.iter_gonderimler(source(count)):
            seen.append(result.id)
    assert sorted(seen) == list(range(1, count + 1))
    assert panel.in_flight == 0


async def test_does_not_read_from_a_source_that_failed(panel, client):
    class FailsAtTheThirdRead:
        reads = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.reads += 1
            if self.reads == 3:
                raise LookupError("veritabanı")
            return self.reads

    source = FailsAtTheThirdRead()
    with pytest.raises(LookupError, match="veritabanı"):
        [_ async for _ in client.iter_gonderimler(source)]
    assert source.reads == 3
    assert panel.requests == 2


async def test_does_not_read_from_a_source_that_ended(client):
    class EndsOnce:
        ended = False

        def __iter__(self):
            return self

        def __next__(self):
            assert not self.ended
            self.ended = True
            raise StopIteration

    assert [_ async for _ in client.iter_gonderimler(EndsOnce())] == []


async def test_does_not_ask_for_the_length_of_a_source(client):
    class LiveQueue:
        """Its length now says nothing about the ids to come."""

        def __len__(self):
            return 0

        async def __aiter__(self):
            for gonderim_id in (52, 61):
                yield gonderim_id

    class LazyQuery:
        """Its length would load every row."""

        def __len__(self):
            raise AssertionError

        def __iter__(self):
            return iter([52, 61])

    for ids in (LiveQueue(), LazyQuery()):
        assert sorted([result.id async for result in client.iter_gonderimler(ids)]) == [52, 61]
    # len() of this range raises OverflowError.
    async with aclosing(client.iter_gonderimler(range(1, 2**64))) as results:
        assert (await anext(results)).ok


async def test_raises_the_cancelled_error_of_a_source(client):
    async def ids():
        for gonderim_id in range(1, 30):
            yield gonderim_id
        raise asyncio.CancelledError("kuyruk")

    seen = []
    with pytest.raises(asyncio.CancelledError, match="kuyruk"):
        async for result in client.iter_gonderimler(ids()):
            seen.append(result.id)
    assert sorted(seen) == list(range(1, 30))


async def test_rejects_a_sync_source_that_raises_stop_async_iteration(client):
    def ids():
        yield 52
        raise StopAsyncIteration

    with pytest.raises(RuntimeError, match=r"^an iterable of ids raised StopAsyncIteration$"):
        [_ async for _ in client.iter_gonderimler(ids())]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs asyncio.eager_task_factory")
async def test_a_keyboard_interrupt_in_a_source_leaves_nothing(panel, caplog):
    """With eager tasks, the interrupt reaches the consumer and not the event loop."""
    # asyncio logs the interrupt of the task, and a record in caplog would keep the task in memory.
    caplog.set_level(logging.CRITICAL, "asyncio")
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    def ids():
        yield 52
        raise KeyboardInterrupt

    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        with pytest.raises(KeyboardInterrupt):
            [_ async for _ in client.iter_gonderimler(ids())]
        assert not library_tasks()
        assert not library_tasks_in_memory()


@pytest.mark.parametrize("method", ["iter_gonderimler", "wait_gonderimler"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_raises_a_base_exception_of_the_source(client, method, is_async):
    def source():
        yield 52
        raise FatalError

    async def async_source():
        for gonderim_id in source():
            yield gonderim_id

    ids = async_source() if is_async else source()
    with pytest.raises(FatalError):
        async for _ in getattr(client, method)(ids):
            pass
    assert not library_tasks()


async def test_closing_the_client_does_not_hide_the_error_of_the_source(panel):
    panel.latency = 0.2

    def source():
        yield 52
        raise KeyError("database gone")

    async def consume():
        async for _ in client.iter_gonderimler(source()):
            pass

    client = VairoSMSClient(KEY, base_url=panel.base_url)
    consumer = asyncio.create_task(consume())
    await wait_until(lambda: panel.in_flight)
    await client.close()
    with pytest.raises(KeyError, match="database gone"):
        await consumer
