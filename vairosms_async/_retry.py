"""When a lookup is tried again, after how long, and when nothing is sent at all."""

import logging
import math
import random
from typing import Any

from attrs import Attribute, field, frozen

from ._errors import (
    VairoSMSAPIError,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSRateLimitError,
)

_logger = logging.getLogger("vairosms_async")


def _seconds(_: object, attribute: "Attribute[float]", value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ValueError(f"{attribute.name} must be seconds, 0 or more, not {value!r}")


def _count(_: object, attribute: "Attribute[int]", value: int) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{attribute.name} must be a whole number, 1 or more, not {value!r}")


@frozen
class RetryPolicy:
    """How often and how soon a failed lookup is tried again.

    A lookup changes nothing at the panel, so connection errors (but not TLS failures), time-outs
    and HTTP 408, 429 and 5xx are retried, after a delay drawn evenly from 0 to
    ``initial_delay * 2 ** (attempt - 1)`` ("exponential back-off with full jitter"). An answer
    with ``Retry-After`` is obeyed on top of that.

    Attributes:
        attempts: Requests for one lookup at most, the first included (default 4). 1: no retry.
        initial_delay: Upper bound of the first delay in seconds (default 0.25).
        max_delay: Upper bound of every delay in seconds (default 8).
        max_retry_after: The longest ``Retry-After`` that is waited for, in seconds (default 60);
            one that is longer ends the lookup with its error at once.

    Raises:
        ValueError: `attempts` is below 1, or a time is negative or not finite.
    """

    attempts: int = field(default=4, validator=_count)
    initial_delay: float = field(default=0.25, validator=_seconds)
    max_delay: float = field(default=8.0, validator=_seconds)
    max_retry_after: float = field(default=60.0, validator=_seconds)


class RetryBudget:
    """Tokens for retries, shared by all lookups of a client.

    A retry takes a token and is not sent without one. A record gives the token of its last retry
    back, or, if it needed none, a fifth of a token. So a panel that fails three requests in ten
    still has its retries, and one that is down gets `CAPACITY` of them and then none, however many
    ids are asked for and for however long.

    This is the accounting of botocore's standard mode (500 tokens, 5 for a retry, 1 for a success).
    Finagle and tower deposit for every request and so allow a fixed share of retries, outage or
    not; their tokens expire, and time gives new ones, which an outage of an hour turns into
    thousands of retries. gRPC also charges failures that nobody would retry and stops at half of
    the bucket; with lookups that mostly succeed or mostly fail the outcome is the same.
    """

    CAPACITY = 100.0
    DEPOSIT = 0.2

    def __init__(self) -> None:
        self.tokens: float = self.CAPACITY
        self._warned = False

    def withdraw(self) -> bool:
        """Take a token, if there is one."""
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return True
        if not self._warned:
            self._warned = True
            _logger.warning(
                "the retry budget is spent: lookups that fail are not retried until others succeed"
            )
        return False

    def deposit(self, *, retried: bool) -> None:
        """Book an answer of the panel's: to a retry, or to a first attempt."""
        if self.tokens < self.CAPACITY:
            self.tokens = min(self.CAPACITY, self.tokens + (1.0 if retried else self.DEPOSIT))
            if self.tokens >= self.CAPACITY / 2:
                self._warned = False  # over that one; the next is worth a warning again


class Pause:
    """A time in which no lookup of the client is sent, since the panel asked so for its key."""

    # Afterwards lookups start over this share of its length, but a second at most, so that what
    # waited does not come as one blow.
    SPREAD = 0.25

    def __init__(self) -> None:
        self.has_begun: bool = False  # once, and for good: nearly all clients never pause
        self._until = 0.0
        self._spread = 0.0

    def begin(self, now: float, seconds: float, status: int) -> None:
        """Pause from now on, or extend the pause that there is."""
        if seconds <= 0.0 or now + seconds <= self._until:
            return
        if now >= self._until:
            _logger.warning(
                "the panel asks to wait (HTTP %d): lookups pause for %.3g s", status, seconds
            )
        self.has_begun = True
        self._until = now + seconds
        self._spread = min(1.0, seconds * self.SPREAD)

    def left(self, now: float) -> float:
        """Seconds until a lookup may start, each time other ones; 0 where there is no pause."""
        if now >= self._until:
            return 0.0
        return self._until - now + random.uniform(0.0, self._spread)  # noqa: S311 (jitter)


def retry_delay(policy: RetryPolicy, error: VairoSMSError, attempt: int) -> float | None:
    """Seconds to wait before the next attempt, or None if there is to be none.

    Args:
        policy: The client's.
        error: What the last attempt came to.
        attempt: How many attempts there were, from 1.
    """
    asked = error.retry_after if isinstance(error, VairoSMSAPIError) else None
    if attempt >= policy.attempts or not passes(error):
        return None
    if asked is not None and asked > policy.max_retry_after:
        return None
    # 2 ** 62 is beyond every max_delay, and 2 ** 1024 beyond a float.
    back_off = min(policy.max_delay, policy.initial_delay * 2.0 ** min(attempt - 1, 62))
    return (asked or 0.0) + random.uniform(0.0, back_off)  # noqa: S311 (jitter)


def pause_asked(policy: RetryPolicy, error: VairoSMSError, delay: float | None) -> float:
    """Seconds for which an answer asks the whole client to wait; 0 if it does not.

    Args:
        policy: The client's. A longer wait than it allows is no pause: it ends that lookup.
        error: What the attempt came to.
        delay: After how long it will be tried again, if at all: the pause for a 429 that does not
            say how long.
    """
    if isinstance(error, VairoSMSRateLimitError):
        seconds = error.retry_after if error.retry_after is not None else delay or 0.0
    elif isinstance(error, VairoSMSAPIError) and error.status == 503:
        seconds = error.retry_after or 0.0
    else:
        return 0.0
    return seconds if seconds <= policy.max_retry_after else 0.0


def passes(error: VairoSMSError) -> bool:
    """Whether another attempt may fare better."""
    if isinstance(error, VairoSMSConnectionError):
        return error.reason != "tls"
    return isinstance(error, VairoSMSAPIError) and (
        error.status in (408, 429) or error.status // 100 == 5
    )
