"""How fast the sandbox panel answers: its latency, its rate limit, its slots and its queue."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from heapq import heapreplace
from itertools import accumulate
from urllib.parse import quote
from urllib.request import urlopen

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import KEY, NO_RETRIES, wait_until
from vairosms_async import VairoSMSClient, VairoSMSServerError
from vairosms_async.sandbox import Fault, NginxRateLimit, SandboxPanel


async def look_up(panel, *arrivals, patience=None, key=KEY):
    """Send a request at each of some times. Return (status, seconds until then) of the answers.

    Args:
        panel: The panel.
        *arrivals: Seconds from now.
        patience: Seconds after which the client closes the connection; the status is then None.
        key: The API key.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    url = f"{panel.base_url}/GonderimBilgisi/52"

    async def look_up_at(arrival):
        await asyncio.sleep(arrival)
        status = None
        try:
            async with (
                asyncio.timeout(patience),
                session.get(url, params={"api_key": key}) as response,
            ):
                await response.read()
                status = response.status
        except TimeoutError:
            pass
        return status, round(loop.time() - began, 3)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return await asyncio.gather(*map(look_up_at, arrivals))


@pytest.mark.looptime
async def test_the_rate_limit_says_when_to_retry():
    async with SandboxPanel(KEY, rate_limit=(5, 60)) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=NO_RETRIES) as client:
            ids = range(1, 8)
            outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
            assert [getattr(o, "status", 200) for o in outcomes] == [200] * 5 + [429] * 2
            assert 59 <= outcomes[6].retry_after <= 60
            await asyncio.sleep(outcomes[6].retry_after)
            assert len(await client.gather_gonderimler(range(1, 6))) == 5


@pytest.mark.parametrize(
    "rate_limit",
    [pytest.param((1, 60), id="window"), pytest.param(NginxRateLimit(1 / 60), id="nginx")],
)
@pytest.mark.looptime
async def test_a_restart_forgets_the_requests_that_the_rate_limit_has_counted(rate_limit):
    panel = SandboxPanel(KEY, rate_limit=rate_limit)
    for _ in range(2):
        async with panel:
            assert await look_up(panel, 10) == [(200, 10)]


async def test_latency_delays_each_answer():
    async with SandboxPanel(KEY, latency=0.05) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            began = time.perf_counter()
            await client.get_gonderim(52)
            assert time.perf_counter() - began >= 0.05


@pytest.mark.looptime
async def test_latency_can_be_changed_while_the_panel_runs(panel, fetch_answer):
    async def seconds_per_answer():
        began = asyncio.get_running_loop().time()
        await fetch_answer(52)
        return asyncio.get_running_loop().time() - began

    assert panel.latency == 0
    assert await seconds_per_answer() < 1
    panel.latency = (10, 20)
    assert panel.latency == (10, 20)
    took = [await seconds_per_answer() for _ in range(5)]
    assert 10 <= min(took) < max(took) < 21
    panel.latency = 30
    assert 30 <= await seconds_per_answer() < 31


@pytest.mark.parametrize(
    "latency",
    [
        pytest.param(-0.1, id="negative"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="infinite"),
        pytest.param("0.1", id="str"),
        pytest.param(None, id="None"),
        pytest.param((0.1,), id="one-number"),
        pytest.param((0.1, 0.2, 0.3), id="three-numbers"),
        pytest.param((0.2, 0.1), id="highest-first"),
        pytest.param((0.1, None), id="pair-with-None"),
    ],
)
def test_rejects_an_invalid_latency(latency):
    with pytest.raises(ValueError, match=r"latency must be .* not "):
        SandboxPanel(latency=latency)
    panel = SandboxPanel(latency=0.5)
    with pytest.raises(ValueError, match=r"latency must be .* not "):
        panel.latency = latency
    assert panel.latency == 0.5


