"""`iter_gonderimler`: results, back-pressure, refused keys and early exit."""

import asyncio
import gc
import itertools
import tracemalloc
from collections import Counter
from contextlib import aclosing

import pytest

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    key_refusing_server,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import VairoSMSAuthError, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


async def test_yields_results_in_completion_order():
    answer_1, completed = asyncio.Event(), []

    async def serve(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            if gonderim_id == 1:
                await answer_1.wait()
            writer.write(http_response(answer_body({"id": gonderim_id})))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=3) as client:
            async for result in client.iter_gonderimler(range(1, 20)):
                completed.append(result.id)
                if len(completed) == 18:
                    answer_1.set()
    assert completed[-1] == 1
    assert sorted(completed) == list(range(1, 20))


async def test_yields_one_result_per_id_with_failures_as_errors(panel, client):
    panel.fail(Fault("html", 200), id=9, times=None)
    ids = [52, 5000, "x", 9, 61, 52]
    results = [result async for result in client.iter_gonderimler(ids)]
    assert Counter(str(result.id) for result in results) == Counter(map(str, ids))
    assert sorted(str(result.id) for result in results if not result.ok) == ["5000", "9", "x"]
    for result in results:
        assert result.ok == (result.error is None)
        if result.gonderim:
            assert result.gonderim.id == result.id
    assert panel.requests_by_id[52] == 2


@pytest.mark.parametrize("ids", [[], (), range(0), iter([])], ids=lambda ids: type(ids).__name__)
async def test_no_ids_give_no_results(panel, client, ids):
    assert [result async for result in client.iter_gonderimler(ids)] == []
    assert panel.requests == 0


async def test_reads_at_most_max_concurrency_ids_ahead_of_the_consumer(client):
    ids_read = 0

    def endless_ids():
        nonlocal ids_read
        for ids_read in itertools.count(1):
            yield ids_read % 1000 + 1

    seen = 0
    async with aclosing(client.iter_gonderimler(endless_ids())) as results:
        async for _ in results:
            seen += 1
            assert ids_read <= seen + 8
            if seen % 10 == 0:
                await asyncio.sleep(0.01)  # a slow consumer, such as one that writes to a database
                assert ids_read <= seen + 8
            if seen == 50:
                break
    assert ids_read <= 50 + 8
    assert not library_tasks()


async def test_a_lower_cap_reads_fewer_ids_ahead(panel, client):
    ids_read = 0

    def ids():
        nonlocal ids_read
        for gonderim_id in range(1, 100):
            ids_read += 1
            yield gonderim_id

    results = client.iter_gonderimler(ids(), max_concurrency=2)
    assert ids_read == 0
    assert panel.requests == 0
    for seen in range(1, 30):
        await anext(results)
        await asyncio.sleep(0.002)
        assert ids_read <= seen + 2
    await results.aclose()
    assert not library_tasks()


async def test_concurrent_iterations_share_the_cap(panel, client):
    panel.latency = (0.001, 0.01)

    async def count_results(ids):
        return len([_ async for _ in client.iter_gonderimler(ids)])

    counts = await asyncio.gather(count_results(range(1, 101)), count_results(range(101, 251)))
    assert counts == [100, 150]
    assert panel.peak_in_flight <= 8


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_ids(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        ids, sizes = itertools.cycle(range(1, 1001)), []
        tracemalloc.start()
        try:
            async for _ in client.iter_gonderimler(itertools.islice(ids, 3000)):
                if panel.requests % 1000 == 0:
                    # The panel's own records grow; only the client's memory matters here.
                    panel.requests_by_id.clear()
                    panel.request_log.clear()
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert max(sizes) - sizes[0] < 100_000


async def test_raises_a_refused_key_after_at_most_16_requests():
    async with key_refusing_server() as (base_url, requested_ids):
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=8) as client:
            with pytest.raises(VairoSMSAuthError):
                [_ async for _ in client.iter_gonderimler(itertools.count(1))]
            assert 1 <= len(requested_ids) <= 16
            assert not library_tasks()


async def test_sends_nothing_after_a_refused_key_even_if_the_consumer_is_slow(panel, client):
    panel.latency = (0.01, 0.01)
    panel.fail(Fault(status=401), id=20, times=None)
    seen = 0
    with pytest.raises(VairoSMSAuthError):
        async for _ in client.iter_gonderimler(itertools.count(1)):
            seen += 1
            await asyncio.sleep(0.02)
            if 20 in panel.requests_by_id:
                requests = panel.requests
    assert seen < 30
    assert panel.requests <= requests + 8


async def test_an_iterator_that_never_started_runs_nothing(client):
    results = client.iter_gonderimler(range(1, 10))
    await results.aclose()
    client.iter_gonderimler(range(1, 10))
    assert not library_tasks()


async def test_a_dropped_iterator_stops_its_lookups(panel, client):
    panel.latency = (0.05, 0.05)

    async def leave_after_the_first_result():
        async for _ in client.iter_gonderimler(itertools.count(1)):
            return

    await leave_after_the_first_result()
    gc.collect()
    async with asyncio.timeout(1):
        while library_tasks():
            await asyncio.sleep(0.001)
    # Requests already sent still arrive; the client sends no others.
    requests = panel.requests
    await asyncio.sleep(0.3)
    assert panel.requests <= requests + 8


async def test_works_with_tasks_that_are_not_asyncio_tasks(client):
    """uvloop and debuggers may install a task factory with another class."""
    loop = asyncio.get_running_loop()
    python_task = asyncio.tasks._PyTask  # noqa: SLF001 (asyncio.Task is the one in C)
    loop.set_task_factory(lambda loop, coro, **kwargs: python_task(coro, loop=loop, **kwargs))
    try:
        async with asyncio.timeout(5):
            results = [result async for result in client.iter_gonderimler([52, 61, 7])]
    finally:
        loop.set_task_factory(None)
    assert sorted(result.id for result in results) == [7, 52, 61]


def test_iterators_that_outlive_the_event_loop_end_silently():
    problems = []
    iterators = []

    async def abandon_iterators():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        async with (
            SandboxPanel(KEY, latency=0.01) as panel,
            VairoSMSClient(KEY, base_url=panel.base_url) as client,
        ):
            for _ in range(10):
                iterators.append(client.iter_gonderimler(range(1, 900)))
                await anext(iterators[-1])

    asyncio.run(abandon_iterators())
    iterators.clear()
    gc.collect()
    assert not problems
