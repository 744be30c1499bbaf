"""A fake VairoSMS panel for tests and demonstrations: a real HTTP server on loopback.

::

    async with SandboxPanel() as panel:
        async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
            gonderim = await client.get_gonderim(52)
"""

from ._faults import Fault
from ._panel import SandboxPanel, SandboxRequest
from ._speed import NginxRateLimit

__all__ = ["Fault", "NginxRateLimit", "SandboxPanel", "SandboxRequest"]

for _public in (Fault, NginxRateLimit, SandboxPanel, SandboxRequest):
    _public.__module__ = __name__
