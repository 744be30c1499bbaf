"""A server in a thread of its own, for tests and programs that have no event loop, or block it."""

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from types import TracebackType
from typing import Self

_Running = tuple[asyncio.AbstractEventLoop, asyncio.Event]
"""The thread's event loop, and what stops the server on it."""


class InThread(ABC):
    """Runs what has `start` and `stop`, for the length of a ``with``, in a thread of its own."""

    _in_thread = False
    _thread: threading.Thread
    _thread_started: "Future[_Running]"
    _thread_ended: "Future[None]"

    @abstractmethod
    async def start(self) -> None:
        """Start to serve."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop to serve."""

    def __enter__(self) -> Self:
        if self._in_thread:
            raise RuntimeError("it is running in a thread already")
        started = self._thread_started = Future[_Running]()
        ended = self._thread_ended = Future[None]()
        self._thread = threading.Thread(
            target=_run, args=(self, started, ended), name=type(self).__name__, daemon=True
        )
        self._thread.start()
        try:
            started.result()
        except Exception:
            self._thread.join()
            raise
        except BaseException:  # Ctrl-C
            started.add_done_callback(_stop)
            raise
        self._in_thread = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _stop(self._thread_started)
        self._thread.join()
        self._in_thread = False
        self._thread_ended.result()


def _stop(started: "Future[_Running]") -> None:
    if started.exception() is None:
        loop, stop = started.result()
        loop.call_soon_threadsafe(stop.set)


def _run(server: InThread, started: "Future[_Running]", ended: "Future[None]") -> None:
    try:
        asyncio.run(_serve(server, started))
    except BaseException as exc:  # noqa: BLE001 (whoever enters or leaves hears of it)
        (ended if started.done() else started).set_exception(exc)
    else:
        ended.set_result(None)


async def _serve(server: InThread, started: "Future[_Running]") -> None:
    stop = asyncio.Event()
    await server.start()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    await server.stop()
