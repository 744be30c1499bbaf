"""A bulk check: lines of ids in, lines of results out."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime

from attrs import define, field, frozen

from vairosms_async import (
    GonderimResult,
    VairoSMSAPIError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
)

from .formats import Format, entry_of, record_of
from .ids import SHOWN, Line
from .ledger import Ledger, read_number
from .out import Output
from .progress import Progress
from .settings import Throttle
from .source import Source
from .tally import Tally
from .trouble import STOPPED, Trouble

LookUp = Callable[[AsyncIterable[int]], AsyncGenerator[GonderimResult]]

TICK = 0.25
"""Seconds between two looks at the display and at what waits to be written; well under a second."""


@frozen
class Waiting:
    """How packets are waited for that are not final yet.

    Attributes:
        timeout: Seconds for each of them; None for as long as it takes.
    """

    timeout: float | None


@define
class Bulk:
    """One run over one input.

    Attributes:
        client: Asks the panel.
        look_up: Asks it about many packets: ``client.iter_gonderimler``, or what stands for it.
        throttle: Of the client; counts the requests.
        source: The lines.
        out: Takes the results.
        format: How they are written.
        tally: Counts them.
        progress: Shows how it gets on.
        ledger: Knows which lines are finished already; None: none is.
        waiting: Wait until packets are final.
        max_failures: Failures in a row, with no record between them, that end the run; 0: none do.
    """

    client: VairoSMSClient
    look_up: LookUp
    throttle: Throttle
    source: Source
    out: Output
    format: Format
    tally: Tally
    progress: Progress
    ledger: Ledger | None = None
    waiting: Waiting | None = None
    max_failures: int = 0
    _asked: int = field(init=False, default=0)
    _is_waiting: bool = field(init=False, default=False)
    _in_flight: dict[int, list[int]] = field(init=False, factory=lambda: defaultdict(list))
    _not_final: dict[int, int | list[int]] = field(init=False, factory=dict[int, int | list[int]])
    _failures_in_a_row: int = field(init=False, default=0)

    async def run(self) -> None:
        """Check all lines.

        Raises:
            VairoSMSAuthError: The panel refused the key.
            Trouble: The run ends early.
        """
        # Whichever ends first ends the other: a full disk is heard of where no result comes either.
        tasks = [asyncio.create_task(work) for work in (self._work(), self._tick())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            errors = [task.exception() for task in tasks if not task.cancelled()]
            await self.out.finish()
        for error in errors:
            if error is not None:
                raise error

    async def _work(self) -> None:
        await self._check()
        if self._not_final:
            await self._wait()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self.out.flush()
            self.out.check()
            if not self._is_waiting:
                # Later, requests are polls too.
                self.progress.retries = max(0, self.throttle.requests - self._asked)
            self.progress.update()

    async def _check(self) -> None:
        async with (
            aclosing(self.source.lines()) as lines,
            aclosing(self._ids(lines)) as ids,
            aclosing(self.look_up(ids)) as results,
        ):
            async for result in results:
                gonderim_id = int(result.id)
                line = self._in_flight[gonderim_id].pop()
                if not self._in_flight[gonderim_id]:
                    del self._in_flight[gonderim_id]
                is_final = result.gonderim is None or result.gonderim.is_final
                if self.waiting is not None and not is_final:
                    self._wait_for(gonderim_id, line)
                    if self.ledger is not None:  # which can take it out again
                        self._write(line, result)
                else:
                    self._take(line, result)
                self._check_panel(result.error)
                await self.out.make_room()

    async def _ids(self, lines: AsyncIterator[Line]) -> AsyncGenerator[int]:
        async for line in lines:
            if self.ledger is not None and self.ledger.is_finished(line.number):
                continue
            number = read_number(line)
            if number is not None:
                self._in_flight[number].append(line.number)
                self._asked += 1
                yield number
            else:
                self._take(line.number, await refuse(self.client, line))
                await self.out.make_room()

    async def _wait(self) -> None:
        self._is_waiting = True
        timeout = None if self.waiting is None else self.waiting.timeout
        waits = self.client.wait_gonderimler(list(self._not_final), timeout=timeout)
        async with aclosing(waits) as results:
            async for result in results:
                lines = self._not_final.pop(int(result.id))
                for line in lines if isinstance(lines, list) else [lines]:
                    self.progress.waiting -= 1
                    self._take(line, result)
                await self.out.make_room()

    def _wait_for(self, gonderim_id: int, line: int) -> None:
        # An int where there is one line, as nearly always: a list for each takes twice the memory.
        before = self._not_final.get(gonderim_id)
        if isinstance(before, list):
            before.append(line)
        else:
            self._not_final[gonderim_id] = line if before is None else [before, line]
        self.progress.waiting += 1

    def _take(self, line: int, result: GonderimResult) -> None:
        # No passing failure takes the place of a record that is there.
        if not (
            self.ledger is not None
            and self.ledger.has_record(line)
            and record_of(result) is None
            and not says_nothing_of_the_panel(result.error)
        ):
            self._write(line, result)
        self.tally.add(entry_of(line, result))

    def _write(self, line: int, result: GonderimResult) -> None:
        self.out.add(line, self.format.write(line, result, datetime.now().astimezone()))

    def _check_panel(self, error: VairoSMSError | None) -> None:
        if says_nothing_of_the_panel(error):
            return
        self._failures_in_a_row = 0 if error is None else self._failures_in_a_row + 1
        if self._failures_in_a_row == self.max_failures and error is not None:
            raise Trouble(
                f"stopped: {self.max_failures} lookups in a row failed and none found its packet "
                f"(--max-failures). The last: {error}",
                STOPPED,
            )


def says_nothing_of_the_panel(error: VairoSMSError | None) -> bool:
    """Tell whether an error is about one packet alone, be the panel well or not."""
    return isinstance(error, VairoSMSInvalidIdError | VairoSMSAPIError) and not isinstance(
        error, VairoSMSServerError | VairoSMSRateLimitError
    )


async def refuse(client: VairoSMSClient, line: Line) -> GonderimResult:
    """Give the result of a line that has no id."""
    # No request: the client says why it is none, and takes the key out, should it stand there.
    async with aclosing(client.iter_gonderimler([line.text], max_concurrency=1)) as results:
        result = await anext(results)
    # Cut afterwards, or half a key could be left.
    text = str(result.id)
    shown = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    error = result.error if line.problem is None else VairoSMSInvalidIdError(line.problem)
    return GonderimResult(shown, error=error)
