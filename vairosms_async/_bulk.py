"""Many ids: a bounded number of workers over one source of ids.

`stream` yields results as they complete, with back-pressure. `gather` returns them in input order.
"""

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from enum import Enum
from typing import Final, Generic, SupportsIndex, TypeVar

from ._errors import VairoSMSAuthError, VairoSMSError, copy_for
from ._models import Gonderim
from ._result import GonderimResult
from ._shared import CLOSED, Shared, Tasks

Ids = Iterable[SupportsIndex | str]
AsyncIds = AsyncIterable[SupportsIndex | str]

Item = TypeVar("Item")
Result = TypeVar("Result")


class End(Enum):
    """The end of a source or queue, where None could be an item."""

    END = "end"


END: Final = End.END


async def stream(
    shared: Shared,
    items: Iterable[Item] | AsyncIterable[Item],
    look_up: Callable[[Item], Awaitable[Result | None]],
    limit: int,
) -> AsyncGenerator[Result]:
    """Look up items as they are read, and yield each result as it completes.

    Args:
        shared: The state of the client: whether it is open, and which tasks `close` cancels.
        items: The ids, or other items that `look_up` accepts.
        look_up: Returns the result for one item, or None if there is nothing to yield. An
            exception ends the stream.
        limit: Maximum number of workers, and of items read ahead of the consumer.

    Raises:
        Exception: `look_up` or `items` raised it. The stream first yields the results that are
            complete. If `items` raised it, the stream also completes the lookups in flight.
        RuntimeError: The client was closed or was used in another event loop, or other code
            cancelled a worker.
    """
    shared.ensure_usable()
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    results: deque[tuple[Result, asyncio.Future[None]]] = deque()
    running = limit

    async def deliver(result: Result) -> None:
        consumed = loop.create_future()
        results.append((result, consumed))
        if len(results) == 1:
            changed.set()
        await consumed  # back-pressure

    def count_end(_: object) -> None:
        nonlocal running
        running -= 1
        changed.set()

    workers = _Workers(shared, items, look_up, deliver)
    try:
        workers.start(limit, on_end=count_end)
        while running or results:
            if not results:
                changed.clear()
                await changed.wait()
                continue
            result, consumed = results.popleft()
            if not consumed.done():  # a cancelled worker does not wait
                consumed.set_result(None)
            yield result
    finally:
        await workers.end()
    workers.raise_error()


async def gather(
    shared: Shared,
    ids: Sequence[int | VairoSMSError],
    look_up: Callable[[SupportsIndex | str], Awaitable[GonderimResult]],
    limit: int,
    *,
    return_exceptions: bool,
) -> list[Gonderim | VairoSMSError]:
    """Look up ids, each once. Return a record or an error per id, in input order.

    Args:
        shared: The state of the client.
        ids: The ids. An error stands in the place of an invalid id.
        look_up: Looks up one id.
        limit: Maximum number of workers.
        return_exceptions: Return an error in the place of its record; do not raise the first one.
    """
    shared.ensure_usable()
    if not return_exceptions:
        for given in ids:
            if isinstance(given, VairoSMSError):
                raise given
    pending = VairoSMSError("not looked up")
    outcomes: dict[int | str, Gonderim | VairoSMSError]
    outcomes = dict.fromkeys((given for given in ids if isinstance(given, int)), pending)

    async def keep(result: GonderimResult) -> None:
        failed = result.error if return_exceptions else None
        outcomes[result.id] = failed or result.unwrap()
        # Let other workers handle their answers first. The next requests are then sent together.
        await asyncio.sleep(0)

    workers = _Workers(shared, outcomes, look_up, keep)
    try:
        workers.start(min(limit, len(outcomes)))
        if workers.tasks:
            await asyncio.wait(workers.tasks)
    finally:
        await workers.end()
    if return_exceptions and isinstance(workers.error, VairoSMSAuthError):
        refusal = workers.error
        for given in ids:
            if isinstance(given, int) and outcomes[given] is pending:
                outcomes[given] = _refused(refusal, given)
    else:
        workers.raise_error()
    return [outcomes[given] if isinstance(given, int) else given for given in ids]


