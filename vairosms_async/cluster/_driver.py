"""The driver's part of a bulk check on a Dask cluster: partitions out, results back."""

# distributed says little of its types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import asyncio
import logging
import math
import signal
import sys
from array import array
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from distributed import Client, LocalCluster, Security, Semaphore
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError

from vairosms_async import _bulk as bulk
from vairosms_async._client import VairoSMSClient
from vairosms_async._endpoint import is_loopback
from vairosms_async._models import GonderimResult
from vairosms_async._validate import read_id

from ._worker import Checked, PanelPlugin, check_partition, stop_refreshing

_logger = logging.getLogger("vairosms_async")

_FIRST_SIZE, _MOST_SIZE = 50, 1000
"""Ids of the first partitions, and of any, where their number follows from how long they take."""
_LOOK_INTERVAL = 1.0
"""Seconds between two looks at how many threads the cluster has."""
_END_PATIENCE = 5.0
"""Seconds for the workers to hear of the run's end. One that is wedged is not waited for."""
_RETURNS, _RETURN_PATIENCE = 20, 0.05
"""How often to look whether all leases are back, and seconds between two looks."""


@frozen
class _Partition:
    """Ids for one task, and the results of what came between them and is none.

    Dask keeps its last thousand messages to a worker, so that the ids are packed.
    """

    ids: "array[int]"
    refused: list[GonderimResult]

    @classmethod
    def empty(cls) -> "_Partition":
        return cls(array("Q"), [])

    def __len__(self) -> int:
        return len(self.ids) + len(self.refused)


