"""Run a server in a thread, for code that has no event loop or blocks it."""

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Self

_Running = tuple[asyncio.AbstractEventLoop, asyncio.Event]
"""The thread's event loop, and the event that stops the server."""


class ThreadedServer(ABC):
    """Base class of a server that a ``with`` statement runs in its own thread."""

    _in_thread = False
    _thread: threading.Thread
    _thread_started: "Future[_Running]"
    _thread_ended: "Future[None]"

    @abstractmethod
    async def start(self) -> None:
        """Start serving."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop serving."""

    def __enter__(self) -> Self:
        if self._in_thread:
            raise RuntimeError(f"this {type(self).__name__} is already running in a thread")
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

    def __exit__(self, *exc_info: object) -> None:
        _stop(self._thread_started)
        self._thread.join()
        self._in_thread = False
        self._thread_ended.result()


def _stop(started: "Future[_Running]") -> None:
    if started.exception() is None:
        loop, stop = started.result()
        loop.call_soon_threadsafe(stop.set)


def _run(server: ThreadedServer, started: "Future[_Running]", ended: "Future[None]") -> None:
    try:
        asyncio.run(_serve(server, started))
    except BaseException as exc:  # noqa: BLE001 (raised again by __enter__ or __exit__)
        (ended if started.done() else started).set_exception(exc)
    else:
        ended.set_result(None)


async def _serve(server: ThreadedServer, started: "Future[_Running]") -> None:
    stop = asyncio.Event()
    await server.start()
    started.set_result((asyncio.get_running_loop(), stop))
    await stop.wait()
    await server.stop()
