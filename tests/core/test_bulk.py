"""Many ids over the sandbox panel: order, cap, back-pressure, failures, ends."""

import asyncio
import contextvars
import gc
import itertools
import sys
from collections import Counter
from contextlib import aclosing

import pytest

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import (
    Gonderim,
    RetryPolicy,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSServerError,
)
from vairosms_async.sandbox import Fault

ONCE = RetryPolicy(attempts=1)


# ---- gather ------------------------------------------------------------------------------------


async def test_three_hundred_over_a_cap_of_eight(panel, client):
    panel.latency = (0.0, 0.01)
    ids = list(range(1, 301))
    gonderimler = await client.gather_gonderimler(range(1, 301))
    assert [g.id for g in gonderimler] == ids
    assert 1 < panel.peak_in_flight <= 8
    assert panel.connections <= 8
    assert panel.requests_by_id == Counter(ids)


async def test_an_id_given_twice_is_asked_once(panel, client):
    ids = [52, "61", 52, 7, "052", 61, 7]
    gonderimler = await client.gather_gonderimler(ids)
    assert [g.id for g in gonderimler] == [52, 61, 52, 7, 52, 61, 7]
    assert panel.requests_by_id == {52: 1, 61: 1, 7: 1}
    assert gonderimler[0] is gonderimler[2]


@pytest.mark.parametrize("ids", [[], (), range(0), iter([])], ids=lambda ids: type(ids).__name__)
async def test_no_ids(panel, client, ids):
    assert await client.gather_gonderimler(ids) == []
    assert [_ async for _ in client.iter_gonderimler(ids)] == []
    assert panel.requests == 0


@pytest.mark.parametrize("make", [list, tuple, set, dict.fromkeys, iter, lambda r: (i for i in r)])
async def test_any_iterable(client, make):
    assert [g.id for g in await client.gather_gonderimler(make(range(1, 30)))] == [*range(1, 30)]


async def test_tasks_depend_on_the_cap_and_not_on_the_ids(panel, client):
    panel.latency = (0.001, 0.001)
    most = 0

    async def watch():
        nonlocal most
        while True:
            most = max(most, len(library_tasks()))
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    await client.gather_gonderimler(range(1, 501))
    assert most == 8
    await client.gather_gonderimler(range(1, 501), max_concurrency=3)
    most = 0
    await client.gather_gonderimler([1, 2])
    assert most == 2
    await client.gather_gonderimler(range(1, 50), max_concurrency=1000)
    assert most == 8
    watching.cancel()


async def test_errors_stand_in_their_places(panel, client):
    panel.fail(Fault(status=503), id=9, times=None)
    ids = [52, 5000, "x", 9, 61, 5000]
    outcomes = await client.with_options(retry=ONCE).gather_gonderimler(ids, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        Gonderim,
        VairoSMSNotFoundError,
        VairoSMSInvalidIdError,
        VairoSMSServerError,
        Gonderim,
        VairoSMSNotFoundError,
    ]
    assert [getattr(o, "gonderim_id", None) for o in outcomes] == [None, 5000, None, 9, None, 5000]
    assert panel.requests_by_id[5000] == 1


async def test_the_first_error_is_raised_bare_and_leaves_nothing_running(panel, client):
    panel.latency = (0.02, 0.02)
    ids = [*range(1, 20), 5000, *range(20, 200)]
    with pytest.raises(VairoSMSNotFoundError) as caught:
        await client.gather_gonderimler(ids)
    assert caught.value.gonderim_id == 5000
    assert not library_tasks()
    assert panel.requests < 40
    asked = panel.requests
    await asyncio.sleep(0.2)
    assert panel.requests <= asked + 8


