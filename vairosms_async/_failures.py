"""Turn aiohttp's exceptions into the library's errors.

No error uses the text of an aiohttp exception: several of them print the URL, and so the key.
"""

import os
import ssl
from traceback import walk_tb

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

_UNKNOWN_AUTHORITY = "is signed by an unknown authority"
_ANOTHER_HOST = "is for another host. Check base_url, and any proxy or captive portal in between"
# Keys: OpenSSL's X509_V_ERR_ codes (x509_vfy.h), which Python's ssl does not name.
_CERTIFICATE_PROBLEMS = {
    9: "is not valid yet. Check the clock of this machine",
    10: "has expired. Its owner must renew it, unless the clock of this machine is wrong",
    18: "is self-signed and so signed by an unknown authority",
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _ANOTHER_HOST,
    64: _ANOTHER_HOST,
}
_UNKNOWN_AUTHORITY_CODES = frozenset({18, 19, 20, 21})
_NOT_TLS = "the server does not speak TLS. Check the port; a server on loopback may need http://"
_OLD_TLS = "the server offers only insecure TLS versions. It must offer TLS 1.2 or newer"
_HANDSHAKE_ADVICE = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "WRONG_SSL_VERSION": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
}


def is_connection_failure(exc: Exception, connector: aiohttp.BaseConnector | None) -> bool:
    """Whether an exception of aiohttp, the connector or the OS means that the connection failed.

    The connectors of SOCKS libraries raise other exceptions. All further exceptions are bugs, or
    come from the caller's hooks or middleware.
    """
    if isinstance(exc, aiohttp.ClientError | OSError):
        return True
    if connector is None or type(exc).__module__ == "builtins":
        return False
    frames = [frame for frame, _ in walk_tb(exc.__traceback__)]
    # The connector also calls trace hooks.
    return any(frame.f_locals.get("self") is connector for frame in frames) and not any(
        frame.f_globals.get("__name__") == "aiohttp.tracing" for frame in frames
    )


def is_encoding_failure(exc: BaseException) -> bool:
    """Whether aiohttp cannot decompress an answer: the data is invalid, or there is no decoder."""
    cause = exc.__cause__
    return cause is not None and (
        isinstance(cause, ContentEncodingError) or is_encoding_failure(cause)
    )


def to_library_error(
    exc: Exception, gonderim_id: int, base_url: str, timeout: float | None
) -> VairoSMSError:
    """Return the library's error for a connection failure, without a reference to it."""
    host = URL(base_url).host_port_subcomponent or ""
    what = f"gonderim {gonderim_id}"
    reason: ConnectionReason
    match exc:
        case TimeoutError():
            within = "" if timeout is None else f" within {timeout:g} s"
            return VairoSMSTimeoutError(
                f"{what}: no complete answer from {host}{within}", gonderim_id=gonderim_id
            )
        case aiohttp.ClientError() if is_encoding_failure(exc):
            return VairoSMSResponseError(
                f"{what}: the answer from {host} cannot be decompressed",
                gonderim_id=gonderim_id,
                retryable=True,
            )
        case aiohttp.ClientHttpProxyError():
            why = f"the proxy refused a connection to {host} (HTTP {exc.status}). Check the proxy"
            reason = "proxy"
        case aiohttp.ClientResponseError():
            return VairoSMSResponseError(
                f"{what}: the answer from {host} is not HTTP",
                gonderim_id=gonderim_id,
                retryable=True,
            )
        case _:
            reason, why = _no_answer(exc, host)
    return VairoSMSConnectionError(f"{what}: {why}", gonderim_id=gonderim_id, reason=reason)


def _no_answer(exc: Exception, host: str) -> tuple[ConnectionReason, str]:
    if (why := _tls_failure(exc, host)) is not None:
        return "tls", why
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return "dns", f"the host name {host} cannot be resolved. Check base_url and the network"
        case aiohttp.ClientProxyConnectionError():
            return "proxy", f"no connection to the proxy for {host}. Check the proxy settings"
        case aiohttp.ClientConnectorError(os_error=cause):
            closed = isinstance(cause, ConnectionResetError)
            why = cause.strerror or ("closed by the server" if closed else "connecting failed")
            return "connect", f"no connection to {host}: {why}"
        case aiohttp.ClientOSError(__cause__=OSError() as cause):
            return "connect", f"no connection to {host} ({type(cause).__name__})"
        case aiohttp.ClientPayloadError():
            return "cut", f"the connection to {host} was closed in the middle of the answer"
        case aiohttp.ClientConnectionError():
            return "cut", f"the connection to {host} was closed before the answer"
        case aiohttp.ClientError() | OSError():
            return "other", f"no answer from {host} ({type(exc).__name__})"
        case _:
            why = f"the connector of the session raised {type(exc).__name__}"
            return "connect", f"no connection to {host}: {why}"


def _tls_failure(exc: Exception, host: str) -> str | None:
    match exc:
        case aiohttp.ClientConnectorCertificateError(
            certificate_error=ssl.SSLCertVerificationError(verify_code=code, verify_message=problem)
        ):
            problem = _CERTIFICATE_PROBLEMS.get(code, f"was rejected: {problem}")
            advice = f". {_authority_advice()}" if code in _UNKNOWN_AUTHORITY_CODES else ""
            return f"the certificate of {host} {problem}{advice}"
        case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError(reason=problem)):
            advice = _HANDSHAKE_ADVICE.get(problem, f"the handshake failed ({problem})")
            return f"no TLS connection to {host}: {advice}"
        case aiohttp.ServerFingerprintMismatch():
            return f"no TLS connection to {host}: its certificate is not the pinned one"
        case _:
            return None


def _authority_advice() -> str:
    """Return advice for an unknown authority, which depends on the file in SSL_CERT_FILE."""
    session = "or pass a session with an SSL context that trusts it"
    path = os.environ.get("SSL_CERT_FILE")
    if not path:
        return (
            "If it is your company's authority (for example for a proxy that inspects TLS), set "
            f"SSL_CERT_FILE to its certificate file before Python starts, {session}"
        )
    problem = _certificate_file_problem(path)
    if problem:
        return f"SSL_CERT_FILE names {path}, {problem}. Correct it, {session}"
    return (
        f"{path}, which SSL_CERT_FILE names, does not contain it, or was set after Python started. "
        f"Add the authority's certificate to that file, {session}"
    )


def _certificate_file_problem(path: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        return "which does not exist"
    except ssl.SSLError:
        return "which contains no certificate"
    except OSError as exc:
        return f"which cannot be read ({exc.strerror})"
    return ""
