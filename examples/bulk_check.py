"""What became of many packets?

    python examples/bulk_check.py                    # 1,000 packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python examples/bulk_check.py ids.txt      # one id a line; the real panel

Results are counted as they come, so that a file of a million ids takes no more memory than one of
a thousand. Progress goes to stderr, the summary to stdout.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from time import monotonic

from vairosms_async import VairoSMSAuthError, VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

SANDBOX_IDS = range(1, 1001)
ERRORS_SHOWN = 10


def ids_of(path: Path) -> Iterator[str]:
    """Read ids from a file, one a line."""
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if line.strip():
                yield line.strip()


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient, None]:
    """Open a client for the real panel if there is a key, else for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        print("No VAIROSMS_API_KEY: asking the embedded sandbox panel.", file=sys.stderr)
        async with (
            SandboxPanel(packets=len(SANDBOX_IDS), latency=(0.001, 0.02)) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


def show_progress(done: int, began: float) -> None:
    """Rewrite the progress line on a terminal; elsewhere a line now and then will do."""
    rate = done / max(monotonic() - began, 1e-9)
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"{done:,} checked, {rate:,.0f}/s", end=end, file=sys.stderr, flush=True)


async def check(ids: Iterable[int | str]) -> tuple[Counter[str], int]:
    """Look all ids up; count them by state or by kind of error, and add up the credits."""
    counts: Counter[str] = Counter()
    kredi = failed = 0
    began = shown = monotonic()
    async with connect() as client, aclosing(client.iter_gonderimler(ids)) as results:
        async for result in results:
            if result.gonderim is not None:
                counts[result.gonderim.paket_durum.name] += 1
                kredi += result.gonderim.kredi_toplam
            else:
                counts[type(result.error).__name__] += 1
                failed += 1
                if failed <= ERRORS_SHOWN:
                    print(f"{result.id}: {result.error}", file=sys.stderr)
            if monotonic() - shown > 0.2:
                shown = monotonic()
                show_progress(counts.total(), began)
    show_progress(counts.total(), began)
    print(file=sys.stderr)
    return counts, kredi


def main() -> int:
    """Check the ids of the file given, or the sandbox panel's, and print a summary."""
    ids = ids_of(Path(sys.argv[1])) if len(sys.argv) > 1 else SANDBOX_IDS
    if os.environ.get("VAIROSMS_API_KEY") and len(sys.argv) < 2:
        print("Give a file with one packet id a line.", file=sys.stderr)
        return 2
    try:
        counts, kredi = asyncio.run(check(ids))
    except VairoSMSAuthError as error:
        print(f"The panel refused the key in VAIROSMS_API_KEY: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:  # no such file, not UTF-8, a key that is none
        print(*sys.argv[1:], error, sep=": ", file=sys.stderr)
        return 2
    panel = "" if os.environ.get("VAIROSMS_API_KEY") else " (of the sandbox panel)"
    print(f"Checked {counts.total():,} packets{panel}:")
    for name, count in counts.most_common():
        print(f"  {name:<24}{count:>8,}")
    print(f"  {'credits charged':<24}{kredi:>8,}")
    return 0 if all(not name.startswith("VairoSMS") for name in counts) else 1


if __name__ == "__main__":
    sys.exit(main())
