"""The pause after HTTP 429, or after HTTP 503 with ``Retry-After``: the client sends no lookup."""

import logging
import random

from ._errors import VairoSMSAPIError, VairoSMSError, VairoSMSRateLimitError
from ._retry import RetryPolicy

_logger = logging.getLogger("vairosms_async")


class Pause:
    """A time in which the client sends no lookup, because the panel asked it to wait."""

    # After the pause, lookups restart over this share of its length (at most one second), so that
    # they do not hit the panel all at once.
    SPREAD = 0.25

    def __init__(self) -> None:
        self.has_begun: bool = False  # stays False in nearly all clients
        self._until = 0.0
        self._spread = 0.0

    def begin(self, now: float, seconds: float, status: int) -> None:
        """Start a pause, or extend the current one. A pause that would end earlier is ignored."""
        if seconds <= 0.0 or now + seconds <= self._until:
            return
        if now >= self._until:
            _logger.warning("the panel answered HTTP %d: pausing for %.2f s", status, seconds)
        self.has_begun = True
        self._until = now + seconds
        self._spread = min(1.0, seconds * self.SPREAD)

    def remaining(self, now: float) -> float:
        """Return the seconds until the next lookup may start, jittered. 0 if there is no pause."""
        if now >= self._until:
            return 0.0
        return self._until - now + random.uniform(0.0, self._spread)  # noqa: S311 (jitter)


def requested_pause(policy: RetryPolicy, error: VairoSMSError, delay: float | None) -> float:
    """Return the seconds for which an answer pauses the whole client; 0 if it does not.

    Args:
        policy: The client's policy. A wait above its ``max_retry_after`` does not pause the client:
            that lookup ends with its error.
        error: The error of the attempt.
        delay: Seconds until the next attempt of that lookup, or None if it is not retried. A 429
            without ``Retry-After`` pauses the client for that time.
    """
    if isinstance(error, VairoSMSRateLimitError):
        seconds = error.retry_after if error.retry_after is not None else delay or 0.0
    elif isinstance(error, VairoSMSAPIError) and error.status == 503:
        seconds = error.retry_after or 0.0
    else:
        return 0.0
    return seconds if seconds <= policy.max_retry_after else 0.0
