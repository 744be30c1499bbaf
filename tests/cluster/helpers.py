"""Dask clusters for the tests, and bulk checks on them."""

import traceback
from contextlib import aclosing, asynccontextmanager

from distributed import Client, LocalCluster

from tests.helpers import KEY, assert_no_key
from vairosms_async.cluster import bulk_check

CAP = 6


@asynccontextmanager
async def cluster_of(workers, *, processes=False, threads=1, **options):
    """Start a Dask cluster and give an asynchronous Dask client for it."""
    async with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address="127.0.0.1:0",
            asynchronous=True,
            **options,
        ) as cluster,
        Client(cluster, asynchronous=True, set_as_default=False) as client,
    ):
        yield client


def start_check(panel, scheduler, ids, **options):
    """Return the results of a bulk check, an async generator."""
    options = {"max_concurrency": CAP, "partition_size": 20} | options
    return bulk_check(ids, scheduler=scheduler, api_key=KEY, base_url=panel.base_url, **options)


async def collect_results(panel, scheduler, ids, **options):
    async with aclosing(start_check(panel, scheduler, ids, **options)) as results:
        return [result async for result in results]


def plugin_names(dask_client):
    """List the bulk checks whose plugin is registered with the scheduler."""
    plugins = dask_client.cluster.scheduler.worker_plugins
    return [name for name in plugins if name.startswith("vairosms")]


def assert_no_key_in_traceback(exc):
    printed = traceback.TracebackException.from_exception(exc, capture_locals=True)
    assert_no_key("".join(printed.format()))
