"""A panel that cannot keep up: every id is found, with few requests and in little time.

The sandbox panel has a capacity, a rate limit or a queue. Times are on looptime's clock.
"""

import asyncio
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    requested_id,
    run_in_simulated_time,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSRateLimitError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async.sandbox import Fault, NginxRateLimit, SandboxPanel


def now():
    return asyncio.get_running_loop().time()


async def look_up_all(client, ids):
    """Return the errors by id, and the seconds that the lookups took."""
    started = now()
    outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
    errors = {i: o for i, o in zip(ids, outcomes, strict=True) if isinstance(o, Exception)}
    return errors, now() - started


async def overload(count, cap, *, timeout=30.0, change=None, **panel_options):
    """Look up packets of a limited panel; return the panel, the stats and the seconds."""
    async with SandboxPanel(KEY, packets=count, **panel_options) as panel:
        if change is not None:
            seconds, capacity = change
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, setattr, panel, "capacity", capacity)
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, max_concurrency=cap, timeout=timeout
        ) as client:
            errors, seconds = await look_up_all(client, range(1, count + 1))
            assert errors == {}
            assert panel.peak_in_flight <= cap
            stats = client.stats()
            assert stats.in_flight == 0
            assert stats.requests == panel.requests == count + stats.retries
            return panel, stats, seconds


@pytest.mark.parametrize(
    ("count", "cap", "ideal", "options"),
    [
        pytest.param(
            2000, 64, 3.125, {"capacity": (32, 0.05)}, id="32 slots, cap 64", marks=pytest.mark.slow
        ),
        pytest.param(
            2000,
            256,
            3.125,
            {"capacity": (32, 0.05)},
            id="32 slots, cap 256",
            marks=pytest.mark.slow,
        ),
        pytest.param(200, 64, 10.0, {"capacity": (4, 0.2)}, id="4 slow slots"),
        pytest.param(200, 64, 6.0, {"capacity": (1, 0.03)}, id="1 slot"),
        # In the client, a lookup waits for a slot for longer than `max_overload`.
        pytest.param(200, 64, 400.0, {"capacity": (1, 2.0)}, id="1 slow slot"),
        pytest.param(40, 64, 480.0, {"capacity": (1, 12.0)}, id="1 very slow slot"),
        # The ideal time is shorter than most first delays before a retry.
        pytest.param(160, 64, 0.1, {"capacity": (8, 0.005)}, id="8 fast slots"),
        pytest.param(
            4000,
            128,
            4.875,
            {"capacity": (8, 0.05), "change": (2, (64, 0.05))},
            id="8, then 64",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            1000,
            256,
            4.0,
            {"capacity": (1, 0.004), "queue": True, "timeout": 0.5},
            id="queue of one server",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            500,
            64,
            10.0,
            {"capacity": (1, 0.02), "queue": True, "timeout": 0.5},
            id="queue that is as long as the timeout",
        ),
        pytest.param(
            100,
            64,
            10.0,
            {"capacity": (1, 0.1), "queue": True, "timeout": 0.5},
            id="queue of which five requests fill the timeout",
        ),
    ],
)
def test_finds_every_id_of_a_panel_with_a_capacity(count, cap, ideal, options):
    random.seed(1)
    panel, _, seconds = run_in_simulated_time(overload(count, cap, **options))
    assert panel.requests <= 1.3 * count + 64
    assert seconds <= 1.5 * ideal


@pytest.mark.parametrize(
    ("rate", "burst", "latency", "status"),
    [
        pytest.param(50, 10, 0.0, 503, id="50 per second, burst 10"),
        pytest.param(20, 0, 0.005, 429, id="20 per second, 5 ms, 429"),
        *(
            pytest.param(*values, id=f"{values}", marks=pytest.mark.slow)
            for values in [
                (50, 10, 0.0, 429),
                (50, 0, 0.0, 503),
                (50, 0, 0.1, 503),
                (50, 0, 0.2, 503),
                (50, 5, 0.1, 429),
                (20, 0, 0.03, 503),
                (20, 20, 0.03, 503),
                (20, 20, 0.2, 503),
                (100, 20, 0.03, 503),
                (200, 0, 0.1, 503),
            ]
        ),
    ],
)
def test_finds_every_id_of_a_panel_with_a_rate_limit(rate, burst, latency, status):
    random.seed(1)
    count = 12 * rate
    limit = NginxRateLimit(rate, burst=burst, status=status)
    panel, stats, seconds = run_in_simulated_time(
        overload(count, 64, rate_limit=limit, latency=latency)
    )
    assert panel.requests <= 1.3 * count + 64
    assert seconds <= 1.3 * (count - burst) / rate
    assert stats.refusals == stats.retries
    assert stats.retry_budget == 100.0


