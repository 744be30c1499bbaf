"""Why no answer came: aiohttp's exceptions in the library's words.

Nothing of an aiohttp exception's own text is used: several of them print the URL, key included.
"""

import ssl

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from .errors import (
    ConnectionReason,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)


def explain(
    exc: aiohttp.ClientError | OSError, gonderim_id: int, base_url: str, timeout: float | None
) -> VairoSMSError:
    """Make the library's error of what aiohttp raised, keeping nothing of it."""
    host = URL(base_url).host_port_subcomponent or ""
    what = f"gonderim {gonderim_id}"
    reason: ConnectionReason
    match exc:
        case TimeoutError():
            within = "" if timeout is None else f" within {timeout:g} s"
            return VairoSMSTimeoutError(
                f"{what}: no whole answer from {host}{within}", gonderim_id=gonderim_id
            )
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
            return VairoSMSResponseError(
                f"{what}: an answer from {host} that cannot be decompressed",
                gonderim_id=gonderim_id,
            )
        case aiohttp.ClientHttpProxyError():
            reason, why = "proxy", f"the proxy refused the way to {host} (HTTP {exc.status})"
        case aiohttp.ClientResponseError():
            return VairoSMSResponseError(
                f"{what}: what {host} answered is not HTTP", gonderim_id=gonderim_id
            )
        case _:
            reason, why = _no_answer(exc, host)
    return VairoSMSConnectionError(f"{what}: {why}", gonderim_id=gonderim_id, reason=reason)


def _no_answer(exc: aiohttp.ClientError | OSError, host: str) -> tuple[ConnectionReason, str]:
    match exc:
        case aiohttp.ClientConnectorCertificateError(
            certificate_error=ssl.SSLCertVerificationError(verify_message=problem)
        ):
            return "tls", (
                f"the certificate of {host} was not accepted: {problem}. A company's own "
                "authority is trusted by SSL_CERT_FILE or a session with an SSL context of yours"
            )
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=problem)):
            return "tls", f"no TLS connection to {host}: {problem or 'the handshake failed'}"
        case aiohttp.ServerFingerprintMismatch():
            return "tls", f"no TLS connection to {host}: its certificate is not the pinned one"
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the name of {host} was not found"
        case aiohttp.ClientProxyConnectionError():
            return "proxy", f"no connection to the proxy on the way to {host}"
        case aiohttp.ClientConnectorError(os_error=cause):
            return "connect", f"no connection to {host}: {cause.strerror or 'it failed'}"
        case aiohttp.ClientPayloadError():
            return "cut", f"the connection to {host} ended in the middle of the answer"
        case aiohttp.ClientConnectionError():
            return "cut", f"the connection to {host} ended before the answer"
        case _:
            return "other", f"no answer from {host} ({type(exc).__name__})"
