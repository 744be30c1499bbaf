"""Turn aiohttp's exceptions into the library's errors.

No error uses the text of an aiohttp exception: several of them print the URL, and so the key.
"""

import ssl

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from ._errors import (
    ConnectionReason,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)

_UNKNOWN_AUTHORITY = (
    "is signed by an unknown authority. If it is your company's authority (for example for a proxy "
    "that inspects TLS), set SSL_CERT_FILE to the authority's certificate file, or pass a session "
    "with an SSL context that trusts it"
)
_ANOTHER_HOST = "is for another host. Check base_url, and any proxy or captive portal in between"
# Keys: OpenSSL's X509_V_ERR_ codes (x509_vfy.h), which Python's ssl does not name.
_CERTIFICATE_ADVICE = {
    9: "is not valid yet. Check the clock of this machine",
    10: "has expired. Its owner must renew it, unless the clock of this machine is wrong",
    18: f"is self-signed and so {_UNKNOWN_AUTHORITY}",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _ANOTHER_HOST,
    64: _ANOTHER_HOST,
}
_NOT_TLS = "the server does not speak TLS. Check the port; a server on loopback may need http://"
_OLD_TLS = "the server offers only insecure TLS versions. It must offer TLS 1.2 or newer"
_HANDSHAKE_ADVICE = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "WRONG_SSL_VERSION": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
}


def to_library_error(
    exc: aiohttp.ClientError | OSError, gonderim_id: int, base_url: str, timeout: float | None
) -> VairoSMSError:
    """Return the library's error for an exception of aiohttp, without a reference to it."""
    host = URL(base_url).host_port_subcomponent or ""
    what = f"gonderim {gonderim_id}"
    reason: ConnectionReason
    match exc:
        case TimeoutError():
            within = "" if timeout is None else f" within {timeout:g} s"
            return VairoSMSTimeoutError(
                f"{what}: no complete answer from {host}{within}", gonderim_id=gonderim_id
            )
        case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
            return VairoSMSResponseError(
                f"{what}: the answer from {host} cannot be decompressed",
                gonderim_id=gonderim_id,
            )
        case aiohttp.ClientHttpProxyError():
            reason, why = "proxy", f"the proxy refused a connection to {host} (HTTP {exc.status})"
        case aiohttp.ClientResponseError():
            return VairoSMSResponseError(
                f"{what}: the answer from {host} is not HTTP", gonderim_id=gonderim_id
            )
        case _:
            reason, why = _no_answer(exc, host)
    return VairoSMSConnectionError(f"{what}: {why}", gonderim_id=gonderim_id, reason=reason)


def _no_answer(exc: aiohttp.ClientError | OSError, host: str) -> tuple[ConnectionReason, str]:
    match exc:
        case aiohttp.ClientConnectorCertificateError(
            certificate_error=ssl.SSLCertVerificationError(verify_code=code, verify_message=problem)
        ):
            advice = _CERTIFICATE_ADVICE.get(code, f"was rejected: {problem}")
            return "tls", f"the certificate of {host} {advice}"
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=problem)):
            advice = _HANDSHAKE_ADVICE.get(problem, f"the handshake failed ({problem})")
            return "tls", f"no TLS connection to {host}: {advice}"
        case aiohttp.ServerFingerprintMismatch():
            return "tls", f"no TLS connection to {host}: its certificate is not the pinned one"
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the host name {host} cannot be resolved"
        case aiohttp.ClientProxyConnectionError():
            return "proxy", f"no connection to the proxy for {host}"
        case aiohttp.ClientConnectorError(os_error=cause):
            why = cause.strerror or "closed by the server"
            return "connect", f"no connection to {host}: {why}"
        case aiohttp.ClientPayloadError():
            return "cut", f"the connection to {host} was closed in the middle of the answer"
        case aiohttp.ClientConnectionError():
            return "cut", f"the connection to {host} was closed before the answer"
        case _:
            return "other", f"no answer from {host} ({type(exc).__name__})"
