"""Waiting until packets are final: one schedule of polls, worked off by `bulk.stream`.

An id that waits is an entry in a heap, not a task: a hundred thousand cost memory and requests.
"""

import asyncio
import heapq
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, SupportsIndex

from attrs import define, evolve

from ._bulk import END, AsyncIds, End, Host, Ids, Tasks, end, one_by_one, stream
from ._errors import VairoSMSInvalidIdError, VairoSMSResponseError, VairoSMSTimeoutError
from ._models import Gonderim, GonderimResult
from ._retry import passes
from ._validate import check_seconds, check_timeout

Lookup = Callable[[SupportsIndex | str], Awaitable[GonderimResult | None]]
ReadId = Callable[[SupportsIndex | str], int | VairoSMSInvalidIdError]


@define
class Intervals:
    """How often ids are polled, and for how long, in seconds."""

    timeout: float | None
    poll_interval: float
    max_poll_interval: float

    def first(self) -> float:
        """Seconds from the first poll to the second."""
        return min(self.max_poll_interval, self.poll_interval * _jitter(1.0, 1.25))

    def after(self, interval: float) -> float:
        """Seconds to the next poll but one."""
        return min(self.max_poll_interval, interval * _jitter(1.25, 1.75))


def check_intervals(timeout: Any, poll_interval: Any, max_poll_interval: Any) -> Intervals:
    """Return when to poll, or raise ValueError."""
    intervals = Intervals(
        check_timeout(timeout),
        check_seconds("poll_interval", poll_interval),
        check_seconds("max_poll_interval", max_poll_interval),
    )
    if intervals.poll_interval > intervals.max_poll_interval:
        raise ValueError("poll_interval must not be above max_poll_interval")
    return intervals


async def wait(
    host: Host[SupportsIndex | str, GonderimResult],
    ids: Ids | AsyncIds,
    limit: int,
    *,
    read_id: ReadId,
    intervals: Intervals,
    changes: bool = False,
) -> AsyncGenerator[GonderimResult]:
    """Poll ids until they are final, and yield each as it is.

    Args:
        host: The client.
        ids: Those that wait already are not taken up again.
        limit: Workers at most.
        read_id: Takes an id as callers give it.
        intervals: When to poll.
        changes: Yield also what is not final, when it is first seen and when its state changes.
    """
    schedule = _Schedule(ids, host.tasks, read_id, intervals)

    async def poll(given: SupportsIndex | str) -> GonderimResult | None:
        # A plain int is one the schedule knows; True, which equals 1, is not.
        waiting = schedule.waits.get(given) if type(given) is int else None
        if waiting is None:
            return await host.lookup(given)  # to hear why it is no id
        result = await _until(waiting.deadline, host.lookup, waiting.id)
        if result is not None and _ends_wait(result):
            schedule.drop(waiting)
            return result
        seen = None if result is None else result.gonderim
        changed = seen is not None and _state(seen) != _state(waiting.last)
        waiting.last = seen or waiting.last
        if waiting.deadline is not None and _has_come(waiting.deadline):
            schedule.drop(waiting)
            return GonderimResult(waiting.id, error=_too_late(waiting, intervals.timeout))
        schedule.put_back(waiting)
        return result if changes and changed else None

    try:
        async with aclosing(stream(evolve(host, lookup=poll), schedule, limit)) as results:
            async for result in results:
                yield result
    finally:
        await schedule.close()


@define
class _Wait:
    """What is known of an id that waits."""

    id: int
    interval: float
    deadline: float | None
    last: Gonderim | None = None