@pytest.mark.parametrize("cap", [16, 64, 256])
@pytest.mark.parametrize(("rate", "burst"), [(11, 10), (50, 10), (100, 50)])
def test_finds_every_id_of_a_panel_that_delays_a_burst(rate, burst, cap):
    """As nginx's `limit_req` without `nodelay`: the first answer is much faster than the others."""
    count = rate * 10
    refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

    async def look_up():
        free_at = requests = 0

        async def serve(reader, writer):
            nonlocal free_at, requests
            while True:
                gonderim_id = requested_id(await read_request_head(reader))
                requests += 1
                if free_at > now() + burst / rate:
                    writer.write(refused)
                else:
                    turn, free_at = max(free_at, now()), max(free_at, now()) + 1 / rate
                    await asyncio.sleep(turn - now())
                    writer.write(http_response(answer_body({"id": gonderim_id})))

        async with (
            raw_server(serve) as base_url,
            VairoSMSClient(KEY, base_url=base_url, max_concurrency=cap) as client,
        ):
            errors, seconds = await look_up_all(client, range(1, count + 1))
        return errors, seconds, requests

    random.seed(1)
    errors, seconds, requests = run_in_simulated_time(look_up())
    assert errors == {}
    assert seconds <= 1.3 * count / rate
    assert requests <= 1.3 * count + 64


def test_retry_after_0_is_like_none():
    async def look_up():
        async with SandboxPanel(KEY, packets=300) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                await client.get_gonderim(1)
                panel.fail(Fault(status=429, retry_after=0), times=20)
                errors, _ = await look_up_all(client, range(1, 301))
                return errors, client.stats()

    errors, stats = run_in_simulated_time(look_up())
    assert errors == {}
    assert stats.refusals == 20
    assert stats.paused > 0  # the client spaced its requests


SLOTS = st.tuples(st.integers(1, 40), st.floats(0.005, 0.3))
RATES = st.builds(
    NginxRateLimit,
    st.integers(5, 200),
    burst=st.integers(0, 20),
    status=st.sampled_from([429, 503]),
)


@st.composite
def changing_panels(draw):
    """Draw the options of a panel, the attribute to change and its later value."""
    name = draw(st.sampled_from(["capacity", "rate_limit"]))
    earlier, later = draw(st.tuples(*[SLOTS if name == "capacity" else RATES] * 2))
    options = {name: earlier, "latency": draw(st.floats(0, 0.1))}
    if name == "capacity":
        options["queue"] = draw(st.booleans())
    return options, name, later


def per_second(limit, latency, cap):
    """Return how many lookups per second a panel can answer."""
    if isinstance(limit, NginxRateLimit):
        return min(limit.rate, cap / (latency + 1e-3))
    slots, seconds = limit
    return min(slots / seconds, cap / (seconds + latency))


