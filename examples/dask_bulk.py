"""What became of more packets than one core gets through? A bulk check on a Dask cluster.

    python examples/dask_bulk.py               # 4,000 packets of an embedded sandbox panel
    VAIROSMS_API_KEY=... python examples/dask_bulk.py ids.txt                     # on this machine
    VAIROSMS_API_KEY=... python examples/dask_bulk.py ids.txt tls://10.0.0.5:8786 # on a cluster

It needs the extra: pip install 'vairosms-async[dask]'. A cluster's workers need it too, and a way
to the panel; the key they get from here. For results in a file, and to go on after whatever ends a
run, there is the command: vairosms bulk ids.txt -o out.jsonl --scheduler local.
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


async def check(ids: Iterable[int] | Path, scheduler: str) -> Counter[str]:
    """Look all ids up on the cluster; count them by state or by kind of error."""
    counts: Counter[str] = Counter()
    shown = monotonic()
    async with AsyncExitStack() as stack:
        key = url = None  # of the environment
        if not os.environ.get("VAIROSMS_API_KEY"):
            print("No VAIROSMS_API_KEY: asking the embedded sandbox panel.", file=sys.stderr)
            panel = await stack.enter_async_context(SandboxPanel(packets=len(SANDBOX_IDS)))
            key, url = panel.api_key, panel.base_url
        results = bulk_check(
            ids, scheduler=scheduler, api_key=key, base_url=url, max_concurrency=32
        )
        # Left by an error or by Ctrl-C, the run stops on all workers.
        async for result in await stack.enter_async_context(aclosing(results)):
            if result.gonderim is not None:
                counts[result.gonderim.paket_durum.name] += 1
            else:
                counts[type(result.error).__name__] += 1
            if monotonic() - shown > 1:
                shown = monotonic()
                print(f"{counts.total():,} checked", file=sys.stderr)
    return counts


def main() -> int:
    """Check the ids of the file given, or the sandbox panel's, and print a summary."""
    if os.environ.get("VAIROSMS_API_KEY") and len(sys.argv) < 2:
        print("Give a file with one packet id a line.", file=sys.stderr)
        return 2
    ids = Path(sys.argv[1]) if len(sys.argv) > 1 else SANDBOX_IDS
    try:
        counts = asyncio.run(check(ids, sys.argv[2] if len(sys.argv) > 2 else "local"))
    except VairoSMSAuthError as error:
        print(f"The panel refused the key in VAIROSMS_API_KEY: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:  # no such file, no scheduler, a key that is none
        print(error, file=sys.stderr)
        return 2
    print(f"Checked {counts.total():,} packets:")
    for name, count in counts.most_common():
        print(f"  {name:<24}{count:>8,}")
    return 0 if all(not name.startswith("VairoSMS") for name in counts) else 1


# The processes of a local cluster import this file too: without this they would start clusters.
if __name__ == "__main__":
    sys.exit(main())