async def test_a_refused_key_stops_two_thousand_ids():
    requests = 0

    async def serve(reader, writer):
        nonlocal requests
        while True:
            await read_request_head(reader)
            requests += 1
            writer.write(http_response(b'{"durum": false, "aciklama": "x"}', "401 Unauthorized"))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=8) as client:
            with pytest.raises(VairoSMSAuthError):
                await client.gather_gonderimler(range(1, 2001))
            assert 1 <= requests <= 16

            requests = 0
            outcomes = await client.gather_gonderimler(range(1, 2001), return_exceptions=True)
            assert 1 <= requests <= 16
            assert len(outcomes) == 2000
            assert {type(outcome) for outcome in outcomes} == {VairoSMSAuthError}

            requests = 0
            with pytest.raises(VairoSMSAuthError):
                [_ async for _ in client.iter_gonderimler(itertools.count(1))]
            assert 1 <= requests <= 16
            assert not library_tasks()


async def test_a_key_refused_in_the_middle_keeps_what_was_answered(panel):
    panel.fail(Fault(status=401), id=30, times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        ids = ["y", *range(1, 500)]
        outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
    assert type(outcomes[0]) is VairoSMSInvalidIdError
    assert all(isinstance(outcome, Gonderim) for outcome in outcomes[1:26])
    refused = outcomes[30]
    assert type(refused) is VairoSMSAuthError
    assert all(outcome is refused for outcome in outcomes[40:])
    assert panel.requests < 40


# ---- iter --------------------------------------------------------------------------------------


async def test_results_come_as_they_complete(client):
    slow, fast = asyncio.Event(), []

    async def serve(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            if gonderim_id == 1:
                await slow.wait()
            writer.write(http_response(answer_body({"id": gonderim_id})))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=3) as one:
            async for result in one.iter_gonderimler(range(1, 20)):
                fast.append(result.id)
                if len(fast) == 18:
                    slow.set()
    assert fast[-1] == 1
    assert sorted(fast) == list(range(1, 20))


async def test_one_result_per_id_failures_included(panel, client):
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


async def test_an_endless_source_is_read_no_further_than_the_cap(client):
    read = 0

    def ids():
        nonlocal read
        for read in itertools.count(1):
            yield read % 1000 + 1

    seen = 0
    async with aclosing(client.iter_gonderimler(ids())) as results:
        async for _ in results:
            seen += 1
            assert read <= seen + 8
            if seen % 10 == 0:
                await asyncio.sleep(0.01)  # as a consumer has it that writes to a database
                assert read <= seen + 8
            if seen == 50:
                break
    assert read <= 50 + 8
    assert not library_tasks()


async def test_a_lower_cap_reads_less_ahead(panel, client):
    read = []
    results = client.iter_gonderimler(
        (read.append(i) or i for i in range(1, 100)), max_concurrency=2
    )
    assert read == []
    assert panel.requests == 0
    for seen in range(1, 30):
        await anext(results)
        await asyncio.sleep(0.002)
        assert len(read) <= seen + 2
    await results.aclose()
    assert not library_tasks()


async def aids(*ids, wait=0.0):
    for one in ids:
        await asyncio.sleep(wait)
        yield one


async def test_an_async_source(client):
    results = [r.id async for r in client.iter_gonderimler(aids(*range(1, 40)))]
    assert sorted(results) == list(range(1, 40))


async def test_results_do_not_wait_for_a_slow_source(client):
    go = asyncio.Event()

    async def ids():
        yield 52
        await go.wait()
        yield 61

    async with asyncio.timeout(1):
        results = client.iter_gonderimler(ids())
        assert (await anext(results)).id == 52
        go.set()
        assert (await anext(results)).id == 61
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_leaving_while_a_source_is_awaited(client):
    ended = asyncio.Event()

    async def ids():
        try:
            yield 52
            await asyncio.sleep(1000)
        finally:
            ended.set()

    async with aclosing(client.iter_gonderimler(ids())) as results:
        async for _ in results:
            break
    assert ended.is_set()
    assert not library_tasks()


def breaking_ids(after):
    yield from range(1, after + 1)
    raise LookupError("veritabanı")


async def breaking_aids(after):
    for one in breaking_ids(after):
        yield one


@pytest.mark.parametrize("ids", [breaking_ids, breaking_aids])
@pytest.mark.parametrize("after", [0, 1, 5, 40])
async def test_an_error_of_the_source_comes_after_the_lookups_in_flight(panel, client, ids, after):
    panel.latency = (0.001, 0.02)
    seen = []
    with pytest.raises(LookupError, match="veritabanı"):
        async for result in client.iter_gonderimler(ids(after)):
            seen.append(result.id)
    assert sorted(seen) == list(range(1, after + 1))
    assert panel.in_flight == 0


async def test_a_source_that_failed_is_not_asked_again(panel, client):
    class Flaky:
        asked = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.asked += 1
            if self.asked == 3:
                raise LookupError("veritabanı")
            return self.asked

    flaky = Flaky()
    with pytest.raises(LookupError, match="veritabanı"):
        [_ async for _ in client.iter_gonderimler(flaky)]
    assert flaky.asked == 3
    assert panel.requests == 2


async def test_a_source_that_ends_is_not_asked_again(client):
    class Once:
        ended = False

        def __iter__(self):
            return self

        def __next__(self):
            assert not self.ended
            self.ended = True
            raise StopIteration

    assert [_ async for _ in client.iter_gonderimler(Once())] == []


async def test_what_a_length_says_is_not_relied_on(panel, client):
    class Backlog:
        """A live source: what it holds now is not what will come."""

        def __len__(self):
            return 0

        async def __aiter__(self):
            for one in (52, 61):
                yield one

    class Rows:
        """A query: its length loads every row."""

        def __len__(self):
            raise AssertionError

        def __iter__(self):
            return iter([52, 61])

    for ids in (Backlog(), Rows()):
        assert sorted([r.id async for r in client.iter_gonderimler(ids)]) == [52, 61]
    async with aclosing(client.iter_gonderimler(range(1, 2**64))) as results:
        assert (await anext(results)).ok


async def test_a_source_that_is_cancelled_is_no_closed_client(panel, client):
    async def ids():
        for one in range(1, 30):
            yield one
        raise asyncio.CancelledError("kuyruk")

    seen = []
    with pytest.raises(asyncio.CancelledError, match="kuyruk"):
        async for result in client.iter_gonderimler(ids()):
            seen.append(result.id)
    assert sorted(seen) == list(range(1, 30))


async def test_a_worker_that_a_third_party_cancels(panel, client):
    panel.fail(Fault("hang"), times=None)
    bulk = asyncio.ensure_future(client.gather_gonderimler(range(1, 20)))
    await asyncio.sleep(0.05)
    library_tasks()[0].cancel()
    with pytest.raises(RuntimeError, match=r"^a lookup of this bulk was cancelled from outside$"):
        await bulk


async def test_a_sync_source_that_raises_stop_async_iteration(client):
    def ids():
        yield 52
        raise StopAsyncIteration

    with pytest.raises(RuntimeError, match=r"^an iterable of ids raised StopAsyncIteration$"):
        [_ async for _ in client.iter_gonderimler(ids())]


async def test_after_a_refused_key_nothing_is_sent_however_slow_the_consumer(panel, client):
    panel.latency = (0.01, 0.01)
    panel.fail(Fault(status=401), id=20, times=None)
    seen = 0
    with pytest.raises(VairoSMSAuthError):
        async for _ in client.iter_gonderimler(itertools.count(1)):
            seen += 1
            await asyncio.sleep(0.02)
            if 20 in panel.requests_by_id:
                asked = panel.requests
    assert seen < 30
    assert panel.requests <= asked + 8


async def test_answers_that_came_with_the_refusal_are_kept():
    """Four are answered in one instant, the second with 401."""
    waiting = {}

    async def serve(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            waiting[gonderim_id] = writer
            if len(waiting) == 4:
                for one in (1, 3, 4):
                    waiting[one].write(http_response(answer_body({"id": one})))
                waiting[2].write(http_response(b"", "401 Unauthorized"))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=4) as client:
            outcomes = await client.gather_gonderimler(range(1, 9), return_exceptions=True)
            assert [type(o) for o in outcomes[:4]].count(Gonderim) >= 1
            assert isinstance(outcomes[0], Gonderim)
            assert {type(o) for o in outcomes[4:]} == {VairoSMSAuthError}
    assert sorted(waiting) == [1, 2, 3, 4]


@pytest.mark.parametrize("eager", [False, True])
async def test_a_source_that_ends_the_program(panel, eager):
    if eager and sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

    def ids():
        yield 52
        raise KeyboardInterrupt

    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        results = client.iter_gonderimler(ids())
        if eager and sys.version_info >= (3, 12):
            with pytest.raises(KeyboardInterrupt):
                [_ async for _ in results]
            assert not library_tasks()
            assert not client._shared.bulk_tasks
        else:
            await results.aclose()


async def test_a_falsy_limiter_is_a_limiter(panel):
    entered = []

    class Empty:
        def __len__(self):
            return 0

        async def __aenter__(self):
            entered.append(1)

        async def __aexit__(self, *exc):
            pass

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Empty()) as client:
        await client.gather_gonderimler([52, 61])
    assert len(entered) == 2