@pytest.mark.looptime
async def test_the_rate_limit_can_be_changed_while_the_panel_runs():
    async with SandboxPanel(KEY, rate_limit=(1, 60)) as panel:
        assert panel.rate_limit == (1, 60)
        assert await look_up(panel, 0, 1) == [(200, 0), (429, 1)]
        panel.rate_limit = (1, 30)
        assert await look_up(panel, 0, 1) == [(200, 0), (429, 1)]
        panel.rate_limit = NginxRateLimit(1)
        assert await look_up(panel, 0, 0.5) == [(200, 0), (503, 0.5)]
        panel.rate_limit = None
        assert await look_up(panel, 0, 0.1) == [(200, 0), (200, 0.1)]


@pytest.mark.looptime
async def test_nginx_rate_limit_accepts_one_request_and_the_burst_at_once():
    async with SandboxPanel(KEY, rate_limit=NginxRateLimit(0.1, burst=2)) as panel:
        statuses = [status for status, _ in await look_up(panel, 0, 1, 2, 3, 13, 14, 100, 101, 102)]
        assert statuses == [200, 200, 200, 503, 200, 503, 200, 200, 200]


@pytest.mark.looptime
async def test_nginx_rate_limit_has_no_burst_by_default():
    async with SandboxPanel(KEY, rate_limit=NginxRateLimit(50)) as panel:
        statuses = [status for status, _ in await look_up(panel, *(n * 0.02 for n in range(100)))]
        assert statuses == [200] * 100
        statuses = [
            status for status, _ in await look_up(panel, *(n * 0.01 for n in range(1, 101)))
        ]
        assert statuses.count(200) == 50


def passes_of_a_token_bucket(times, rate, burst):
    """Return whether a bucket of tokens lets each request pass."""
    tokens, since, passes = burst + 1.0, 0.0, []
    for now in times:
        tokens, since = min(burst + 1.0, tokens + (now - since) * rate), now
        passes.append(tokens > 0.995)  # tokens are multiples of 0.01
        tokens -= passes[-1]
    return passes


@settings(max_examples=30)
@given(
    st.sampled_from([0.5, 1, 10, 50]),
    st.integers(0, 5),
    st.lists(st.integers(1, 400), min_size=1, max_size=30),
)
@pytest.mark.looptime
async def test_nginx_rate_limit_is_a_token_bucket(rate, burst, gaps):
    times = [hundredths / 100 / rate for hundredths in accumulate(gaps)]
    async with SandboxPanel(KEY, rate_limit=NginxRateLimit(rate, burst)) as panel:
        passed = [status == 200 for status, _ in await look_up(panel, *times)]
    assert passed == passes_of_a_token_bucket(times, rate, burst)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(503, "Service Temporarily Unavailable", id="503"),
        pytest.param(429, "Too Many Requests", id="429"),
    ],
)
async def test_nginx_rate_limit_sends_the_page_of_nginx(status, reason):
    async with SandboxPanel(KEY, rate_limit=NginxRateLimit(0.01, status=status)) as panel:
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                url = f"{panel.base_url}/GonderimBilgisi/52"
                async with session.get(url, params={"api_key": KEY}) as response:
                    page = await response.text()
    assert (response.status, response.reason) == (status, reason)
    assert response.headers["Content-Type"] == "text/html"
    assert "Retry-After" not in response.headers
    assert page == (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"rate": 0}, "rate must be .* not 0", id="rate-0"),
        pytest.param({"rate": -1}, "rate must be .* not -1", id="negative-rate"),
        pytest.param({"rate": float("inf")}, "rate must be .* not inf", id="infinite-rate"),
        pytest.param({"rate": float("nan")}, "rate must be .* not nan", id="nan"),
        pytest.param({"rate": True}, "rate must be .* not True", id="bool"),
        pytest.param({"rate": "50r/s"}, "rate must be .* not '50r/s'", id="str"),
        pytest.param({"burst": -1}, "burst must be .* not -1", id="negative-burst"),
        pytest.param({"burst": 1.5}, "burst must be .* not 1.5", id="half-a-request"),
        pytest.param({"burst": True}, "burst must be .* not True", id="bool-burst"),
        pytest.param({"burst": None}, "burst must be .* not None", id="None"),
        pytest.param({"status": 500}, "status must be 429 or 503, not 500", id="other-status"),
        pytest.param({"status": [503]}, r"status must be 429 or 503, not \[503\]", id="list"),
    ],
)
def test_rejects_an_invalid_nginx_rate_limit(arguments, message):
    with pytest.raises(ValueError, match=message):
        NginxRateLimit(**{"rate": 50} | arguments)


