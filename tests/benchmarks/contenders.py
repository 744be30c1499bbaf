"""The contenders: this library, and what a good engineer would write with other libraries.

Each one looks up all ids, at most `cap` at the same time, and returns how many packets are done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from tests.benchmarks.panel import KEY

Contender = Callable[[str, Sequence[int], int], Awaitable[int]]


async def gather(base: str, ids: Sequence[int], cap: int) -> int:
    from vairosms_async import VairoSMSClient

    async with VairoSMSClient(KEY, base_url=base, max_concurrency=cap) as client:
        records = await client.gather_gonderimler(ids)
    return sum(record.paket_durum == 1 for record in records)


async def iterate(base: str, ids: Sequence[int], cap: int) -> int:
    from vairosms_async import VairoSMSClient

    done = 0
    async with VairoSMSClient(KEY, base_url=base, max_concurrency=cap) as client:
        async for result in client.iter_gonderimler(ids):
            done += result.unwrap().paket_durum == 1
    return done


async def aiohttp_by_hand(base: str, ids: Sequence[int], cap: int) -> int:
    import aiohttp

    slots = asyncio.Semaphore(cap)
    limits = aiohttp.TCPConnector(limit=cap)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=limits, timeout=timeout) as session:

        async def look_up(gonderim_id: int) -> dict[str, Any]:
            url = f"{base}/GonderimBilgisi/{gonderim_id}"
            async with slots, session.get(url, params={"api_key": KEY}) as response:
                response.raise_for_status()
                answer = await response.json()
                if not answer["durum"]:
                    raise RuntimeError(answer["aciklama"])
                return answer["aciklama"]

        records = await asyncio.gather(*(look_up(gonderim_id) for gonderim_id in ids))
    return sum(record["paket_durum"] == 1 for record in records)


async def aiohttp_workers_by_hand(base: str, ids: Sequence[int], cap: int) -> int:
    """Like `iterate`, use `cap` tasks and keep no records."""
    import aiohttp

    limits = aiohttp.TCPConnector(limit=cap)
    timeout = aiohttp.ClientTimeout(total=30)
    remaining, done = iter(ids), 0
    async with aiohttp.ClientSession(connector=limits, timeout=timeout) as session:

        async def work() -> None:
            nonlocal done
            for gonderim_id in remaining:
                url = f"{base}/GonderimBilgisi/{gonderim_id}"
                async with session.get(url, params={"api_key": KEY}) as response:
                    response.raise_for_status()
                    answer = await response.json()
                if not answer["durum"]:
                    raise RuntimeError(answer["aciklama"])
                done += answer["aciklama"]["paket_durum"] == 1

        await asyncio.gather(*(work() for _ in range(cap)))
    return done


async def pyreqwest_by_hand(base: str, ids: Sequence[int], cap: int) -> int:
    from pyreqwest.client import ClientBuilder

    slots = asyncio.Semaphore(cap)
    builder = ClientBuilder().error_for_status(True).timeout(timedelta(seconds=30))
    async with builder.max_connections(cap).build() as client:

        async def look_up(gonderim_id: int) -> dict[str, Any]:
            url = f"{base}/GonderimBilgisi/{gonderim_id}"
            async with slots:
                response = await client.get(url).query({"api_key": KEY}).build().send()
                answer = await response.json()
            if not answer["durum"]:
                raise RuntimeError(answer["aciklama"])
            return answer["aciklama"]

        records = await asyncio.gather(*(look_up(gonderim_id) for gonderim_id in ids))
    return sum(record["paket_durum"] == 1 for record in records)


async def httpx_by_hand(base: str, ids: Sequence[int], cap: int) -> int:
    import httpx

    slots = asyncio.Semaphore(cap)
    limits = httpx.Limits(max_connections=cap, max_keepalive_connections=cap)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def look_up(gonderim_id: int) -> dict[str, Any]:
            async with slots:
                url = f"{base}/GonderimBilgisi/{gonderim_id}"
                response = await client.get(url, params={"api_key": KEY})
            response.raise_for_status()
            answer = response.json()
            if not answer["durum"]:
                raise RuntimeError(answer["aciklama"])
            return answer["aciklama"]

        records = await asyncio.gather(*(look_up(gonderim_id) for gonderim_id in ids))
    return sum(record["paket_durum"] == 1 for record in records)


async def niquests_by_hand(base: str, ids: Sequence[int], cap: int) -> int:
    import niquests

    slots = asyncio.Semaphore(cap)
    async with niquests.AsyncSession(pool_connections=1, pool_maxsize=cap) as session:

        async def look_up(gonderim_id: int) -> dict[str, Any]:
            async with slots:
                url = f"{base}/GonderimBilgisi/{gonderim_id}"
                response = await session.get(url, params={"api_key": KEY}, timeout=30)
            response.raise_for_status()
            answer = response.json()
            if not answer["durum"]:
                raise RuntimeError(answer["aciklama"])
            return answer["aciklama"]

        records = await asyncio.gather(*(look_up(gonderim_id) for gonderim_id in ids))
    return sum(record["paket_durum"] == 1 for record in records)


async def iterate_over_mapped_buffers(base: str, ids: Sequence[int], cap: int) -> int:
    """Run `iterate` without the setting that keeps read buffers in the heap."""
    from vairosms_async import _transport as transport

    transport._keep_read_buffers_in_the_heap = lambda: None  # noqa: SLF001 (switched off to compare)
    return await iterate(base, ids, cap)


CONTENDERS: dict[str, Contender] = {
    "aiohttp": aiohttp_by_hand,
    "workers": aiohttp_workers_by_hand,
    "gather": gather,
    "iter": iterate,
    "iter, mapped": iterate_over_mapped_buffers,
    "pyreqwest": pyreqwest_by_hand,
    "httpx": httpx_by_hand,
    "niquests": niquests_by_hand,
}

LIBRARIES = {
    "aiohttp": "aiohttp",
    "workers": "aiohttp",
    "gather": "vairosms_async",
    "iter": "vairosms_async",
    "iter, mapped": "vairosms_async",
    "pyreqwest": "pyreqwest.client",
    "httpx": "httpx",
    "niquests": "niquests",
}
