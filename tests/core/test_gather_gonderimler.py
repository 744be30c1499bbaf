"""`gather_gonderimler`: order, cap, errors and cancellation."""

import asyncio
import contextlib
import contextvars
import gc
import time
from collections import Counter

import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    FatalError,
    SlowExitLimiter,
    answer_body,
    http_response,
    key_refusing_server,
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
from vairosms_async.sandbox import Fault, SandboxPanel


async def test_returns_300_records_in_input_order_under_the_cap(panel, client):
    panel.latency = (0.0, 0.01)
    ids = list(range(1, 301))
    gonderimler = await client.gather_gonderimler(range(1, 301))
    assert [gonderim.id for gonderim in gonderimler] == ids
    assert 1 < panel.peak_in_flight <= 8
    assert panel.connections <= 8
    assert panel.requests_by_id == Counter(ids)


async def test_looks_up_an_id_given_twice_once(panel, client):
    ids = [52, "61", 52, 7, "052", 61, 7]
    gonderimler = await client.gather_gonderimler(ids)
    assert [gonderim.id for gonderim in gonderimler] == [52, 61, 52, 7, 52, 61, 7]
    assert panel.requests_by_id == {52: 1, 61: 1, 7: 1}
    assert gonderimler[0] is gonderimler[2]


@pytest.mark.parametrize("ids", [[], (), range(0), iter([])], ids=lambda ids: type(ids).__name__)
async def test_no_ids_return_an_empty_list(panel, client, ids):
    assert await client.gather_gonderimler(ids) == []
    assert panel.requests == 0


@pytest.mark.parametrize(
    "make_iterable",
    [list, tuple, set, dict.fromkeys, iter, lambda ids: (gonderim_id for gonderim_id in ids)],
    ids=["list", "tuple", "set", "dict", "iterator", "generator"],
)
async def test_accepts_any_iterable(client, make_iterable):
    gonderimler = await client.gather_gonderimler(make_iterable(range(1, 30)))
    assert [gonderim.id for gonderim in gonderimler] == [*range(1, 30)]


async def test_the_number_of_tasks_depends_on_the_cap_and_not_on_the_ids(panel, client):
    panel.latency = (0.001, 0.001)
    most_tasks = 0

    async def count_tasks():
        nonlocal most_tasks
        while True:
            most_tasks = max(most_tasks, len(library_tasks()))
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count_tasks())
    await client.gather_gonderimler(range(1, 501))
    assert most_tasks == 8
    most_tasks = 0
    await client.gather_gonderimler(range(1, 501), max_concurrency=3)
    assert most_tasks == 3
    most_tasks = 0
    await client.gather_gonderimler([1, 2])
    assert most_tasks == 2
    await client.gather_gonderimler(range(1, 50), max_concurrency=1000)
    assert most_tasks == 8
    counting.cancel()


async def test_return_exceptions_puts_errors_in_the_places_of_their_ids(panel, client):
    panel.fail(Fault(status=503), id=9, times=None)
    ids = [52, 5000, "x", 9, 61, 5000]
    outcomes = await client.with_options(retry=NO_RETRIES).gather_gonderimler(
        ids, return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [
        Gonderim,
        VairoSMSNotFoundError,
        VairoSMSInvalidIdError,
        VairoSMSServerError,
        Gonderim,
        VairoSMSNotFoundError,
    ]
    assert [getattr(outcome, "gonderim_id", None) for outcome in outcomes] == [
        None,
        5000,
        None,
        9,
        None,
        5000,
    ]
    assert panel.requests_by_id[5000] == 1


async def test_return_exceptions_returns_only_errors_of_the_library(panel, client):
    for fault in (Fault(), Fault("html"), Fault("reset"), Fault("cut"), Fault("html", 200)):
        panel.fail(fault, id=7, times=None)
        [outcome] = await client.with_options(retry=NO_RETRIES).gather_gonderimler(
            [7], return_exceptions=True
        )
        assert isinstance(outcome, VairoSMSError)
        panel.clear_faults()


async def test_the_first_error_is_raised_bare_and_cancels_the_rest(panel, client):
    panel.latency = (0.02, 0.02)
    ids = [*range(1, 20), 5000, *range(20, 200)]
    with pytest.raises(VairoSMSNotFoundError) as caught:
        await client.gather_gonderimler(ids)
    assert caught.value.gonderim_id == 5000
    assert not library_tasks()
    assert panel.requests < 40
    requests = panel.requests
    await asyncio.sleep(0.2)
    assert panel.requests <= requests + 8


async def test_a_refused_key_sends_at_most_16_requests_for_2000_ids():
    async with key_refusing_server() as (base_url, requested_ids):
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=8) as client:
            with pytest.raises(VairoSMSAuthError):
                await client.gather_gonderimler(range(1, 2001))
            assert 1 <= len(requested_ids) <= 16

            requested_ids.clear()
            outcomes = await client.gather_gonderimler(range(1, 2001), return_exceptions=True)
            assert 1 <= len(requested_ids) <= 16
            assert len(outcomes) == 2000
            assert {type(outcome) for outcome in outcomes} == {VairoSMSAuthError}


