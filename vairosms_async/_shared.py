"""The state that a client and its `with_options` siblings share."""

import asyncio
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
from attrs import frozen

from ._deadlines import Deadlines
from ._endpoint import Endpoint
from ._pace import Pace
from ._retry import RetryBudget
from ._transport import Transport, open_session

Tasks = set[asyncio.Task[Any]]

CLOSED = "this VairoSMSClient is closed: create a new one"
UNCLOSED = "Unclosed VairoSMSClient. Use `async with`, or await its close()"
ANOTHER_LOOP = (
    "this VairoSMSClient was used in another event loop, which has its connections. Use one client "
    "per event loop: create it inside asyncio.run(). In Django, Flask and Celery, each call of "
    "async_to_sync(), of an async view or of asyncio.run() may have a new event loop: create one "
    "client per call, with `async with VairoSMSClient() as client:`"
)


@frozen
class ClientStats:
    """Current figures of a client and its siblings, from `VairoSMSClient.stats`.

    Counts are since the client was created.

    Attributes:
        in_flight: Number of lookups that wait for their turn, for the rate limiter or for their
            answer.
        limit: Current limit on lookups in flight. It changes if the client is ``adaptive``. Below
            1, one lookup is in flight, and the client waits between its requests.
        requests: Number of requests that the client has sent.
        retries: Number of requests that repeated an earlier one.
        refusals: Number of answers with HTTP 429 or 503.
        timeouts: Number of requests without a complete answer in time.
        paused: Seconds in which the client sent no request because of ``Retry-After``, or because
            it waited between two requests.
        retry_budget: Number of tokens for retries, from 0 to 100. A retry takes 1, except after
            a refusal of an overloaded panel. An answered lookup adds 0.2, or 1 if it was retried.
    """

    in_flight: int
    limit: float
    requests: int
    retries: int
    refusals: int
    timeouts: int
    paused: float
    retry_budget: float


def _close_now(connector: aiohttp.BaseConnector) -> None:
    # `close` closes the connections at once. The awaitable that it returns only waits for them.
    next(connector.close(abort_ssl=True).__await__(), None)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class Shared:
    """Session, event loop, pace, retry budget, and the tasks of running bulk lookups."""

    # `ensure_usable` sets these when it first finds a running event loop.
    now: Callable[[], float]  # the loop's clock, in seconds
    interruptible: Deadlines  # waits that `close` ends
    # None until the first lookup. `transport` sets it.
    _transport: Transport | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        session: aiohttp.ClientSession | None,
        max_concurrency: int,
        *,
        adaptive: bool,
    ) -> None:
        self.endpoint = endpoint
        self.max_concurrency = max_concurrency
        self.pace: Pace = Pace(max_concurrency, adaptive=adaptive)
        self.closing: asyncio.Event = asyncio.Event()
        self.bulk_tasks: Tasks = set()
        self.budget: RetryBudget = RetryBudget()
        self.key_refused: bool = False
        self.unreadable_fields: set[str] = set()
        self._session = session
        self._loop: asyncio.AbstractEventLoop | None = None

    # Here and not in the client, since a sibling keeps the session in use.
    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        loop, transport = self._loop, self._transport
        if loop is None or transport is None or self._session is not None:
            return
        session = transport.session
        connector = session.connector
        if connector is None or session.closed:
            return
        session.detach()  # otherwise aiohttp warns of the session, too
        if loop.is_closed() or _runs_here(loop):
            _close_now(connector)
        else:  # Python may collect garbage in another thread
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_close_now, connector)
        loop.call_exception_handler({"message": UNCLOSED, "base_url": self.endpoint.base_url})
        _warn(f"{UNCLOSED} ({self.endpoint.base_url})", ResourceWarning, source=self)

    def stats(self) -> ClientStats:
        """Return the current figures."""
        pace = self.pace
        return ClientStats(
            in_flight=pace.slots.used,
            limit=pace.limit,
            requests=pace.requests,
            retries=pace.retries,
            refusals=pace.refusals,
            timeouts=pace.timeouts,
            paused=pace.pause.seconds + pace.seconds_spaced,
            retry_budget=self.budget.tokens,
        )

    def ensure_usable(self) -> None:
        """Raise RuntimeError if the client is closed or was used in another event loop."""
        if self.closing.is_set():
            raise RuntimeError(CLOSED)
        if self._loop is not asyncio.get_running_loop():
            self._bind_loop()

    def _bind_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self.now, self.interruptible = loop, loop.time, Deadlines(loop)
        elif self._loop is not loop:
            raise RuntimeError(ANOTHER_LOOP)

    def transport(self) -> Transport:
        """Return the transport. The first call opens the session, in the running loop."""
        if self.closing.is_set():  # while the lookup waited for a slot
            raise RuntimeError(CLOSED)
        if self._transport is None:
            session = self._session or open_session(self.max_concurrency)
            deadlines = self.interruptible
            if self._session is not None:
                # Closing the client does not interrupt requests of the caller's session.
                deadlines = Deadlines(asyncio.get_running_loop())
            self._transport = Transport(self.endpoint, session, deadlines)
        return self._transport

    def pause_remaining(self) -> float:
        """Return the seconds until a lookup may start, 0 if the client is not paused."""
        return self.pace.pause.remaining(self.now())

    async def sleep(self, seconds: float) -> None:
        """Sleep. Raise RuntimeError if the client is closed meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        self.ensure_usable()

    async def close(self) -> None:
        """Interrupt lookups, cancel the bulk tasks, then close the client's own session."""
        self._bind_loop()
        self.closing.set()
        self.interruptible.expire_all()
        # An iterable of ids may close the client. Its worker cannot wait for itself.
        tasks = self.bulk_tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            if self._transport is not None and self._session is None:
                await self._transport.session.close()
