"""Write the results: a JSON file, a table for each README, tables for the site, and a plot."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Results = dict[str, Any]

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"

_NAMES = {
    "aiohttp": "aiohttp by hand, `gather`",
    "workers": "aiohttp by hand, workers",
    "gather": "`gather_gonderimler`",
    "iter": "`iter_gonderimler`",
    "pyreqwest": "pyreqwest by hand",
    "niquests": "niquests by hand",
    "httpx": "httpx by hand",
}

_PARTS = {
    "lean": "aiohttp at its leanest: workers, a ready URL, no timeout, nothing parsed",
    "url": "+ a URL for each id",
    "headers": "+ the client's headers",
    "middleware": "+ the middleware that hides the URL and prevents aiohttp's own retry",
    "deadline": "+ the deadline",
    "asyncio.timeout": "+ `asyncio.timeout`, to compare",
    "json.loads": "+ `json.loads`, to compare",
    "pydantic": "+ pydantic's defaults, to compare",
    "reading": "+ removing the key, and reading the record",
    "exchange": "one exchange: all of the above, and the errors",
    "iter": "`iter_gonderimler`: also slots, pace, retries and results",
}


# The words of README's table and their Turkish translations.
_TURKISH = {
    "aiohttp by hand": "elle yazılmış aiohttp",
    "CPU per lookup, aiohttp by hand = 1.00": "Sorgu başına CPU, elle yazılmış aiohttp = 1,00",
    "Memory for": "Bellek:",
    "packets": "paket",
    "Lookups per second, one process": "Tek süreçte saniyede sorgu",
}


def read(folder: Path) -> Results:
    file = folder / "results.json"
    return json.loads(file.read_text()) if file.exists() else {}


def write(folder: Path, results: Results) -> None:
    rounded = json.loads(json.dumps(results), parse_float=lambda text: float(f"{float(text):.4g}"))
    (folder / "results.json").write_text(json.dumps(rounded, indent=2) + "\n")


def put_into(readme: Path, table: str) -> None:
    """Replace the table between the two markers in a README."""
    before, _, rest = readme.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def summary(results: Results) -> str:
    """Return the few figures that README shows, as Markdown."""
    lookups, growth = results["lookups"], results["growth"]
    names = ("aiohttp", "gather", "iter")
    rows = {
        "CPU per lookup, aiohttp by hand = 1.00": [
            f"{lookups[f'{name} asyncio']['cpu']['median']:.2f}" for name in names
        ],
        "Lookups per second, one process": [
            f"{round(lookups[f'{name} asyncio']['per_second'], -2):,.0f}" for name in names
        ],
    }
    for ids in ("10000", "1000000"):
        rows[f"Memory for {int(ids):,} packets"] = [
            f"{growth[ids][name]['memory_mb']:,.0f} MB" for name in names
        ]
    lines = [
        "| | aiohttp by hand | `gather_gonderimler` | `iter_gonderimler` |",
        "|---|---|---|---|",
    ]
    return "\n".join(
        lines + [f"| {words} | {' | '.join(cells)} |" for words, cells in rows.items()]
    )


def turkish(table: str) -> str:
    """Translate README's table, with Turkish number formats: 2.023 MB and 0,94."""
    for words in sorted(_TURKISH, key=len, reverse=True):
        table = table.replace(words, _TURKISH[words])
    table = re.sub(r"(?<=\d),(?=\d{3}\b)", ".", table)
    return re.sub(r"\b(\d+)\.(\d\d)\b", r"\1,\2", table)


def table(results: Results) -> str:
    """Return all figures, as Markdown."""
    return "\n\n".join(
        [
            "\n".join(_contender_rows(results)),
            *_other_pythons(results),
            "\n".join(_other_rows(results)),
            _footer(results),
        ]
    )


def breakdown(results: Results) -> str:
    """Return what each part of a lookup costs, as Markdown."""
    parts, whole = results["breakdown"], results["breakdown"]["iter"]["cpu_us"]
    rows = [
        f"| {words} | {parts[name]['cpu_us']:.1f} µs | {parts[name]['adds_us']:+.1f} µs "
        f"| {parts[name]['cpu_us'] / whole:.0%} |"
        for name, words in _PARTS.items()
    ]
    head = ["| | CPU per lookup | more than the first row | of `iter_gonderimler` |"]
    return "\n".join([*head, "|---|---|---|---|", *rows])


def _footer(results: Results) -> str:
    date, python, system, *libraries = results["machine"].items()
    versions = ", ".join(f"{name} {version}" for name, version in libraries)
    return f"Measured on {date[1]} with Python {python[1]} on {system[1]}: {versions}."


