"""Waiting for packets to become final, on a clock that runs ahead."""

import asyncio
import gc
import itertools
from collections import defaultdict
from contextlib import aclosing

import pytest

from tests.helpers import KEY, example_packet, library_tasks, raw_server
from vairosms_async import (
    PaketDurum,
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSTimeoutError,
)
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.looptime

ONCE = RetryPolicy(attempts=1)


class Panel(SandboxPanel):
    """A sandbox panel that keeps the time of every request by id."""

    def __init__(self, **options):
        super().__init__(KEY, **options)
        self.times = defaultdict(list)

    async def _answer(self, request, gonderim_id):
        self.times[gonderim_id].append(asyncio.get_running_loop().time())
        return await super()._answer(request, gonderim_id)

    def settle(self, gonderim_id, after, durum=1):
        """Add a packet that turns final `after` seconds from now; None: never."""
        packet = example_packet(52) | {"id": gonderim_id, "paket_durum": 0}
        then = None if after is None else packet | {"paket_durum": durum}
        self.add_gonderim(packet, then=then, after=after or 0)

    def intervals(self, gonderim_id):
        return [b - a for a, b in itertools.pairwise(self.times[gonderim_id])]


@pytest.fixture
async def panel():
    async with Panel(packets=0) as panel:
        yield panel


@pytest.fixture
async def client(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        yield client
        assert not library_tasks()
        assert not client._shared.bulk_tasks
        assert client.stats().in_flight == 0


def now():
    return asyncio.get_running_loop().time()


# ---- one packet --------------------------------------------------------------------------------


@pytest.mark.parametrize("durum", [1, -1])
async def test_it_polls_until_final(panel, client, durum):
    panel.settle(7, after=600, durum=durum)
    began = now()
    gonderim = await client.wait_gonderim(7)
    assert gonderim.paket_durum == durum
    assert gonderim.is_final
    assert 600 <= now() - began <= 660 + 1


async def test_a_final_packet_is_asked_once(panel, client):
    assert (await client.wait_gonderim("52")).id == 52
    assert panel.requests == 1


async def test_intervals_grow_from_the_first_to_the_longest(panel, client):
    panel.settle(7, after=3600)
    await client.wait_gonderim(7, poll_interval=3, max_poll_interval=100)
    intervals = panel.intervals(7)
    assert 3 <= intervals[0] <= 3 * 1.25 + 0.05
    for shorter, longer in itertools.pairwise(intervals):
        assert longer >= min(100, shorter * 1.25) - 0.05
        assert longer <= min(100, shorter * 1.75) + 0.05
    assert intervals[-1] == pytest.approx(100, abs=0.05)
    assert 35 <= len(intervals) <= 50


async def test_intervals_are_jittered(panel, client):
    for gonderim_id in range(100, 120):
        panel.settle(gonderim_id, after=60)
    await asyncio.gather(*(client.wait_gonderim(i) for i in range(100, 120)))
    firsts = {round(panel.intervals(i)[0], 3) for i in range(100, 120)}
    assert len(firsts) > 10


async def test_a_longest_interval_that_is_the_first(panel, client):
    panel.settle(7, after=100)
    await client.wait_gonderim(7, poll_interval=10, max_poll_interval=10)
    assert panel.intervals(7) == pytest.approx([10] * 10, abs=0.05)


async def test_a_state_that_is_not_known_is_not_final(panel, client):
    packet = example_packet(52) | {"id": 7, "paket_durum": 7}
    panel.add_gonderim(packet, then=packet | {"paket_durum": 1}, after=50)
    assert (await client.wait_gonderim(7)).paket_durum is PaketDurum.SONLANDI


async def test_a_time_out_has_the_last_record(panel, client):
    panel.settle(7, after=None)
    began = now()
    with pytest.raises(
        VairoSMSTimeoutError, match="not final within 90 s; last seen DEVAM"
    ) as info:
        await client.wait_gonderim(7, timeout=90)
    assert now() - began == pytest.approx(90, abs=0.1)
    assert info.value.gonderim_id == 7
    assert info.value.reason == "timeout"
    assert info.value.last.paket_durum is PaketDurum.DEVAM_EDIYOR
    assert isinstance(info.value, TimeoutError)


async def test_a_time_out_with_no_record(panel, client):
    panel.fail(Fault("hang"), times=None)
    with pytest.raises(VairoSMSTimeoutError, match="within 10 s; never seen") as caught:
        await client.wait_gonderim(52, timeout=10)
    assert caught.value.last is None
    assert panel.requests == 1


async def test_a_time_out_in_the_middle_of_an_interval(panel, client):
    panel.settle(7, after=None)
    began = now()
    with pytest.raises(VairoSMSTimeoutError):
        await client.wait_gonderim(7, timeout=25, poll_interval=20)
    assert now() - began == pytest.approx(25, abs=0.1)
    assert panel.requests == 2  # none is sent at the deadline


PASSING = [
    Fault(status=500),
    Fault(status=408),
    Fault(status=429, retry_after=5),
    Fault("html", 503),
    Fault("html", 200),
    Fault("html", 403),
    Fault("reset"),
    Fault("cut"),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind} {fault.status}")
async def test_passing_errors_do_not_end_the_wait(panel, client, fault):
    panel.settle(7, after=100)
    panel.fail(fault, times=20)
    assert (await client.wait_gonderim(7)).is_final
    assert panel.requests > 20


async def test_a_panel_that_is_down_for_an_hour(panel, client):
    panel.settle(7, after=100)
    panel.fail(Fault("reset"), times=None)
    waiting = asyncio.ensure_future(client.wait_gonderim(7))
    await asyncio.sleep(3600)
    panel.clear_faults()
    assert panel.requests < 100 + 80  # the retry budget, then a poll a minute
    assert (await waiting).is_final


@pytest.mark.parametrize(
    ("gonderim_id", "fault", "cls"),
    [
        (5000, None, VairoSMSNotFoundError),
        (0, None, VairoSMSInvalidIdError),
        ("52x", None, VairoSMSInvalidIdError),
        (True, None, VairoSMSInvalidIdError),
        (52, Fault(status=401), VairoSMSAuthError),
        (52, Fault(status=403), VairoSMSAuthError),
        (52, Fault(status=400), VairoSMSAPIError),
        (52, Fault(status=200), VairoSMSAPIError),
    ],
)
async def test_lasting_errors_end_the_wait(panel, client, gonderim_id, fault, cls):
    if fault:
        panel.fail(fault, times=None)
    with pytest.raises(cls) as caught:
        await client.wait_gonderim(gonderim_id)
    assert type(caught.value) is cls
    assert panel.requests <= 1


async def test_a_tls_failure_ends_the_wait():
    async def serve(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(serve) as base_url:
        url = base_url.replace("http:", "https:")
        async with VairoSMSClient(KEY, base_url=url) as client:
            with pytest.raises(VairoSMSConnectionError) as caught:
                await client.wait_gonderim(52)
    assert caught.value.reason == "tls"


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"poll_interval": 0},
        {"poll_interval": None},
        {"max_poll_interval": float("inf")},
        {"poll_interval": 61},
        {"poll_interval": 3, "max_poll_interval": 2},
    ],
    ids=repr,
)
async def test_times_out_of_range(client, wrong):
    with pytest.raises(ValueError, match=r"timeout|poll_interval"):
        await client.wait_gonderim(52, **wrong)
    with pytest.raises(ValueError, match=r"timeout|poll_interval"):
        client.wait_gonderimler([52], **wrong)