async def test_an_iterator_never_started_runs_nothing(client):
    results = client.iter_gonderimler(range(1, 10))
    await results.aclose()
    client.iter_gonderimler(range(1, 10))
    assert not library_tasks()


async def test_an_iterator_that_is_dropped_ends(panel, client):
    panel.latency = (0.05, 0.05)

    async def leave():
        async for _ in client.iter_gonderimler(itertools.count(1)):
            return

    await leave()
    gc.collect()
    async with asyncio.timeout(1):
        while library_tasks():
            await asyncio.sleep(0.001)
    # What was on its way to the panel still arrives there; nothing follows it.
    asked = panel.requests
    await asyncio.sleep(0.3)
    assert panel.requests <= asked + 8


async def test_two_iterations_at_once_keep_to_the_cap(panel, client):
    panel.latency = (0.001, 0.01)

    async def count(ids):
        return len([_ async for _ in client.iter_gonderimler(ids)])

    assert await asyncio.gather(count(range(1, 101)), count(range(101, 251))) == [100, 150]
    assert panel.peak_in_flight <= 8


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_number_of_ids(panel):
    import tracemalloc

    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        ids, sizes = itertools.cycle(range(1, 1001)), []
        tracemalloc.start()
        try:
            async for _ in client.iter_gonderimler(itertools.islice(ids, 3000)):
                if panel.requests % 1000 == 0:
                    panel.requests_by_id.clear()
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert max(sizes) - sizes[0] < 100_000


