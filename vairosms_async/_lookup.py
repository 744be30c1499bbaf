"""One lookup: attempts, and what happens between them."""

import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import tzinfo
from time import perf_counter
from types import TracebackType
from typing import Any, SupportsIndex

from attrs import frozen

from ._errors import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSRateLimitError,
)
from ._models import Gonderim, GonderimResult
from ._retry import RetryPolicy, pause_asked, retry_delay
from ._shared import Shared
from ._validate import check_options, read_id, show_id

_logger = logging.getLogger("vairosms_async")


@frozen
class Options:
    """What siblings of one client may have each for itself; see `VairoSMSClient`."""

    timeout: float | None
    retry: RetryPolicy
    rate_limiter: AbstractAsyncContextManager[Any] | None
    tz: tzinfo | None

    def __attrs_post_init__(self) -> None:
        check_options(self.retry, self.rate_limiter, self.tz)


async def look_up(shared: Shared, options: Options, given: SupportsIndex | str) -> GonderimResult:
    """Look one id up, with retries. Failures are returned; misuse of the client is raised."""
    shared.check_usable()
    gonderim_id = read_id(given, shared.endpoint.scrub)
    if not isinstance(gonderim_id, int):
        return GonderimResult(show_id(given, shared.endpoint.scrub), error=gonderim_id)
    attempt = 0
    while True:
        attempt += 1
        outcome = await _attempt(shared, options, gonderim_id, attempt)
        if isinstance(outcome, Gonderim):
            shared.budget.deposit(retried=attempt > 1)
            return GonderimResult(gonderim_id, outcome)
        if isinstance(outcome, VairoSMSConnectionError):
            shared.check_usable()  # a client closed meanwhile is not a connection that was lost
        if isinstance(outcome, VairoSMSAuthError) and not shared.key_refused:
            shared.key_refused = True
            _logger.warning("the panel refused the API key (HTTP %d)", outcome.status)
        delay = retry_delay(options.retry, outcome, attempt)
        if isinstance(outcome, VairoSMSAPIError):
            seconds = pause_asked(options.retry, outcome, delay)
            shared.pause.begin(shared.now(), seconds, outcome.status)
        # A 429 costs no token: the pause spaces the retries already.
        if delay is None or not (
            isinstance(outcome, VairoSMSRateLimitError) or shared.budget.withdraw()
        ):
            return GonderimResult(gonderim_id, error=outcome)
        await shared.sleep(delay)
        shared.check_usable()


async def _attempt(
    shared: Shared, options: Options, gonderim_id: int, attempt: int
) -> Gonderim | VairoSMSError:
    """Send one request, when there is a slot and no pause. What sleeps holds no slot."""
    while True:
        if wait := shared.pause_left():
            await shared.sleep(wait)
            shared.check_usable()
            continue
        async with shared.slots, _limited(shared, options.rate_limiter):
            if shared.pause_left():
                continue  # it began while this lookup waited for the slot or the limiter
            began = perf_counter()
            outcome = await shared.transport().exchange(
                gonderim_id, timeout=options.timeout, tz=options.tz
            )
        if _logger.isEnabledFor(logging.DEBUG):
            _log_attempt(gonderim_id, attempt, outcome, perf_counter() - began)
        return outcome


def _limited(
    shared: Shared, limiter: AbstractAsyncContextManager[Any] | None
) -> AbstractAsyncContextManager[Any]:
    return _UNLIMITED if limiter is None else _Limited(shared, limiter)


_UNLIMITED = nullcontext()


@frozen
class _Limited(AbstractAsyncContextManager[None]):
    """A rate limiter that is not waited for when the client closes."""

    shared: Shared
    limiter: AbstractAsyncContextManager[Any]

    async def __aenter__(self) -> None:
        await self.shared.enter(self.limiter)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self.limiter.__aexit__(exc_type, exc, traceback)


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
