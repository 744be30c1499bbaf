"""Deadlines for many short waits, with one timer for all of them."""

import asyncio
import math


class Deadlines:
    """Waits that end at their deadline, or all together when `expire_all` is called.

    ``asyncio.timeout(30)`` sets and cancels a timer: a tenth of a lookup's CPU time. Nearly all
    waits end in time, so one timer is enough: it is set to the earliest deadline, and set again
    when it fires. Each wait is an `asyncio.Timeout`, which recognizes its own cancellation.
    """

    def __init__(self) -> None:
        self._ends: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def __len__(self) -> int:
        return len(self._ends)

    def start(self, seconds: float | None) -> asyncio.Timeout:
        """Return a deadline for an ``async with``. The caller must `finish` it in any case.

        Args:
            seconds: Time until the deadline; None if only `expire_all` ends the wait.
        """
        deadline = asyncio.timeout_at(None)
        end = math.inf
        if seconds is not None:
            loop = asyncio.get_running_loop()
            end = loop.time() + seconds
            if end < self._timer_at:
                self._set_timer(loop, end)
        self._ends[deadline] = end
        return deadline

    def finish(self, deadline: asyncio.Timeout) -> None:
        """Drop a deadline whose wait has ended."""
        del self._ends[deadline]

    def expire_all(self) -> None:
        """End every wait now. Its ``async with`` raises TimeoutError."""
        self._expire(asyncio.get_running_loop().time(), math.inf)
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = math.inf

    def _expire(self, now: float, until: float) -> None:
        for deadline, end in self._ends.items():
            if end <= until and not deadline.expired():
                deadline.reschedule(now)

    def _on_timer(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer_at = math.inf
        self._expire(now, now)
        end = min((end for end in self._ends.values() if end > now), default=math.inf)
        if end < math.inf:
            self._set_timer(loop, end)

    def _set_timer(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._on_timer)
