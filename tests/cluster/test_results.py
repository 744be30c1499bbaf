"""The results of a bulk check on a Dask cluster, and how many lookups it has in flight."""

import asyncio
import pickle
from collections import Counter
from contextlib import aclosing

import dask
import numpy as np
import pytest

from tests.cluster.helpers import CAP, cluster_of, collect_results, start_check
from tests.helpers import KEY, assert_no_key, example_packet
from vairosms_async import VairoSMSInvalidIdError, VairoSMSNotFoundError, gonderim_from_dict
from vairosms_async.cluster import bulk_check
from vairosms_async.cluster._worker import PanelPlugin
from vairosms_async.sandbox import SandboxPanel


async def test_yields_one_result_per_id(panel, dask_client):
    results = await collect_results(panel, dask_client, range(1, 301))
    assert sorted(result.id for result in results) == list(range(1, 301))
    assert all(result.gonderim.id == result.id for result in results)
    assert panel.requests == 300


@pytest.mark.parametrize(("cap", "workers"), [(1, 2), (2, 3), (5, 2), (16, 1), (16, 3)])
async def test_the_whole_cluster_reaches_but_does_not_exceed_the_cap(cap, workers):
    count = min(120, 30 * cap)
    async with SandboxPanel(KEY, latency=0.03) as panel, cluster_of(workers) as dask_client:
        results = await collect_results(
            panel, dask_client, range(1, count + 1), max_concurrency=cap, partition_size=15
        )
        assert len({result.id for result in results if result.ok}) == count
        assert cap * 0.7 <= panel.peak_in_flight <= cap


async def test_yields_a_result_for_each_repeat_of_an_id(panel, dask_client):
    results = await collect_results(panel, dask_client, [52, 61, 52], partition_size=2)
    assert sorted(result.id for result in results) == [52, 52, 61]


@pytest.mark.parametrize("partition_size", [1, 2, 100])
async def test_yields_an_error_for_an_invalid_id(panel, dask_client, partition_size):
    ids = [52, "x", np.int64(61), "0", -1, "7", True, f"api_key={KEY}"]
    results = await collect_results(panel, dask_client, ids, partition_size=partition_size)
    assert sorted(result.id for result in results if result.ok) == [7, 52, 61]
    failed = [result for result in results if not result.ok]
    assert {type(result.error) for result in failed} == {VairoSMSInvalidIdError}
    assert len(failed) == 5
    assert_no_key(repr(results) + pickle.dumps(results).decode("latin-1"))


async def test_extra_and_unreadable_values_survive_the_cluster(panel, dask_client):
    changes = {"operator": {"ad": "x"}, "kredi_toplam": "çok", "log": {"id": "y", "z": [1]}}
    panel.add_gonderim(example_packet(52) | changes)
    drifted, documented = sorted(
        await collect_results(panel, dask_client, [52, 61]), key=lambda result: result.id
    )
    assert drifted.gonderim == gonderim_from_dict(example_packet(52) | changes)
    assert drifted.gonderim.extra == {"operator": {"ad": "x"}}
    assert drifted.gonderim.unreadable == {"kredi_toplam": "çok"}
    assert documented.gonderim.extra is documented.gonderim.log.unreadable


async def test_yields_an_error_for_an_unknown_id(panel, dask_client):
    results = await collect_results(panel, dask_client, [52, 10**9])
    (error,) = [result.error for result in results if not result.ok]
    assert type(error) is VairoSMSNotFoundError
    assert error.gonderim_id == 10**9


async def test_yields_nothing_without_ids(panel, dask_client):
    assert await collect_results(panel, dask_client, []) == []


async def test_reads_ids_from_a_file(panel, dask_client, tmp_path):
    file = tmp_path / "ids.txt"
    beyond_the_checked_head = b"\n" * 1024
    file.write_bytes(b"\xef\xbb\xbf52\r\n\n  61 \n" + beyond_the_checked_head + b"\xfe7\n7")
    results = await collect_results(panel, dask_client, file)
    assert sorted(result.id for result in results if result.ok) == [7, 52, 61]
    assert [result.id for result in results if not result.ok] == ["\ufffd7"]


async def test_looks_up_the_ids_before_an_error_of_their_source(panel, dask_client):
    async def ids():
        for number in range(1, 31):
            yield number
        raise OSError("the database is gone")

    found = []
    with pytest.raises(OSError, match="the database is gone"):
        async with aclosing(start_check(panel, dask_client, ids())) as results:
            async for result in results:
                found.append(result.id)
    assert sorted(found) == list(range(1, 31))


async def test_reads_at_most_two_partitions_per_thread_ahead(panel, dask_client):
    read = 0

    def endless_ids():
        nonlocal read
        while True:
            read += 1
            yield 52

    async with aclosing(
        start_check(panel, dask_client, endless_ids(), partition_size=10)
    ) as results:
        for _ in range(25):
            await anext(results)
        await asyncio.sleep(0.3)
        # Two partitions for each of the two threads, and the three partitions read so far.
        assert read <= 10 * (4 + 3)


@pytest.mark.parametrize("latency", [0.0, 0.3], ids=["fast-panel", "slow-panel"])
async def test_partition_size_adapts_to_the_speed_of_the_panel(dask_client, monkeypatch, latency):
    sizes = []
    check = PanelPlugin.look_up

    async def check_and_note_size(self, ids, share):
        sizes.append(len(ids))
        return await check(self, ids, share)

    monkeypatch.setattr(PanelPlugin, "look_up", check_and_note_size)
    async with SandboxPanel(KEY, packets=5000, latency=latency) as panel:
        count = 300 if latency else 3000
        results = await collect_results(
            panel, dask_client, range(1, count + 1), partition_size=None, max_concurrency=64
        )
        assert len(results) == count
    assert sizes[0] == 50
    if latency:
        assert max(sizes) < 150
    else:
        assert max(sizes) > 50  # how much larger depends on the machine


async def test_simultaneous_checks_are_independent(panel, dask_client):
    first, second = await asyncio.gather(
        collect_results(panel, dask_client, range(1, 101)),
        collect_results(panel, dask_client, range(50, 151)),
    )
    assert sorted(result.id for result in first) == list(range(1, 101))
    assert sorted(result.id for result in second) == list(range(50, 151))


async def test_works_with_leases_without_a_time_limit(panel):
    with dask.config.set({"distributed.scheduler.locks.lease-timeout": "inf"}):
        async with cluster_of(1) as dask_client:
            assert len(await collect_results(panel, dask_client, [52, 61])) == 2


@pytest.mark.slow
async def test_checks_5_000_ids_on_two_local_processes():
    async with SandboxPanel(KEY, packets=5_000) as panel:
        results = bulk_check(
            range(1, 5_001), workers=2, api_key=KEY, base_url=panel.base_url, max_concurrency=CAP
        )
        async with aclosing(results):
            counts = Counter([result.id async for result in results if result.ok])
        assert counts == Counter(range(1, 5_001))
        assert panel.requests == 5_000
        assert panel.peak_in_flight <= CAP