async def test_context_variables_reach_the_lookups(panel):
    request_id = contextvars.ContextVar("request_id", default="none")
    seen = set()

    class Limiter:
        async def __aenter__(self):
            seen.add(request_id.get())

        async def __aexit__(self, *exc):
            pass

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Limiter()) as client:
        request_id.set("istek-1")
        await client.gather_gonderimler([52, 61])
        [_ async for _ in client.iter_gonderimler([52, 61])]
    assert seen == {"istek-1"}


async def test_several_lookups_that_raise_are_one_error_and_no_noise(panel, caplog):
    class Broken:
        async def __aenter__(self):
            await asyncio.sleep(0)
            raise LookupError("kota")

        async def __aexit__(self, *exc):
            raise AssertionError

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Broken()) as client:
        with pytest.raises(LookupError, match="kota"):
            await client.gather_gonderimler(range(1, 100), return_exceptions=True)
    gc.collect()
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.records == []
    assert not library_tasks()


async def test_all_errors_are_the_librarys(panel, client):
    for fault in (Fault(), Fault("html"), Fault("reset"), Fault("cut"), Fault("html", 200)):
        panel.fail(fault, id=7, times=None)
        [outcome] = await client.with_options(retry=ONCE).gather_gonderimler(
            [7], return_exceptions=True
        )
        assert isinstance(outcome, VairoSMSError)
        panel.clear_faults()


async def test_tasks_of_another_kind(client):
    """uvloop, debuggers and the like may make tasks that are no `asyncio.Task`."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(
        lambda loop, coro, **kwargs: asyncio.tasks._PyTask(coro, loop=loop, **kwargs)
    )
    try:
        async with asyncio.timeout(5):
            results = [result async for result in client.iter_gonderimler([52, 61, 7])]
    finally:
        loop.set_task_factory(None)
    assert sorted(result.id for result in results) == [7, 52, 61]