def _refused(refusal: VairoSMSAuthError, gonderim_id: int) -> VairoSMSAuthError:
    """Return the error of an id without a result, after the panel refused the key."""
    if gonderim_id == refusal.gonderim_id:
        return refusal
    message = f"gonderim {gonderim_id}: no result, since the panel refused the API key ({refusal})"
    return copy_for(refusal, gonderim_id, message)


class _Workers(Generic[Item, Result]):
    """Tasks that share one source: each reads an item, looks it up and passes the result to `take`.

    If a lookup raises, the other workers are cancelled at once. If the source raises, the lookups
    in flight are completed.
    """

    def __init__(
        self,
        shared: Shared,
        items: Iterable[Item] | AsyncIterable[Item],
        look_up: Callable[[Item], Awaitable[Result | None]],
        take: Callable[[Result], Awaitable[None]],
    ) -> None:
        self.tasks: Tasks = set()
        self.error: BaseException | None = None
        self._shared = shared
        self._items = as_async(items)
        self._turn = asyncio.Lock()
        self._look_up = look_up
        self._take = take
        self._exhausted = False
        self._stopped = False

    def start(self, count: int, *, on_end: Callable[[object], None] | None = None) -> None:
        """Start a number of workers. Call `on_end` for each worker that has ended."""
        for n in range(count):
            task = asyncio.create_task(self._work(), name=f"vairosms bulk worker {n}")
            self.tasks.add(task)
            self._shared.bulk_tasks.add(task)
            task.add_done_callback(self._shared.bulk_tasks.discard)
            if on_end is not None:
                task.add_done_callback(on_end)

    async def end(self) -> None:
        """Cancel the workers and wait until all of them have ended."""
        self._stopped = True
        await cancel_and_wait(self.tasks)

    def raise_error(self) -> None:
        """Raise the exception that ended the workers, if any."""
        if self.error is not None:
            raise self.error

    async def _work(self) -> None:
        try:
            items = self._items
            while True:
                # A coroutine for each id would be slow.
                item = self._read_now(items) if isinstance(items, _AsAsync) else await self._read()
                if item is END:
                    break
                result = await self._look_up(item)
                if result is not None:
                    await self._take(result)
            self._exhausted = True
        except asyncio.CancelledError:
            closed = self._shared.closing.is_set()
            message = CLOSED if closed else "other code cancelled a task of this bulk lookup"
            self._stop(self.error or RuntimeError(message))
            raise
        except BaseException as exc:  # `raise_error` raises it
            self._stop(exc)
            if not isinstance(exc, Exception):
                raise

    def _stop(self, error: BaseException) -> None:
        if not self._stopped:
            self._stopped = self._exhausted = True
            self.error = error
            for task in self.tasks - {asyncio.current_task()}:
                task.cancel()

    def _read_now(self, items: "_AsAsync[Item]") -> Item | End:
        try:
            return END if self._exhausted else items.read()
        except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 (`raise_error` raises it)
            return self._end_source(exc)

    async def _read(self) -> Item | End:
        try:
            async with self._turn:  # one worker reads at a time
                return END if self._exhausted else await anext(self._items, END)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return self._end_source(exc)  # the source raised it: nobody cancelled this worker
        except Exception as exc:  # noqa: BLE001 (`raise_error` raises it)
            return self._end_source(exc)

    def _end_source(self, error: BaseException) -> End:
        self.error = self.error or error
        return END


async def cancel_and_wait(tasks: Tasks) -> None:
    """Cancel tasks and wait until all have ended. Then raise the caller's cancellation, if any."""
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
            task.exception()  # retrieved, so that asyncio does not log it
    if cancelled is not None:
        raise cancelled


def as_async(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    """Return an async iterator over an iterable of either kind."""
    return aiter(items) if isinstance(items, AsyncIterable) else _AsAsync(items)


class _AsAsync(AsyncIterator[Item]):
    """An async iterator over an iterable. Unlike a generator, it need not be closed."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)

    def read(self) -> Item | End:
        """Return the next item, or END. This never awaits."""
        try:
            return next(self._items, END)
        except StopAsyncIteration as exc:
            raise RuntimeError("an iterable of ids raised StopAsyncIteration") from exc

    async def __anext__(self) -> Item:
        if (item := self.read()) is END:
            raise StopAsyncIteration
        return item
