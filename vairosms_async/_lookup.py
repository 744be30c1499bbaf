"""One lookup: its options, attempts and retries."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import tzinfo
from typing import Any, SupportsIndex

from attrs import frozen

from ._errors import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSError,
)
from ._models import NO_FIELDS, Gonderim
from ._pace import is_answer, requested_pause
from ._result import GonderimResult
from ._retry import FailedAttempts, RetryPolicy
from ._shared import Shared
from ._validate import check_timeout, id_or_text, parse_id

_logger = logging.getLogger("vairosms_async")


@frozen
class Options:
    """The options that siblings of one client do not share. See `VairoSMSClient`."""

    timeout: float | None
    retry: RetryPolicy
    rate_limiter: AbstractAsyncContextManager[Any] | None
    tz: tzinfo | None

    def __attrs_post_init__(self) -> None:
        check_timeout(self.timeout)
        _check_types(self.retry, self.rate_limiter, self.tz)


def _check_types(retry: object, rate_limiter: object, tz: object) -> None:
    # A wrong type must fail here, not at the first failed lookup.
    if not isinstance(retry, RetryPolicy):
        raise TypeError(f"retry must be a RetryPolicy (attempts=1: no retries), not {retry!r}")
    if rate_limiter is not None and not isinstance(rate_limiter, AbstractAsyncContextManager):
        raise TypeError(f"rate_limiter must be an async context manager, not {rate_limiter!r}")
    if tz is not None and not isinstance(tz, tzinfo):
        raise TypeError(f'tz must be a tzinfo, such as ZoneInfo("Europe/Istanbul"), not {tz!r}')


async def look_up(
    shared: Shared,
    options: Options,
    value: SupportsIndex | str,
    on_error: Callable[[VairoSMSError], None] | None = None,
) -> GonderimResult:
    """Look up one id, with retries. Return a result with the record or the error.

    Args:
        shared: The state of the client.
        options: The options of the client or sibling.
        value: The id.
        on_error: Called with the error of each failed attempt.

    Raises:
        VairoSMSAuthError: The panel refused the key, so no other lookup can succeed.
        RuntimeError: The client is closed or was used in another event loop.
    """
    shared.ensure_usable()
    gonderim_id = parse_id(value, shared.endpoint.scrub)
    if not isinstance(gonderim_id, int):
        return GonderimResult(id_or_text(value, shared.endpoint.scrub), error=gonderim_id)
    attempt = 0
    failures: FailedAttempts | None = None
    refusal: VairoSMSError | None = None  # after which the next request must borrow a token
    while True:
        attempt += 1
        sent = await _attempt(shared, options, gonderim_id, attempt, on_loan=refusal is not None)
        if sent is None:
            return GonderimResult(gonderim_id, error=refusal)
        outcome, overloaded, seconds = sent
        if isinstance(outcome, Gonderim):
            shared.budget.deposit(retried=attempt > 1)
            log = outcome.log
            if outcome.unreadable is not NO_FIELDS or (log and log.unreadable is not NO_FIELDS):
                _warn_of_unreadable_fields(shared, outcome)
            return GonderimResult(gonderim_id, outcome)
        _raise_if_refused(shared, outcome)
        if is_answer(outcome):
            shared.budget.deposit(retried=attempt > 1)
        if on_error is not None:
            on_error(outcome)
        if failures is None:
            failures = FailedAttempts(options.retry, shared.budget, shared.pace.adaptive)
        delay = _next_delay(shared, failures, outcome, seconds, overloaded=overloaded)
        if delay is None:
            return GonderimResult(gonderim_id, error=outcome)
        await _wait_to_retry(shared, outcome, delay)
        refusal = outcome if overloaded and failures.needs_token(outcome) else None


def _warn_of_unreadable_fields(shared: Shared, record: Gonderim) -> None:
    """Warn of each unreadable field once per client. The log does not get its value."""
    fields = dict(record.unreadable)
    if record.log is not None:
        fields |= {f"log.{name}": value for name, value in record.log.unreadable.items()}
    for name in sorted(fields.keys() - shared.unreadable_fields):
        shared.unreadable_fields.add(name)
        _logger.warning(
            "cannot read the field %s (%s) of gonderim %d: its value is in `unreadable`",
            name,
            type(fields[name]).__name__,
            record.id,
        )


def _raise_if_refused(shared: Shared, error: VairoSMSError) -> None:
    """Raise an error that ends all lookups: the client is closed, or the key is refused."""
    if isinstance(error, VairoSMSConnectionError):
        shared.ensure_usable()  # closing the client breaks its connections
    if isinstance(error, VairoSMSAuthError):
        if not shared.key_refused:
            shared.key_refused = True
            _logger.warning(
                "the panel refused the API key (HTTP %d): check the API key",
                error.status,
                extra={"vairosms_event": "key_refused"},
            )
        raise error


def _next_delay(
    shared: Shared,
    failures: FailedAttempts,
    error: VairoSMSError,
    seconds: float,
    *,
    overloaded: bool,
) -> float | None:
    """Return the seconds until the next attempt, or None. Start or extend a pause if needed."""
    pace, now = shared.pace, shared.now()
    if overloaded:
        delay = failures.requeue_delay(error, seconds, pace.latency)
    else:
        if pace.is_down(now):
            shared.budget.collect()
        delay = failures.retry_delay(error)
    if isinstance(error, VairoSMSAPIError):
        pause = requested_pause(failures.policy, error, delay, adaptive=pace.adaptive)
        pace.pause.begin(now, pause, error.status)
    return delay


async def _wait_to_retry(shared: Shared, error: VairoSMSError, delay: float) -> None:
    """Wait until the next attempt. The panel's first answer shows that it is up and ends the wait.

    Args:
        shared: The state of the client.
        error: The error of the last attempt. A ``Retry-After`` is waited for in full.
        delay: Maximum number of seconds to wait.
    """
    first_answer = shared.pace.first_answer
    if first_answer.is_set() or (isinstance(error, VairoSMSAPIError) and error.retry_after):
        await shared.sleep(delay)
    else:
        await _wait_for(shared, first_answer, delay)


async def _wait_for_token(shared: Shared) -> bool:
    """Wait until the budget can lend a token. Return False if the panel is down, and none is left.

    The next answer cancels the loans, so it ends the wait.
    """
    budget, pace = shared.budget, shared.pace
    while not budget.can_lend(shared.now()):
        if pace.is_down(shared.now()):
            if not pace.in_flight:
                budget.collect()
            if budget.is_spent:
                budget.warn_once()
                return False
        pace.next_answer.clear()
        await _wait_for(shared, pace.next_answer, budget.INTERVAL)
    return True


async def _wait_for(shared: Shared, event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most for a number of seconds, or until the client is closed."""
    shared.ensure_usable()
    with suppress(TimeoutError), shared.interruptible.limit(seconds):
        await event.wait()
    shared.ensure_usable()


