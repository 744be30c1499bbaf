"""What became of one packet?

    python examples/single.py [ID]

Without VAIROSMS_API_KEY in the environment it asks the embedded sandbox panel, which knows the
packets of the provider's documentation, 52 and 61.
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack

from vairosms_async import VairoSMSAuthError, VairoSMSClient, VairoSMSError, VairoSMSNotFoundError
from vairosms_async.sandbox import SandboxPanel


async def main(gonderim_id: str) -> int:
    """Look the packet up, tell what is known of it, and return the exit code."""
    async with AsyncExitStack() as stack:
        if os.environ.get("VAIROSMS_API_KEY"):
            try:
                client = VairoSMSClient()
            except ValueError as error:  # VAIROSMS_API_KEY or VAIROSMS_BASE_URL cannot be used
                print(error, file=sys.stderr)
                return 2
        else:
            panel = await stack.enter_async_context(SandboxPanel())
            client = VairoSMSClient(panel.api_key, base_url=panel.base_url)
        await stack.enter_async_context(client)
        try:
            gonderim = await client.get_gonderim(gonderim_id)
        except VairoSMSAuthError:
            print("The panel refused the key in VAIROSMS_API_KEY.", file=sys.stderr)
            return 3
        except VairoSMSNotFoundError:
            print(f"There is no packet {gonderim_id}.", file=sys.stderr)
            return 1
        except VairoSMSError as error:
            print(error, file=sys.stderr)
            return 1

    print(f"Gönderim {gonderim.id} ({gonderim.sms_baslik}): {gonderim.paket_durum.name}")
    print(f"  {gonderim.numara_toplam} numara, {gonderim.kredi_toplam} kredi")
    print(f"  created {gonderim.created_at}, ends {gonderim.sonlanma_zamani}")
    if gonderim.log is not None:
        print(f"  {gonderim.log.hata_kodu or gonderim.log.mesaj}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "52")))
    except KeyboardInterrupt:
        sys.exit(130)
