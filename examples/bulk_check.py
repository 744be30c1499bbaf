"""Look up many packets and count their states.

    python3 examples/bulk_check.py                   # 1,000 packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python3 examples/bulk_check.py ids.txt  # the real panel, one id per line

The example keeps counts, not results, so a file with a million ids needs no more memory than a file
with a thousand. Progress goes to stderr, the summary to stdout.
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
MAX_ERRORS_SHOWN = 10


def read_ids(path: Path) -> Iterator[str]:
    """Yield the ids of a file that has one id per line."""
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if line.strip():
                yield line.strip()


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the real panel if there is an API key, otherwise for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        print("VAIROSMS_API_KEY is not set: using a sandbox panel.", file=sys.stderr)
        async with (
            SandboxPanel(packets=len(SANDBOX_IDS), latency=(0.001, 0.02)) as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


def show_progress(done: int, started: float) -> None:
    """Print the progress, on a terminal over the previous line."""
    rate = done / max(monotonic() - started, 1e-9)
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"{done:,} checked, {rate:,.0f}/s", end=end, file=sys.stderr, flush=True)


async def count_states(ids: Iterable[int | str]) -> tuple[Counter[str], int]:
    """Look up all ids. Return counts by state or class of error, and the credits charged."""
    counts: Counter[str] = Counter()
    kredi = failed = 0
    started = last_shown = monotonic()
    # aclosing cancels the remaining lookups if the loop ends early, for example on Ctrl-C.
    async with connect() as client, aclosing(client.iter_gonderimler(ids)) as results:
        async for result in results:
            if result.gonderim is not None:
                counts[result.gonderim.paket_durum.name] += 1
                kredi += result.gonderim.kredi_toplam or 0
            else:
                counts[type(result.error).__name__] += 1
                failed += 1
                if failed <= MAX_ERRORS_SHOWN:
                    print(f"{result.id}: {result.error}", file=sys.stderr)
            if monotonic() - last_shown > 0.2:
                last_shown = monotonic()
                show_progress(counts.total(), started)
    show_progress(counts.total(), started)
    print(file=sys.stderr)
    return counts, kredi


def main() -> int:
    """Print a summary of the packets in the file, or in the sandbox panel. Return the exit code."""
    use_sandbox = not os.environ.get("VAIROSMS_API_KEY")
    if len(sys.argv) < 2 and not use_sandbox:
        print("Usage: bulk_check.py FILE (one packet id per line)", file=sys.stderr)
        return 2
    ids = read_ids(Path(sys.argv[1])) if len(sys.argv) > 1 else SANDBOX_IDS
    try:
        counts, kredi = asyncio.run(count_states(ids))
    except VairoSMSAuthError as error:
        print(f"The panel refused the API key in VAIROSMS_API_KEY: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:  # file missing or not UTF-8, API key or URL invalid
        print(f"Cannot check the packets: {error}", file=sys.stderr)
        return 2
    print(f"Checked {counts.total():,} packets{' of the sandbox panel' if use_sandbox else ''}:")
    for name, count in counts.most_common():
        print(f"  {name:<24}{count:>8,}")
    print(f"  {'credits charged':<24}{kredi:>8,}")
    return 1 if any(name.startswith("VairoSMS") for name in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
