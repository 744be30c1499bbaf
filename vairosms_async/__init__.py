"""Asyncio client for VairoSMS' Gönderim Bilgisi API: look up the status of SMS packets.

::

    async with VairoSMSClient("key") as client:
        gonderim = await client.get_gonderim(52)
        many = await client.gather_gonderimler([52, 61, 70])
"""

from ._client import VairoSMSClient
from ._convert import GonderimDict, GonderimLogDict, gonderim_from_dict, gonderim_to_dict
from ._endpoint import redact_url
from ._errors import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from ._models import Gonderim, GonderimLog, PaketDurum, RawFields
from ._result import GonderimResult
from ._retry import RetryPolicy
from ._shared import ClientStats
from ._validate import MAX_ID
from ._version import __version__

__all__ = [
    "MAX_ID",
    "ClientStats",
    "Gonderim",
    "GonderimDict",
    "GonderimLog",
    "GonderimLogDict",
    "GonderimResult",
    "PaketDurum",
    "RawFields",
    "RetryPolicy",
    "VairoSMSAPIError",
    "VairoSMSAuthError",
    "VairoSMSClient",
    "VairoSMSConnectionError",
    "VairoSMSError",
    "VairoSMSInvalidIdError",
    "VairoSMSNotFoundError",
    "VairoSMSRateLimitError",
    "VairoSMSResponseError",
    "VairoSMSServerError",
    "VairoSMSTimeoutError",
    "__version__",
    "gonderim_from_dict",
    "gonderim_to_dict",
    "redact_url",
]

# Tracebacks and pickles contain the public name, which stays when a private module changes.
_name = ""
for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = __name__