def _contender_rows(results: Results) -> Iterator[str]:
    lookups, growth = results["lookups"], results["growth"]
    cpu = "CPU per lookup, aiohttp by hand = 1.00"
    yield f"| | {cpu} | with uvloop | memory: 10,000 ids | 1,000,000 ids |"
    yield "|---|---|---|---|---|"
    for name, words in _measured(results).items():
        cells = [words]
        for loop in ("asyncio", "uvloop"):
            cells.append(_spread(lookups[f"{name} {loop}"]["cpu"]))
        for ids in ("10000", "1000000"):
            memory = growth[ids].get(name)
            cells.append(f"{memory['memory_mb']:,.0f} MB" if memory else "")
        yield f"| {' | '.join(cells)} |"


def _other_pythons(results: Results) -> Iterator[str]:
    for figures in results.get("other", {}).values():
        ratios = ", ".join(
            f"{_NAMES[name]} {_spread(figures['lookups'][f'{name} asyncio']['cpu'])}"
            for name in ("gather", "iter", "pyreqwest")
        )
        yield f"CPU per lookup on Python {figures['machine']['python']}: {ratios}."


def _measured(results: Results) -> dict[str, str]:
    return {k: words for k, words in _NAMES.items() if f"{k} asyncio" in results["lookups"]}


def _other_rows(results: Results) -> Iterator[str]:
    latency, wire, cluster = results["latency"], results["wire"], results["cluster"]
    imports, malloc = results["imports"]["vairosms_async"], results["malloc"]
    yield "| | |"
    yield "|---|---|"
    shares = ", ".join(
        f"{words} {latency[name]['of_ideal']:.0%}"
        for name, words in _NAMES.items()
        if name in latency
    )
    yield f"| 20 ms of latency, {latency['cap']} at once: of the ideal throughput | {shares} |"
    for kind, words in (("sent", "a packet that was sent"), ("failed", "one that failed")):
        times = ", ".join(
            f"{name} {took:.1f} µs" for name, took in wire[kind].items() if "beyond" not in name
        )
        yield f"| Reading the answer about {words} | {times} |"
    yield f"| `import vairosms_async`, of `import aiohttp` | {_spread(imports)} |"
    words = f"{_spread(malloc['mapped'])}, if it maps some of them {_spread(malloc['as it falls'])}"
    yield f"| CPU per lookup, of the cost if glibc maps each read buffer | {words} |"
    speeds = ", ".join(
        f"{name} {cluster[name]['speed_up']:.2f}" for name in ("one worker", "two workers")
    )
    where = f"{cluster['cores']} cores, nginx on them too"
    yield f"| Speed of a Dask LocalCluster, of one process ({where}) | {speeds} |"


def _spread(ratio: Mapping[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"


def plot(folder: Path, results: Results) -> None:
    """Plot the table, and how CPU and memory grow with the number of ids."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "vairosms", "font.size": 9, "axes.titlesize": 10})
    from matplotlib import pyplot as plt

    shades = ("#888888", "#bbbbbb", "#0b6e4f", "#3fa34d", "#5b7db1", "#c08552", "#b23a48")
    colours = dict(zip(_NAMES, shades, strict=True))
    names = _measured(results)
    figure, (cost, memory, share) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")

    lookups = results["lookups"]
    for place, name in enumerate(reversed(names)):
        for height, loop, alpha in ((0.2, "asyncio", 1.0), (-0.2, "uvloop", 0.55)):
            cpu = lookups[f"{name} {loop}"]["cpu"]
            cost.barh(place + height, cpu["median"], 0.36, color=colours[name], alpha=alpha)
            label = f" {cpu['median']:.2f} {'' if loop == 'asyncio' else 'uvloop'}"
            cost.text(cpu["median"], place + height, label, va="center", fontsize=8)
    words = [_NAMES[name].replace("`", "") for name in reversed(names)]
    cost.set_yticks(range(len(names)), words)
    cost.set_xscale("log")
    cost.set_xlim(0.5, 100)
    cost.axvline(1, color="#888888", lw=0.8, ls=":")
    cost.set_title("CPU per lookup, aiohttp by hand = 1.00")

    counts = sorted(map(int, results["growth"]))
    for name in ("aiohttp", "workers", "gather", "iter"):
        figures = [results["growth"][str(count)][name] for count in counts]
        style = {"color": colours[name], "marker": "o", "label": _NAMES[name].replace("`", "")}
        memory.plot(counts, [max(f["memory_mb"], 0.1) for f in figures], **style)
        share.plot(counts, [f["cpu_us"] for f in figures], **style)
    memory.set(xscale="log", yscale="log", xlabel="ids", ylabel="MB beyond the imports")
    memory.set_title("Peak memory")
    share.set(xscale="log", xlabel="ids", ylabel="µs")
    share.set_ylim(bottom=0)
    share.set_title("CPU per lookup, by the number of ids")
    memory.legend(frameon=False)
    for axes in (cost, memory, share):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "results.svg", metadata={"Date": None})
