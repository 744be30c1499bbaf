"""Look up one packet.

    python3 examples/single.py [ID]                        # a packet of an embedded sandbox panel
    VAIROSMS_API_KEY=... python3 examples/single.py [ID]   # a packet of the real panel

The default ID is 52. The sandbox panel has the packets of the provider's documentation, 52 and 61.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vairosms_async import (
    Gonderim,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSNotFoundError,
)
from vairosms_async.sandbox import SandboxPanel


@asynccontextmanager
async def connect() -> AsyncGenerator[VairoSMSClient]:
    """Open a client for the real panel if there is an API key, otherwise for a sandbox panel."""
    if os.environ.get("VAIROSMS_API_KEY"):
        async with VairoSMSClient() as client:
            yield client
    else:
        async with (
            SandboxPanel() as panel,
            VairoSMSClient(panel.api_key, base_url=panel.base_url) as client,
        ):
            yield client


async def look_up(gonderim_id: str) -> Gonderim:
    """Return the record of a packet."""
    async with connect() as client:
        return await client.get_gonderim(gonderim_id)


def main() -> int:
    """Print the status of a packet. Return the exit code."""
    gonderim_id = sys.argv[1] if len(sys.argv) > 1 else "52"
    try:
        gonderim = asyncio.run(look_up(gonderim_id))
    except VairoSMSAuthError:
        print("The panel refused the API key in VAIROSMS_API_KEY.", file=sys.stderr)
        return 3
    except VairoSMSNotFoundError:
        print(f"There is no packet {gonderim_id}.", file=sys.stderr)
        return 1
    except VairoSMSError as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError as error:  # VAIROSMS_API_KEY or VAIROSMS_BASE_URL is invalid
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130

    print(f"Gönderim {gonderim.id} ({gonderim.sms_baslik}): {gonderim.paket_durum.name}")
    print(f"  {gonderim.numara_toplam} numara, {gonderim.kredi_toplam} kredi")
    print(f"  created {gonderim.created_at}, ends {gonderim.sonlanma_zamani}")
    if gonderim.log is not None:
        print(f"  {gonderim.log.hata_kodu or gonderim.log.mesaj}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