async def test_what_is_no_iterable_of_ids(client):
    with pytest.raises(TypeError, match="iterable of ids"):
        client.wait_gonderimler("52")


async def test_an_error_of_the_limiter_is_the_callers_even_if_it_is_a_time_out(panel):
    class Late:
        async def __aenter__(self):
            raise TimeoutError("kota")

        async def __aexit__(self, *exc):
            raise AssertionError

    async with VairoSMSClient(KEY, base_url=panel.base_url, rate_limiter=Late()) as client:
        with pytest.raises(TimeoutError, match="kota"):
            await client.wait_gonderim(52, timeout=100)


# ---- many packets ------------------------------------------------------------------------------


async def test_each_comes_as_it_is_final(panel, client):
    for gonderim_id, after in ((1, 300), (2, 30), (3, 0.001), (4, 3000), (5, 100)):
        panel.settle(gonderim_id, after)
    seen = {}
    began = now()
    async for result in client.wait_gonderimler([1, "2", 3, 4, 5]):
        assert result.unwrap().is_final
        seen[result.id] = now() - began
    assert list(seen) == [3, 2, 5, 1, 4]
    for gonderim_id, after in ((1, 300), (2, 30), (5, 100), (4, 3000)):
        assert after <= seen[gonderim_id] <= after * 1.75 + 3


