"""The lookups of one run: look up many packets, and save each answer within a second."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, suppress
from gettext import gettext as _
from typing import Any, Final, Protocol

from attrs import define, field

from vairosms_async import (
    GonderimResult,
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)

from .display import counted, describe_error
from .signals import STOPPED, CommandError

Ids = Iterable[int] | AsyncIterable[int]
LookUp = Callable[[Ids], AsyncGenerator[GonderimResult]]

TICK: Final = 0.25
"""Seconds between two updates of the display, and between two saves."""

_MAX_UNSAVED = 1000


class Sink(Protocol):
    """Something that takes answers, such as a store."""

    def take(self, result: GonderimResult) -> None:
        """Take an answer. This must not block."""
        ...

    def start_save(self) -> Callable[[], None]:
        """Return a function that saves the answers taken so far.

        The function runs in a thread, while the sink takes more answers. An error ends the run.
        """
        ...


@define
class Lookups:
    """The lookups of one run.

    Args:
        sinks: Where each answer goes. They save at least once a second, in this order.
        show: Called with this object, to update the display.
        max_failures: Number of failed lookups in a row, without a record between them, that ends
            the run. 0: no limit.

    Attributes:
        answered: Number of answers.
        saved_final: Number of final records that the sinks have saved.
        states: Number of records by state.
        failed: Number of failed lookups.
        waiting: Number of packets that are being polled.
    """

    sinks: Sequence[Sink]
    show: "Callable[[Lookups], None]"
    max_failures: int = 0
    answered: int = field(init=False, default=0)
    saved_final: int = field(init=False, default=0)
    states: Counter[PaketDurum] = field(init=False, factory=Counter[PaketDurum])
    failed: int = field(init=False, default=0)
    waiting: int = field(init=False, default=0)
    _failures_in_a_row: int = field(init=False, default=0)
    _unsaved: int = field(init=False, default=0)
    _turn: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _saving: asyncio.Task[None] | None = field(init=False, default=None)

    async def ask(self, look_up: LookUp, ids: Ids) -> None:
        """Look up packets.

        Args:
            look_up: `VairoSMSClient.iter_gonderimler`, or the same on a cluster.
            ids: Their ids.

        Raises:
            VairoSMSAuthError: The panel refused the key.
            CommandError: Too many lookups in a row have failed.
        """
        await self._run(self._ask(look_up, ids))

    async def wait(self, client: VairoSMSClient, ids: Iterable[int], timeout: float | None) -> None:
        """Poll packets until they are final.

        Args:
            client: Polls the panel.
            ids: The ids of packets that were in progress.
            timeout: Seconds to wait for each packet. None: no limit.

        Raises:
            VairoSMSAuthError: The panel refused the key.
        """
        await self._run(self._wait(client, list(ids), timeout))

    async def make_room(self) -> None:
        """Save, if much is unsaved. Await this for each answer, so that memory is bounded."""
        self._unsaved += 1
        if self._unsaved >= _MAX_UNSAVED:
            await self._save()

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        # If one of the two ends, the other must end: an error of a sink ends the run.
        tasks = asyncio.create_task(work), asyncio.create_task(self._tick())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            errors = [task.exception() for task in tasks if not task.cancelled()]
            await self._save()
        for error in errors:
            if error is not None:
                raise error

    async def _ask(self, look_up: LookUp, ids: Ids) -> None:
        async with aclosing(look_up(ids)) as results:
            async for result in results:
                self._take(result)
                self.answered += 1
                await self.make_room()
                self._check_panel(result)

    async def _wait(self, client: VairoSMSClient, ids: list[int], timeout: float | None) -> None:
        self.waiting = len(ids)
        self.states = Counter({d: count for d, count in self.states.items() if d.is_final})
        async with aclosing(client.wait_gonderimler(ids, timeout=timeout)) as results:
            async for result in results:
                self._take(_last_answer(result))
                self.waiting -= 1
                await self.make_room()

    def _take(self, result: GonderimResult) -> None:
        if result.gonderim is None:
            self.failed += 1
        else:
            self.states[result.gonderim.paket_durum] += 1
        for sink in self.sinks:
            sink.take(result)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._save()
            self.show(self)

    async def _save(self) -> None:
        async with self._turn:
            if self._saving is not None:  # its caller may have been cancelled
                await asyncio.wait([self._saving])
                self._saving.result()
            self._unsaved = 0
            final = sum(count for durum, count in self.states.items() if durum.is_final)
            saves = [sink.start_save() for sink in self.sinks]
            self._saving = asyncio.create_task(in_thread(lambda: [save() for save in saves]))
            await asyncio.shield(self._saving)
            self.saved_final = final

    def _check_panel(self, result: GonderimResult) -> None:
        error = result.error
        if error is None:
            self._failures_in_a_row = 0
        elif not _is_about_one_packet(error):
            self._failures_in_a_row += 1
            if self._failures_in_a_row == self.max_failures:
                sentences = [
                    counted(
                        self.max_failures,
                        "stopped: {number} lookup failed and found no packet (--max-failures).",
                        "stopped: {number} lookups in a row failed and none found its packet "
                        "(--max-failures).",
                    )
                ]
                if isinstance(error, VairoSMSNotFoundError | VairoSMSResponseError):
                    sentences.append(_("Check VAIROSMS_BASE_URL."))
                sentences.append(_("The last: {error}").format(error=describe_error(result)))
                raise CommandError(" ".join(sentences), STOPPED)


def _is_about_one_packet(error: VairoSMSError) -> bool:
    """Whether an error is the panel's answer about one packet, which says nothing of others."""
    if isinstance(error, VairoSMSServerError | VairoSMSRateLimitError):
        return False
    if isinstance(error, VairoSMSNotFoundError):
        return error.from_panel
    return isinstance(error, VairoSMSInvalidIdError | VairoSMSAPIError)


def _last_answer(result: GonderimResult) -> GonderimResult:
    """Return the last answer of a wait that has timed out: a packet in progress is no error."""
    error = result.error
    if isinstance(error, VairoSMSTimeoutError):
        if error.last_error is not None:
            return GonderimResult(result.id, error=error.last_error)
        if error.last is not None:
            return GonderimResult(result.id, error.last)
    return result


async def in_thread(call: Callable[[], object]) -> None:
    """Run a function that may never return, such as a write to a pipe, in a daemon thread.

    At its exit, Python waits for the threads of an executor, but not for this one.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.cancelled():
            done.set_result(None) if error is None else done.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as exc:  # noqa: BLE001 (it is raised where it is awaited)
            error = exc
        with suppress(RuntimeError):  # the loop may be closed
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, name="vairosms blocking call", daemon=True).start()
    await done