@pytest.mark.slow
@settings(max_examples=12)
@given(
    panel_and_change=changing_panels(),
    cap=st.integers(1, 40),
    siblings=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_finds_every_id_of_any_panel(panel_and_change, cap, siblings, seed):
    random.seed(seed)
    options, name, later = panel_and_change
    count = 150
    rates = [per_second(limit, options["latency"], cap) for limit in (options[name], later)]

    async def look_up():
        async with (
            SandboxPanel(KEY, packets=1000, **options) as panel,
            VairoSMSClient(
                KEY, base_url=panel.base_url, max_concurrency=cap, timeout=None
            ) as client,
        ):
            clients = [client, *(client.with_options(timeout=600) for _ in range(siblings - 1))]
            change = asyncio.get_running_loop().call_later(
                count / 2 / rates[0], setattr, panel, name, later
            )
            outcomes = await asyncio.gather(
                *(
                    look_up_all(one, range(1 + n, 1 + count, siblings))
                    for n, one in enumerate(clients)
                )
            )
            change.cancel()
            assert [errors for errors, _ in outcomes] == [{}] * siblings
            assert max(seconds for _, seconds in outcomes) <= 3 * count / min(rates) + 10
            assert panel.requests <= 2 * count + 64
            assert panel.peak_in_flight <= cap
            assert len({one.stats() for one in clients}) == 1  # siblings share the pace
            assert client.stats().in_flight == 0
            assert client.stats().limit <= cap
            # No slot is lost: without a limit, all of them are used again.
            panel.capacity = panel.rate_limit = None
            panel.latency = 0.05
            panel.reset_counters()
            for _ in range(10):
                if panel.peak_in_flight < cap:
                    await look_up_all(client, range(1, 1 + 5 * cap))
            assert panel.peak_in_flight == cap

    run_in_simulated_time(look_up())


@pytest.mark.parametrize("slots", [32, 40])
def test_a_cap_of_up_to_twice_the_capacity_costs_few_requests_after_an_outage(slots):
    """32 answers at once raise the limit to 64. Then 64 lookups must not be sent at once."""

    async def look_up():
        options = {"capacity": (slots, 0.05), "latency": 0.001}
        async with SandboxPanel(KEY, packets=1280, **options) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=64) as client:
                panel.fail(Fault(status=503), times=None)
                await look_up_all(client, range(1, 301))
                panel.clear_faults()
                panel.reset_counters()
                errors, seconds = await look_up_all(client, range(1, 1281))
                assert errors == {}
                return panel.requests, seconds

    random.seed(1)
    requests, seconds = run_in_simulated_time(look_up())
    assert requests <= 1.1 * 1280
    assert seconds <= 1.2 * 1280 * 0.051 / slots


@pytest.mark.slow
@pytest.mark.parametrize("latency", [0.05, 0.2])
@pytest.mark.parametrize("head_start", [0, 0.1, 0.3, 1])
def test_two_clients_on_one_panel_both_find_every_id(latency, head_start):
    async def look_up():
        async with SandboxPanel(KEY, packets=2000, capacity=(32, latency)) as panel:
            async with (
                VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=64) as one,
                VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=64) as other,
            ):
                first = asyncio.ensure_future(look_up_all(one, range(1, 2001)))
                await asyncio.sleep(head_start)
                return await asyncio.gather(first, look_up_all(other, range(1, 2001)))

    random.seed(2)
    for errors, _ in run_in_simulated_time(look_up()):
        assert errors == {}


@pytest.mark.slow
def test_random_refusals_do_not_slow_the_client_down():
    """10 % of all requests are refused at any load, so a lower limit does not help."""

    async def look_up():
        async with SandboxPanel(KEY, packets=3000, latency=0.02, fault_rate=0.3) as panel:
            policy = RetryPolicy(attempts=20, initial_delay=0.001)
            async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
                return await look_up_all(client, range(1, 3001))

    errors, seconds = run_in_simulated_time(look_up())
    assert errors == {}
    assert seconds < 3 * 3000 * 1.4 * 0.02 / 16


def test_a_fixed_limit_counts_each_refusal_as_an_attempt():
    async def look_up():
        async with SandboxPanel(KEY, packets=500, capacity=(4, 0.05)) as panel:
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, max_concurrency=64, adaptive=False
            ) as client:
                errors, _ = await look_up_all(client, range(1, 501))
                assert client.stats().limit == 64
                return errors

    assert run_in_simulated_time(look_up())


@pytest.mark.parametrize("attempts", [1, 4])
def test_attempts_of_1_is_never_retried(attempts):
    async def look_up():
        async with SandboxPanel(KEY) as panel:
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, retry=RetryPolicy(attempts=attempts)
            ) as client:
                await client.get_gonderim(52)
                panel.fail(Fault(status=503), times=5)
                errors, _ = await look_up_all(client, [61])
                return len(errors), panel.requests_by_id[61]

    assert run_in_simulated_time(look_up()) == ((1, 1) if attempts == 1 else (0, 6))


@pytest.mark.slow
def test_a_lookup_that_is_always_refused_ends_after_max_overload():
    async def look_up():
        async with SandboxPanel(KEY, packets=100_000, latency=0.02) as panel:
            policy = RetryPolicy(max_overload=5)
            async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
                panel.fail(Fault(status=503), id=1, times=None)
                refused = asyncio.ensure_future(look_up_all(client, [1]))
                while not refused.done():
                    await client.gather_gonderimler(range(2, 32))
                return await refused

    errors, seconds = run_in_simulated_time(look_up())
    assert isinstance(errors[1], VairoSMSServerError)
    assert 5 <= seconds <= 9


