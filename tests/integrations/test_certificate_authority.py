"""A panel behind a private certificate authority, with a client that opens its own session."""

import asyncio
import os
import subprocess
import sys

import pytest

from tests.helpers import KEY
from tests.integrations.company import company_ca, forget_proxies
from vairosms_async.sandbox import SandboxPanel

PROGRAM = """
import asyncio
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError

async def main():
    async with VairoSMSClient(retry=RetryPolicy(attempts=1)) as client:
        try:
            print((await client.get_gonderim(52)).id)
        except VairoSMSConnectionError as exc:
            print(exc.reason)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("set_ssl_cert_file", "output", "requests"),
    [
        pytest.param(True, "52\n", 1, id="with SSL_CERT_FILE"),
        pytest.param(False, "tls\n", 0, id="without SSL_CERT_FILE"),
    ],
)
async def test_trusts_the_authority_in_ssl_cert_file_only(
    monkeypatch, tmp_path, set_ssl_cert_file, output, requests
):
    """In a child process, because aiohttp reads the variable when it is imported."""
    bundle, context = company_ca(tmp_path)
    forget_proxies(monkeypatch)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    async with SandboxPanel(KEY, ssl_context=context) as panel:
        settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
        if set_ssl_cert_file:
            settings["SSL_CERT_FILE"] = bundle
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM],
            env=os.environ | settings,
            capture_output=True,
            check=False,
            timeout=60,
            text=True,
        )
        assert panel.requests == requests
    assert (ran.stdout, ran.stderr) == (output, "")