async def test_every_change_of_state_if_asked_for(panel, client):
    packet = example_packet(52) | {"id": 7, "paket_durum": 0}
    panel.add_gonderim(packet, then=packet | {"paket_durum": 7}, after=100)
    panel.settle(8, 0)
    seen = []
    async with aclosing(client.wait_gonderimler([7, 8, 9999], changes=True)) as results:
        async for result in results:
            seen.append((result.id, result.gonderim and int(result.gonderim.paket_durum)))
            if seen[-1] == (7, 7):
                panel.settle(7, 0)
    assert sorted(seen[:3], key=str) == [(7, 0), (8, 1), (9999, None)]
    assert seen[3:] == [(7, 7), (7, 1)]


async def test_a_change_and_then_a_time_out(panel, client):
    panel.settle(7, None)
    waits = client.wait_gonderimler([7], timeout=30, changes=True)
    first, last = [result async for result in waits]
    assert first.gonderim.paket_durum is PaketDurum.DEVAM_EDIYOR
    assert last.error.last == first.gonderim


async def test_failures_are_results(panel, client):
    panel.settle(1, 10)
    panel.settle(2, None)
    ids = [1, 2, 5000, "x", 0, 52]
    results = {r.id: r async for r in client.wait_gonderimler(ids, timeout=100)}
    assert {key: type(r.error).__name__ for key, r in results.items()} == {
        1: "NoneType",
        2: "VairoSMSTimeoutError",
        5000: "VairoSMSNotFoundError",
        "x": "VairoSMSInvalidIdError",
        0: "VairoSMSInvalidIdError",
        52: "NoneType",
    }
    assert results[2].error.last.id == 2


async def test_ids_given_twice_are_polled_once_and_come_once(panel, client):
    panel.settle(1, 40)
    results = [r.id async for r in client.wait_gonderimler([1, "1", 1, True, "001"])]
    assert sorted(results, key=str) == [1, True]
    assert all(interval >= 2 for interval in panel.intervals(1))


async def test_a_refused_key_ends_it(panel, client):
    for gonderim_id in range(1, 50):
        panel.settle(gonderim_id, 3 if gonderim_id < 5 else None)
    panel.fail(Fault(status=400), id=30)
    seen = []
    with pytest.raises(VairoSMSAuthError):
        async for result in client.wait_gonderimler(range(1, 50), poll_interval=10):
            seen.append(result.id)
            if len(seen) == 3:
                panel.fail(Fault(status=401), times=None)
    assert len(seen) >= 3
    assert panel.requests < 200


@pytest.mark.parametrize("ids", [[], iter([])], ids=["list", "iterator"])
async def test_no_ids(panel, client, ids):
    assert [r async for r in client.wait_gonderimler(ids)] == []
    assert panel.requests == 0


async def test_an_async_source_that_goes_on_while_ids_wait(panel, client):
    for gonderim_id in range(1, 11):
        panel.settle(gonderim_id, gonderim_id * 100 + 5)

    async def ids():
        for gonderim_id in range(1, 11):
            yield gonderim_id
            await asyncio.sleep(100)

    seen = {}
    began = now()
    async for result in client.wait_gonderimler(ids(), max_poll_interval=10):
        seen[result.id] = now() - began
    assert list(seen) == list(range(1, 11))
    for gonderim_id, at in seen.items():
        assert gonderim_id * 100 + 5 <= at <= gonderim_id * 100 + 17
    assert panel.times[10][0] == pytest.approx(began + 900, abs=0.2)


async def test_a_time_out_counts_from_when_an_id_is_taken_up(panel, client):
    panel.settle(1, None)
    panel.settle(2, None)

    async def ids():
        yield 1
        await asyncio.sleep(500)
        yield 2

    began = now()
    seen = [(r.id, now() - began) async for r in client.wait_gonderimler(ids(), timeout=600)]
    assert [gonderim_id for gonderim_id, _ in seen] == [1, 2]
    assert [at for _, at in seen] == pytest.approx([600, 1100], abs=0.2)


async def test_an_error_of_the_source_ends_it(panel, client):
    panel.settle(1, 1000)

    def ids():
        yield 1
        raise LookupError("veritabanı")

    began = now()
    with pytest.raises(LookupError, match="veritabanı"):
        [r async for r in client.wait_gonderimler(ids())]
    assert now() - began < 5


