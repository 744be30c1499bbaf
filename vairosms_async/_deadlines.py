"""Deadlines for many short waits, with one timer for all of them."""

import asyncio
import math
from types import TracebackType


class Deadlines:
    """Waits that end at their deadline, or all together when `expire_all` is called.

    `asyncio.timeout` sets and cancels a timer for each wait, which is costly. Nearly all waits end
    in time, so one timer is enough: it is set to the earliest deadline, and set again when it
    fires. Apart from that, a wait costs an entry in a dict.

    Args:
        loop: The event loop of the waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.ends: dict[Wait, float] = {}
        self.timer_at = math.inf
        self._timer: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def limit(self, seconds: float | None) -> "Wait":
        """Return a context manager that raises TimeoutError if its block takes too long.

        Args:
            seconds: Time until the deadline; None if only `expire_all` ends the wait.
        """
        return Wait(self, seconds)

    def expire_all(self) -> None:
        """End every wait now. Its block raises TimeoutError."""
        self.ends = dict.fromkeys(self.ends, -math.inf)
        # Not at once, since the task that calls this may be in one of the waits.
        self.loop.call_soon(self._expire_due, self.loop.time())

    def _on_timer(self) -> None:
        # asyncio may call this up to one tick of its clock before `timer_at`.
        now = max(self.loop.time(), self.timer_at)
        # After a delay of the loop, answers that have arrived in time must be handled first.
        self.loop.call_soon(self._expire_due, now)

    def _expire_due(self, now: float) -> None:
        earliest = math.inf
        for wait, end in self.ends.items():
            if end <= now:
                wait.expire()
            else:
                earliest = min(earliest, end)
        self.set_timer(earliest)

    def set_timer(self, when: float) -> None:
        """Set the timer to the earliest deadline; infinity for no timer."""
        if self._timer is not None:
            self._timer.cancel()
        self.timer_at = when
        self._timer = self.loop.call_at(when, self._on_timer) if when < math.inf else None


class Wait:
    """A block that runs until its deadline. It recognizes its own cancellation."""

    __slots__ = ("_cancellations", "_deadlines", "_expired", "_seconds", "_task")

    _task: "asyncio.Task[object]"
    _cancellations: int

    def __init__(self, deadlines: Deadlines, seconds: float | None) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self._expired = False

    def expire(self) -> None:
        """Cancel the block, once."""
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        deadlines = self._deadlines
        task = asyncio.current_task(deadlines.loop)
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._task = task
        self._cancellations = task.cancelling()
        end = math.inf
        if self._seconds is not None:
            end = deadlines.loop.time() + self._seconds
            if end < deadlines.timer_at:
                deadlines.set_timer(end)
        deadlines.ends[self] = end

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del self._deadlines.ends[self]
        # As in `asyncio.timeout`: if other code has also cancelled the task, the cancellation wins.
        if (
            self._expired
            and self._task.uncancel() <= self._cancellations
            and exc_type is asyncio.CancelledError
        ):
            raise TimeoutError from exc
