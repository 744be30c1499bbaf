"""`wait_gonderimler`: many packets until they are final, in simulated time."""

import asyncio
import gc
import itertools
from collections import deque
from contextlib import aclosing

import pytest

from tests.core.polling_panel import PollingPanel, now
from tests.helpers import KEY, example_packet, library_tasks
from vairosms_async import PaketDurum, VairoSMSAuthError, VairoSMSClient
from vairosms_async.sandbox import Fault

pytestmark = pytest.mark.looptime


@pytest.fixture
async def panel():
    async with PollingPanel() as panel:
        yield panel


@pytest.fixture
async def client(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        yield client
        assert not library_tasks()
        assert client.stats().in_flight == 0


async def count_results(results):
    return len([None async for _ in results])


async def test_yields_each_packet_when_it_is_final(panel, client):
    for gonderim_id, final_after in ((1, 300), (2, 30), (3, 0.001), (4, 3000), (5, 100)):
        panel.add_packet(gonderim_id, final_after=final_after)
    yielded_after = {}
    began = now()
    async for result in client.wait_gonderimler([1, "2", 3, 4, 5]):
        assert result.unwrap().is_final
        yielded_after[result.id] = now() - began
    assert list(yielded_after) == [3, 2, 5, 1, 4]
    for gonderim_id, final_after in ((1, 300), (2, 30), (5, 100), (4, 3000)):
        assert final_after <= yielded_after[gonderim_id] <= final_after * 1.75 + 3


async def test_changes_yields_each_new_state(panel, client):
    packet = example_packet(52) | {"id": 7, "paket_durum": 0}
    panel.add_gonderim(packet, then=packet | {"paket_durum": 7}, after=100)
    panel.add_packet(8, final_after=0)
    seen = []
    async with aclosing(client.wait_gonderimler([7, 8, 9999], changes=True)) as results:
        async for result in results:
            seen.append((result.id, result.gonderim and int(result.gonderim.paket_durum)))
            if seen[-1] == (7, 7):
                panel.add_packet(7, final_after=0)
    assert sorted(seen[:3], key=str) == [(7, 0), (8, 1), (9999, None)]
    assert seen[3:] == [(7, 7), (7, 1)]


async def test_changes_yields_a_timeout_after_the_pending_record(panel, client):
    panel.add_packet(7, final_after=None)
    results = client.wait_gonderimler([7], timeout=30, changes=True)
    pending, timed_out = [result async for result in results]
    assert pending.gonderim.paket_durum is PaketDurum.DEVAM_EDIYOR
    assert timed_out.error.last == pending.gonderim


async def test_yields_lasting_errors_and_timeouts_as_results(panel, client):
    panel.add_packet(1, final_after=10)
    panel.add_packet(2, final_after=None)
    ids = [1, 2, 5000, "x", 0, 52]
    results = {result.id: result async for result in client.wait_gonderimler(ids, timeout=100)}
    assert {key: type(result.error).__name__ for key, result in results.items()} == {
        1: "NoneType",
        2: "VairoSMSTimeoutError",
        5000: "VairoSMSNotFoundError",
        "x": "VairoSMSInvalidIdError",
        0: "VairoSMSInvalidIdError",
        52: "NoneType",
    }
    assert results[2].error.last.id == 2


async def test_an_id_given_twice_is_polled_once_and_yielded_once(panel, client):
    panel.add_packet(1, final_after=40)
    ids = [result.id async for result in client.wait_gonderimler([1, "1", 1, True, "001"])]
    assert sorted(ids, key=str) == [1, True]
    assert all(interval >= 2 for interval in panel.intervals(1))


async def test_raises_a_refused_key(panel, client):
    for gonderim_id in range(1, 50):
        panel.add_packet(gonderim_id, final_after=3 if gonderim_id < 5 else None)
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
async def test_no_ids_give_no_results(panel, client, ids):
    assert [result async for result in client.wait_gonderimler(ids)] == []
    assert panel.requests == 0


async def test_rejects_a_str_of_ids(client):
    with pytest.raises(TypeError, match="iterable of ids"):
        client.wait_gonderimler("52")


async def test_polls_while_an_async_source_has_more_ids(panel, client):
    for gonderim_id in range(1, 11):
        panel.add_packet(gonderim_id, final_after=gonderim_id * 100 + 5)

    async def ids():
        for gonderim_id in range(1, 11):
            yield gonderim_id
            await asyncio.sleep(100)

    yielded_after = {}
    began = now()
    async for result in client.wait_gonderimler(ids(), max_poll_interval=10):
        yielded_after[result.id] = now() - began
    assert list(yielded_after) == list(range(1, 11))
    for gonderim_id, seconds in yielded_after.items():
        assert gonderim_id * 100 + 5 <= seconds <= gonderim_id * 100 + 17
    first_request, first_request_for_10 = panel.request_times(1)[0], panel.request_times(10)[0]
    assert first_request_for_10 - first_request == pytest.approx(900, abs=0.2)


async def test_the_timeout_of_a_packet_starts_when_its_id_is_read(panel, client):
    panel.add_packet(1, final_after=None)
    panel.add_packet(2, final_after=None)

    async def ids():
        yield 1
        await asyncio.sleep(500)
        yield 2

    began = now()
    timed_out = [
        (result.id, now() - began) async for result in client.wait_gonderimler(ids(), timeout=600)
    ]
    assert [gonderim_id for gonderim_id, _ in timed_out] == [1, 2]
    assert [seconds for _, seconds in timed_out] == pytest.approx([600, 1100], abs=0.2)


async def test_an_error_of_the_source_ends_the_wait(panel, client):
    panel.add_packet(1, final_after=1000)

    def ids():
        yield 1
        raise LookupError("veritabanı")

    began = now()
    with pytest.raises(LookupError, match="veritabanı"):
        [result async for result in client.wait_gonderimler(ids())]
    assert now() - began < 5


async def test_new_ids_do_not_starve_waiting_packets(panel, client):
    panel.add_packet(1, final_after=20)
    panel.latency = (0.1, 0.1)

    async def endless_ids():
        yield 1
        for gonderim_id in itertools.count(100):
            panel.add_packet(gonderim_id, final_after=None)
            yield gonderim_id

    async with aclosing(client.wait_gonderimler(endless_ids())) as results:
        result = await anext(results)
    assert result.id == 1
    assert panel.request_times(1)[-1] < 60
    assert len(panel.requests_by_id) > 100


async def test_waiting_packets_do_not_starve_new_ids(panel, client):
    """A hundred polls per second are due, ten times what four slots can send."""
    panel.latency = (0.4, 0.4)
    for gonderim_id in range(1, 101):
        panel.add_packet(gonderim_id, final_after=None)

    async def ids():
        for gonderim_id in range(1, 101):
            yield gonderim_id
        await asyncio.sleep(300)
        yield 1000

    panel.add_packet(1000, final_after=1)
    began = now()
    async with aclosing(
        client.wait_gonderimler(ids(), poll_interval=1, max_poll_interval=1)
    ) as results:
        assert (await anext(results)).id == 1000
    assert 300 < now() - began < 345


async def test_closing_the_iterator_leaves_nothing(panel, client):
    for gonderim_id in range(1, 200):
        panel.add_packet(gonderim_id, final_after=gonderim_id)

    async def ids():
        for gonderim_id in range(1, 200):
            yield gonderim_id
        await asyncio.sleep(10_000)

    async with aclosing(client.wait_gonderimler(ids())) as results:
        async for _ in results:
            break
        assert library_tasks()
    assert not library_tasks()
    requests = panel.requests
    await asyncio.sleep(1000)
    assert panel.requests <= requests + 4


async def test_a_dropped_iterator_leaves_nothing(panel, client):
    for gonderim_id in range(1, 20):
        panel.add_packet(gonderim_id, final_after=gonderim_id)

    async def leave_after_the_first_result():
        async for _ in client.wait_gonderimler(range(1, 20)):
            return

    await leave_after_the_first_result()
    gc.collect()
    await asyncio.sleep(1)
    assert not library_tasks()


async def test_cancelling_the_consumer_leaves_nothing(panel, client):
    panel.add_packet(1, final_after=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1000):
            await anext(client.wait_gonderimler([1]))
    gc.collect()
    await asyncio.sleep(0.1)
    assert not library_tasks()


async def test_closing_the_client_ends_all_waits(panel):
    panel.add_packet(1, final_after=None)

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


async def test_polls_do_not_starve_single_lookups(panel, client):
    for gonderim_id in range(1, 100):
        panel.add_packet(gonderim_id, final_after=300)
    waiting = asyncio.ensure_future(count_results(client.wait_gonderimler(range(1, 100))))
    for _ in range(20):
        await asyncio.sleep(10)
        began = now()
        await client.get_gonderim(52)
        assert now() - began < 5
    assert await waiting == 99


@pytest.mark.slow
async def test_10_000_ids_over_an_hour_need_16_workers_and_keep_their_intervals():
    async with PollingPanel() as panel:
        panel.request_log = deque()  # without an upper bound: this run sends more than 10,000
        for gonderim_id in range(1, 10_001):
            panel.add_packet(gonderim_id, final_after=gonderim_id * 0.36)
        most_tasks, seen = 0, []
        async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=16) as client:
            async for result in client.wait_gonderimler(
                range(1, 10_001), poll_interval=600, max_poll_interval=3000
            ):
                assert result.unwrap().is_final
                seen.append(result.id)
                most_tasks = max(most_tasks, len(library_tasks()))
        assert sorted(seen) == list(range(1, 10_001))
        assert panel.peak_in_flight <= 16
        assert most_tasks <= 16 + 1  # the workers, and one task that reads ids
        assert panel.requests < 50_000
        assert len(panel.request_log) == panel.requests
        for times in panel.all_request_times().values():
            shortest_intervals = (min(3000, 600 * 1.25**n) for n in itertools.count())
            for (earlier, later), shortest in zip(
                itertools.pairwise(times), shortest_intervals, strict=False
            ):
                assert later - earlier >= shortest
