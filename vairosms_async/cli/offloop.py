"""Calls that may block for ever, kept away from the event loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def off_loop(call: Callable[[], _T]) -> _T:
    """Run what may block (reading a pipe, writing to one) in a thread of its own.

    Not in an executor's: the interpreter waits for those at its end, and so for ever if nobody
    writes to the pipe.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(outcome: _T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(outcome)  # type: ignore[arg-type]

    def run() -> None:
        outcome, error = None, None
        try:
            outcome = call()
        except BaseException as exc:  # noqa: BLE001 (it is raised where it is awaited)
            error = exc
        with suppress(RuntimeError):  # the loop may have closed meanwhile
            loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=run, name="vairosms blocking call", daemon=True).start()
    return await future
