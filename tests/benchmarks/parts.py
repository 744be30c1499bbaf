"""The parts of the benchmarks. Each returns the figures for its section of the results."""

import operator
import os
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from tests.benchmarks.compare import (
    SERVER_CORE,
    Cost,
    in_turns,
    middle,
    ratio,
    run_child,
    run_python,
)
from tests.benchmarks.panel import LATENCY, panel

CAP = 32
PATH, SLOW_PATH = "/Panel/api/v1", "/Slow/api/v1"
BY_HAND = "aiohttp"

Figures = dict[str, Any]


def _contender(
    name: str, loop: str, base: str, ids: int, cap: int = CAP, **environ: str
) -> Callable[[], Cost]:
    """Return a function that runs a contender, and returns its memory and its costs per lookup."""

    def run() -> Cost:
        cost = run_child("child", name, loop, base, ids, cap, environ=environ)
        return {"memory": cost["memory"], "cpu": cost["cpu"] / ids, "wall": cost["wall"] / ids}

    return run


def lookups(rounds: int, ids: int) -> Figures:
    """Measure CPU per lookup and lookups per second, against hand-written aiohttp on asyncio."""
    counts = dict.fromkeys((BY_HAND, "workers", "gather", "iter", "pyreqwest"), ids)
    counts |= dict.fromkeys(("niquests", "httpx"), ids // 10)  # they take ten times as long
    with panel(SERVER_CORE) as root:
        contenders = {
            f"{name} {loop}": _contender(name, loop, root + PATH, count)
            for loop in ("asyncio", "uvloop")
            for name, count in counts.items()
        }
        costs = in_turns(contenders, rounds)
    return {
        "ids": ids,
        "rounds": rounds,
        **{
            name: {
                "cpu_us": middle(costs[name], "cpu") * 1e6,
                "per_second": 1 / middle(costs[name], "wall"),
                "cpu": ratio(costs, name, f"{BY_HAND} asyncio", "cpu"),
                "cpu_same_loop": ratio(costs, name, f"{BY_HAND} {name.split()[1]}", "cpu"),
                "wall": ratio(costs, name, f"{BY_HAND} asyncio", "wall"),
            }
            for name in contenders
        },
    }


def breakdown(rounds: int, ids: int) -> Figures:
    """Measure the CPU that each part of a lookup adds to the leanest loop over aiohttp."""
    with panel(SERVER_CORE) as root:
        costs = run_child("breakdown", root + PATH, ids, CAP, rounds)
    return {
        name: {
            "cpu_us": median(costs[name]),
            "adds_us": median(map(operator.sub, costs[name], costs["lean"])),
        }
        for name in costs
    }


def growth(most: int) -> Figures:
    """Measure peak memory without the imports, and CPU per lookup, for growing numbers of ids."""
    counts = [n for n in (1_000, 10_000, 100_000, 200_000, 1_000_000) if n <= most]
    figures: Figures = {}
    with panel(SERVER_CORE) as root:
        for ids in counts:
            contenders = {
                name: _contender(name, "asyncio", root + PATH, ids)
                for name in (BY_HAND, "workers", "gather", "iter")
            }
            costs = in_turns(contenders, 3 if ids <= 10_000 else 1)
            figures[str(ids)] = {
                name: {
                    "memory_mb": middle(costs[name], "memory") / 1e6,
                    "cpu_us": middle(costs[name], "cpu") * 1e6,
                    "cpu": ratio(costs, name, BY_HAND, "cpu"),
                }
                for name in contenders
            }
    return figures


def latency(rounds: int, ids: int) -> Figures:
    """Measure the throughput at 20 ms per lookup, relative to the ideal: always `cap` in flight."""
    with panel(SERVER_CORE) as root:
        contenders = {
            name: _contender(name, "asyncio", root + SLOW_PATH, ids)
            for name in (BY_HAND, "gather", "iter")
        }
        costs = in_turns(contenders, rounds)
    ideal = LATENCY / CAP
    return {
        "ids": ids,
        "cap": CAP,
        "latency_s": LATENCY,
        **{
            name: {
                "of_ideal": ideal / middle(costs[name], "wall"),
                "of_by_hand": 1 / ratio(costs, name, BY_HAND, "wall")["median"],
            }
            for name in contenders
        },
    }


def wire(rounds: int) -> Figures:
    """Measure the microseconds that each reader takes from a body's bytes to a record."""
    figures: Figures = {}
    for kind in ("sent", "failed"):
        runs = [run_child("reading", kind) for _ in range(rounds)]
        figures[kind] = {name: middle(runs, name) for name in runs[0]}
        figures[kind]["beyond json.loads"] = figures[kind]["wire"] - figures[kind]["json.loads"]
    with panel(SERVER_CORE) as root:
        by_hand = in_turns({BY_HAND: _contender(BY_HAND, "asyncio", root + PATH, 4000)}, rounds)
    figures["lookup_us"] = middle(by_hand[BY_HAND], "cpu") * 1e6
    return figures


def imports(rounds: int) -> Figures:
    """Measure the CPU of ``import vairosms_async``, relative to ``import aiohttp``."""

    def cost_of_import(module: str) -> Cost:
        code = (
            f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
        )
        return {"cpu": run_python("-c", code)}

    modules = ("aiohttp", "vairosms_async")
    for module in modules:
        cost_of_import(module)  # the first import may write bytecode
    costs = in_turns({module: partial(cost_of_import, module) for module in modules}, rounds)
    return {
        "aiohttp_ms": middle(costs["aiohttp"], "cpu") * 1000,
        "vairosms_async": ratio(costs, "vairosms_async", "aiohttp", "cpu"),
    }


def malloc(rounds: int, ids: int) -> Figures:
    """Measure what `_keep_read_buffers_in_the_heap` saves of the CPU per lookup.

    Without it, glibc maps each buffer or not, depending on the state of the heap. So measure that
    case ("as it falls"), and also with glibc set to map each buffer ("mapped").
    """
    map_buffers = {"GLIBC_TUNABLES": f"glibc.malloc.mmap_threshold={128 * 1024}"}
    with panel(SERVER_CORE) as root:
        base = root + PATH
        contenders = {
            "heap": _contender("iter", "asyncio", base, ids),
            "as it falls": _contender("iter, mapped", "asyncio", base, ids),
            "mapped": _contender("iter, mapped", "asyncio", base, ids, **map_buffers),
        }
        costs = in_turns(contenders, rounds)
    return {name: ratio(costs, "heap", name, "cpu") for name in ("as it falls", "mapped")}


def cluster(rounds: int, ids: int) -> Figures:
    """Measure a LocalCluster of one and two workers, relative to one process, on all cores."""
    with panel(SERVER_CORE) as root:
        base = root + PATH

        def on_cluster(workers: int) -> Cost:
            return run_child("cluster", base, ids, workers, CAP, on_core=())

        def alone() -> Cost:
            cost = run_child("child", "iter", "asyncio", base, ids, CAP, on_core=())
            return {**cost, "checking": cost["wall"]}

        contenders = {
            "one process": alone,
            "one worker": partial(on_cluster, 1),
            "two workers": partial(on_cluster, 2),
        }
        costs = in_turns(contenders, rounds)
    return {
        "ids": ids,
        "cores": os.cpu_count(),
        **{
            name: {
                "speed_up": 1 / ratio(costs, name, "one process", "checking")["median"],
                **{
                    f"{what}_us": middle(costs[name], what) / ids * 1e6
                    for what in costs[name][0]
                    if what.endswith("cpu")
                },
            }
            for name in contenders
        },
    }


PARTS: dict[str, Callable[[], Figures]] = {
    "lookups": partial(lookups, 7, 20_000),
    "breakdown": partial(breakdown, 200, 400),
    "growth": partial(growth, 1_000_000),
    "latency": partial(latency, 5, 6400),
    "wire": partial(wire, 5),
    "imports": partial(imports, 21),
    "malloc": partial(malloc, 11, 4000),
    "cluster": partial(cluster, 3, 60_000),
}

# The same parts with few ids and rounds, to check that they run.
SMALL: dict[str, Callable[[], Figures]] = {
    "lookups": partial(lookups, 1, 100),
    "breakdown": partial(breakdown, 1, 32),
    "growth": partial(growth, 1_000),
    "latency": partial(latency, 1, 64),
    "wire": partial(wire, 1),
    "imports": partial(imports, 1),
    "malloc": partial(malloc, 1, 100),
    "cluster": partial(cluster, 1, 100),
}
