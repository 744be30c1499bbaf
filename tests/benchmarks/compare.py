"""Ratios of costs that are measured in turns, so that a slow minute affects both sides."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

Cost = dict[str, float]

# Measuring needs Linux. On other systems this module can still be imported.
_cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
CLIENT_CORE, SERVER_CORE = (*_cores, 0, 0)[:2]
ON_CORE = ("taskset", "-c", str(CLIENT_CORE))

# Installed packages have bytecode. Without it an import would include compilation.
ENVIRON = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run_child(
    module: str,
    *arguments: object,
    environ: Mapping[str, str] | None = None,
    on_core: Sequence[str] = ON_CORE,
) -> Any:
    """Run a module of this package on the client core, and return the JSON it prints."""
    return run_python(
        "-m", f"tests.benchmarks.{module}", *map(str, arguments), environ=environ, on_core=on_core
    )


def run_python(
    *arguments: str, environ: Mapping[str, str] | None = None, on_core: Sequence[str] = ON_CORE
) -> Any:
    """Run Python on the client core, and return the JSON it prints."""
    child = subprocess.run(
        [*on_core, sys.executable, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        env={**ENVIRON, **(environ or {})},
    )
    return json.loads(child.stdout)


def in_turns(contenders: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """Measure each contender once per round. Every second round runs in reverse order."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for n in range(rounds):
        for name in list(contenders)[:: 1 if n % 2 == 0 else -1]:
            costs[name].append(contenders[name]())
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return costs


def ratio(costs: Mapping[str, Sequence[Cost]], name: str, base: str, what: str) -> dict[str, float]:
    """Return the median, lowest and highest ratio of two costs from the same round."""
    pairs = zip(costs[name], costs[base], strict=True)
    ratios = [ours[what] / theirs[what] for ours, theirs in pairs]
    return {"median": median(ratios), "low": min(ratios), "high": max(ratios)}


def middle(costs: Sequence[Cost], what: str) -> float:
    """Return the median of one figure over all rounds."""
    return median(cost[what] for cost in costs)
