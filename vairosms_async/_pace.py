"""When the client may send its next request: the slots, the limit, and the pause."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable

from ._errors import (
    VairoSMSAPIError,
    VairoSMSError,
    VairoSMSRateLimitError,
    VairoSMSTimeoutError,
)
from ._limit import AdaptiveLimit
from ._models import Gonderim
from ._retry import RetryPolicy

_logger = logging.getLogger("vairosms_async")

REFUSALS = frozenset({429, 503})
"""HTTP status codes of a busy panel."""


class Slots(asyncio.Semaphore):
    """The semaphore that caps the lookups in flight. Its size can change at any time."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size: int = size
        self._total = size  # with those that `release` withholds

    @property
    def used(self) -> int:
        """Number of slots that lookups hold."""
        return self._total - self._value

    def resize(self, size: int) -> None:
        """Change the size. Slots in use are withheld when they are released."""
        self.size = size
        while self._total < size:
            self._total += 1
            super().release()
        withheld = min(self._value, self._total - size)
        self._value -= withheld
        self._total -= withheld

    def take(self) -> bool:
        """Take a slot if one is free and no lookup waits. Return whether it was taken."""
        if self._value > 0 and not self._waiters:
            self._value -= 1
            return True
        return False

    def release(self) -> None:
        """Free a slot, or withhold it if the size was lowered."""
        if self._total > self.size:
            self._total -= 1
        elif self._waiters:
            super().release()
        else:
            self._value += 1


class Pause:
    """A time in which the client sends no lookup, because the panel asked it to wait."""

    # After the pause, lookups restart over this share of its length (at most one second), so that
    # they do not hit the panel all at once.
    SPREAD = 0.25

    def __init__(self) -> None:
        self.has_begun: bool = False  # stays False in nearly all clients
        self.seconds: float = 0.0  # of all pauses
        self._until = 0.0
        self._spread = 0.0

    def begin(self, now: float, seconds: float, status: int) -> None:
        """Start a pause, or extend the current one. A pause that would end earlier is ignored."""
        if seconds <= 0.0 or now + seconds <= self._until:
            return
        if now >= self._until:
            _logger.warning("the panel answered HTTP %d: pausing for %.2f s", status, seconds)
        self.has_begun = True
        self.seconds += now + seconds - max(now, self._until)
        self._until = now + seconds
        self._spread = min(1.0, seconds * self.SPREAD)

    def remaining(self, now: float) -> float:
        """Return the seconds until the next lookup may start, jittered. 0 if there is no pause."""
        if now >= self._until:
            return 0.0
        return self._until - now + random.uniform(0.0, self._spread)  # noqa: S311 (jitter)


def requested_pause(
    policy: RetryPolicy, error: VairoSMSError, delay: float | None, *, adaptive: bool
) -> float:
    """Return the seconds for which an answer pauses the whole client; 0 if it does not.

    Args:
        policy: The client's policy. A wait above its ``max_retry_after`` does not pause the client:
            that lookup ends with its error.
        error: The error of the attempt.
        delay: Seconds until the next attempt of that lookup, or None if it is not retried.
        adaptive: Whether the limit is adaptive. If not, a 429 without ``Retry-After`` pauses the
            client for the delay.
    """
    if not isinstance(error, VairoSMSAPIError) or error.status not in REFUSALS:
        return 0.0
    seconds = error.retry_after
    if seconds is None:
        is_429 = isinstance(error, VairoSMSRateLimitError)
        seconds = delay if is_429 and not adaptive and delay else 0.0
    return seconds if seconds <= policy.max_retry_after else 0.0


