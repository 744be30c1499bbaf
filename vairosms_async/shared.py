"""What a client and the siblings of its `with_options` have in common."""

import asyncio
from contextlib import suppress

import aiohttp

from .bulk import Tasks
from .transport import Endpoint, Transport, open_session


class Shared:
    """One session, one event loop, one set of slots, and the bulks that run."""

    def __init__(
        self, endpoint: Endpoint, session: aiohttp.ClientSession | None, max_concurrency: int
    ) -> None:
        self.endpoint = endpoint
        self.max_concurrency = max_concurrency
        self.slots: asyncio.Semaphore = asyncio.Semaphore(max_concurrency)
        self.closing: asyncio.Event = asyncio.Event()
        self.bulk_workers: Tasks = set()
        self.key_refused: bool = False
        self._given_session = session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transport: Transport | None = None

    def check_usable(self) -> None:
        """Raise RuntimeError if the client is closed, or this is another event loop."""
        if self.closing.is_set():
            raise RuntimeError("this VairoSMSClient is closed: make a new one")
        self._check_loop()

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
        self.check_usable()
        if self._transport is None:
            session = self._given_session or open_session(self.max_concurrency)
            self._transport = Transport(self.endpoint, session)
        if self._transport.session.closed:
            raise RuntimeError("the aiohttp session given to this VairoSMSClient is closed")
        return self._transport

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not past the client's closing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()

    async def close(self) -> None:
        """Wake what sleeps, end the bulks, then close the session if it is our own."""
        self._check_loop()
        self.closing.set()
        for worker in self.bulk_workers:
            worker.cancel()
        if self.bulk_workers:
            await asyncio.wait(self.bulk_workers)
        if self._transport is not None and self._given_session is None:
            await self._transport.session.close()
