"""The retry budget: how many retries reach a panel that is down."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from tests.helpers import KEY, raw_server, read_request_head, run_in_simulated_time
from vairosms_async import (
    Gonderim,
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSNotFoundError,
    VairoSMSServerError,
)
from vairosms_async._retry import RetryBudget
from vairosms_async.sandbox import Fault, SandboxPanel


def budget_warnings(caplog):
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return [message for message in messages if "budget is spent" in message]


def test_each_retry_costs_a_token_and_each_success_restores_some(caplog):
    budget = RetryBudget()
    assert [budget.withdraw() for _ in range(103)] == [True] * 100 + [False] * 3
    (record,) = caplog.records
    assert record.getMessage() == (
        "the retry budget is spent: until the panel answers again, only HTTP 429 with Retry-After "
        "is retried"
    )
    assert caplog.records[0].levelname == "WARNING"

    # Five first attempts that succeed restore one token.
    for _ in range(4):
        budget.deposit(retried=False)
    assert not budget.withdraw()
    budget.deposit(retried=False)
    assert budget.withdraw()
    assert not budget.withdraw()

    # A retry that succeeds restores its whole token.
    budget.deposit(retried=True)
    assert budget.withdraw()
    assert not budget.withdraw()
    assert len(caplog.records) == 1


def test_warns_again_only_after_half_of_the_budget_is_restored(caplog):
    budget = RetryBudget()
    for restored in (49, 50):
        while budget.withdraw():
            pass
        for _ in range(restored):
            budget.deposit(retried=True)
    while budget.withdraw():
        pass
    assert len(budget_warnings(caplog)) == 2


def test_deposits_never_exceed_the_capacity():
    budget = RetryBudget()
    for retried in (True, False) * 5:
        budget.deposit(retried=retried)
    assert sum(budget.withdraw() for _ in range(200)) == 100
    budget = RetryBudget()
    budget.withdraw()
    for _ in range(10):
        budget.deposit(retried=False)
    assert sum(budget.withdraw() for _ in range(200)) == 100


async def test_an_outage_costs_at_most_the_ids_plus_100_requests(caplog):
    requests = Counter()

    async def serve(reader, writer):
        head = await read_request_head(reader)
        requests[head.split(b"?")[0]] += 1
        writer.transport.abort()

    async with raw_server(serve) as base_url:
        policy = RetryPolicy(attempts=4, initial_delay=0.01)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            outcomes = await client.gather_gonderimler(range(1, 1001), return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [VairoSMSConnectionError] * 1000
            assert [outcome.gonderim_id for outcome in outcomes] == list(range(1, 1001))
            assert 1000 + 100 == requests.total() < 1500
            assert len(requests) == 1000
            assert len(budget_warnings(caplog)) == 1

            # A sibling shares the spent budget.
            sibling = client.with_options(retry=RetryPolicy(attempts=9))
            await sibling.gather_gonderimler(range(1, 101), return_exceptions=True)
            assert requests.total() == 1200


@asynccontextmanager
async def spent_budget(**options):
    """Yield a panel and a client whose budget an outage has spent. The panel has just answered."""
    async with (
        SandboxPanel(KEY) as panel,
        VairoSMSClient(KEY, base_url=panel.base_url, **options) as client,
    ):
        panel.fail(Fault("reset"), times=None)
        await client.gather_gonderimler(range(1, 301), return_exceptions=True)
        assert client.stats().retry_budget < 1
        panel.clear_faults()
        await client.get_gonderim(52)
        panel.reset_counters()
        yield panel, client


def test_retries_after_a_spent_budget_follow_the_answers():
    """Each answer lets a lookup go. Lookups that wait half a second would need 8 seconds."""

    async def look_up():
        async with spent_budget() as (panel, client):
            panel.latency = 0.05
            for gonderim_id in range(1, 17):
                panel.fail(Fault(status=503), id=gonderim_id)
            started = asyncio.get_running_loop().time()
            await client.gather_gonderimler(range(1, 17))
            return asyncio.get_running_loop().time() - started

    assert run_in_simulated_time(look_up()) < 3


def test_a_long_retry_after_loses_no_id_with_a_spent_budget():
    """The panel counts as down after the pause. Lookups then wait for the requests in flight."""

    async def look_up():
        async with spent_budget(max_concurrency=64) as (panel, client):
            panel.latency = 0.05
            panel.fail(Fault(status=503, retry_after=15), times=16)
            return await client.gather_gonderimler(range(1, 65))

    assert len(run_in_simulated_time(look_up())) == 64


def test_lookups_without_a_token_do_not_enter_the_rate_limiter():
    class Limiter:
        entered = 0

        async def __aenter__(self):
            self.entered += 1

        async def __aexit__(self, *exc_info):
            pass

    async def look_up():
        limiter = Limiter()
        async with spent_budget(max_concurrency=64, rate_limiter=limiter) as (panel, client):
            limiter.entered = 0
            panel.capacity = (2, 0.05)
            await client.gather_gonderimler(range(1, 401), return_exceptions=True)
            assert panel.requests > 420
            return limiter.entered - panel.requests

    assert run_in_simulated_time(look_up()) == 0


def test_an_overloaded_panel_gets_retries_from_a_spent_budget():
    async def look_up():
        async with spent_budget() as (panel, client):
            panel.fail(Fault(status=503), times=15)
            return await client.gather_gonderimler([52, 61, 67])

    assert [record.id for record in run_in_simulated_time(look_up())] == [52, 61, 67]


def test_answers_about_unknown_ids_cancel_loans_and_restore_the_budget():
    async def look_up():
        async with spent_budget() as (panel, client):
            panel.capacity = (4, 0.05)
            ids = range(5000, 5300)
            errors = await client.gather_gonderimler(ids, return_exceptions=True)
            assert {type(error) for error in errors} == {VairoSMSNotFoundError}
            return client.stats()

    stats = run_in_simulated_time(look_up())
    assert stats.refusals > 20
    assert stats.retry_budget > 60


def test_a_spent_budget_lends_20_tokens_until_the_panel_is_down(caplog):
    async def look_up():
        async with spent_budget() as (panel, client):
            panel.fail(Fault(status=503), times=None)
            started = asyncio.get_running_loop().time()
            errors = await client.gather_gonderimler([52, 61, 67], return_exceptions=True)
            seconds = asyncio.get_running_loop().time() - started
            return [type(error) for error in errors], panel.requests, seconds

    errors, requests, seconds = run_in_simulated_time(look_up())
    assert errors == [VairoSMSServerError] * 3
    assert 3 + 10 < requests <= 3 + 20
    assert 9 < seconds < 12
    assert len(budget_warnings(caplog)) == 1


def test_closing_the_client_ends_the_wait_for_a_token():
    async def look_up():
        async with spent_budget() as (panel, client):
            panel.fail(Fault(status=503), times=None)
            lookups = [asyncio.ensure_future(client.get_gonderim(i)) for i in (52, 61, 67)]
            await asyncio.sleep(3.1)
            await client.close()
            ended = asyncio.get_running_loop().time()
            outcomes = await asyncio.gather(*lookups, return_exceptions=True)
            assert asyncio.get_running_loop().time() - ended < 0.1
            return [type(outcome) for outcome in outcomes]

    assert run_in_simulated_time(look_up()) == [RuntimeError] * 3


async def test_successes_after_an_outage_restore_the_budget(panel):
    policy = RetryPolicy(attempts=4, initial_delay=0.001)
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
        panel.fail(Fault("reset"), times=None)
        await client.gather_gonderimler(range(1, 301), return_exceptions=True)
        panel.clear_faults()
        panel.reset_counters()
        panel.fail(Fault("reset"))
        with pytest.raises(VairoSMSConnectionError):
            await client.get_gonderim(52)
        assert panel.requests == 1
        await client.gather_gonderimler(range(1, 101))
        panel.fail(Fault("reset"))
        assert (await client.get_gonderim(52)).id == 52


async def test_unknown_ids_leave_the_budget_for_connection_errors(panel, client):
    await client.gather_gonderimler(range(5000, 5300), return_exceptions=True)
    panel.fail(Fault("reset"))
    assert (await client.get_gonderim(52)).id == 52


async def test_lasting_errors_are_not_retried_and_cost_no_budget(panel, client):
    for _ in range(150):
        with pytest.raises(VairoSMSNotFoundError):
            await client.get_gonderim(5000)
    assert panel.requests == 150
    assert client.stats().retry_budget == 100.0


@pytest.mark.parametrize(
    ("fault_rate", "packets", "attempts"),
    [
        # One id fails all six attempts once in 64 million.
        pytest.param(0.05, 20_000, 6, marks=pytest.mark.slow, id="5 % of 20,000"),
        pytest.param(0.3, 1000, 20, id="30 % of 1,000"),
    ],
)
async def test_the_budget_covers_random_faults(fault_rate, packets, attempts):
    async with SandboxPanel(KEY, fault_rate=fault_rate, packets=packets) as panel:
        policy = RetryPolicy(attempts=attempts, initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            ids = range(1, packets + 1)
            gonderimler = await client.gather_gonderimler(ids)
            assert [gonderim.id for gonderim in gonderimler] == list(ids)
            assert packets * (1 + fault_rate * 0.7) < panel.requests
            assert panel.requests < packets * (1 + fault_rate * 2)


@pytest.mark.looptime
async def test_retries_after_429_cost_no_budget():
    """The pause already spaces these retries, so even a low rate limit loses no id."""
    async with SandboxPanel(KEY, rate_limit=(20, 0.05)) as panel:
        policy = RetryPolicy(attempts=100, initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            outcomes = await client.gather_gonderimler(range(1, 101), return_exceptions=True)
    assert all(isinstance(outcome, Gonderim) for outcome in outcomes)
