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
    _ended: "Future[None]"

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
        self._ended = Future()
        self._thread = threading.Thread(
            target=_run, args=(self, started, self._ended), name=type(self).__name__, daemon=True
        )
        self._thread.start()
        try:
            self._stop = started.result()
        except Exception:
            self._thread.join()
            raise
        except BaseException:  # Ctrl-C
            started.add_done_callback(_stop_at_once)
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
        self._ended.result()


def _stop_at_once(started: "Future[_Stop]") -> None:
    if started.exception() is None:
        loop, stop = started.result()
        loop.call_soon_threadsafe(stop.set)


def _run(server: InThread, started: "Future[_Stop]", ended: "Future[None]") -> None:
    try:
        asyncio.run(_serve(server, started))
    except BaseException as exc:  # noqa: BLE001 (whoever enters or leaves hears of it)
        (ended if started.done() else started).set_exception(exc)
    else:
        ended.set_result(None)


async def _serve(server: InThread, started: "Future[_Stop]") -> None:
    stop = asyncio.Event()
    await server.start()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    await server.stop()
