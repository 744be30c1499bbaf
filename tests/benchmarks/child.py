"""Run one contender in this process: ``python -m tests.benchmarks.child NAME LOOP BASE IDS CAP``.

It prints one line of JSON: the cost of the lookups without the imports, in seconds and bytes.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from pathlib import Path

from tests.benchmarks.contenders import CONTENDERS, LIBRARIES


def peak_memory() -> int:
    """Return the peak memory in bytes. ``ru_maxrss`` would include that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main(name: str, loop: str, base: str, ids: str, cap: str) -> None:
    importlib.import_module(LIBRARIES[name])
    factory = importlib.import_module("uvloop").new_event_loop if loop == "uvloop" else None
    count = int(ids)
    memory, cpu, wall = peak_memory(), time.process_time(), time.perf_counter()
    with asyncio.Runner(loop_factory=factory) as runner:
        done = runner.run(CONTENDERS[name](base, range(1, count + 1), int(cap)))
    cost = {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "memory": peak_memory() - memory,
    }
    if done != count:
        raise SystemExit(f"{name} looked up {done} of {count} packets")
    print(json.dumps(cost), flush=True)
    os._exit(0)  # pyreqwest's threads can crash Python while it exits


if __name__ == "__main__":
    main(*sys.argv[1:])
