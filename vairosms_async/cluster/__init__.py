"""A bulk check on a Dask cluster, for more ids than one core gets through (extra ``dask``).

The driver (the program that calls `bulk_check`) cuts the ids into partitions, each one Dask task. A
worker plugin brings every worker its client, and takes it away again when the run ends, however it
ends: so one way both hands out the key and stops the work.

The key is in no task, and so in no task's name, log, spilled result or state dump. The plugin has
it sealed (``partition.seal``), and what opens it is kept apart, in the scheduler's memory: Dask
logs a pickle that a worker cannot read.
"""

# distributed says little of its types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import os
from collections.abc import AsyncGenerator, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any

from vairosms_async import _bulk as bulk
from vairosms_async._client import VairoSMSClient
from vairosms_async._endpoint import given_or_set
from vairosms_async._models import GonderimResult
from vairosms_async._retry import RetryPolicy
from vairosms_async._validate import check_cap, check_ids

try:
    from distributed import Client

    from ._driver import Run
    from ._worker import PanelPlugin, seal
except ImportError:
    raise ImportError(
        "vairosms_async.cluster needs Dask: pip install 'vairosms-async[dask]'"
    ) from None

__all__ = ["bulk_check"]


def bulk_check(
    ids: bulk.Ids | bulk.AsyncIds | os.PathLike[str],
    *,
    scheduler: str | Client = "local",
    workers: int | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    max_concurrency: int = 16,
    timeout: float | None = 30.0,
    retry: RetryPolicy = RetryPolicy(),  # noqa: B008 (it is frozen)
    tz: tzinfo | None = None,
    allow_insecure_http: bool = False,
    partition_size: int | None = None,
) -> AsyncGenerator[GonderimResult]:
    """Ask on a Dask cluster what became of any number of packets, and give each result.

    ::

        async with aclosing(bulk_check(Path("ids.txt"), scheduler="tls://10.0.0.5:8786")) as them:
            async for result in them:
                ...

    It is `VairoSMSClient.iter_gonderimler` by the partition: one is sent when it is full or the ids
    have ended, and its results come when it is done. A worker that dies costs a repeat of its
    partition and nothing else (its part of the cap is free again after Dask's
    ``distributed.scheduler.locks.lease-timeout``, 30 s by default). The workers need this package,
    and reach the panel directly. Each has a retry budget, and pauses, of its own.

    Args:
        ids: The packets, as for `VairoSMSClient.iter_gonderimler`, or the path of a text file with
            an id a line. Two partitions for each of the cluster's threads are read ahead.
        scheduler: ``"local"`` (default): processes on this machine, for this run; a program that
            does so needs the usual ``if __name__ == "__main__":``. Or the address of a scheduler,
            or an asynchronous `distributed.Client` of yours, which is not closed here. Whoever can
            talk to the scheduler can get the key: but for ``tls://``, whose certificates Dask's
            configuration names, that is anyone who reaches it.
        workers: How many processes ``"local"`` starts. Default: one a core.
        api_key: As for `VairoSMSClient`; it is given to the workers, whose environment is not read.
        base_url: As for `VairoSMSClient`, and given to the workers too.
        max_concurrency: Lookups in flight at most (default 16) over the whole cluster.
        timeout: As for `VairoSMSClient`, in seconds.
        retry: As for `VairoSMSClient`.
        tz: As for `VairoSMSClient`.
        allow_insecure_http: As for `VairoSMSClient`.
        partition_size: Ids a partition. Default: as many as take about a second, 1000 at most.

    Yields:
        One result per id, by the partition, in no order. A failed lookup, or an id that is none,
        is a result with an ``error``.

    Raises:
        VairoSMSAuthError: The panel refused the key, and the run has stopped on all workers. The
            partitions that were done have been yielded.
        ValueError: As for `VairoSMSClient`, or a number is below 1.
        TypeError: A value is of another type.
        OSError: There is no such file.
        ConnectionError: There is no scheduler, or it was lost and did not come back within Dask's
            ``distributed.comm.timeouts.connect`` (30 s by default).
        RuntimeError: The workers could not be set up; this package is not there, perhaps.
        distributed.KilledWorker: A partition was on several workers that died.
    """
    api_key, base_url = given_or_set(api_key, base_url)
    options = {
        "base_url": base_url,
        "max_concurrency": max_concurrency,
        "timeout": timeout,
        "retry": retry,
        "tz": tz,
        "allow_insecure_http": allow_insecure_http,
    }
    refuser = _client_or_error(api_key, options)
    if isinstance(refuser, Exception):
        del api_key  # a traceback with locals is not to show it
        raise refuser
    sealed, opener = seal(api_key)
    del api_key
    if isinstance(ids, os.PathLike):
        path = Path(ids)
        path.stat()  # that there is none need not wait for a cluster
        ids = _lines(path)
    check_ids(ids)
    if not (isinstance(scheduler, str) or getattr(scheduler, "asynchronous", False)):
        raise TypeError("scheduler must be an address, or an asynchronous distributed.Client")
    if workers is not None and check_cap(workers, "workers") and scheduler != "local":
        raise ValueError('workers is for scheduler="local"')
    run = Run(
        panel=PanelPlugin(sealed, options),
        opener=opener,
        refuser=refuser,
        scheduler=scheduler,
        workers=workers,
        size=None if partition_size is None else check_cap(partition_size, "partition_size"),
    )
    return run.results(ids)


def _client_or_error(api_key: str, options: dict[str, Any]) -> VairoSMSClient | Exception:
    # Not raised here: an exception would take this frame along, and the key in its locals.
    try:
        return VairoSMSClient(api_key, **options)
    except (TypeError, ValueError) as exc:
        return exc.with_traceback(None)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        yield from filter(None, map(str.strip, file))
