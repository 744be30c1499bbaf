"""A long run under random faults: every id once, nothing left over, nothing growing.

    python -m tests.core.soak            # 100,000 ids, some minutes
    python -m tests.core.soak 5000       # as the tests do

Five requests in a hundred fail, in every way the sandbox panel knows; one in 200 gets no answer at
all. Open files, tasks and resident memory are taken after each tenth.
"""

import asyncio
import gc
import os
import sys
from contextlib import aclosing
from pathlib import Path

from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


def usage() -> dict[str, float]:
    """Count open files and tasks, and measure resident memory in MiB (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "tasks": len(asyncio.all_tasks()),
        "MiB": pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
    }


async def soak(count: int) -> dict[str, object]:
    """Look `count` ids up and say what it came to."""
    policy = RetryPolicy(attempts=6, initial_delay=0.002, max_delay=0.05)
    seen = bytearray(count + 1)
    usages, failed = [], 0
    async with (
        SandboxPanel(packets=count, fault_rate=0.05) as panel,
        VairoSMSClient(panel.api_key, base_url=panel.base_url, retry=policy, timeout=0.5) as client,
        aclosing(client.iter_gonderimler(range(1, count + 1))) as results,
    ):
        done = 0
        async for result in results:
            seen[int(result.id)] += 1
            failed += not result.ok
            done += 1
            if done % 200 == 0:
                panel.fail(Fault("hang"))
            if done % (count // 10) == 0:
                panel.requests_by_id.clear()  # the panel's own books grow, and are not the point
                usages.append(usage())
                print(f"{done:>9,} ids, {panel.requests:,} requests: {usages[-1]}", file=sys.stderr)
        requests = panel.requests
    return {
        "ids": count,
        "requests": requests,
        "failed": failed,
        "each once": seen[0] == 0 and set(seen[1:]) == {1},
        "usages": usages,
    }


if __name__ == "__main__":
    print(asyncio.run(soak(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
