"""`wait_*`: poll packets until they are final. A waiting id is an entry in a heap, not a task."""

import asyncio
import heapq
import logging
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import ClassVar, Protocol, Self, SupportsIndex

from attrs import define, frozen

from ._bulk import END, AsyncIds, End, Ids, as_async, cancel_and_wait, stream
from ._errors import VairoSMSError, VairoSMSTimeoutError
from ._models import Gonderim
from ._result import GonderimResult
from ._shared import Shared
from ._validate import check_seconds, check_timeout, parse_id

_logger = logging.getLogger("vairosms_async")


class LookUp(Protocol):
    """Looks up one id, and passes the error of each failed attempt to `on_error`."""

    def __call__(
        self, id: SupportsIndex | str, /, *, on_error: Callable[[VairoSMSError], None] | None = None
    ) -> Awaitable[GonderimResult]:
        """Return the result."""
        ...


@frozen
class Intervals:
    """How often ids are polled and for how long, in seconds. Invalid values raise ValueError."""

    poll_interval: float
    max_poll_interval: float
    timeout: float | None = None

    longest: ClassVar[float] = math.inf
    """Upper bound of all intervals. The pytest fixtures lower it, so that tests do not wait."""

    def __attrs_post_init__(self) -> None:
        check_timeout(self.timeout)
        check_seconds("poll_interval", self.poll_interval)
        check_seconds("max_poll_interval", self.max_poll_interval)
        if self.poll_interval > self.max_poll_interval:
            raise ValueError(
                f"poll_interval ({self.poll_interval:g} s) must not be above max_poll_interval "
                f"({self.max_poll_interval:g} s)"
            )

    def replace(
        self, timeout: float | None, poll_interval: float | None, max_poll_interval: float | None
    ) -> Self:
        """Return the intervals of one call. An interval of None is the one of this object."""
        return type(self)(
            self.poll_interval if poll_interval is None else poll_interval,
            self.max_poll_interval if max_poll_interval is None else max_poll_interval,
            timeout,
        )

    def first(self) -> float:
        """Return the seconds from the first poll to the second."""
        return self._limited(self.poll_interval * _jitter(1.0, 1.25))

    def after(self, interval: float) -> float:
        """Return the interval that follows an interval."""
        return self._limited(interval * _jitter(1.25, 1.75))

    def _limited(self, interval: float) -> float:
        return min(self.max_poll_interval, self.longest, interval)


async def wait(
    shared: Shared,
    ids: Ids | AsyncIds,
    look_up: LookUp,
    limit: int,
    *,
    intervals: Intervals,
    changes: bool = False,
) -> AsyncGenerator[GonderimResult]:
    """Poll ids until they are final, and yield the result of each.

    Args:
        shared: The state of the client.
        ids: The ids. An id that is already waiting is skipped.
        look_up: Looks up one id.
        limit: Maximum number of workers.
        intervals: When to poll.
        changes: Yield records that are not final, too: the first one, and each change of state.
    """
    schedule = _Schedule(shared, ids, intervals)
    failures = _Failures()

    async def poll(given: SupportsIndex | str) -> GonderimResult | None:
        # The schedule yields its ids as int. True is an invalid id, although it equals 1.
        waiting = schedule.waits.get(given) if type(given) is int else None
        if waiting is None:
            return await look_up(given)  # an invalid id: returns its error
        result = await _look_up_before(waiting, look_up)
        if result is not None:
            waiting.last_error = result.error
            failures.record(waiting.id, result.error)
            if _ends_wait(result):
                failures.forget(waiting.id)
                schedule.drop(waiting)
                return result
        record, last = result and result.gonderim, waiting.last
        changed = record and (last is None or last.paket_durum != record.paket_durum)
        waiting.last = record or last
        if waiting.deadline is not None and _has_passed(waiting.deadline):
            failures.forget(waiting.id)
            schedule.drop(waiting)
            return GonderimResult(waiting.id, error=_timeout_error(waiting, intervals.timeout))
        schedule.put_back(waiting)
        return result if changes and changed else None

    try:
        async with aclosing(stream(shared, schedule, poll, limit)) as results:
            async for result in results:
                yield result
    finally:
        await schedule.close()


@define
class _Wait:
    """The state of a waiting id."""

    id: int
    interval: float
    deadline: float | None
    last: Gonderim | None = None
    last_error: VairoSMSError | None = None

    def note_error(self, error: VairoSMSError) -> None:
        """Keep the error of an attempt, in case the deadline interrupts the poll."""
        self.last_error = error


class _Failures:
    """Logs when the polls of one `wait_*` call begin to fail, and when all succeed again."""

    INTERVAL = 60.0
    """Minimum number of seconds between two warnings."""

    def __init__(self) -> None:
        self._failing: set[int] = set()
        self._reported = False
        self._quiet_until = -math.inf

    def record(self, gonderim_id: int, error: VairoSMSError | None) -> None:
        """Record the outcome of a poll: its error, or None if it succeeded."""
        if error is None:
            self._failing.discard(gonderim_id)
            if self._reported and not self._failing:
                self._warn(False, "polling succeeds again")
        elif error.retryable:
            self._failing.add(gonderim_id)
            if not self._reported:
                self._warn(True, "polling failed, and the wait continues: %s", error)

    def forget(self, gonderim_id: int) -> None:
        """Forget an id whose wait has ended."""
        self._failing.discard(gonderim_id)

    def _warn(self, reported: bool, message: str, *args: VairoSMSError) -> None:
        now = _now()
        if now >= self._quiet_until:
            self._quiet_until = now + self.INTERVAL
            self._reported = reported
            _logger.warning(message, *args)


