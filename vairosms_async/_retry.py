"""Retries: whether and when to retry a failed lookup, and how many retries a client has."""

import logging
import math
import random

from attrs import define, frozen

from ._errors import (
    VairoSMSAPIError,
    VairoSMSError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
)
from ._validate import check_seconds, parse_count

_logger = logging.getLogger("vairosms_async")

MAX_REQUEUE_DELAY = 2.0
"""Maximum number of seconds before a lookup that an overloaded panel refused is sent again."""


@frozen
class RetryPolicy:
    """How often and how soon the client retries a failed lookup.

    Lookups change nothing in the panel, so a retry is safe. The client retries connection
    errors (except TLS failures), timeouts, and HTTP 408, 429 and 5xx. The delay after attempt n is
    uniformly random from 0 to ``min(max_delay, initial_delay * 2 ** (n - 1))`` ("exponential
    back-off with full jitter"). ``Retry-After`` is added to it. The panel's first answer to an
    ``adaptive`` client ends the delays without ``Retry-After``, because it shows that the panel is
    not down.

    A `VairoSMSResponseError` is not retried: a maintenance page rarely ends within seconds. If its
    `retryable` is True, ask again later.

    If the panel is overloaded (it refuses some lookups with HTTP 429 or 503, or lets them time out
    in its queue, while it answers others), the client slows down and sends the refused lookups
    again. These requests do not count as attempts, unless `attempts` is 1.

    A panel that has refused more than 16 requests without ``Retry-After`` and answered none may be
    busy with another client. It counts as overloaded for 10 seconds, and then as down.

    Attributes:
        attempts: Maximum number of requests per lookup (default 4). 1 means no retry.
        initial_delay: Upper bound of the first delay in seconds (default 0.25).
        max_delay: Upper bound of every delay in seconds, without ``Retry-After`` (default 8).
        max_retry_after: Longest ``Retry-After`` that the client waits for, in seconds (default
            60). A longer one ends the lookup with its error at once.
        max_overload: Maximum number of seconds for which an overloaded panel may refuse one lookup
            (default 60). Then the lookup ends with its error. Only the requests and the delays
            between them count, not the time that the lookup waits for its turn.

    Raises:
        ValueError: `attempts` is not a whole number of at least 1, or a time is not a finite
            number of at least 0.
    """

    attempts: int = 4
    initial_delay: float = 0.25
    max_delay: float = 8.0
    max_retry_after: float = 60.0
    max_overload: float = 60.0

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "attempts", parse_count("attempts", self.attempts))
        for name in ("initial_delay", "max_delay", "max_retry_after", "max_overload"):
            check_seconds(name, getattr(self, name), allow_zero=True)


class RetryBudget:
    """Tokens for retries, shared by all lookups of a client.

    A retry takes one token and is not sent without one. A retry after an HTTP 429 that pauses the
    client needs no token. An answer, also "no such packet", adds one token if its lookup was
    retried, otherwise a fifth of a token. So a panel that fails three requests in ten gets all its
    retries, and a panel that is down gets `CAPACITY` retries, however long it is down.

    A retry after a refusal of an overloaded panel only borrows its token. The panel's next answer
    cancels all loans. If the panel turns out to be down, `collect` takes their tokens. So that the
    tokens last until then, the last `RESERVED` of them are lent one by one, every `INTERVAL`
    seconds. If an earlier outage has used them up, a panel that answers again gets these loans
    nevertheless.
    """

    CAPACITY = 100.0
    DEPOSIT = 0.2
    RESERVED = 20.0
    INTERVAL = 0.5

    def __init__(self) -> None:
        self.tokens: float = self.CAPACITY
        self._extra = 0.0  # missing tokens that are lent nevertheless
        self._loans = 0
        self._lent_at = -math.inf
        self._warned = False

    @property
    def is_spent(self) -> bool:
        """Whether no token is left, and none can be lent."""
        return self.tokens + self._extra < 1.0

    def can_lend(self, now: float) -> bool:
        """Whether `lend` has a token for a request at this time of the loop's clock."""
        loans = self._loans + 1
        if loans <= self.tokens - self.RESERVED:
            return True
        return loans <= self.tokens + self._extra and now >= self._lent_at + self.INTERVAL

    def lend(self, now: float) -> bool:
        """Lend a token to a request. Return whether there was one."""
        if not self.can_lend(now):
            return False
        self._loans += 1
        self._lent_at = now
        return True

    def collect(self) -> None:
        """Take the tokens of all loans, because the panel is down."""
        self.tokens = max(0.0, self.tokens - self._loans)
        self._loans, self._extra = 0, 0.0

    def withdraw(self) -> bool:
        """Take a token. Return whether there was one."""
        if self.tokens - self._loans >= 1.0:
            self.tokens -= 1.0
            return True
        if self.tokens < 1.0:
            self.warn_once()
        return False

    def warn_once(self) -> None:
        """Log that no token is left, once per outage."""
        if not self._warned:
            self._warned = True
            _logger.warning(
                "the retry budget is spent: until the panel answers again, only HTTP 429 with "
                "Retry-After is retried"
            )

    def deposit(self, *, retried: bool) -> None:
        """Add tokens after an answer: 1 if its lookup was retried, otherwise `DEPOSIT`."""
        self._loans, self._lent_at = 0, -math.inf
        if self.tokens < self.CAPACITY:
            self.tokens = min(self.CAPACITY, self.tokens + (1.0 if retried else self.DEPOSIT))
            self._extra = max(0.0, self.RESERVED - self.tokens)
            if self.tokens >= self.CAPACITY / 2:
                self._warned = False  # the outage is over: warn again at the next one