@pytest.mark.looptime
async def test_requests_beyond_the_slots_get_503_at_once():
    async with SandboxPanel(KEY, capacity=(2, 10)) as panel:
        assert panel.capacity == (2, 10)
        answers = await look_up(panel, 0, 1, 2, 9, 10.5, 10.6, 11.5)
        assert answers == [
            (200, 10),
            (200, 11),
            (503, 2),
            (503, 9),
            (200, 20.5),
            (503, 10.6),
            (200, 21.5),
        ]


async def test_the_503_beyond_the_slots_has_no_retry_after():
    async with SandboxPanel(KEY, capacity=(1, 30)) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=NO_RETRIES) as client:
            first = asyncio.create_task(client.get_gonderim(52))
            await wait_until(lambda: panel.in_flight)
            with pytest.raises(VairoSMSServerError, match="an HTML page") as caught:
                await client.get_gonderim(61)
            first.cancel()
    assert caught.value.status == 503
    assert caught.value.retry_after is None


@pytest.mark.looptime
async def test_requests_in_the_queue_are_answered_in_order():
    async with SandboxPanel(KEY, capacity=(1, 10), queue=True) as panel:
        answers = await look_up(panel, 0, 1, 2, 3, 50)
        assert answers == [(200, 10), (200, 20), (200, 30), (200, 40), (200, 60)]


@pytest.mark.looptime
async def test_a_hundred_requests_wait_for_one_server():
    async with SandboxPanel(KEY, capacity=(1, 0.004), queue=True) as panel:
        answers = await look_up(panel, *[0] * 100)
        assert sorted(answers) == [(200, round(0.004 * n, 3)) for n in range(1, 101)]
        assert panel.peak_in_flight == 100


@pytest.mark.looptime
async def test_a_blocked_event_loop_does_not_slow_the_queue(monkeypatch):
    loop = asyncio.get_running_loop()
    clock = loop.time
    async with SandboxPanel(KEY, capacity=(1, 10), queue=True) as panel:
        lookups = asyncio.create_task(look_up(panel, 0, 1, 2))
        await asyncio.sleep(5)
        monkeypatch.setattr(loop, "time", lambda: clock() + 7)  # as if a callback took 7 seconds
        assert await lookups == [(200, 12), (200, 20), (200, 30)]


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        pytest.param(False, [(503, 5), (200, 20.5)], id="no-queue"),
        pytest.param(True, [(200, 20), (200, 30)], id="queue"),
    ],
)
@pytest.mark.looptime
async def test_an_abandoned_request_keeps_its_slot(queue, expected):
    async with SandboxPanel(KEY, capacity=(1, 10), queue=queue) as panel:
        abandoned, answers = await asyncio.gather(
            look_up(panel, 0, patience=3), look_up(panel, 5, 10.5)
        )
        assert abandoned == [(None, 3)]
        assert answers == expected


@pytest.mark.looptime
async def test_an_abandoned_request_keeps_its_turn_in_the_queue():
    async with SandboxPanel(KEY, capacity=(1, 10), queue=True) as panel:
        first, abandoned, last = await asyncio.gather(
            look_up(panel, 0), look_up(panel, 1, 2, patience=3), look_up(panel, 6)
        )
        assert first == [(200, 10)]
        assert abandoned == [(None, 4), (None, 5)]
        assert last == [(200, 40)]
        assert panel.peak_in_flight == 3
        assert panel.in_flight == 0