OUTAGES = {
    "503": Fault(status=503),
    "429": Fault(status=429),
    "500": Fault(status=500),
    "reset": Fault("reset"),
    "cut": Fault("cut"),
    "hang": Fault("hang"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("successes", [0, 400], ids=["from the start", "during an overload"])
def test_an_outage_costs_at_most_the_ids_plus_100_requests(fault, successes):
    async def look_up():
        async with SandboxPanel(KEY, packets=2000, capacity=(8, 0.05)) as panel:
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, max_concurrency=32, timeout=3
            ) as client:
                await look_up_all(client, range(1, 1 + successes))
                panel.reset_counters()
                panel.fail(fault, times=None)
                errors, seconds = await look_up_all(client, range(1001, 1501))
                assert len(errors) == 500
                assert panel.requests <= 500 + 100
                panel.clear_faults()
                panel.capacity = None
                errors, _ = await look_up_all(client, range(1, 101))
                assert errors == {}
                return seconds

    per_attempt = 3.0 if fault.kind == "hang" else 0.1
    assert run_in_simulated_time(look_up()) <= 20 + 600 * per_attempt / 8


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["503", "429", "hang"])
@pytest.mark.parametrize("cap", [64, 256])
@pytest.mark.parametrize("is_idle", [False, True], ids=["in the middle", "in an idle client"])
def test_an_outage_costs_at_most_100_retries_with_many_lookups_in_flight(fault, cap, is_idle):
    async def look_up():
        async with SandboxPanel(KEY, packets=8000, latency=0.02) as panel:
            async with VairoSMSClient(
                KEY, base_url=panel.base_url, max_concurrency=cap, timeout=3
            ) as client:
                errors, _ = await look_up_all(client, range(1, 6001))
                assert errors == {}
                assert client.stats().limit == cap
                panel.reset_counters()
                begins = asyncio.get_running_loop().call_later
                begins(60 if is_idle else 0.05, lambda: panel.fail(OUTAGES[fault], times=None))
                await asyncio.sleep(61 if is_idle else 0)
                errors, _ = await look_up_all(client, range(6001, 8001))
                assert len(errors) > 1000
                assert panel.requests <= 2000 + 100
                assert client.stats().retry_budget < 1

    run_in_simulated_time(look_up())


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [("500", "503"), ("503", "reset")])
@pytest.mark.parametrize(("cap", "seconds"), [(16, 2), (64, 1), (256, 1)])
def test_an_outage_that_changes_its_kind_costs_at_most_100_retries(first, then, cap, seconds):
    async def look_up():
        async with SandboxPanel(KEY, packets=2000, latency=0.02) as panel:

            def change():
                panel.clear_faults()
                panel.fail(OUTAGES[then], times=None)

            async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=cap) as client:
                await look_up_all(client, range(1, 2001))
                panel.reset_counters()
                panel.fail(OUTAGES[first], times=None)
                asyncio.get_running_loop().call_later(seconds, change)
                errors, _ = await look_up_all(client, range(1, 2001))
                assert len(errors) == 2000
                assert panel.requests <= 2000 + 100

    run_in_simulated_time(look_up())


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["500", "reset", "hang"])
def test_an_outage_after_a_low_rate_limit_ends_soon(fault):
    """At the panel's last rate, 2 per second, 500 lookups would take 250 seconds."""

    async def look_up():
        limit = NginxRateLimit(2)
        async with SandboxPanel(KEY, packets=600, latency=0.02, rate_limit=limit) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url, timeout=2) as client:
                errors, _ = await look_up_all(client, range(1, 31))
                assert errors == {}
                assert client.stats().limit < 1
                panel.fail(OUTAGES[fault], times=None)
                errors, seconds = await look_up_all(client, range(1, 501))
                assert len(errors) == 500
                return seconds

    per_attempt = 2.0 if fault == "hang" else 0.0
    assert run_in_simulated_time(look_up()) <= 30 + 600 * per_attempt / 16


@pytest.mark.slow
def test_256_lookups_that_are_refused_together_outlast_an_outage_of_9_seconds():
    async def look_up():
        async with SandboxPanel(KEY, packets=8000, latency=0.02) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=256) as client:
                await look_up_all(client, range(1, 6001))
                later = asyncio.get_running_loop().call_later
                later(0.05, lambda: panel.fail(Fault(status=503), times=None))
                later(9.05, panel.clear_faults)
                return await look_up_all(client, range(1, 8001))

    errors, _ = run_in_simulated_time(look_up())
    assert errors == {}


