"""Look up many packets on a Dask cluster and count their states.

    python3 examples/dask_bulk.py              # 4,000 packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python3 examples/dask_bulk.py ids.txt                     # on this machine
    VAIROSMS_API_KEY=... python3 examples/dask_bulk.py ids.txt tls://10.0.0.5:8786 # on a cluster

It needs the extra "dask": pip install '/path/to/the/clone[dask]'. The workers of a cluster need it
too, and they must reach the panel. They get the API key from this program.

To write results to a file, and to continue after an interruption, use the command instead:
vairosms bulk ids.txt -o out.jsonl --scheduler local
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from time import monotonic

from vairosms_async import VairoSMSAuthError
from vairosms_async.cluster import bulk_check
from vairosms_async.sandbox import SandboxPanel

SANDBOX_IDS = range(1, 4_001)


async def count_states(ids: Iterable[int] | Path, scheduler: str) -> Counter[str]:
    """Look up all ids on the cluster. Return counts by state or class of error."""
    counts: Counter[str] = Counter()
    last_shown = monotonic()
    async with AsyncExitStack() as stack:
        api_key = base_url = None  # bulk_check reads them from the environment
        if not os.environ.get("VAIROSMS_API_KEY"):
            print("VAIROSMS_API_KEY is not set: using a sandbox panel.", file=sys.stderr)
            panel = await stack.enter_async_context(SandboxPanel(packets=len(SANDBOX_IDS)))
            api_key, base_url = panel.api_key, panel.base_url
        results = bulk_check(
            ids, scheduler=scheduler, api_key=api_key, base_url=base_url, max_concurrency=32
        )
        # aclosing stops all workers if the loop ends early, for example on Ctrl-C.
        async for result in await stack.enter_async_context(aclosing(results)):
            if result.gonderim is not None:
                counts[result.gonderim.paket_durum.name] += 1
            else:
                counts[type(result.error).__name__] += 1
            if monotonic() - last_shown > 1:
                last_shown = monotonic()
                print(f"{counts.total():,} checked", file=sys.stderr)
    return counts


def main() -> int:
    """Print a summary of the packets in the file, or in the sandbox panel. Return the exit code."""
    if len(sys.argv) < 2 and os.environ.get("VAIROSMS_API_KEY"):
        print("Usage: dask_bulk.py FILE [SCHEDULER] (one packet id per line)", file=sys.stderr)
        return 2
    ids = Path(sys.argv[1]) if len(sys.argv) > 1 else SANDBOX_IDS
    scheduler = sys.argv[2] if len(sys.argv) > 2 else "local"
    try:
        counts = asyncio.run(count_states(ids, scheduler))
    except VairoSMSAuthError as error:
        print(f"The panel refused the API key in VAIROSMS_API_KEY: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:  # file or scheduler not found, API key or URL invalid
        print(f"Cannot check the packets: {error}", file=sys.stderr)
        return 2
    print(f"Checked {counts.total():,} packets:")
    for name, count in counts.most_common():
        print(f"  {name:<24}{count:>8,}")
    return 1 if any(name.startswith("VairoSMS") for name in counts) else 0


# Each process of a local cluster imports this file; without the test it would start a cluster too.
if __name__ == "__main__":
    sys.exit(main())
