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
)
from contextlib import aclosing
from enum import Enum
from typing import Any, Final, Generic, Protocol, SupportsIndex, TypeVar

from attrs import evolve, frozen

from ._errors import VairoSMSAuthError, VairoSMSError
from ._models import Gonderim, GonderimResult


class End(Enum):
    """For where there is no id."""

    END = "the source has ended"


END: Final = End.END

Ids = Iterable[SupportsIndex | str]
AsyncIds = AsyncIterable[SupportsIndex | str]
Tasks = set[asyncio.Task[Any]]


class Outcome(Protocol):
    """What a lookup came to. A refused key is told from other errors, and ends the bulk."""

    @property
    def error(self) -> VairoSMSError | None:
        """The error, or None."""


G = TypeVar("G")
R = TypeVar("R", bound=Outcome)


@frozen
class Host(Generic[G, R]):
    """What a bulk needs of its client.

    Attributes:
        lookup: Looks one id up. It returns its failures; what it raises ends the bulk. None is no
            result to yield: that id comes again.
        tasks: Where the bulk's tasks stand while they run, for a closing client to cancel.
        check_usable: Raises if the client is closed, or of another event loop.
    """

    lookup: Callable[[G], Awaitable[R | None]]
    tasks: Tasks
    check_usable: Callable[[], None]


async def stream(
    host: Host[G, R],
    ids: Iterable[G] | AsyncIterable[G],
    limit: int,
    *,
    workers: int | None = None,
) -> AsyncGenerator[R]:
    """Look ids up as they are read, and yield each result as it comes.

    Args:
        host: The client.
        ids: Where the ids come from.
        limit: Workers, and ids read ahead of the consumer, at most.
        workers: How many workers there are, if less.

    Raises:
        VairoSMSAuthError: The key was refused. What had been answered by then has been yielded.
        Exception: What `ids` raised, after the lookups in flight have been yielded.
        RuntimeError: The client was closed.
    """
    host.check_usable()
    crew = _Crew(host, ids, limit)
    try:
        crew.start(limit if workers is None else workers)
        running = len(crew.tasks)
        while running:
            item = await crew.news.get()
            if isinstance(item, _Ended):
                crew.check_end(item.worker)
                running -= 1
            else:
                crew.room.release()
                yield item
    finally:
        await end(crew.tasks)
        host.tasks.difference_update(crew.tasks)
    if crew.source.error is not None:
        raise crew.source.error


@frozen(eq=False)
class _Ended:
    """The news that a worker has ended."""

    worker: "asyncio.Task[None]"


class _Crew(Generic[G, R]):
    """The workers of one stream, and what they have to tell: results, and their own ends."""

    def __init__(self, host: Host[G, R], ids: Iterable[G] | AsyncIterable[G], limit: int) -> None:
        self.tasks: Tasks = set()
        self.source = _Source(ids)
        # At least as many permits as workers, so that each gets one in the end and sees the end.
        self.room = asyncio.Semaphore(limit)
        self.news: asyncio.Queue[R | _Ended] = asyncio.Queue()
        self._host = host

    def start(self, workers: int) -> None:
        for n in range(workers):
            task = asyncio.create_task(self._work(), name=f"vairosms bulk worker {n}")
            self.tasks.add(task)
            self._host.tasks.add(task)
            task.add_done_callback(lambda worker: self.news.put_nowait(_Ended(worker)))

    def check_end(self, worker: asyncio.Task[None]) -> None:
        """Raise what ended a worker, if it was not the end of the source."""
        if not worker.cancelled():
            worker.result()
        elif self.source.error is None:
            self._host.check_usable()
            raise RuntimeError("a lookup of this bulk was cancelled from outside")

    async def _work(self) -> None:
        while True:
            await self.room.acquire()
            given = await self.source.read()
            if given is END:
                return
            result = await self._host.lookup(given)
            if result is None:
                self.room.release()
                # The answers that came with this one first: then the next requests go out at one
                # go, and a server that waits for work is woken once for all of them.
                await asyncio.sleep(0)
            elif isinstance(result.error, VairoSMSAuthError):
                # Here, and not when the consumer hears of it: nothing more is to be sent.
                self.source.end(result.error)
                for task in self.tasks - {asyncio.current_task()}:
                    task.cancel()
                return
            else:
                self.news.put_nowait(result)


