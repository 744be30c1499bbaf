"""Run the benchmarks, then write their results, the plot and the tables."""

import argparse
import importlib.metadata
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.parts import PARTS, SMALL

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "benchmarks"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=", ".join(PARTS) + " (default: all)"
    )
    parser.add_argument(
        "--small", action="store_true", help="check that the parts run; write nothing"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}")
    results = {} if given.small else report.read(RESULTS)
    figures = figures_of_this_python(results)
    figures["machine"] = describe_machine()
    for name in given.parts or PARTS:
        print(f"{name} ", end="", file=sys.stderr, flush=True)
        figures[name] = (SMALL if given.small else PARTS)[name]()
        if not given.small:
            report.write(RESULTS, results)
    if given.small:
        print(json.dumps(results, indent=2))
    elif set(PARTS) <= set(results):
        report.plot(RESULTS, results)
        RESULTS.joinpath("table.md").write_text(report.table(results) + "\n", "utf-8")
        RESULTS.joinpath("breakdown.md").write_text(report.breakdown(results) + "\n", "utf-8")
        summary = report.summary(results)
        report.put_into(ROOT / "README.md", summary)
        report.put_into(ROOT / "README.tr.md", report.turkish(summary))


def figures_of_this_python(results: report.Results) -> report.Results:
    """Return the results, or the part of them for another Python than the one of the tables."""
    if "machine" not in results:
        return results
    measured, this = (
        python.rpartition(".")[0]
        for python in (results["machine"]["python"], platform.python_version())
    )
    return results if this == measured else results.setdefault("other", {}).setdefault(this, {})


def describe_machine() -> dict[str, str]:
    libraries = ("aiohttp", "pyreqwest", "httpx", "niquests", "uvloop", "pydantic", "msgspec")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: importlib.metadata.version(name) for name in libraries},
    }


if __name__ == "__main__":
    main()