class _Schedule(AsyncIterator[SupportsIndex | str]):
    """The ids to poll next, as the source of `stream`. New ids and due polls take turns.

    Without turns, an endless source of ids, or more due polls than the panel can answer, would keep
    all workers busy.
    """

    def __init__(self, shared: Shared, ids: Ids | AsyncIds, intervals: Intervals) -> None:
        self.waits: dict[int, _Wait] = {}
        self._shared = shared
        self._ids = as_async(ids)
        self._intervals = intervals
        self._due: list[tuple[float, int]] = []
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[SupportsIndex | str | End] | None = None
        self._exhausted = False
        self._new_turn = True

    async def __anext__(self) -> SupportsIndex | str:
        while True:
            self._changed.clear()
            new, due = self._finished_read(), bool(self._due) and _has_passed(self._due[0][0])
            if new is not None and (self._new_turn or not due):
                self._new_turn = False
                given = self._add(new)
                if given is not END:
                    return given
            elif due:
                self._new_turn = True
                return heapq.heappop(self._due)[1]
            elif self._exhausted and not self.waits:
                raise StopAsyncIteration
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(self._due[0][0] if self._due else None):
                        await self._changed.wait()

    def put_back(self, waiting: _Wait) -> None:
        """Schedule the next poll of an id: after its interval, but not after its deadline."""
        due = _now() + waiting.interval
        if waiting.deadline is not None:
            due = min(due, waiting.deadline)
        waiting.interval = self._intervals.after(waiting.interval)
        heapq.heappush(self._due, (due, waiting.id))
        self._changed.set()

    def drop(self, waiting: _Wait) -> None:
        """Remove an id that no longer waits."""
        del self.waits[waiting.id]
        self._changed.set()

    async def close(self) -> None:
        """Stop reading ids."""
        if self._reading is not None:
            await cancel_and_wait({self._reading})

    def _finished_read(self) -> asyncio.Task[SupportsIndex | str | End] | None:
        """Return the reading task if it is done, otherwise None. Start a task if needed."""
        if self._reading is None and not self._exhausted:
            self._reading = asyncio.create_task(self._read(), name="vairosms bulk reader")
            self._shared.bulk_tasks.add(self._reading)
            self._reading.add_done_callback(self._shared.bulk_tasks.discard)
            self._reading.add_done_callback(lambda _: self._changed.set())
        return self._reading if self._reading is not None and self._reading.done() else None

    async def _read(self) -> SupportsIndex | str | End:
        return await anext(self._ids, END)

    def _add(self, reading: asyncio.Task[SupportsIndex | str | End]) -> SupportsIndex | str | End:
        """Return the id that was read, for its first poll. END if there is nothing to poll."""
        self._reading = None
        given = reading.result()
        if given is END:
            self._exhausted = True
            return END
        gonderim_id = parse_id(given, self._shared.endpoint.scrub)
        if not isinstance(gonderim_id, int):
            return given
        if gonderim_id in self.waits:
            return END
        timeout = self._intervals.timeout
        deadline = None if timeout is None else _now() + timeout
        self.waits[gonderim_id] = _Wait(gonderim_id, self._intervals.first(), deadline)
        return gonderim_id


async def _look_up_before(waiting: _Wait, look_up: LookUp) -> GonderimResult | None:
    """Look up an id. Return None if its deadline passes first."""
    if waiting.deadline is not None and _has_passed(waiting.deadline):
        return None
    timeout = asyncio.timeout_at(waiting.deadline)
    try:
        async with timeout:
            return await look_up(waiting.id, on_error=waiting.note_error)
    except TimeoutError:
        if not timeout.expired():
            raise
        return None


def _ends_wait(result: GonderimResult) -> bool:
    if result.gonderim is not None:
        return result.gonderim.is_final
    return result.error is not None and not result.error.retryable


def _timeout_error(waiting: _Wait, timeout: float | None) -> VairoSMSTimeoutError:
    last, error, what = waiting.last, waiting.last_error, f"gonderim {waiting.id}: "
    problems = [] if error is None else [f"the last poll failed: {str(error).removeprefix(what)}"]
    if last is not None:
        problems.append(f"last {last.paket_durum.name}")
    return VairoSMSTimeoutError(
        f"{what}not final within {timeout:g} s; {'; '.join(problems) or 'no record so far'}",
        gonderim_id=waiting.id,
        last=last,
        last_error=error,
    )


def _jitter(lowest: float, highest: float) -> float:
    return random.uniform(lowest, highest)  # noqa: S311 (jitter)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _has_passed(moment: float) -> bool:
    # A timer may fire early by the resolution of the clock.
    return _now() >= moment - 1e-6
