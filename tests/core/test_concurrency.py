"""`max_concurrency`: how many lookups are in flight, and how many connections are open."""

import asyncio

import pytest

from tests.helpers import KEY, library_tasks, wait_until
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault


async def test_reuses_connections_and_opens_at_most_max_concurrency(panel):
    panel.latency = (0.001, 0.003)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=3) as client:
        for _ in range(3):
            await client.gather_gonderimler(range(1, 31))
        assert panel.connections == 3
        assert panel.peak_in_flight == 3


async def test_more_than_100_lookups_may_be_in_flight(panel):
    """aiohttp's own default is 100 connections."""
    panel.latency = (0.3, 0.3)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, max_concurrency=150, adaptive=False
    ) as client:
        await client.gather_gonderimler(range(1, 301))
        assert panel.peak_in_flight == 150


async def test_the_cap_covers_all_tasks_and_siblings(panel):
    panel.latency = (0.005, 0.02)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=5) as client:
        sibling = client.with_options(timeout=9)
        async with asyncio.TaskGroup() as group:
            for start in range(1, 100, 10):
                group.create_task(client.gather_gonderimler(range(start, start + 10)))
                group.create_task(sibling.get_gonderim(start))
        assert panel.peak_in_flight == 5


async def test_a_gather_with_a_lower_cap_leaves_slots_for_single_lookups(panel):
    panel.latency = (0.05, 0.05)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=4) as client:
        gathering = asyncio.ensure_future(
            client.gather_gonderimler(range(1, 100), max_concurrency=2)
        )
        await asyncio.sleep(0.02)
        assert len(library_tasks()) == 2
        async with asyncio.timeout(0.2):
            await client.get_gonderim(52)
        assert panel.peak_in_flight == 3
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering


async def test_a_lookup_that_waits_to_retry_holds_no_slot(panel):
    panel.fail(Fault(status=500, retry_after=30), id=61, times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1) as client:
        waiting_to_retry = asyncio.ensure_future(client.get_gonderim(61))
        await wait_until(lambda: panel.requests)
        async with asyncio.timeout(1):
            for _ in range(10):
                assert (await client.get_gonderim(52)).id == 52
        waiting_to_retry.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting_to_retry
