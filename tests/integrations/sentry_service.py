"""A program that sets up Sentry with the code on stdin, and prints the envelopes it would send.

Sentry patches aiohttp, logging and more for the rest of the process, so test_sentry.py runs this
in a child process.
"""

import asyncio
import json
import logging
import os
import sys
from functools import partial
from urllib.parse import quote

import sentry_sdk

from tests.helpers import KEY
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSError
from vairosms_async.sandbox import Fault, SandboxPanel

envelopes = []


class RecordingTransport(sentry_sdk.transport.Transport):
    """Keeps envelopes instead of sending them."""

    def capture_envelope(self, envelope):
        envelopes.append(envelope)


async def serve_customers():
    """Look up packets, of which two fail, in one Sentry transaction."""
    with sentry_sdk.start_transaction(name="gece işi"):
        async with SandboxPanel(KEY) as panel:
            panel.fail(Fault("html", 503), id=52, times=None)
            panel.fail(Fault("reset"), id=61, times=None)
            policy = RetryPolicy(attempts=2, initial_delay=0)
            async with VairoSMSClient(base_url=panel.base_url, retry=policy) as client:
                await client.get_gonderim(7)
                for gonderim_id in (52, 61):
                    await report_failure(client, gonderim_id, panel.base_url)
                await client.gather_gonderimler([1, 2, 3, 52], return_exceptions=True)


async def report_failure(client, gonderim_id, base_url):
    """Report a failed lookup. Sentry sends local variables, which hold the key in several forms."""
    anahtar = os.environ["VAIROSMS_API_KEY"]
    musteriler = {anahtar: "by its key"}
    settings = {"panel": {"anahtar": [anahtar], "adres": f"{base_url}?api_key={quote(anahtar)}"}}
    encoded = (quote(anahtar, safe=""), "sıradan")
    try:
        await client.get_gonderim(gonderim_id)
    except VairoSMSError as exc:
        sentry_sdk.capture_exception(exc)
        logging.getLogger("gece").exception("%s: %s sorulamadı", settings, gonderim_id)
        assert musteriler
        logging.getLogger("gece").warning("%s", encoded, extra={"url": f"x?api_key={encoded[0]}"})
        sentry_sdk.capture_message(f"{len(anahtar)} {encoded}")


if __name__ == "__main__":
    sentry_sdk.init = partial(
        sentry_sdk.init,
        transport=RecordingTransport,
        include_local_variables=True,
        send_default_pii=True,
        traces_sample_rate=1.0,
        max_breadcrumbs=100,
    )
    exec(sys.stdin.read(), {})
    asyncio.run(serve_customers())
    sentry_sdk.flush()
    json.dump([envelope.serialize().decode() for envelope in envelopes], sys.stdout)
