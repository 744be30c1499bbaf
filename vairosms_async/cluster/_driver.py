"""The part of a bulk check that runs in the driver: send partitions, receive results."""

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

from attrs import define, field, frozen
from distributed import Client, LocalCluster, Security, Semaphore
from distributed.client import FutureCancelledError
from distributed.comm.core import CommClosedError

from vairosms_async._bulk import AsyncIds, Ids, as_async, stream
from vairosms_async._endpoint import is_loopback
from vairosms_async._result import GonderimResult
from vairosms_async._shared import Shared
from vairosms_async._validate import id_or_text, parse_id

from ._worker import PanelPlugin, PartitionResult, look_up_partition, stop_refreshing

_logger = logging.getLogger("vairosms_async")

_MIN_SIZE, _MAX_SIZE = 50, 1000
"""Minimum (and first) and maximum ids per partition, if `partition_size` is None."""
_THREADS_INTERVAL = 1.0
"""Seconds between two requests for the cluster's number of threads."""
_END_TIMEOUT = 5.0
"""Seconds for the workers to end the run. The driver does not wait longer for a worker."""
_LEASE_CHECKS, _LEASE_CHECK_INTERVAL = 20, 0.05
"""Maximum number of checks whether all leases were returned, and seconds between two checks."""


@frozen
class _Partition:
    """Ids for one task, and results for the invalid ids among them.

    An array saves memory: Dask keeps its last thousand messages to each worker.
    """

    ids: "array[int]" = field(factory=lambda: array("Q"))
    rejected: list[GonderimResult] = field(factory=list[GonderimResult])

    def __len__(self) -> int:
        return len(self.ids) + len(self.rejected)