class Pace:
    """When the client may send its next request. Siblings share it.

    Args:
        max_concurrency: Maximum number of lookups in flight.
        adaptive: Whether the limit adapts to the panel. False: it is always ``max_concurrency``.

    Attributes:
        slots: The semaphore that a lookup holds from before its request until its answer.
        pause: The pause after ``Retry-After``.
        first_answer: Set at the panel's first answer, which ends the waits for a retry. Set from
            the start if the limit is not adaptive.
        next_answer: Set at each answer. A lookup that waits for the next one clears it.
        in_flight: Number of requests in flight.
        requests: Number of requests that the client has sent.
        retries: Number of requests that repeated another one.
        refusals: Number of answers with HTTP 429 or 503.
        timeouts: Number of requests without an answer in time.
        seconds_spaced: Seconds that requests waited for their turn, one after the other.
    """

    def __init__(self, max_concurrency: int, *, adaptive: bool = True) -> None:
        self.adaptive = adaptive
        self._adaptive_limit = AdaptiveLimit(max_concurrency)
        self._fixed_limit = max_concurrency
        self.slots: Slots = Slots(self._adaptive_limit.size if adaptive else max_concurrency)
        self.pause: Pause = Pause()
        self.requests: int = 0
        self.retries: int = 0
        self.refusals: int = 0
        self.timeouts: int = 0
        self.seconds_spaced: float = 0.0
        self.first_answer: asyncio.Event = asyncio.Event()
        self.next_answer: asyncio.Event = asyncio.Event()
        # Without an adaptive limit, the first answer would send all waiting retries at once.
        if not adaptive:
            self.first_answer.set()
        self.in_flight: int = 0
        self._full_at = -math.inf  # when a request took the last slot
        self._turn = asyncio.Lock()
        self._turn_taken_at = -math.inf
        self._waited = False  # whether the last request had to wait for its turn

    @property
    def limit(self) -> float:
        """The current limit on lookups in flight. Below 1, requests are spaced."""
        return self._adaptive_limit.value if self.adaptive else self._fixed_limit

    @property
    def latency(self) -> float:
        """Mean seconds of the latest answers; 0 before the first."""
        return self._adaptive_limit.latency

    @property
    def is_spaced(self) -> bool:
        """Whether the next request must wait for its turn."""
        return self._adaptive_limit.spaced

    def is_down(self, now: float) -> bool:
        """Whether the panel counts as down, so that a refusal is no sign of overload."""
        return self._adaptive_limit.is_down(now)

    async def turn(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Wait until the next spaced request may be sent.

        Args:
            sleep: Sleeps for a number of seconds, or raises if the client is closed meanwhile.
        """
        limit, now = self._adaptive_limit, asyncio.get_running_loop().time
        async with self._turn:
            began = now()
            # The interval may change during the wait.
            while limit.spaced and (wait := self._turn_taken_at + limit.interval - now()) > 1e-6:
                await sleep(wait)
            self._turn_taken_at = now()
            self._waited = self._turn_taken_at > began
            self.seconds_spaced += self._turn_taken_at - began

    def send(self, now: float, *, retry: bool = False) -> None:
        """Note that a request is sent. `retry`: whether it repeats an earlier one."""
        self.requests += 1
        self.retries += retry
        self.in_flight += 1
        if self.in_flight >= self.slots.size:
            self._full_at = now

    def finish(self) -> None:
        """Note that a request has ended, with an answer or without one."""
        self.in_flight -= 1

    def record(
        self, outcome: Gonderim | VairoSMSError, now: float, sent_at: float, timeout: float | None
    ) -> bool:
        """Record the outcome of a request. Return whether an overloaded panel refused it.

        Args:
            outcome: The record or the error.
            now: The current time of the loop's clock.
            sent_at: When the request was sent.
            timeout: The timeout of the request in seconds.
        """
        limit, overloaded = self._adaptive_limit, False
        if isinstance(outcome, Gonderim) or is_answer(outcome):
            if self.adaptive:
                in_use = self._full_at >= sent_at or (limit.spaced and self._waited)
                limit.answered(now, sent_at, timeout, in_use=in_use)
                self.first_answer.set()
                self.next_answer.set()
        elif isinstance(outcome, VairoSMSTimeoutError):
            self.timeouts += 1
            if self.adaptive:
                overloaded = limit.timed_out(now, sent_at, timeout)
        elif isinstance(outcome, VairoSMSAPIError) and outcome.status in REFUSALS:
            self.refusals += 1
            if self.adaptive:
                # With Retry-After, the pause slows the client down, and not the limit.
                if outcome.retry_after:
                    overloaded = not limit.is_down(now)
                else:
                    overloaded = limit.refused(now, sent_at, self.in_flight)
                    self._turn_taken_at = max(self._turn_taken_at, now)
        elif self.adaptive:
            limit.failed(now)
        if self.adaptive and limit.size != self.slots.size:
            self.slots.resize(limit.size)
        return overloaded


def is_answer(error: VairoSMSError) -> bool:
    """Whether the panel has answered the lookup, for example that it has no such packet."""
    return isinstance(error, VairoSMSAPIError) and not error.retryable