@pytest.mark.looptime
async def test_the_capacity_can_be_changed_while_the_panel_runs():
    async with SandboxPanel(KEY) as panel:
        assert panel.capacity is None
        panel.capacity = (1, 10)
        assert await look_up(panel, 0, 1) == [(200, 10), (503, 1)]
        panel.capacity = (2, 20)
        assert await look_up(panel, 0, 1, 2) == [(200, 20), (200, 21), (503, 2)]
        panel.capacity = (1, 1)
        assert await look_up(panel, 0, 0.5) == [(200, 1), (503, 0.5)]
        panel.capacity = None
        assert await look_up(panel, 0, 0) == [(200, 0), (200, 0)]


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        pytest.param((3, 10), [10, 20, 20, 20, 30], id="more-slots"),
        pytest.param((1, 5), [10, 15, 20, 25, 30], id="faster"),
        pytest.param(None, [10, 10, 10, 10, 10], id="no-limit"),
    ],
)
@pytest.mark.looptime
async def test_a_larger_capacity_shortens_the_queue(capacity, expected):
    async with SandboxPanel(KEY, capacity=(1, 10), queue=True) as panel:
        lookups = asyncio.create_task(look_up(panel, 0, 1, 2, 3, 4))
        await asyncio.sleep(5)
        panel.capacity = capacity
        assert await lookups == [(200, seconds) for seconds in expected]


@pytest.mark.looptime
async def test_a_smaller_capacity_lengthens_the_queue():
    async with SandboxPanel(KEY, capacity=(3, 10), queue=True) as panel:
        lookups = asyncio.create_task(look_up(panel, 0, 1, 2, 3, 4))
        await asyncio.sleep(5)
        panel.capacity = (1, 10)
        assert await lookups == [(200, seconds) for seconds in (10, 11, 12, 22, 32)]


def answers_of_slots(arrivals, slots, seconds, *, queue):
    """Return (status, time) of each answer of some slots, from the times at which they get free."""
    free_from, answers = [0.0] * slots, []
    for arrival in arrivals:
        if free_from[0] > arrival and not queue:
            answers.append((503, arrival))
        else:
            answered = max(arrival, free_from[0]) + seconds
            heapreplace(free_from, answered)
            answers.append((200, answered))
    return answers


@settings(max_examples=40)
@given(
    st.integers(1, 4),
    st.booleans(),
    st.lists(
        st.tuples(st.integers(1, 200), st.sampled_from([None, 0.05, 0.15])), min_size=1, max_size=30
    ),
)
@pytest.mark.looptime
async def test_abandoned_requests_change_no_other_answer(slots, queue, requests):
    gaps, patiences = zip(*requests, strict=True)
    arrivals = [milliseconds / 1000 for milliseconds in accumulate(gaps)]
    seconds = 0.1 + 0.001 / 31  # so that at most 30 requests never arrive as a slot gets free
    async with SandboxPanel(KEY, capacity=(slots, seconds), queue=queue) as panel:
        answers = await asyncio.gather(
            *(
                look_up(panel, arrival, patience=patience)
                for arrival, patience in zip(arrivals, patiences, strict=True)
            )
        )
        assert panel.in_flight == 0
    expected = answers_of_slots(arrivals, slots, seconds, queue=queue)
    for i, [(status, answered)] in enumerate(answers):
        expected_status, expected_time = expected[i]
        if patiences[i] is not None and expected_time > arrivals[i] + patiences[i]:
            expected_status, expected_time = None, arrivals[i] + patiences[i]
        assert status == expected_status
        assert answered == pytest.approx(expected_time, abs=0.002)


