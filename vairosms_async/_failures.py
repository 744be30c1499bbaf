"""Why no answer came: aiohttp's exceptions in the library's words.

Nothing of an aiohttp exception's own text is used: several of them print the URL, key included.
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
    "its authority is not known here. If it is your company's own (of a proxy that looks into TLS, "
    "say), name its file in SSL_CERT_FILE, or give a session with an SSL context that trusts it"
)
_ANOTHER_HOST = (
    "it is another host's. Look at base_url, and at what may stand between (a proxy, a portal)"
)
# By OpenSSL's X509_V_ERR_ codes (x509_vfy.h), which Python's ssl does not name.
_CERTIFICATE_ADVICE = {
    9: "it is not valid yet. Is this machine's clock right?",
    10: "it has expired. Its owner must renew it, unless this machine's clock is wrong",
    18: f"it is self-signed, so {_UNKNOWN_AUTHORITY}",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _ANOTHER_HOST,
    64: _ANOTHER_HOST,
}
_NOT_TLS = "what answers there does not speak TLS. Is the port right, or is it http:// on loopback?"
_OLD_TLS = "the server offers only TLS versions that are no longer safe. It must offer TLS 1.2"
_HANDSHAKE_ADVICE = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "WRONG_SSL_VERSION": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
}


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
            certificate_error=ssl.SSLCertVerificationError(verify_code=code, verify_message=problem)
        ):
            advice = _CERTIFICATE_ADVICE.get(code, problem)
            return "tls", f"the certificate of {host} was not accepted: {advice}"
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=problem)):
            advice = _HANDSHAKE_ADVICE.get(problem, f"the handshake failed ({problem})")
            return "tls", f"no TLS connection to {host}: {advice}"
        case aiohttp.ServerFingerprintMismatch():
            return "tls", f"no TLS connection to {host}: its certificate is not the pinned one"
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the name of {host} was not found"
        case aiohttp.ClientProxyConnectionError():
            return "proxy", f"no connection to the proxy on the way to {host}"
        case aiohttp.ClientConnectorError(os_error=cause):
            return (
                "connect",
                f"no connection to {host}: {cause.strerror or 'it was closed at once'}",
            )
        case aiohttp.ClientPayloadError():
            return "cut", f"the connection to {host} ended in the middle of the answer"
        case aiohttp.ClientConnectionError():
            return "cut", f"the connection to {host} ended before the answer"
        case _:
            return "other", f"no answer from {host} ({type(exc).__name__})"
