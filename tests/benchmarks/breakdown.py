"""Show where a lookup's CPU goes: ``python -m tests.benchmarks.breakdown BASE IDS CAP ROUNDS``.

The leanest loop over aiohttp runs alone and with one part of a lookup added. All variants take
turns in this process, in random order. The output is one line of JSON: the costs of each variant,
in microseconds per lookup and in the order of the rounds.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

from tests.benchmarks.panel import KEY
from tests.benchmarks.reading import ID, pydantic_plain, wire
from vairosms_async import VairoSMSClient
from vairosms_async import _transport as transport
from vairosms_async._deadlines import Deadlines
from vairosms_async._endpoint import Endpoint, make_endpoint, read_settings

Ids = Sequence[int]
LookUp = Callable[[Ids], Awaitable[Any]]


def endpoint(base: str) -> Endpoint:
    return make_endpoint(read_settings(KEY, base), allow_insecure_http=True)


SCRUB = endpoint("http://127.0.0.1").scrub


async def in_workers(work: Callable[[Iterator[int]], Awaitable[None]], cap: int, ids: Ids) -> None:
    """Run `cap` tasks over one source of ids."""
    remaining = iter(ids)
    await asyncio.gather(*(work(remaining) for _ in range(cap)))


@asynccontextmanager
async def lean(
    base: str,
    cap: int,
    *,
    url: bool = False,
    limit: bool = False,
    asyncio_timeout: bool = False,
    read: Callable[[bytes], Any] | None = None,
    **options: Any,
) -> AsyncIterator[LookUp]:
    """Use aiohttp's public API at its leanest: workers, a ready URL, no timeout, nothing parsed."""
    make_url, deadlines = endpoint(base).url, Deadlines(asyncio.get_running_loop())
    ready = make_url(ID)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=cap),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        **options,
    ) as session:

        async def work(ids: Iterator[int]) -> None:
            for gonderim_id in ids:
                target = make_url(gonderim_id) if url else ready
                # The same request three times: a shared function would add its own cost.
                if limit:
                    with deadlines.limit(30):
                        response = await session.get(target, allow_redirects=False)
                        body = await response.read()
                elif asyncio_timeout:
                    async with asyncio.timeout(30):
                        response = await session.get(target, allow_redirects=False)
                        body = await response.read()
                else:
                    response = await session.get(target, allow_redirects=False)
                    body = await response.read()
                if read is not None:
                    read(body)

        yield partial(in_workers, work, cap)


@asynccontextmanager
async def exchange(base: str, cap: int) -> AsyncIterator[LookUp]:
    """Make one exchange per id, without pace, slots and retries."""
    async with transport.open_session(cap) as session:
        one = transport.Transport(endpoint(base), session, Deadlines(asyncio.get_running_loop()))

        async def work(ids: Iterator[int]) -> None:
            for gonderim_id in ids:
                await one.exchange(gonderim_id, timeout=30, tz=None)

        yield partial(in_workers, work, cap)


@asynccontextmanager
async def iterate(base: str, cap: int) -> AsyncIterator[LookUp]:
    async with VairoSMSClient(KEY, base_url=base, max_concurrency=cap) as client:

        async def look_up(ids: Ids) -> None:
            async for result in client.iter_gonderimler(ids):
                result.unwrap()

        yield look_up


VARIANTS = {
    "lean": lean,
    "url": partial(lean, url=True),
    "headers": partial(lean, headers=transport.HEADERS),
    "middleware": partial(lean, middlewares=(transport._plain_request,)),  # noqa: SLF001 (measured)
    "deadline": partial(lean, limit=True),
    "asyncio.timeout": partial(lean, asyncio_timeout=True),
    "json.loads": partial(lean, read=json.loads),
    "pydantic": partial(lean, read=pydantic_plain),
    "reading": partial(lean, read=lambda body: wire(SCRUB(body))),
    "exchange": exchange,
    "iter": iterate,
}


async def main(base: str, ids: str, cap: str, rounds: str) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in VARIANTS}
    block = range(1, int(ids) + 1)
    async with AsyncExitStack() as stack:
        look_ups = {
            name: await stack.enter_async_context(make(base, int(cap)))
            for name, make in VARIANTS.items()
        }
        for look_up in look_ups.values():
            await look_up(block)  # opens the connections
        for _ in range(int(rounds)):
            for name in random.sample(list(look_ups), len(look_ups)):
                began = time.process_time()
                await look_ups[name](block)
                costs[name].append((time.process_time() - began) / len(block) * 1e6)
    return costs


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