@pytest.mark.looptime
async def test_a_restart_frees_the_slots_and_the_queue():
    panel = SandboxPanel(KEY, capacity=(1, 100), queue=True)
    async with panel:
        assert await look_up(panel, 0, 0, patience=1) == [(None, 1), (None, 1)]
    async with panel:
        assert await look_up(panel, 0) == [(200, 100)]


async def test_stops_while_requests_wait_in_the_queue():
    async with SandboxPanel(KEY, capacity=(1, 60), queue=True) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=NO_RETRIES) as client:
            lookups = asyncio.create_task(client.gather_gonderimler([7, 52, 61]))
            await wait_until(lambda: panel.in_flight == 3)
            async with asyncio.timeout(5):
                await panel.stop()
            with pytest.raises(ConnectionError):
                await lookups
    assert panel.in_flight == 0


@pytest.mark.looptime
async def test_the_latency_comes_before_the_slot():
    async with SandboxPanel(KEY, latency=5, capacity=(1, 10)) as panel:
        assert await look_up(panel, 0, 4, 11) == [(200, 15), (503, 9), (200, 26)]


@pytest.mark.looptime
async def test_a_packet_is_in_its_state_at_the_time_of_the_answer():
    async with SandboxPanel(KEY, capacity=(1, 10)) as panel:
        panel.add_pending(7000, final_after=5)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            assert (await client.get_gonderim(7000)).is_final


@pytest.mark.looptime
async def test_faults_and_wrong_keys_take_no_slot_and_do_not_count_for_the_rate_limit():
    async with SandboxPanel(KEY, capacity=(2, 60), rate_limit=NginxRateLimit(0.01, 1)) as panel:
        panel.fail(Fault("status", 500), times=3)
        assert await look_up(panel, 0, 1, 2) == [(500, 0), (500, 1), (500, 2)]
        assert await look_up(panel, 0, 1, 2, key="wrong") == [(401, 0), (401, 1), (401, 2)]
        assert await look_up(panel, 0, 1, 2) == [(200, 60), (200, 61), (503, 2)]


def test_a_panel_in_a_thread_has_a_queue():
    with SandboxPanel(KEY, capacity=(1, 0.05), queue=True) as panel, ThreadPoolExecutor(4) as pool:
        url = f"{panel.base_url}/GonderimBilgisi/52"

        def open_page(_):
            with urlopen(f"{url}?api_key={quote(KEY)}") as answer:
                return answer.status

        began = time.perf_counter()
        assert list(pool.map(open_page, range(4))) == [200] * 4
        assert time.perf_counter() - began >= 0.2


@pytest.mark.parametrize("option", ["rate_limit", "capacity"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(32, id="number"),
        pytest.param("32", id="str"),
        pytest.param([32, 0.05], id="list"),
        pytest.param((32,), id="one-number"),
        pytest.param((32, 0.05, True), id="three-values"),
        pytest.param((0, 0.05), id="none"),
        pytest.param((1.5, 0.05), id="not-whole"),
        pytest.param((32, 0), id="no-seconds"),
        pytest.param((32, float("inf")), id="infinite"),
        pytest.param((32, None), id="pair-with-None"),
    ],
)
def test_rejects_an_invalid_rate_limit_or_capacity(option, value):
    with pytest.raises(ValueError, match=rf"^{option}.* must be .* not "):
        SandboxPanel(**{option: value})
    panel = SandboxPanel(**{option: (5, 1)})
    with pytest.raises(ValueError, match=rf"^{option}.* must be .* not "):
        setattr(panel, option, value)
    assert getattr(panel, option) == (5, 1)


@pytest.mark.parametrize("queue", [0.004, 1, None])
def test_rejects_a_queue_that_is_not_a_bool(queue):
    with pytest.raises(TypeError, match="queue must be True or False, not"):
        SandboxPanel(capacity=(1, 0.004), queue=queue)