@pytest.mark.slow
@pytest.mark.parametrize("begins", [0, 1], ids=["at the start", "in the middle"])
def test_recovers_from_an_outage(begins):
    async def look_up():
        async with SandboxPanel(KEY, packets=3000, latency=0.02) as panel:
            loop = asyncio.get_running_loop()
            loop.call_later(begins, lambda: panel.fail(Fault(status=503), times=None))
            loop.call_later(begins + 3, panel.clear_faults)
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                return await look_up_all(client, range(1, 3001))

    random.seed(1)
    errors, seconds = run_in_simulated_time(look_up())
    assert errors == {}
    assert seconds <= 1.5 * 3000 * 0.02 / 16 + 3 + 5


def test_a_short_timeout_of_a_sibling_does_not_lower_the_limit():
    async def look_up():
        async with SandboxPanel(KEY, latency=0.05) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                await client.gather_gonderimler(range(1, 101))
                hasty = client.with_options(timeout=0.01, retry=RetryPolicy(attempts=1))
                errors, _ = await look_up_all(hasty, range(1, 101))
                assert {type(error) for error in errors.values()} == {VairoSMSTimeoutError}
                return client.stats()

    stats = run_in_simulated_time(look_up())
    assert stats.limit == 16
    assert stats.timeouts == 100


def test_siblings_share_the_limit():
    async def look_up():
        async with SandboxPanel(KEY, packets=300, capacity=(2, 0.05)) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                await look_up_all(client, range(1, 301))
                return client.stats(), client.with_options(timeout=9).stats()

    stats, of_the_sibling = run_in_simulated_time(look_up())
    assert stats == of_the_sibling
    assert stats.limit < 8


@pytest.mark.parametrize("kind", ["rate limiter", "slow consumer"])
def test_the_limit_does_not_rise_if_something_else_is_slower(kind):
    class Limiter:
        """Lets one request through every 20 ms."""

        def __init__(self):
            self.lock = asyncio.Lock()

        async def __aenter__(self):
            async with self.lock:
                await asyncio.sleep(0.02)

        async def __aexit__(self, *exc_info):
            pass

    async def look_up():
        async with SandboxPanel(KEY, packets=300, latency=0.01) as panel:
            async with VairoSMSClient(
                KEY,
                base_url=panel.base_url,
                max_concurrency=64,
                rate_limiter=Limiter() if kind == "rate limiter" else None,
            ) as client:
                if kind == "rate limiter":
                    await look_up_all(client, range(1, 301))
                else:
                    async for _ in client.iter_gonderimler(range(1, 301), max_concurrency=8):
                        await asyncio.sleep(0.1)
                return client.stats()

    assert run_in_simulated_time(look_up()).limit == 16


LATENCIES = {
    "20 ms": lambda rng, time: 0.02,
    "log-normal, 10 to 500 ms": lambda rng, time: math.exp(rng.gauss(math.log(0.07), 0.98)),
    "one in fifty is slow": lambda rng, time: 0.2 if rng.random() < 0.02 else 0.02,
    "a step to 200 ms": lambda rng, time: 0.02 if time < 1.5 else 0.2,
}


@pytest.mark.slow
@pytest.mark.parametrize("latency", LATENCIES.values(), ids=LATENCIES)
def test_a_healthy_panel_answers_at_98_percent_of_the_speed_of_a_fixed_limit(latency):
    async def look_up(*, adaptive):
        started = now()

        async def serve(reader, writer):
            while True:
                gonderim_id = requested_id(await read_request_head(reader))
                # The same latency with both clients.
                await asyncio.sleep(latency(random.Random(gonderim_id), now() - started))
                writer.write(http_response(answer_body({"id": gonderim_id})))

        async with (
            raw_server(serve) as base_url,
            VairoSMSClient(KEY, base_url=base_url, max_concurrency=32, adaptive=adaptive) as client,
        ):
            errors, seconds = await look_up_all(client, range(1, 5001))
        assert errors == {}
        return seconds

    fixed = run_in_simulated_time(look_up(adaptive=False))
    assert run_in_simulated_time(look_up(adaptive=True)) <= fixed / 0.98


async def test_refusals_keep_their_class():
    async with SandboxPanel(KEY, rate_limit=NginxRateLimit(1, status=429)) as panel:
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, retry=RetryPolicy(attempts=1)
        ) as client:
            await client.get_gonderim(52)
            with pytest.raises(VairoSMSRateLimitError):
                await client.get_gonderim(61)
