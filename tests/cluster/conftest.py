"""A Dask cluster for a test."""

import pytest

from tests.cluster.helpers import cluster_of, plugin_names


@pytest.fixture
async def dask_client():
    """A Dask client for a cluster of two workers in this process.

    After the test, the cluster must hold nothing of a bulk check.
    """
    async with cluster_of(2) as client:
        yield client
        assert not plugin_names(client)
        assert not client.cluster.scheduler.extensions["semaphores"].max_leases
        for worker in client.cluster.workers.values():
            assert not [name for name in worker.plugins if name.startswith("vairosms")]