async def test_records_that_came_before_a_refused_key_are_returned(panel):
    panel.fail(Fault(status=401), id=30, times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        ids = ["y", *range(1, 500)]
        outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
    assert type(outcomes[0]) is VairoSMSInvalidIdError
    # When the lookup of 30 starts, at most 3 of the 29 before it are in flight.
    assert [type(outcome) for outcome in outcomes[1:30]].count(Gonderim) >= 26
    assert type(outcomes[30]) is VairoSMSAuthError
    assert panel.requests < 40
    rest = outcomes[40:]
    assert {type(outcome) for outcome in rest} == {VairoSMSAuthError}
    assert [outcome.gonderim_id for outcome in rest] == list(range(40, 500))


async def test_after_a_refused_key_each_id_has_its_own_error(mocked):
    mocked.get(
        "https://vairosms.com/Panel/api/v1/GonderimBilgisi/1?api_key=test-key",
        status=401,
        body=b'{"durum": false, "aciklama": "olmaz"}',
    )
    async with VairoSMSClient("test-key", max_concurrency=1) as client:
        outcomes = await client.gather_gonderimler([1, 7, "x", 8], return_exceptions=True)
    first, seventh, invalid, eighth = outcomes
    assert type(invalid) is VairoSMSInvalidIdError
    assert [error.gonderim_id for error in (first, seventh, eighth)] == [1, 7, 8]
    assert str(first) == "gonderim 1: HTTP 401: olmaz"
    assert str(seventh) == (
        "gonderim 7: no result, since the panel refused the API key (gonderim 1: HTTP 401: olmaz)"
    )
    assert (eighth.status, eighth.aciklama, eighth.retryable) == (401, "olmaz", False)
    seventh.add_note("a note")
    assert not hasattr(first, "__notes__")
    assert not hasattr(eighth, "__notes__")


async def test_records_that_came_together_with_a_refused_key_are_returned():
    writers = {}

    async def answer_four_at_once(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            writers[gonderim_id] = writer
            if len(writers) == 4:
                for accepted_id in (1, 3, 4):
                    writers[accepted_id].write(http_response(answer_body({"id": accepted_id})))
                writers[2].write(http_response(b"", "401 Unauthorized"))

    async with raw_server(answer_four_at_once) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=4) as client:
            outcomes = await client.gather_gonderimler(range(1, 9), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes[:4]] == [
                Gonderim,
                VairoSMSAuthError,
                Gonderim,
                Gonderim,
            ]
            assert {type(outcome) for outcome in outcomes[4:]} == {VairoSMSAuthError}
    assert sorted(writers) == [1, 2, 3, 4]


async def test_says_that_a_task_was_cancelled_from_outside(panel, client):
    panel.fail(Fault("hang"), times=None)
    gathering = asyncio.ensure_future(client.gather_gonderimler(range(1, 20)))
    await asyncio.sleep(0.05)
    library_tasks()[0].cancel()
    with pytest.raises(RuntimeError, match=r"^other code cancelled a task of this bulk lookup$"):
        await gathering


async def test_enters_a_rate_limiter_that_is_falsy(panel):
    entered = 0

    class FalsyLimiter:
        def __len__(self):
            return 0

        async def __aenter__(self):
            nonlocal entered
            entered += 1

        async def __aexit__(self, *exc):
            pass

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=FalsyLimiter()) as client:
        await client.gather_gonderimler([52, 61])
    assert entered == 2


async def test_a_failing_rate_limiter_raises_one_error_and_logs_nothing(panel, caplog):
    class BrokenLimiter:
        async def __aenter__(self):
            await asyncio.sleep(0)
            raise LookupError("kota")

        async def __aexit__(self, *exc):
            raise AssertionError

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=BrokenLimiter()) as client:
        with pytest.raises(LookupError, match="kota"):
            await client.gather_gonderimler(range(1, 100), return_exceptions=True)
    # asyncio logs exceptions that nobody retrieved when their tasks are collected.
    gc.collect()
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.records == []
    assert not library_tasks()


async def test_lookups_see_the_callers_context_variables(panel):
    request_id = contextvars.ContextVar("request_id", default="none")
    seen = set()

    class RecordingLimiter:
        async def __aenter__(self):
            seen.add(request_id.get())

        async def __aexit__(self, *exc):
            pass

    async with VairoSMSClient(
        KEY, base_url=panel.base_url, rate_limiter=RecordingLimiter()
    ) as client:
        request_id.set("istek-1")
        await client.gather_gonderimler([52, 61])
        [_ async for _ in client.iter_gonderimler([52, 61])]
    assert seen == {"istek-1"}


@pytest.mark.parametrize("return_exceptions", [False, True])
async def test_raises_a_base_exception_of_the_rate_limiter(panel, return_exceptions):
    class FailingLimiter(contextlib.AbstractAsyncContextManager):
        async def __aexit__(self, *exc_info):
            raise FatalError

    limiter = FailingLimiter()
    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=limiter) as client:
        with pytest.raises(FatalError):
            await client.gather_gonderimler([52, 61], return_exceptions=return_exceptions)
        assert not library_tasks()


@pytest.mark.parametrize("steps", range(5))
def test_a_refused_key_ends_a_lookup_that_times_out_in_the_same_moment(steps):
    def be_busy(loop):
        # From before the refusal of id 2 until after the timeout of id 1.
        if panel.requests == 2:
            time.sleep(0.3)
        else:
            loop.call_later(0.01, be_busy, loop)

    async def look_up():
        options = {"timeout": 0.2, "rate_limiter": SlowExitLimiter(steps)}
        retry = RetryPolicy(initial_delay=0)
        async with VairoSMSClient(
            "wrong", base_url=panel.base_url, retry=retry, **options
        ) as client:
            be_busy(asyncio.get_running_loop())
            with pytest.raises(VairoSMSAuthError):
                await client.gather_gonderimler([1, 2])

    with SandboxPanel(latency=0.05) as panel:
        panel.fail(Fault("hang"), id=1, times=None)
        asyncio.run(look_up())
    assert panel.requests_by_id == {1: 1, 2: 1}
