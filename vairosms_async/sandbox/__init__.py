"""A fake VairoSMS panel for tests and demonstrations: a real HTTP server on loopback.

::

    async with SandboxPanel() as panel:
        async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
            gonderim = await client.get_gonderim(52)
"""

from ._faults import Fault
from ._panel import SandboxPanel, SandboxRequest

__all__ = ["Fault", "SandboxPanel", "SandboxRequest"]

Fault.__module__ = SandboxPanel.__module__ = SandboxRequest.__module__ = __name__
