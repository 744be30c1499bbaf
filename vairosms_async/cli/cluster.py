"""``vairosms bulk --scheduler``: the same run, with its lookups on a Dask cluster."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator
from contextlib import aclosing, contextmanager
from importlib import import_module

from vairosms_async import GonderimResult

from .bulk import LookUp
from .settings import base_url, proxy_for
from .trouble import NOT_STARTED, STOPPED, Trouble


def check(scheduler: str) -> None:
    """Raise Trouble where no cluster could be used."""
    if scheduler != "local" and ":" not in scheduler:
        raise Trouble('--scheduler is "local", or an address like tls://10.0.0.5:8786', NOT_STARTED)
    try:
        import_module("vairosms_async.cluster")  # not above: it takes a second, and an extra
    except ImportError:
        raise Trouble(
            "--scheduler needs Dask: pip install 'vairosms-async[dask]'", NOT_STARTED
        ) from None
    if proxy_for(base_url()):
        raise Trouble(
            "with --scheduler the workers reach the panel directly, and not through HTTPS_PROXY: "
            "unset it, or leave --scheduler away",
            NOT_STARTED,
        )


def on_cluster(scheduler: str, *, max_concurrency: int, timeout: float) -> LookUp:
    """Give what looks ids up on a cluster.

    Args:
        scheduler: Its address, or "local".
        max_concurrency: Lookups in flight at most over the whole cluster.
        timeout: Seconds for one request.
    """
    from distributed import KilledWorker  # noqa: PLC0415 (see `check`)

    from vairosms_async.cluster import bulk_check  # noqa: PLC0415 (see `check`)

    async def look_up(ids: AsyncIterable[int]) -> AsyncGenerator[GonderimResult]:
        has_begun = False
        numbers = aiter(ids)
        first = await anext(numbers, None)
        if first is None:
            return  # nothing is left to ask, and no cluster to be waited for
        with _key_kept_from_children() as key:
            results = bulk_check(
                _chained(first, numbers),
                scheduler=scheduler,
                api_key=key,
                max_concurrency=max_concurrency,
                timeout=timeout,
            )
            async with aclosing(results):
                try:
                    async for result in results:
                        has_begun = True
                        yield result
                except (OSError, ValueError, RuntimeError, KilledWorker) as exc:
                    # Dask's own words name the address, and no key.
                    raise Trouble(
                        f"--scheduler {scheduler}: {exc}", STOPPED if has_begun else NOT_STARTED
                    ) from None

    return look_up


async def _chained(first: int, rest: AsyncIterator[int]) -> AsyncGenerator[int]:
    yield first
    async for number in rest:
        yield number


@contextmanager
def _key_kept_from_children() -> Generator[str]:
    # It may have come from a file, and what a child starts with is there for all of its life.
    key = os.environ.pop("VAIROSMS_API_KEY")
    try:
        yield key
    finally:
        os.environ["VAIROSMS_API_KEY"] = key
