"""Many ids: bounded workers over one source, results as they come.

`stream` is the engine; `gather` puts what it yields into the order of its input.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
    Sized,
)
from contextlib import aclosing
from enum import Enum
from typing import Final, Literal, SupportsIndex

from .errors import VairoSMSAuthError, VairoSMSError
from .models import Gonderim, GonderimResult


class _End(Enum):
    END = "the source has ended"


_END: Final = _End.END

Ids = Iterable[SupportsIndex | str]
AsyncIds = AsyncIterable[SupportsIndex | str]
Lookup = Callable[[SupportsIndex | str], Awaitable[GonderimResult]]
Tasks = set[asyncio.Task[None]]


async def stream(
    lookup: Lookup, ids: Ids | AsyncIds, limit: int, registry: Tasks
) -> AsyncGenerator[GonderimResult]:
    """Look ids up as they are read, and yield each result as it comes.

    Args:
        lookup: Looks one id up. It returns its failures; what it raises ends the stream.
        ids: Where the ids come from.
        limit: Workers, and ids read ahead of the consumer, at most.
        registry: Where the workers stand while they run, for a `close` to cancel.

    Raises:
        VairoSMSAuthError: The key was refused; the other lookups have been cancelled.
        RuntimeError: The workers were cancelled from outside: the client was closed.
        Exception: What `ids` raised, after the lookups in flight have been yielded.
    """
    source = _Source(ids)
    room = asyncio.Semaphore(limit)
    news: asyncio.Queue[GonderimResult | asyncio.Task[None]] = asyncio.Queue()

    async def work() -> None:
        try:
            while True:
                await room.acquire()
                given = await source.read()
                if given is _END:
                    return
                news.put_nowait(await lookup(given))
        finally:
            room.release()  # so that a worker that waits for room sees the end of the source

    count = min(limit, len(ids)) if isinstance(ids, Sized) else limit
    workers = {asyncio.create_task(work(), name=f"vairosms bulk worker {n}") for n in range(count)}
    registry |= workers
    for worker in workers:
        worker.add_done_callback(news.put_nowait)
    try:
        while count:
            item = await news.get()
            if isinstance(item, GonderimResult):
                if isinstance(item.error, VairoSMSAuthError):
                    raise item.error
                room.release()
                yield item
            elif item.cancelled():
                raise RuntimeError("the VairoSMSClient was closed while this bulk was running")
            else:
                item.result()
                count -= 1
    finally:
        await _end(workers)
        registry -= workers
    if source.error is not None:
        raise source.error


async def gather(
    lookup: Lookup,
    ids: Sequence[int | VairoSMSError],
    limit: int,
    registry: Tasks,
    *,
    return_exceptions: bool,
) -> list[Gonderim | VairoSMSError]:
    """Look ids up and return what became of each, in their order; each id is asked once.

    Args:
        lookup: As for `stream`.
        ids: The ids; an error in the place of what was none.
        limit: As for `stream`.
        registry: As for `stream`.
        return_exceptions: Put errors in their places, rather than raise the first.
    """
    if not return_exceptions:
        for given in ids:
            if isinstance(given, VairoSMSError):
                raise given
    unanswered = VairoSMSError("not answered")
    outcomes: dict[int, Gonderim | VairoSMSError]
    outcomes = dict.fromkeys((given for given in ids if isinstance(given, int)), unanswered)
    try:
        async with aclosing(stream(lookup, outcomes.keys(), limit, registry)) as results:
            async for result in results:
                failed = result.error if return_exceptions else None
                outcomes[int(result.id)] = failed or result.unwrap()
    except VairoSMSAuthError as exc:
        if not return_exceptions:
            raise
        outcomes = {k: exc if v is unanswered else v for k, v in outcomes.items()}
    return [outcomes[given] if isinstance(given, int) else given for given in ids]


async def _end(workers: Tasks) -> None:
    """Cancel workers and wait until all of them have ended, even if cancelled meanwhile."""
    for worker in workers:
        worker.cancel()
    cancelled: asyncio.CancelledError | None = None
    while running := [worker for worker in workers if not worker.done()]:
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as exc:
            cancelled = exc
    for worker in workers:
        if not worker.cancelled():
            worker.exception()  # seen: asyncio need not report it as never retrieved
    if cancelled is not None:
        raise cancelled


class _Source:
    """The ids, read by one worker at a time. Their end, or their error, is every worker's end."""

    def __init__(self, ids: Ids | AsyncIds) -> None:
        self.error: Exception | None = None
        self._ids = aiter(ids) if isinstance(ids, AsyncIterable) else _Async(ids)
        self._ended = False
        self._turn = asyncio.Lock()

    async def read(self) -> SupportsIndex | str | Literal[_End.END]:
        async with self._turn:
            if not self._ended:
                try:
                    return await anext(self._ids)
                except StopAsyncIteration:
                    self._ended = True
                except Exception as exc:  # noqa: BLE001 (the stream raises it when the rest is done)
                    self._ended, self.error = True, exc
            return _END


class _Async(AsyncIterator[SupportsIndex | str]):
    """An iterable read as an async one. A generator would want closing; this does not."""

    def __init__(self, ids: Ids) -> None:
        self._ids = iter(ids)

    async def __anext__(self) -> SupportsIndex | str:
        try:
            return next(self._ids)
        except StopIteration:
            raise StopAsyncIteration from None
