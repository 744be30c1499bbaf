"""``vairosms bulk --scheduler``: the same run, with its lookups on a Dask cluster."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from gettext import gettext as _
from importlib import import_module

from vairosms_async import GonderimResult

from .lookups import Ids, LookUp
from .settings import base_url, proxy_for
from .signals import NOT_STARTED, STOPPED, CommandError


def check_scheduler(scheduler: str) -> None:
    """Check that a cluster can be used.

    Raises:
        CommandError: The address is invalid, Dask is missing, or the panel has a proxy.
    """
    if scheduler != "local" and ":" not in scheduler:
        raise CommandError(
            _('--scheduler must be "local" or an address like {example}').format(
                example="tls://10.0.0.5:8786"
            ),
            NOT_STARTED,
        )
    try:
        import_module("vairosms_async.cluster")  # not above: it takes a second, and is an extra
    except ImportError as exc:
        raise CommandError(
            _("--scheduler cannot be used: {error}").format(error=exc), NOT_STARTED
        ) from None
    if proxy_for(base_url()):
        raise CommandError(
            _(
                "--scheduler cannot be combined with HTTPS_PROXY, because the workers connect to "
                "the panel directly: unset HTTPS_PROXY, or omit --scheduler"
            ),
            NOT_STARTED,
        )


def on_cluster(scheduler: str, *, max_concurrency: int, timeout: float) -> LookUp:
    """Return a function that looks up packets on a cluster.

    Args:
        scheduler: The address of its scheduler, or "local".
        max_concurrency: Maximum number of lookups in flight in the whole cluster.
        timeout: Seconds for one request.
    """
    from distributed import KilledWorker  # noqa: PLC0415 (see `check_scheduler`)

    from vairosms_async.cluster import bulk_check  # noqa: PLC0415 (see `check_scheduler`)

    async def look_up(ids: Ids) -> AsyncGenerator[GonderimResult]:
        has_begun = False
        with _environment_of_children() as key:
            results = bulk_check(
                ids,
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
                    # Dask's messages contain the address and no key.
                    raise CommandError(
                        f"--scheduler {scheduler}: {exc}", STOPPED if has_begun else NOT_STARTED
                    ) from None

    return look_up


@contextmanager
def _environment_of_children() -> Generator[str]:
    """Set the environment that Dask's processes inherit. Yield the API key, which it lacks."""
    # The key may be from a file. The environment of a child process is visible while it lives.
    key = os.environ.pop("VAIROSMS_API_KEY")
    warnings = os.environ.get("PYTHONWARNINGS", "")
    # If a signal ends this process at once, Python's resource tracker cleans up and warns.
    os.environ["PYTHONWARNINGS"] = f"{warnings},ignore:resource_tracker"
    try:
        yield key
    finally:
        os.environ["VAIROSMS_API_KEY"] = key
        os.environ["PYTHONWARNINGS"] = warnings
