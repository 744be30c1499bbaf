"""What a worker of a Dask cluster does of a bulk check: a partition at a time."""

# distributed says little of its types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

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
from vairosms_async._errors import VairoSMSAuthError
from vairosms_async._models import GonderimResult

# Slots are leased by the block, some blocks a thread, so that what one leaves another can take, and
# that a cluster that grows has enough of them.
_LEASES, _LEASES_A_THREAD = 8, 4
_LEASE_PATIENCE = 5.0
"""Seconds after which a worker that waits for a lease looks whether the run has ended."""


@frozen
class Checked:
    """What became of a partition; `error` is the key's refusal, which ends the run."""

    results: list[GonderimResult]
    error: VairoSMSAuthError | None = None


@define(eq=False, slots=False)
class PanelPlugin(WorkerPlugin):
    """What a worker asks the panel with, and how many lookups it may have in flight.

    Attributes:
        sealed: The API key, sealed.
        options: The other arguments of its client.
        name: The run's.
        leases: How many leases there are in the cluster.
        block: Lookups that a lease is for.
        is_local: Whether the workers are processes of the driver's own.
    """

    sealed: bytes = field(repr=False)
    options: dict[str, Any]
    name: str = field(init=False, factory=lambda: f"vairosms-{uuid4().hex[:12]}")
    leases: int = field(init=False, default=1)
    block: int = field(init=False, default=1)
    is_local: bool = field(init=False, default=False)
    _ended: bool = field(init=False, default=False)
    _client: VairoSMSClient | None = field(init=False, default=None, repr=False)
    _slots: Semaphore | None = field(init=False, default=None, repr=False)

    def divide(self, threads: int) -> None:
        """Divide the cap into leases, some for each of the cluster's threads."""
        cap = self.options["max_concurrency"]
        self.block = max(1, cap // max(_LEASES, _LEASES_A_THREAD * threads))
        self.leases = cap // self.block

    async def setup(self, worker: Any) -> None:
        """Get ready on a worker, when the run begins or when the worker comes later."""
        if self.is_local:
            # Ctrl-C reaches every process of a terminal. It is the driver's to stop the others.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        # Without it the run has ended meanwhile, and perhaps its scheduler too. Should it not have,
        # the first partition for this worker says so.
        opener = None
        with suppress(OSError):
            opener = await worker.scheduler.get_metadata(keys=[self.name])
        if opener is not None:
            self._client = VairoSMSClient(unseal(self.sealed, opener), **self.options)
            self._slots = Semaphore(self.leases, self.name, worker.scheduler, worker.loop)

    async def teardown(self, worker: Any) -> None:  # noqa: ARG002 (Dask's signature)
        """Stop what there is on a worker: the run has ended."""
        self._ended = True
        if self._client is not None:
            await self._client.close()
        if self._slots is not None:
            stop_refreshing(self._slots)

    async def check(self, ids: "array[int]", share: int) -> Checked:
        """Look a partition up. What it gives after the run's end is of no use to anyone.

        Args:
            ids: The ids.
            share: Leases to take at most.
        """
        client, slots = self._client, self._slots
        if client is None or slots is None:
            raise RuntimeError("this worker has not been set up")
        while not await slots.acquire(timeout=_LEASE_PATIENCE):
            if self._ended:
                return Checked([])
        leases = 1
        try:
            more = (slots.acquire(timeout=0) for _ in range(share - 1))
            leases += sum(await asyncio.gather(*more))
            stream = client.iter_gonderimler(ids, max_concurrency=leases * self.block)
            async with aclosing(stream):
                return Checked([result async for result in stream])
        except VairoSMSAuthError as exc:
            return Checked([], exc)
        except RuntimeError:
            if self._ended:  # and so the client is closed
                return Checked([])
            raise
        finally:
            await asyncio.gather(*(slots.release() for _ in range(leases)))


async def check_partition(run: str, ids: "array[int]", share: int) -> Checked:
    """Look a partition up: the Dask task."""
    panel = get_worker().plugins.get(run)
    return await panel.check(ids, share) if isinstance(panel, PanelPlugin) else Checked([])


def seal(text: str) -> tuple[bytes, bytes]:
    """Split a secret in two, neither of which tells anything of it (a one-time pad)."""
    plain = text.encode()
    opener = secrets.token_bytes(len(plain))
    return _xor(plain, opener), opener


def unseal(sealed: bytes, opener: bytes) -> str:
    """Put the two parts of a secret together."""
    return _xor(sealed, opener).decode()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def stop_refreshing(slots: Semaphore) -> None:
    """Stop a semaphore's timer, which otherwise goes on for ever, and keeps the semaphore."""
    # There is none where Dask's leases have no time limit.
    if callback := getattr(slots, "refresh_callback", None):
        callback.stop()