async def _attempt(
    shared: Shared, options: Options, gonderim_id: int, attempt: int, *, on_loan: bool
) -> tuple[Gonderim | VairoSMSError, bool, float] | None:
    """Wait for the end of the pause, a free slot and the rate limiter. Then send one request.

    Args:
        shared: The state of the client.
        options: The options of the client or sibling.
        gonderim_id: The id.
        attempt: Number of the request, from 1.
        on_loan: Whether the request must borrow a token.

    Returns:
        The record or the error; whether an overloaded panel refused the lookup; and the duration of
        the request in seconds. None if there is no token to borrow, and the panel is down.
    """
    pace = shared.pace
    while True:
        if pace.pause.has_begun and (seconds := shared.pause_remaining()):
            await shared.sleep(seconds)
            continue
        if on_loan and not await _wait_for_token(shared):
            return None
        if not pace.slots.take():  # usually a slot is free, and `acquire` is slow
            await pace.slots.acquire()
        try:
            if on_loan:
                if not shared.budget.lend(shared.now()):
                    continue
                on_loan = False
            if pace.is_spaced:
                await pace.turn(shared.sleep)
            if options.rate_limiter is None:
                sent = await _send(shared, options, gonderim_id, attempt)
            else:
                async with _Limited(shared, options.rate_limiter):
                    sent = await _send(shared, options, gonderim_id, attempt)
        finally:
            pace.slots.release()
        if sent is not None:
            return sent


async def _send(
    shared: Shared, options: Options, gonderim_id: int, attempt: int
) -> tuple[Gonderim | VairoSMSError, bool, float] | None:
    """Send one request, unless a pause has begun. Return as `_attempt`, or None in a pause."""
    pace, timeout = shared.pace, options.timeout
    if pace.pause.has_begun and shared.pause_remaining():
        return None
    transport, sent_at = shared.transport(), shared.now()
    pace.send(sent_at, retry=attempt > 1)
    try:
        outcome = await transport.exchange(gonderim_id, timeout=timeout, tz=options.tz)
    finally:
        pace.finish()
    now = shared.now()
    seconds = now - sent_at
    if _logger.isEnabledFor(logging.DEBUG):
        _log_attempt(gonderim_id, attempt, outcome, seconds)
    return outcome, pace.record(outcome, now, sent_at, timeout), seconds


@frozen
class _Limited(AbstractAsyncContextManager[None]):
    """A rate limiter. Closing the client ends the wait for it, with RuntimeError."""

    shared: Shared
    limiter: Any

    async def __aenter__(self) -> None:
        # The client may have been closed while the lookup waited for a slot.
        self.shared.ensure_usable()
        try:
            with self.shared.interruptible.limit(None):
                await self.limiter.__aenter__()
        except TimeoutError:
            self.shared.ensure_usable()
            raise

    async def __aexit__(self, *exc_info: object) -> Any:
        return await self.limiter.__aexit__(*exc_info)


def _log_attempt(
    gonderim_id: int, attempt: int, outcome: Gonderim | VairoSMSError, seconds: float
) -> None:
    status = 200 if isinstance(outcome, Gonderim) else getattr(outcome, "status", None)
    _logger.debug(
        "GET gonderim %d, attempt %d: %s in %.1f ms",
        gonderim_id,
        attempt,
        status or type(outcome).__name__,
        seconds * 1000,
    )
