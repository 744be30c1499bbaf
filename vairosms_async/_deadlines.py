"""Deadlines for many short waits, with one timer for all of them."""

import asyncio
import math
from types import TracebackType


class Deadlines:
    """Waits that end at their deadline, or all together when `expire_all` is called.

    `asyncio.timeout` sets and cancels a timer for each wait, which is costly. Nearly all waits end
    in time, so one timer is enough: it is set to the earliest deadline, and set again when it
    fires. Apart from that, a wait costs an entry in a dict.
    """

    def __init__(self) -> None:
        self.ends: dict[Wait, float] = {}
        self._timer: asyncio.Handle | None = None
        self._timer_at = math.inf

    def __len__(self) -> int:
        return len(self.ends)

    def limit(self, seconds: float | None) -> "Wait":
        """Return a context manager that raises TimeoutError if its block takes too long.

        Args:
            seconds: Time until the deadline; None if only `expire_all` ends the wait.
        """
        end = math.inf
        if seconds is not None:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            if end < self._timer_at:
                self._set_timer(loop, end)
        return Wait(self, end)

    def start(self, seconds: float | None) -> "Wait":
        """Like `limit`, for ``async with``. To be removed: only `_lookup` still uses it."""
        return self.limit(seconds)

    def finish(self, wait: "Wait") -> None:
        """Do nothing. To be removed with `start`."""

    def expire_all(self) -> None:
        """End every wait now. Its block raises TimeoutError."""
        self.ends = dict.fromkeys(self.ends, -math.inf)
        # Not at once, since the task that calls this may be in one of the waits.
        asyncio.get_running_loop().call_soon(self._expire_due)

    def _on_timer(self) -> None:
        # After a delay of the loop, answers that have arrived in time must be handled first.
        asyncio.get_running_loop().call_soon(self._expire_due)

    def _expire_due(self) -> None:
        loop = asyncio.get_running_loop()
        now, earliest = loop.time(), math.inf
        for wait, end in self.ends.items():
            if end <= now:
                wait.expire()
            else:
                earliest = min(earliest, end)
        self._set_timer(loop, earliest)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._on_timer) if when < math.inf else None


class Wait:
    """A block that runs until its deadline. It recognizes its own cancellation."""

    __slots__ = ("_cancellations", "_deadlines", "_end", "_expired", "_task")

    _task: "asyncio.Task[object]"
    _cancellations: int

    def __init__(self, deadlines: Deadlines, end: float) -> None:
        self._deadlines = deadlines
        self._end = end
        self._expired = False

    def expire(self) -> None:
        """Cancel the block, once."""
        if not self._expired:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._task = task
        self._cancellations = task.cancelling()
        self._deadlines.ends[self] = self._end

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

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(exc_type, exc, traceback)
