"""Bulk checks on a Dask cluster, for more ids than one core can process (extra ``dask``).

The driver (the program that calls `bulk_check`) divides the ids into partitions, and each partition
is one Dask task. A worker plugin creates a client on every worker and closes it when the run ends.

No task contains the key, so the key is in no task name, log, spilled result or state dump. The
plugin contains the encrypted key (``_worker.encrypt``). The workers get the one-time pad from the
scheduler. Key and pad are sent separately, because Dask logs a pickle that a worker cannot read.
"""

import codecs
import os
from collections.abc import AsyncGenerator, Iterator
from datetime import tzinfo
from pathlib import Path

from vairosms_async._bulk import AsyncIds, Ids
from vairosms_async._endpoint import make_endpoint, read_settings
from vairosms_async._lookup import Options
from vairosms_async._result import GonderimResult
from vairosms_async._retry import RetryPolicy
from vairosms_async._shared import Shared
from vairosms_async._validate import check_ids, parse_count

try:
    from distributed import Client

    from ._driver import BulkCheck
    from ._worker import PanelPlugin, encrypt
except ModuleNotFoundError as _exc:
    if _exc.name not in {"cryptography", "dask", "distributed"}:
        raise  # Dask is there, but broken
    raise ImportError(
        f"vairosms_async.cluster needs {_exc.name}: install the extra dask, such as with "
        "pip install '/path/to/the/clone[dask]'"
    ) from _exc

__all__ = ["bulk_check"]


def bulk_check(
    ids: Ids | AsyncIds | os.PathLike[str],
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
    """Look up any number of packets on a Dask cluster, and yield each result.

    ::

        results = bulk_check(Path("ids.txt"), scheduler="tls://10.0.0.5:8786")
        async with aclosing(results):
            async for result in results:
                ...

    It works like `VairoSMSClient.iter_gonderimler`, but in partitions of ids. The driver sends a
    partition when the partition is full or the ids have ended, and yields its results when all its
    lookups are done. If a worker dies, Dask repeats only the partitions of that worker. The
    worker's share of ``max_concurrency`` is free again after Dask's
    ``distributed.scheduler.locks.lease-timeout`` (default 30 s). The workers need this package and
    a direct connection to the panel. Each worker has its own retry budget, pause and adaptive
    limit. The cap of the cluster is their upper bound.

    Args:
        ids: The ids, as for `VairoSMSClient.iter_gonderimler`, or the path of a text file: UTF-8,
            with one id per line, without a header. Blank lines are skipped. For other files, such
            as CSV and workbooks, pass the ids that your code reads from them. The driver reads at
            most two partitions ahead per thread of the cluster.
        scheduler: ``"local"`` (default) starts processes on this machine for this run. The program
            then needs the usual ``if __name__ == "__main__":``. Otherwise the address of a
            scheduler, or your asynchronous `distributed.Client`, which `bulk_check` does not close.
            Any client of the scheduler can obtain the key, so use ``tls://``, with certificates
            from Dask's configuration.
        workers: Number of processes for ``"local"``. Default: one per core.
        api_key: As for `VairoSMSClient`. The driver passes it to the workers. Their environment is
            not used.
        base_url: As for `VairoSMSClient`. The driver passes it to the workers, too.
        max_concurrency: Maximum number of lookups in flight in the whole cluster (default 16).
        timeout: As for `VairoSMSClient`, in seconds.
        retry: As for `VairoSMSClient`.
        tz: As for `VairoSMSClient`.
        allow_insecure_http: As for `VairoSMSClient`.
        partition_size: Ids per partition. Default: about one second of work, 50 to 1000 ids.

    Yields:
        One result per id, in no particular order. A failed lookup or an invalid id is a result with
        an ``error``.

    Raises:
        VairoSMSAuthError: The panel refused the key. The workers stop their lookups. Results of
            complete partitions are yielded first.
        ValueError: As for `VairoSMSClient`, a number is below 1, ``workers`` is set without
            ``scheduler="local"``, or the file does not start like text with one id per line.
        TypeError: As for `VairoSMSClient`, or ``ids`` or ``scheduler`` has the wrong type.
        OSError: The file does not exist or cannot be read.
        ConnectionError: The scheduler cannot be reached, dropped a task, or was lost for longer
            than Dask's ``distributed.comm.timeouts.connect`` (default 30 s).
        RuntimeError: The workers could not be set up, for example because this package is missing,
            or another program removed the plugin of this run.
        distributed.KilledWorker: Several workers died during the same partition.
    """
    settings = read_settings(api_key, base_url)
    del api_key, base_url  # a traceback with local variables must not show them
    endpoint = make_endpoint(settings, allow_insecure_http=allow_insecure_http)
    options = Options(timeout, retry, None, tz)
    cap = parse_count("max_concurrency", max_concurrency)
    if isinstance(ids, os.PathLike):
        path = Path(ids)
        _check_file(path)  # a wrong file fails now, before a cluster is started
        ids = _lines(path)
    check_ids(ids)
    if not (isinstance(scheduler, str) or getattr(scheduler, "asynchronous", False)):
        raise TypeError(
            'scheduler must be "local", an address, or an asynchronous distributed.Client'
        )
    if workers is not None and parse_count("workers", workers) and scheduler != "local":
        raise ValueError('workers can only be set with scheduler="local"')
    if partition_size is not None:
        partition_size = parse_count("partition_size", partition_size)
    encrypted, pad = encrypt(settings)
    client_options = {
        "base_url": endpoint.base_url,
        "max_concurrency": cap,
        "timeout": options.timeout,
        "retry": retry,
        "tz": tz,
        "allow_insecure_http": allow_insecure_http,
    }
    check = BulkCheck(
        shared=Shared(endpoint, None, cap, adaptive=False),
        plugin=PanelPlugin(encrypted, client_options),
        pad=pad,
        scheduler=scheduler,
        workers=workers,
        partition_size=partition_size,
    )
    return check.results(ids)


def _check_file(path: Path) -> None:
    """Raise an error if a file does not exist, or is certainly no text with one id per line."""
    if path.is_fifo() or path.is_char_device():
        return  # the first bytes of a pipe can be read only once
    with path.open("rb") as file:
        head = file.read(1024)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        text = "\0"
    first_line = text.strip().partition("\n")[0].strip()
    if "\0" in text or any(delimiter in first_line for delimiter in ",;\t|"):
        raise ValueError(
            f"{path} is not a UTF-8 text file with one id per line. Read the ids from it yourself, "
            "for example with csv.DictReader, and pass them as ids"
        )


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        yield from filter(None, map(str.strip, file))
