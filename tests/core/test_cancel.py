"""Cancellation at each step of the event loop: no task is left and no slot is lost."""

import asyncio

import pytest

from tests.core import workloads
from tests.core.workloads import IDS, MAX_CONCURRENCY, assert_nothing_left, run_loop_steps
from tests.helpers import KEY, SlowExitLimiter, library_tasks, library_tasks_in_memory
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

PATIENT = RetryPolicy(attempts=20, initial_delay=0.0005)


@pytest.fixture
async def panel():
    async with SandboxPanel(KEY, fault_rate=0.2, settle_time=1.0) as panel:
        yield panel


@pytest.mark.parametrize("adaptive", [True, False], ids=["adaptive", "fixed"])
@pytest.mark.parametrize(
    "call",
    [
        workloads.get,
        workloads.gather,
        workloads.gather_with_exceptions,
        workloads.iterate,
        workloads.iterate_over_async_ids,
    ],
)
async def test_cancelling_at_any_step_leaves_nothing(panel, call, adaptive):
    async with VairoSMSClient(
        KEY,
        base_url=panel.base_url,
        max_concurrency=MAX_CONCURRENCY,
        adaptive=adaptive,
        retry=PATIENT,
    ) as client:
        cancelled = finished = steps = 0
        async with asyncio.timeout(30):
            while finished < 3:
                task = asyncio.ensure_future(call(client))
                await run_loop_steps(steps)
                task.cancel()
                await asyncio.wait([task])
                # Checked without a delay: the lookups must end before the call does.
                assert_nothing_left(client)
                if task.cancelled():
                    cancelled += 1
                else:
                    finished += 1
                    task.result()
                steps += 1
        assert cancelled > 8
        del task
        assert not library_tasks_in_memory()

        await run_loop_steps(20)  # the server ends its cancelled requests
        panel.reset_counters()
        panel.latency = (0.01, 0.01)
        assert len(await client.gather_gonderimler(range(1, 31))) == 30
        lowest = 1 if adaptive else MAX_CONCURRENCY  # the panel's faults lower an adaptive limit
        assert lowest <= panel.peak_in_flight <= MAX_CONCURRENCY


@pytest.mark.looptime
@pytest.mark.parametrize(
    "call", [workloads.wait_for_one, workloads.wait_for_many, workloads.wait_for_async_ids]
)
async def test_a_client_keeps_no_finished_tasks_of_a_wait(panel, call):
    panel.latency = 1.0
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=PATIENT) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await call(client)
        await call(client)
        assert not library_tasks_in_memory()


async def test_repeated_cancellations_do_not_interrupt_the_clean_up(panel):
    limiter = SlowExitLimiter(steps=30)
    panel.fail(Fault("hang"), times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=limiter) as client:
        task = asyncio.ensure_future(client.gather_gonderimler(range(1, 10)))
        await asyncio.sleep(0.05)
        cancellations = 0
        async with asyncio.timeout(30):
            while not task.done():
                task.cancel(f"{cancellations}")
                cancellations += 1
                await asyncio.sleep(0)
        assert cancellations > 10
        assert limiter.leaving == 0
        last, last_but_one = cancellations - 1, cancellations - 2
        with pytest.raises(asyncio.CancelledError, match=f"^{last}$|^{last_but_one}$"):
            await task
        assert not library_tasks()


async def test_aclose_after_any_result_leaves_nothing(panel):
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, max_concurrency=MAX_CONCURRENCY, retry=PATIENT
    ) as client:
        for results_read in range(len(IDS) + 1):
            results = client.iter_gonderimler(IDS)
            for _ in range(results_read):
                await anext(results)
            await results.aclose()
            assert_nothing_left(client)


async def test_a_cancelled_lookup_passes_its_slot_to_the_next(panel):
    panel.fail(Fault("hang"), id=1)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1) as client:
        holder = asyncio.ensure_future(client.get_gonderim(1))
        await asyncio.sleep(0.05)
        waiters = [asyncio.ensure_future(client.get_gonderim(52)) for _ in range(5)]
        await asyncio.sleep(0)
        for waiter in waiters[:4]:
            waiter.cancel()
        holder.cancel()
        assert (await waiters[4]).id == 52
        outcomes = await asyncio.gather(holder, *waiters[:4], return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