async def gather(
    host: Host[SupportsIndex | str, GonderimResult],
    ids: Sequence[int | VairoSMSError],
    limit: int,
    *,
    return_exceptions: bool,
) -> list[Gonderim | VairoSMSError]:
    """Look ids up and return what became of each, in their order; each id is asked once.

    Args:
        host: The client.
        ids: The ids; an error in the place of what was none.
        limit: Workers at most.
        return_exceptions: Put errors in their places, rather than raise the first.
    """
    host.check_usable()
    if not return_exceptions:
        for given in ids:
            if isinstance(given, VairoSMSError):
                raise given
    unanswered = VairoSMSError("not answered")
    outcomes: dict[SupportsIndex | str, Gonderim | VairoSMSError]
    outcomes = dict.fromkeys((given for given in ids if isinstance(given, int)), unanswered)

    async def look_up(given: SupportsIndex | str) -> GonderimResult | None:
        result = await host.lookup(given)
        if result is None or isinstance(result.error, VairoSMSAuthError):
            return result
        # Kept here, and not yielded: the way to the consumer and back costs more than this.
        failed = result.error if return_exceptions else None
        outcomes[given] = failed or result.unwrap()
        return None

    workers = min(limit, len(outcomes))
    keeping = evolve(host, lookup=look_up)
    try:
        # The keys are there already: what is written meanwhile does not change their iteration.
        async with aclosing(stream(keeping, outcomes.keys(), limit, workers=workers)) as results:
            await anext(results, None)  # there is none: it has come to the end
    except VairoSMSAuthError as exc:
        if not return_exceptions:
            raise
        outcomes = {k: exc if v is unanswered else v for k, v in outcomes.items()}
    return [outcomes[given] if isinstance(given, int) else given for given in ids]


async def end(tasks: Tasks) -> None:
    """Cancel tasks and wait until all of them have ended, even if cancelled meanwhile."""
    for task in tasks:
        task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while running := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as exc:
            cancelled = exc
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: asyncio need not report it as never retrieved
    if cancelled is not None:
        raise cancelled


class _Source(Generic[G]):
    """The ids, read by one worker at a time. Their end, or their error, is every worker's end."""

    def __init__(self, ids: Iterable[G] | AsyncIterable[G]) -> None:
        self.error: BaseException | None = None
        self._ids = one_by_one(ids)
        self._ended = False
        # What never awaits needs no turns.
        self._turn = None if isinstance(self._ids, _Async) else asyncio.Lock()

    async def read(self) -> G | End:
        if self._turn is None:
            return await self._read()
        async with self._turn:
            return await self._read()

    async def _read(self) -> G | End:
        if not self._ended:
            try:
                return await anext(self._ids)
            except StopAsyncIteration:
                self._ended = True
            except asyncio.CancelledError as exc:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self.end(exc)  # the source's own: nobody cancelled this worker
            except Exception as exc:  # noqa: BLE001 (the stream raises it when the rest is done)
                self.end(exc)
        return END

    def end(self, error: BaseException) -> None:
        """Read no more; the stream ends with this error."""
        self._ended, self.error = True, error


def one_by_one(ids: Iterable[G] | AsyncIterable[G]) -> AsyncIterator[G]:
    """Iterate over an iterable of either kind."""
    return aiter(ids) if isinstance(ids, AsyncIterable) else _Async(ids)


class _Async(AsyncIterator[G]):
    """An iterable read as an async one. A generator would want closing; this does not."""

    def __init__(self, ids: Iterable[G]) -> None:
        self._ids = iter(ids)

    async def __anext__(self) -> G:
        try:
            return next(self._ids)
        except StopIteration:
            raise StopAsyncIteration from None
        except StopAsyncIteration as exc:
            raise RuntimeError("an iterable of ids raised StopAsyncIteration") from exc
