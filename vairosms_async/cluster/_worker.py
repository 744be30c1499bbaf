"""The part of a bulk check that runs on a Dask worker: look up the ids of partitions."""

import asyncio
import secrets
import signal
from array import array
from contextlib import aclosing, suppress
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen
from distributed import Semaphore, WorkerPlugin, get_worker

from vairosms_async._client import VairoSMSClient
from vairosms_async._endpoint import Settings
from vairosms_async._errors import VairoSMSAuthError
from vairosms_async._result import GonderimResult

# The cap is divided into leases for blocks of lookups. With several leases per thread, one worker
# can take what another one gives back, and a growing cluster still has enough of them.
_MIN_LEASES, _LEASES_PER_THREAD = 8, 4
_LEASE_TIMEOUT = 5.0
"""Seconds after which a worker that waits for a lease checks whether the run has ended."""


@frozen
class PartitionResult:
    """The results of one partition, or the error of a refused key, which ends the run."""

    results: list[GonderimResult]
    error: VairoSMSAuthError | None = None


@define(eq=False, slots=False)
class PanelPlugin(WorkerPlugin):
    """Creates a client on each worker, and shares the cap among the workers.

    Attributes:
        encrypted_key: The API key, encrypted with a one-time pad.
        options: The other arguments of the client.
        name: The name of the run.
        leases: Number of leases in the cluster.
        lookups_per_lease: Number of lookups per lease.
        is_local: Whether the workers are child processes of the driver.
    """

    encrypted_key: bytes = field(repr=False)
    options: dict[str, Any]
    name: str = field(init=False, factory=lambda: f"vairosms-{uuid4().hex[:12]}")
    leases: int = field(init=False, default=1)
    lookups_per_lease: int = field(init=False, default=1)
    is_local: bool = field(init=False, default=False)
    _ended: bool = field(init=False, default=False)
    _client: VairoSMSClient | None = field(init=False, default=None, repr=False)
    _slots: Semaphore | None = field(init=False, default=None, repr=False)

    def divide(self, threads: int) -> None:
        """Divide the cap into leases for a cluster with this number of threads."""
        cap = self.options["max_concurrency"]
        self.lookups_per_lease = max(1, cap // max(_MIN_LEASES, _LEASES_PER_THREAD * threads))
        self.leases = cap // self.lookups_per_lease

    async def setup(self, worker: Any) -> None:
        """Create the client: at the start of the run, and on workers that join later."""
        if self.is_local:
            # Ctrl-C reaches all processes of a terminal. Only the driver handles it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # If there is no pad, the run has ended. If the scheduler is lost, `look_up` raises.
        pad = None
        with suppress(OSError):
            pad = await worker.scheduler.get_metadata(keys=[self.name])
        if pad is not None:
            self._client = VairoSMSClient(decrypt(self.encrypted_key, pad), **self.options)
            self._slots = Semaphore(self.leases, self.name, worker.scheduler, worker.loop)

    async def teardown(self, worker: Any) -> None:  # noqa: ARG002 (Dask's signature)
        """Close the client, since the run has ended."""
        self._ended = True
        if self._client is not None:
            await self._client.close()
        if self._slots is not None:
            stop_refreshing(self._slots)

    async def look_up(self, ids: "array[int]", max_leases: int) -> PartitionResult:
        """Look up the ids of a partition. After the end of the run, the result is empty.

        Args:
            ids: The ids.
            max_leases: Maximum number of leases to take.
        """
        client, slots = self._client, self._slots
        if client is None or slots is None:
            raise RuntimeError("this worker did not get the key: start the bulk check again")
        while not await slots.acquire(timeout=_LEASE_TIMEOUT):
            if self._ended:
                return PartitionResult([])
        leases = 1
        try:
            more = (slots.acquire(timeout=0) for _ in range(max_leases - 1))
            leases += sum(await asyncio.gather(*more))
            results = client.iter_gonderimler(ids, max_concurrency=leases * self.lookups_per_lease)
            async with aclosing(results):
                return PartitionResult([result async for result in results])
        except VairoSMSAuthError as exc:
            return PartitionResult([], exc)
        except RuntimeError:
            if self._ended:  # `teardown` has closed the client
                return PartitionResult([])
            raise
        finally:
            await asyncio.gather(*(slots.release() for _ in range(leases)))


async def look_up_partition(
    plugin_name: str, ids: "array[int]", max_leases: int
) -> PartitionResult:
    """Look up the ids of a partition with the plugin of a run. This is the Dask task."""
    plugin = get_worker().plugins.get(plugin_name)
    if isinstance(plugin, PanelPlugin):
        return await plugin.look_up(ids, max_leases)
    return PartitionResult([])


def encrypt(settings: Settings) -> tuple[bytes, bytes]:
    """Return the API key encrypted with a one-time pad, and the pad."""
    plain = str(settings.api_key()).encode()
    pad = secrets.token_bytes(len(plain))
    return _xor(plain, pad), pad


def decrypt(encrypted: bytes, pad: bytes) -> str:
    """Return the API key."""
    return _xor(encrypted, pad).decode()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def stop_refreshing(slots: Semaphore) -> None:
    """Stop a semaphore's refresh timer. Otherwise the timer keeps the semaphore in memory."""
    # There is no timer if Dask's leases have no time limit.
    if callback := getattr(slots, "refresh_callback", None):
        callback.stop()
