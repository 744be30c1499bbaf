"""Run `bulk_check` on a LocalCluster: ``python -m tests.benchmarks.cluster BASE IDS WORKERS CAP``.

It prints one line of JSON, in seconds: the time with and without the start of the cluster, and the
CPU time of the workers and of the driver (which includes the scheduler, in the same process).
"""

import asyncio
import json
import sys
import time
from contextlib import aclosing

from distributed import Client, LocalCluster

from tests.benchmarks.panel import KEY
from vairosms_async.cluster import bulk_check


async def main(base: str, ids: str, workers: str, cap: str) -> dict[str, float]:
    count, began = int(ids), time.perf_counter()
    async with (
        LocalCluster(
            n_workers=int(workers),
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True, set_as_default=False) as client,
    ):
        before = sum((await client.run(time.process_time)).values())
        driver, first, done = time.process_time(), 0.0, 0
        results = bulk_check(
            range(1, count + 1),
            scheduler=client,
            api_key=KEY,
            base_url=base,
            max_concurrency=int(cap),
        )
        started = time.perf_counter()
        async with aclosing(results):
            async for result in results:
                first = first or time.perf_counter()
                done += result.unwrap().paket_durum == 1
        ended, driver = time.perf_counter(), time.process_time() - driver
        working = sum((await client.run(time.process_time)).values()) - before
    if done != count:
        raise SystemExit(f"{done} of {count}")
    return {
        "wall": time.perf_counter() - began,
        "checking": ended - started,
        "driver_cpu": driver,
        "workers_cpu": working,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
