"""When a lookup is tried again, and after how long."""

import math
import random

from attrs import Attribute, field, frozen

from .errors import VairoSMSAPIError, VairoSMSConnectionError, VairoSMSError


def _seconds(_: object, attribute: "Attribute[float]", value: float) -> None:
    if isinstance(value, bool) or not (value >= 0 and math.isfinite(value)):
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


def retry_delay(policy: RetryPolicy, error: VairoSMSError, attempt: int) -> float | None:
    """Seconds to wait before the next attempt, or None if there is to be none.

    Args:
        policy: The client's.
        error: What the last attempt came to.
        attempt: How many attempts there were, from 1.
    """
    if attempt >= policy.attempts or not _passes(error):
        return None
    asked = error.retry_after if isinstance(error, VairoSMSAPIError) else None
    if asked is not None and asked > policy.max_retry_after:
        return None
    # 2 ** 62 is beyond every max_delay, and 2 ** 1024 beyond a float.
    back_off = min(policy.max_delay, policy.initial_delay * 2.0 ** min(attempt - 1, 62))
    return (asked or 0.0) + random.uniform(0.0, back_off)  # noqa: S311 (jitter)


def _passes(error: VairoSMSError) -> bool:
    """Whether another attempt may fare better."""
    if isinstance(error, VairoSMSConnectionError):
        return error.reason != "tls"
    return isinstance(error, VairoSMSAPIError) and (
        error.status in (408, 429) or error.status // 100 == 5
    )