@define
class FailedAttempts:
    """The failed attempts of one lookup.

    Attributes:
        policy: The client's policy.
        budget: The client's budget.
        adaptive: Whether the limit on lookups in flight is adaptive. If not, a 429 without
            ``Retry-After`` pauses the client, too.
    """

    policy: RetryPolicy
    budget: RetryBudget
    adaptive: bool
    _counted: int = 0
    _refusals: int = 0
    _refused_for: float = 0.0  # seconds of delays and requests since the first refusal

    def retry_delay(self, error: VairoSMSError) -> float | None:
        """Return the seconds until the next attempt, or None if there is no next attempt.

        Args:
            error: The error of the last attempt.
        """
        self._counted += 1
        self._refusals = 0
        delay = retry_delay(self.policy, error, self._counted)
        if delay is None:
            return None
        return delay if not self.needs_token(error) or self.budget.withdraw() else None

    def needs_token(self, error: VairoSMSError) -> bool:
        """Whether a retry needs a token. If a 429 pauses the client, the pause spaces the retries.

        Args:
            error: The error of the last attempt.
        """
        if isinstance(error, VairoSMSRateLimitError):
            return self.adaptive and not error.retry_after
        return True

    def requeue_delay(self, error: VairoSMSError, seconds: float, latency: float) -> float | None:
        """Return the seconds until a refused lookup is sent again, or None if it is not.

        Args:
            error: The refusal of an overloaded panel.
            seconds: Duration of the refused request in seconds.
            latency: Mean answer time of the panel in seconds.
        """
        if self.policy.attempts == 1 or _exceeds(self.policy, error):
            return None
        # Waits for a slot or for a turn do not count: with many lookups, they are long.
        self._refused_for = self._refused_for + seconds if self._refusals else 0.0
        if self._refused_for >= self.policy.max_overload:
            return None
        self._refusals += 1
        delay = _back_off(max(latency, 0.01), MAX_REQUEUE_DELAY, self._refusals, error)
        self._refused_for += delay
        return delay


def retry_delay(policy: RetryPolicy, error: VairoSMSError, attempt: int) -> float | None:
    """Return the seconds until the next attempt, or None if there is no next attempt.

    Args:
        policy: The client's policy.
        error: The error of the last attempt.
        attempt: Number of attempts so far, from 1.
    """
    # A maintenance page rarely ends within seconds, so the client does not retry it.
    if not error.retryable or isinstance(error, VairoSMSResponseError):
        return None
    if attempt >= policy.attempts or _exceeds(policy, error):
        return None
    return _back_off(policy.initial_delay, policy.max_delay, attempt, error)


def _exceeds(policy: RetryPolicy, error: VairoSMSError) -> bool:
    """Whether the panel asks for a longer wait than the policy allows."""
    return _retry_after(error) > policy.max_retry_after


def _retry_after(error: VairoSMSError) -> float:
    return (error.retry_after or 0.0) if isinstance(error, VairoSMSAPIError) else 0.0


def _back_off(initial_delay: float, max_delay: float, attempt: int, error: VairoSMSError) -> float:
    # 2.0 ** 1024 raises OverflowError. No useful max_delay needs an exponent above 62.
    longest = min(max_delay, initial_delay * 2.0 ** min(attempt - 1, 62))
    return _retry_after(error) + random.uniform(0.0, longest)  # noqa: S311 (jitter)