@define(kw_only=True, slots=False)
class BulkCheck:
    """One bulk check, in the driver.

    Attributes:
        shared: State like a client's, for `stream`. The driver sends no request with it.
        plugin: The plugin for the workers.
        pad: The one-time pad of the plugin's key.
        scheduler: As for `bulk_check`.
        workers: As for `bulk_check`.
        partition_size: Ids per partition; None for about one second of work.
    """

    shared: Shared
    plugin: PanelPlugin
    pad: bytes = field(repr=False)
    scheduler: str | Client
    workers: int | None
    partition_size: int | None
    _adaptive_size: int = field(init=False, default=_MIN_SIZE)
    _submitted: int = field(init=False, default=0)
    _unconsumed: int = field(init=False, default=0)  # partitions read but not yet consumed
    _consumed: asyncio.Event = field(init=False, factory=asyncio.Event)
    _threads: int = field(init=False, default=0)
    _threads_at: float = field(init=False, default=-math.inf)

    async def results(self, ids: Ids | AsyncIds) -> AsyncGenerator[GonderimResult]:
        """Run the bulk check, and clean up in every case. See `bulk_check`."""
        async with AsyncExitStack() as stack:
            dask = await self._connect(stack)
            await self._update_threads(dask)
            self.plugin.divide(self._threads)
            # Registered first, so that a start that fails half-way is cleaned up, too.
            stack.push_async_callback(self._end, dask)
            await self._begin(dask)
            partitions = await stack.enter_async_context(aclosing(self._partitions(dask, ids)))
            submit = partial(self._submit, dask)
            done = stream(self.shared, partitions, submit, 2 * self.plugin.leases)
            async for partition in await stack.enter_async_context(aclosing(done)):
                for result in partition.results:
                    yield result
                self._unconsumed -= 1
                self._consumed.set()

    async def _connect(self, stack: AsyncExitStack) -> Any:
        if isinstance(self.scheduler, Client):
            dask: Any = self.scheduler
        else:
            cluster: Any = self.scheduler
            if cluster == "local":
                self.plugin.is_local = True
                cluster = LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    # A worker that ends may log a traceback because its scheduler is gone.
                    silence_logs=logging.CRITICAL,
                    # Otherwise any user of this machine could ask the scheduler for the key.
                    protocol="tls://",
                    security=Security.temporary(),
                    asynchronous=True,
                )
                await _start(cluster, stack)
            dask = await _connected(cluster, stack)
        address = urlsplit(str(dask.scheduler.address))
        if address.scheme in ("tcp", "ws") and not is_loopback(address.hostname or ""):
            _logger.warning("the API key travels to the Dask workers unencrypted: use tls://")
        return dask

    async def _update_threads(self, dask: Any) -> None:
        """Update the number of threads, at most once per second. Wait if there are no workers."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._threads_at + _THREADS_INTERVAL:
            return
        while not (threads := await dask.nthreads()):
            if not self._threads:
                _logger.warning("the Dask cluster has no workers: waiting for one")
                self._threads = 1
            await asyncio.sleep(_THREADS_INTERVAL)
        self._threads = sum(threads.values())
        self._threads_at = loop.time()

    async def _begin(self, dask: Any) -> None:
        plugin = self.plugin
        slots = Semaphore(plugin.leases, plugin.name, dask.scheduler, dask.loop)
        await slots.register()
        stop_refreshing(slots)  # only the workers take leases
        await dask.set_metadata(plugin.name, self.pad)
        try:
            await dask.register_plugin(plugin, plugin.name)
        except OSError:
            raise
        except Exception as exc:  # noqa: BLE001 (any exception of a worker's setup)
            raise RuntimeError(f"the Dask workers could not be set up: {exc}") from None

    async def _end(self, dask: Any) -> None:
        if dask.status != "running":
            return
        name = self.plugin.name
        with suppress(OSError):  # the scheduler is lost, or a worker hangs (TimeoutError)
            async with asyncio.timeout(_END_TIMEOUT):
                await dask.set_metadata(name, None)
                with suppress(ValueError):  # not registered, or another program removed it
                    await dask.unregister_worker_plugin(name)
                # The partitions return their leases, but a worker that died does not. Then the
                # semaphore stays in the scheduler's memory: a name and a number.
                for _ in range(_LEASE_CHECKS):
                    if not await dask.scheduler.semaphore_value(name=name):
                        await dask.scheduler.semaphore_close(name=name)
                        return
                    await asyncio.sleep(_LEASE_CHECK_INTERVAL)

    async def _partitions(self, dask: Any, ids: Ids | AsyncIds) -> AsyncGenerator[_Partition]:
        scrub = self.shared.endpoint.scrub
        partition = _Partition()
        try:
            await self._wait_for_room(dask)
            async for given in as_async(ids):
                parsed = parse_id(given, scrub)
                if isinstance(parsed, int):
                    partition.ids.append(parsed)
                else:
                    result = GonderimResult(id_or_text(given, scrub), error=parsed)
                    partition.rejected.append(result)
                if len(partition) >= (self.partition_size or self._adaptive_size):
                    yield partition
                    partition = _Partition()
                    await self._wait_for_room(dask)
        except Exception:  # `ids` raised it: look up the ids before it first
            yield partition
            raise
        yield partition

    async def _wait_for_room(self, dask: Any) -> None:
        """Wait until the cluster can take another partition, and count that partition."""
        await self._update_threads(dask)
        while self._unconsumed >= 2 * min(self._threads, self.plugin.leases):
            self._consumed.clear()
            await self._consumed.wait()
            await self._update_threads(dask)
        self._unconsumed += 1

    async def _submit(self, dask: Any, partition: _Partition) -> PartitionResult:
        if not partition.ids:
            return PartitionResult(partition.rejected)
        self._submitted += 1
        name, started = self.plugin.name, perf_counter()
        share = math.ceil(self.plugin.leases / self._threads)
        key = f"{name}-{self._submitted}"
        future = dask.submit(look_up_partition, name, partition.ids, share, key=key, pure=False)
        try:
            done: PartitionResult = await future
        except (FutureCancelledError, CommClosedError):
            raise ConnectionError("the Dask scheduler was lost or dropped the task") from None
        finally:
            future.release()
        if done.error is not None:
            raise done.error
        if len(done.results) != len(partition.ids):
            raise RuntimeError("another program removed the plugin of this run from the workers")
        per_second = int(len(partition.ids) / (perf_counter() - started))
        self._adaptive_size = min(_MAX_SIZE, max(_MIN_SIZE, per_second))
        return PartitionResult(partition.rejected + done.results)


async def _connected(cluster: Any, stack: AsyncExitStack) -> Any:
    try:
        dask: Any = Client(cluster, asynchronous=True, set_as_default=False)
        stack.push_async_callback(dask.close)
        await dask
    except Exception as exc:  # noqa: BLE001 (Dask raises many types, for example for a bad address)
        raise ConnectionError(f"the Dask scheduler cannot be reached: {exc}") from None
    return dask


async def _start(cluster: Any, stack: AsyncExitStack) -> None:
    # Processes cannot be stopped while they start, so a cancellation waits for the start.
    async def start() -> None:
        with _sigint_blocked_in_children():
            await cluster

    async def close() -> None:
        await asyncio.wait([starting])
        starting.exception()  # retrieved, so that asyncio does not log it
        await cluster.close()

    starting = asyncio.create_task(start())
    stack.push_async_callback(close)
    await asyncio.shield(starting)


@contextmanager
def _sigint_blocked_in_children() -> Generator[None]:
    # Ctrl-C reaches all processes of a terminal, and one that is starting prints a traceback.
    # Later, the plugin ignores the signal, also in processes that Dask restarts.
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