class _Schedule(AsyncIterator[SupportsIndex | str]):
    """The ids to poll next, as a source for `bulk.stream`: due ones and new ones by turns.

    By turns, since either could keep all workers busy for ever: an endless source of new ids, or
    more due polls than the panel can answer.
    """

    def __init__(
        self, ids: Ids | AsyncIds, tasks: Tasks, read_id: ReadId, intervals: Intervals
    ) -> None:
        self.waits: dict[int, _Wait] = {}
        self._ids = one_by_one(ids)
        self._tasks = tasks
        self._read_id = read_id
        self._intervals = intervals
        self._due: list[tuple[float, int]] = []
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[SupportsIndex | str | End] | None = None
        self._exhausted = False
        self._new_turn = True

    async def __anext__(self) -> SupportsIndex | str:
        while True:
            self._changed.clear()
            new, due = self._new_arrived(), bool(self._due) and _has_come(self._due[0][0])
            if new is not None and (self._new_turn or not due):
                self._new_turn = False
                given = self._take_up(new)
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
        """Poll an id again after its interval, or see to it at its deadline."""
        due = _now() + waiting.interval
        if waiting.deadline is not None:
            due = min(due, waiting.deadline)
        waiting.interval = self._intervals.after(waiting.interval)
        heapq.heappush(self._due, (due, waiting.id))
        self._changed.set()

    def drop(self, waiting: _Wait) -> None:
        """Forget an id."""
        del self.waits[waiting.id]
        self._changed.set()

    async def close(self) -> None:
        """End the reading of ids."""
        if self._reading is not None:
            await end({self._reading})

    def _new_arrived(self) -> asyncio.Task[SupportsIndex | str | End] | None:
        """Return the reading task if it has read an id; start it if there is none."""
        if self._reading is None and not self._exhausted:
            self._reading = asyncio.create_task(self._read(), name="vairosms bulk reader")
            self._tasks.add(self._reading)
            self._reading.add_done_callback(self._tasks.discard)
            self._reading.add_done_callback(lambda _: self._changed.set())
        return self._reading if self._reading is not None and self._reading.done() else None

    async def _read(self) -> SupportsIndex | str | End:
        return await anext(self._ids, END)

    def _take_up(
        self, reading: asyncio.Task[SupportsIndex | str | End]
    ) -> SupportsIndex | str | End:
        """Return the id to poll first; END if there is none, or it waits already."""
        self._reading = None
        given = reading.result()
        if given is END:
            self._exhausted = True
            return END
        gonderim_id = self._read_id(given)
        if not isinstance(gonderim_id, int):
            return given
        if gonderim_id in self.waits:
            return END
        timeout = self._intervals.timeout
        deadline = None if timeout is None else _now() + timeout
        self.waits[gonderim_id] = _Wait(gonderim_id, self._intervals.first(), deadline)
        return gonderim_id


async def _until(deadline: float | None, lookup: Lookup, gonderim_id: int) -> GonderimResult | None:
    """Look an id up, but not at or past a deadline."""
    if deadline is not None and _has_come(deadline):
        return None
    within = asyncio.timeout_at(deadline)
    try:
        async with within:
            return await lookup(gonderim_id)
    except TimeoutError:
        if not within.expired():
            raise
        return None


def _state(gonderim: Gonderim | None) -> int | None:
    return None if gonderim is None else gonderim.paket_durum


def _ends_wait(result: GonderimResult) -> bool:
    if result.gonderim is not None:
        return result.gonderim.is_final
    # Such panels show their maintenance page under 200 and 403 too, and it goes away again.
    error = result.error
    return error is not None and not passes(error) and not isinstance(error, VairoSMSResponseError)


def _too_late(waiting: _Wait, timeout: float | None) -> VairoSMSTimeoutError:
    seen = "never seen" if waiting.last is None else f"last seen {waiting.last.paket_durum.name}"
    return VairoSMSTimeoutError(
        f"gonderim {waiting.id}: not final within {timeout:g} s; {seen}",
        gonderim_id=waiting.id,
        last=waiting.last,
    )


def _jitter(lowest: float, highest: float) -> float:
    return random.uniform(lowest, highest)  # noqa: S311 (jitter)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _has_come(moment: float) -> bool:
    # The loop calls back within its clock's resolution, so a nanosecond early now and then.
    return _now() >= moment - 1e-6
