"""Retries: whether and when to retry a failed lookup, and how many retries a client has."""

import logging
import random

from attrs import frozen

from ._errors import VairoSMSAPIError, VairoSMSError, VairoSMSResponseError
from ._validate import check_seconds, parse_count

_logger = logging.getLogger("vairosms_async")


@frozen
class RetryPolicy:
    """How often and how soon the client retries a failed lookup.

    Lookups change nothing in the panel, so a retry is safe. The client retries connection
    errors (except TLS failures), timeouts, and HTTP 408, 429 and 5xx. The delay after attempt n is
    uniformly random from 0 to ``min(max_delay, initial_delay * 2 ** (n - 1))`` ("exponential
    back-off with full jitter"). ``Retry-After`` is added to it.

    A `VairoSMSResponseError` is not retried: a maintenance page rarely ends within seconds. If its
    `retryable` is True, ask again later.

    Attributes:
        attempts: Maximum number of requests per lookup (default 4). 1 means no retry.
        initial_delay: Upper bound of the first delay in seconds (default 0.25).
        max_delay: Upper bound of every delay in seconds, without ``Retry-After`` (default 8).
        max_retry_after: Longest ``Retry-After`` that the client waits for, in seconds (default
            60). A longer one ends the lookup with its error at once.

    Raises:
        ValueError: `attempts` is not a whole number of at least 1, or a time is not a finite
            number of at least 0.
    """

    attempts: int = 4
    initial_delay: float = 0.25
    max_delay: float = 8.0
    max_retry_after: float = 60.0

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "attempts", parse_count("attempts", self.attempts))
        for name in ("initial_delay", "max_delay", "max_retry_after"):
            check_seconds(name, getattr(self, name), allow_zero=True)


class RetryBudget:
    """Tokens for retries, shared by all lookups of a client.

    A retry takes one token and is not sent without one. A retry after HTTP 429 needs no token. A
    successful lookup adds one token if it was retried, otherwise a fifth of a token. So a panel
    that fails three requests in ten gets all its retries, and a panel that is down gets `CAPACITY`
    retries, however long it is down.
    """

    CAPACITY = 100.0
    DEPOSIT = 0.2

    def __init__(self) -> None:
        self.tokens: float = self.CAPACITY
        self._warned = False

    def withdraw(self) -> bool:
        """Take a token. Return whether there was one."""
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return True
        if not self._warned:
            self._warned = True
            _logger.warning(
                "the retry budget is spent: until lookups succeed again, only HTTP 429 is retried"
            )
        return False

    def deposit(self, *, retried: bool) -> None:
        """Add tokens after a successful lookup: 1 if it was retried, otherwise `DEPOSIT`."""
        if self.tokens < self.CAPACITY:
            self.tokens = min(self.CAPACITY, self.tokens + (1.0 if retried else self.DEPOSIT))
            if self.tokens >= self.CAPACITY / 2:
                self._warned = False  # the outage is over: warn again at the next one


def retry_delay(policy: RetryPolicy, error: VairoSMSError, attempt: int) -> float | None:
    """Return the seconds until the next attempt, or None if there is no next attempt.

    Args:
        policy: The client's policy.
        error: The error of the last attempt.
        attempt: Number of attempts so far, from 1.
    """
    retry_after = error.retry_after if isinstance(error, VairoSMSAPIError) else None
    # A maintenance page rarely ends within seconds, so the client does not retry it.
    if not error.retryable or isinstance(error, VairoSMSResponseError):
        return None
    if attempt >= policy.attempts:
        return None
    if retry_after is not None and retry_after > policy.max_retry_after:
        return None
    # 2.0 ** 1024 raises OverflowError. No useful max_delay needs an exponent above 62.
    back_off = min(policy.max_delay, policy.initial_delay * 2.0 ** min(attempt - 1, 62))
    return (retry_after or 0.0) + random.uniform(0.0, back_off)  # noqa: S311 (jitter)