class Run:
    """One bulk check, seen from the driver.

    Args:
        panel: What the workers get.
        opener: Opens the key that the panel has.
        refuser: A client that sends nothing, but refuses ids as the workers' would.
        scheduler: As `bulk_check` takes it.
        workers: As `bulk_check` takes it.
        size: Ids a partition; None for as many as take a second.
    """

    def __init__(
        self,
        *,
        panel: PanelPlugin,
        opener: bytes,
        refuser: VairoSMSClient,
        scheduler: str | Client,
        workers: int | None,
        size: int | None,
    ) -> None:
        self._panel = panel
        self._opener = opener
        self._refuser = refuser
        self._scheduler = scheduler
        self._workers = workers
        self._size = _FIRST_SIZE if size is None else size
        self._adapts = size is None
        self._submitted = 0
        # Partitions that have been read and whose results have not been taken yet.
        self._in_hand = 0
        self._taken = asyncio.Event()
        self._threads = 0
        self._looked = -math.inf

    async def results(self, ids: bulk.Ids | bulk.AsyncIds) -> AsyncGenerator[GonderimResult]:
        """Do it, and undo all that it takes; see `bulk_check`."""
        async with AsyncExitStack() as stack:
            dask = await self._connect(stack)
            await self._look(dask)
            self._panel.divide(self._threads)
            # Before anything is there: what is begun is undone, also where it is not finished.
            stack.push_async_callback(self._end, dask)
            await self._begin(dask)
            partitions = await stack.enter_async_context(aclosing(self._partitions(dask, ids)))
            host = bulk.Host(partial(self._submit, dask), set(), lambda: None)
            checked = bulk.stream(host, partitions, 2 * self._panel.leases)
            async for partition in await stack.enter_async_context(aclosing(checked)):
                for result in partition.results:
                    yield result
                self._in_hand -= 1
                self._taken.set()

    async def _connect(self, stack: AsyncExitStack) -> Any:
        if isinstance(self._scheduler, Client):
            dask: Any = self._scheduler
        else:
            cluster: Any = self._scheduler
            if cluster == "local":
                self._panel.is_local = True
                cluster = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    # As it ends, a worker may find its scheduler gone, and says so with a
                    # traceback. What matters to a run comes back as results and errors.
                    silence_logs=logging.CRITICAL,
                    # Or any user of this machine could ask the scheduler for the key.
                    protocol="tls://",
                    security=Security.temporary(),
                    asynchronous=True,
                )
                await _start(cluster, stack)
            dask = await _connected(cluster, stack)
        address = urlsplit(str(dask.scheduler.address))
        if address.scheme in ("tcp", "ws") and not is_loopback(address.hostname or ""):
            _logger.warning("the API key goes to the Dask workers in clear text: use tls://")
        return dask

    async def _look(self, dask: Any) -> None:
        """Look how many threads the cluster has, if that was long ago; wait until it has one."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._looked + _LOOK_INTERVAL:
            return
        while not (threads := await dask.nthreads()):
            if not self._threads:
                _logger.warning("the Dask cluster has no workers: waiting for one")
                self._threads = 1
            await asyncio.sleep(_LOOK_INTERVAL)
        self._threads = sum(threads.values())
        self._looked = loop.time()

    async def _begin(self, dask: Any) -> None:
        panel = self._panel
        slots = Semaphore(panel.leases, panel.name, dask.scheduler, dask.loop)
        await slots.register()
        stop_refreshing(slots)  # it has no leases: the workers take them
        await dask.set_metadata(panel.name, self._opener)
        try:
            await dask.register_plugin(panel, panel.name)
        except OSError:
            raise
        except Exception as exc:  # noqa: BLE001 (whatever a worker raised)
            raise RuntimeError(f"the Dask workers could not be set up: {exc}") from None

    async def _end(self, dask: Any) -> None:
        if dask.status != "running":
            return
        with suppress(OSError):  # no scheduler, no run
            async with asyncio.timeout(_END_PATIENCE):
                await dask.set_metadata(self._panel.name, None)
                with suppress(ValueError):  # it did not come to be, or another program took it
                    await dask.unregister_worker_plugin(self._panel.name)
                # Leases come back as the partitions end; those of a worker that died, in time only.
                # That is not waited for: a name with a number is left in the scheduler's memory.
                for _ in range(_RETURNS):
                    if not await dask.scheduler.semaphore_value(name=self._panel.name):
                        await dask.scheduler.semaphore_close(name=self._panel.name)
                        return
                    await asyncio.sleep(_RETURN_PATIENCE)

    async def _partitions(
        self, dask: Any, ids: bulk.Ids | bulk.AsyncIds
    ) -> AsyncGenerator[_Partition]:
        partition = _Partition.empty()
        try:
            await self._make_room(dask)
            async for given in bulk.one_by_one(ids):
                number = read_id(given, _unscrubbed)
                if isinstance(number, int):
                    partition.ids.append(number)
                else:
                    async with aclosing(self._refuser.iter_gonderimler([given])) as results:
                        partition.refused.append(await anext(results))
                if len(partition) >= self._size:
                    yield partition
                    partition = _Partition.empty()
                    await self._make_room(dask)
        except Exception:
            # Of the source. What it had given is looked up first.
            yield partition
            raise
        yield partition

    async def _make_room(self, dask: Any) -> None:
        """Wait until the cluster can take another partition, and count it."""
        await self._look(dask)
        while self._in_hand >= 2 * min(self._threads, self._panel.leases):
            self._taken.clear()
            await self._taken.wait()
            await self._look(dask)
        self._in_hand += 1

    async def _submit(self, dask: Any, partition: _Partition) -> Checked:
        if not partition.ids:
            return Checked(partition.refused)
        self._submitted += 1
        name, began = self._panel.name, perf_counter()
        share = math.ceil(self._panel.leases / self._threads)
        future = dask.submit(
            check_partition, name, partition.ids, share, key=f"{name}-{self._submitted}", pure=False
        )
        try:
            checked: Checked = await future
        except (FutureCancelledError, CommClosedError):
            raise ConnectionError("the Dask scheduler was lost, or was told to drop it") from None
        finally:
            future.release()
        if checked.error is None and len(checked.results) != len(partition.ids):
            raise RuntimeError("another program took this run's plugin from the Dask workers")
        if self._adapts:
            a_second = int(len(partition.ids) / (perf_counter() - began))
            self._size = min(_MOST_SIZE, max(_FIRST_SIZE, a_second))
        return Checked(partition.refused + checked.results, checked.error)


async def _connected(cluster: Any, stack: AsyncExitStack) -> Any:
    try:
        dask: Any = Client(cluster, asynchronous=True, set_as_default=False)
        stack.push_async_callback(dask.close)
        await dask
    except Exception as exc:  # noqa: BLE001 (of Dask's, of what it is told, of who answers instead)
        raise ConnectionError(f"the Dask scheduler cannot be reached: {exc}") from None
    return dask


async def _start(cluster: Any, stack: AsyncExitStack) -> None:
    # Processes that are starting cannot be stopped: a cancellation waits until they can.
    async def start() -> None:
        with _interrupts_kept_from_children():
            await cluster

    async def close() -> None:
        await asyncio.wait([starting])
        starting.exception()  # seen: whoever waits for it has it, or has been cancelled
        await cluster.close()

    starting = asyncio.create_task(start())
    stack.push_async_callback(close)
    await asyncio.shield(starting)


@contextmanager
def _interrupts_kept_from_children() -> Generator[None]:
    # Ctrl-C reaches every process of a terminal, and one that is starting answers with a traceback.
    # Later the plugin sees to it, and for those that Dask starts anew.
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it would let the signal through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unscrubbed(text: bytes) -> bytes:
    # The error is thrown away; the one that is kept is the refuser's.
    return text