async def test_an_endless_source_does_not_starve_those_that_wait(panel, client):
    panel.settle(1, 20)
    panel.latency = (0.1, 0.1)

    async def ids():
        yield 1
        for gonderim_id in itertools.count(100):
            panel.settle(gonderim_id, None)
            yield gonderim_id

    async with aclosing(client.wait_gonderimler(ids())) as results:
        result = await anext(results)
    assert result.id == 1
    assert panel.times[1][-1] < 60
    assert len(panel.times) > 100


async def test_those_that_wait_do_not_starve_new_ids(panel, client):
    """A hundred ids due every second want ten times what four slots can give."""
    panel.latency = (0.4, 0.4)
    for gonderim_id in range(1, 101):
        panel.settle(gonderim_id, None)

    async def ids():
        for gonderim_id in range(1, 101):
            yield gonderim_id
        await asyncio.sleep(300)
        yield 1000

    panel.settle(1000, after=1)
    began = now()
    async with aclosing(
        client.wait_gonderimler(ids(), poll_interval=1, max_poll_interval=1)
    ) as results:
        assert (await anext(results)).id == 1000
    assert 300 < now() - began < 345


async def test_leaving_early_leaves_nothing(panel, client):
    for gonderim_id in range(1, 200):
        panel.settle(gonderim_id, gonderim_id)

    async def ids():
        for gonderim_id in range(1, 200):
            yield gonderim_id
        await asyncio.sleep(10_000)

    async with aclosing(client.wait_gonderimler(ids())) as results:
        async for _ in results:
            break
        assert library_tasks()
    assert not library_tasks()
    asked = panel.requests
    await asyncio.sleep(1000)
    assert panel.requests <= asked + 4


async def test_one_that_is_dropped_ends(panel, client):
    for gonderim_id in range(1, 20):
        panel.settle(gonderim_id, gonderim_id)

    async def leave():
        async for _ in client.wait_gonderimler(range(1, 20)):
            return

    await leave()
    gc.collect()
    await asyncio.sleep(1)
    assert not library_tasks()


async def test_a_caller_that_cancels_leaves_nothing(panel, client):
    panel.settle(1, None)
    for wait in (client.wait_gonderim(1), anext(client.wait_gonderimler([1]))):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000):
                await wait
        gc.collect()
        await asyncio.sleep(0.1)
        assert not library_tasks()


async def test_a_client_that_is_closed_ends_it(panel):
    panel.settle(1, None)

    async def ids():
        yield 1
        await asyncio.sleep(10_000)

    client = VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4)
    waits = [
        asyncio.ensure_future(client.wait_gonderim(1)),
        asyncio.ensure_future(anext(client.wait_gonderimler([1, 1]))),
        asyncio.ensure_future(anext(client.wait_gonderimler(ids()))),
    ]
    await asyncio.sleep(100)
    await client.close()
    for wait in waits:
        with pytest.raises(RuntimeError, match="closed"):
            await wait
    assert not library_tasks()
    with pytest.raises(RuntimeError, match="closed"):
        await client.wait_gonderim(1)


async def test_single_lookups_go_on_beside_it(panel, client):
    for gonderim_id in range(1, 100):
        panel.settle(gonderim_id, 300)
    waiting = asyncio.ensure_future(count(client.wait_gonderimler(range(1, 100))))
    for _ in range(20):
        await asyncio.sleep(10)
        began = now()
        await client.get_gonderim(52)
        assert now() - began < 5
    assert await waiting == 99


async def count(results):
    return len([None async for _ in results])


@pytest.mark.slow
async def test_ten_thousand_ids_over_an_hour():
    async with Panel(packets=0) as panel:
        for gonderim_id in range(1, 10_001):
            panel.settle(gonderim_id, after=gonderim_id * 0.36)
        most, seen = 0, []
        async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=16) as client:
            async for result in client.wait_gonderimler(
                range(1, 10_001), poll_interval=600, max_poll_interval=3000
            ):
                assert result.unwrap().is_final
                seen.append(result.id)
                most = max(most, len(library_tasks()))
        assert sorted(seen) == list(range(1, 10_001))
        assert panel.peak_in_flight <= 16
        assert most <= 16 + 1  # the workers, and one task that reads ids
        for gonderim_id in range(1, 10_001):
            times = panel.times[gonderim_id]
            for (a, b), least in zip(
                itertools.pairwise(times), (600 * 1.25**n for n in itertools.count()), strict=False
            ):
                assert b - a >= min(3000, least)
        assert panel.requests < 50_000
