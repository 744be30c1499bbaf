"""A server in a thread of its own, for tests and programs that have no event loop, or block it."""

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from types import TracebackType
from typing import Self

_Stop = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class InThread(ABC):
    """Runs what has `start` and `stop`, for the length of a ``with``, in a thread of its own."""

    _in_thread = False
    _thread: threading.Thread
    _stop: _Stop

    @abstractmethod
    async def start(self) -> None:
        """Start to serve."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop to serve."""

    def __enter__(self) -> Self:
        if self._in_thread:
            raise RuntimeError("it is running in a thread already")
        started: Future[_Stop] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(started)), name=type(self).__name__, daemon=True
        )
        self._thread.start()
        try:
            self._stop = started.result()
        except Exception:
            self._thread.join()
            raise
        self._in_thread = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop, stop = self._stop
        loop.call_soon_threadsafe(stop.set)
        self._thread.join()
        self._in_thread = False

    async def _serve(self, started: "Future[_Stop]") -> None:
        stop = asyncio.Event()
        try:
            await self.start()
        except Exception as exc:  # noqa: BLE001 (whoever entered hears of it)
            started.set_exception(exc)
            return
        started.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await self.stop()
