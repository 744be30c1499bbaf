"""A long run under random faults: each id gives one result, and nothing leaks.

    python -m tests.core.soak            # 100,000 ids, some minutes
    python -m tests.core.soak 5000       # as test_soak.py does

Five percent of the requests fail, in all the ways the sandbox panel knows; one in 200 gets no
answer. The run measures open files, tasks and resident memory after each tenth of the ids.
"""

import asyncio
import gc
import os
import sys
from contextlib import aclosing
from pathlib import Path

from attrs import frozen

from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


@frozen
class Usage:
    """Resources that this process uses at one moment."""

    open_files: int
    tasks: int
    memory_mib: float


@frozen
class SoakReport:
    """Result of a run; `usages` has one entry per tenth."""

    ids: int
    requests: int
    failed: int
    each_id_once: bool
    usages: list[Usage]


def measure_usage() -> Usage:
    """Count open files and tasks, and read the resident memory (Linux only)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Usage(
        open_files=len(list(Path("/proc/self/fd").iterdir())),
        tasks=len(asyncio.all_tasks()),
        memory_mib=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    )


async def soak(count: int) -> SoakReport:
    """Look up ids 1 to `count` under random faults."""
    policy = RetryPolicy(attempts=6, initial_delay=0.002, max_delay=0.05)
    results_per_id = bytearray(count + 1)
    usages: list[Usage] = []
    done = failed = 0
    async with (
        SandboxPanel(packets=count, fault_rate=0.05) as panel,
        VairoSMSClient(panel.api_key, base_url=panel.base_url, retry=policy, timeout=0.5) as client,
        aclosing(client.iter_gonderimler(range(1, count + 1))) as results,
    ):
        async for result in results:
            results_per_id[int(result.id)] += 1
            failed += not result.ok
            done += 1
            if done % 200 == 0:
                panel.fail(Fault("hang"))
            if done % (count // 10) == 0:
                # The panel's own records grow; only the client's memory matters here.
                panel.requests_by_id.clear()
                panel.request_log.clear()
                usages.append(measure_usage())
                print(f"{done:>9,} ids, {panel.requests:,} requests: {usages[-1]}", file=sys.stderr)
        requests = panel.requests
    return SoakReport(
        ids=count,
        requests=requests,
        failed=failed,
        each_id_once=results_per_id[0] == 0 and set(results_per_id[1:]) == {1},
        usages=usages,
    )


if __name__ == "__main__":
    print(asyncio.run(soak(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
