"""What a client and the siblings of its `with_options` have in common."""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import aiohttp
from attrs import frozen

from ._bulk import Tasks
from ._deadlines import Deadlines
from ._endpoint import Endpoint
from ._retry import Pause, RetryBudget
from ._transport import Transport, open_session


@frozen
class ClientStats:
    """Figures of a client and its siblings at one moment; see `VairoSMSClient.stats`.

    Attributes:
        in_flight: Lookups that hold one of the client's slots now.
        retry_budget: Retries that the client may still send while no lookup succeeds, 0 to 100.
    """

    in_flight: int
    retry_budget: float


class Slots(asyncio.Semaphore):
    """The semaphore that caps lookups in flight."""

    @property
    def free(self) -> int:
        """How many more lookups may start now."""
        return self._value


class Shared:
    """One session, event loop, set of slots, retry budget and pause, and the bulks that run."""

    def __init__(
        self, endpoint: Endpoint, session: aiohttp.ClientSession | None, max_concurrency: int
    ) -> None:
        self.endpoint = endpoint
        self.max_concurrency = max_concurrency
        self.slots: Slots = Slots(max_concurrency)
        self.closing: asyncio.Event = asyncio.Event()
        self.bulk_tasks: Tasks = set()
        self.interruptible: Deadlines = Deadlines()
        self.budget: RetryBudget = RetryBudget()
        self.pause: Pause = Pause()
        self.key_refused: bool = False
        self._given_session = session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: Transport | None = None

    def stats(self) -> ClientStats:
        """Return the current figures."""
        return ClientStats(self.max_concurrency - self.slots.free, self.budget.tokens)

    def check_usable(self) -> None:
        """Raise RuntimeError if the client is closed, or this is another event loop."""
        self._check_open()
        self._check_loop()

    def _check_open(self) -> None:
        if self.closing.is_set():
            raise RuntimeError("this VairoSMSClient is closed: make a new one")

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError(
                "this VairoSMSClient belongs to another event loop, where its connections are: "
                "make one client inside each asyncio.run()"
            )

    def transport(self) -> Transport:
        """Return the way to the panel; at first, open the session inside the running loop."""
        self._check_open()  # closed, perhaps, while the slot was waited for
        if self._transport is None:
            own = self._given_session is None
            session = self._given_session or open_session(self.max_concurrency)
            # What is in flight over a caller's session may end as it will.
            deadlines = self.interruptible if own else Deadlines()
            self._transport = Transport(self.endpoint, session, deadlines)
        if self._transport.session.closed:
            raise RuntimeError("the aiohttp session given to this VairoSMSClient is closed")
        return self._transport

    def now(self) -> float:
        """The event loop's clock, in seconds."""
        return asyncio.get_running_loop().time()

    def pause_left(self) -> float:
        """Seconds for which the panel wants to hear nothing of the client; 0 if it does not."""
        return self.pause.left(self.now()) if self.pause.has_begun else 0.0

    async def enter(self, limiter: AbstractAsyncContextManager[object]) -> None:
        """Enter a rate limiter, but do not wait for it past the client's closing."""
        self.check_usable()  # closed, perhaps, while the slot was waited for
        within = self.interruptible.start(None)
        try:
            async with within:
                await limiter.__aenter__()
        except TimeoutError:
            self.check_usable()
            raise
        finally:
            self.interruptible.finish(within)

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not past the client's closing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()

    async def close(self) -> None:
        """Wake what sleeps, end the bulks, then close the session if it is our own."""
        self._check_loop()
        self.closing.set()
        self.interruptible.expire_all()
        # A source of ids may close its client: its worker cannot wait for itself.
        tasks = self.bulk_tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            if self._transport is not None and self._given_session is None:
                await self._transport.session.close()
