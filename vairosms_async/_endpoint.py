"""The URL and the API key: building the URL, and removing the key from texts.

The key is in the query string (the provider's choice), so every URL is a secret.
"""

import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import quote

from attrs import field, frozen
from yarl import URL

PANEL_URL = "https://vairosms.com/Panel/api/v1"
"""API Root of the provider's page "API Desteği - Gönderim Bilgisi"."""

_SHORT_KEY = 8


class SettingError(ValueError):
    """An API key or base URL is missing or invalid. The message does not contain the value.

    Attributes:
        setting: ``"api_key"`` or ``"base_url"``.
        problem: The problem, as the rest of a sentence that starts with the name.
    """

    # Keyword-only arguments with defaults, so that it pickles: see `VairoSMSError`.
    def __init__(self, message: str = "", *, setting: str = "", problem: str = "") -> None:
        super().__init__(message)
        self.setting = setting
        self.problem = problem


@frozen
class Settings:
    """An API key and a base URL, as the caller or the environment gives them.

    Each is inside a function, since tracebacks can print local variables: they then show the
    function, not the value.
    """

    api_key: Callable[[], object]
    base_url: Callable[[], object]


@frozen
class Endpoint:
    """The panel's URL. The key is only in the closures, which a repr does not show."""

    base_url: str
    url: Callable[[int], URL] = field(repr=False)
    scrub: Callable[[bytes], bytes] = field(repr=False)


def read_settings(api_key: str | None, base_url: str | None) -> Settings:
    """Return the given API key and base URL, with defaults from the environment."""
    if api_key is None:
        api_key = os.environ.get("VAIROSMS_API_KEY", "")
    if isinstance(api_key, str):  # a key that was read from a file may end in a newline
        api_key = api_key.removesuffix("\n").removesuffix("\r")
    if base_url is None:
        base_url = os.environ.get("VAIROSMS_BASE_URL") or PANEL_URL
    return Settings(lambda: api_key, lambda: base_url)


def make_endpoint(settings: Settings, *, allow_insecure_http: bool) -> Endpoint:
    """Return the endpoint for an API key and a base URL.

    Raises:
        SettingError: One of them is missing or invalid.
    """
    error = _key_error(settings.api_key()) or _base_url_error(settings, allow_insecure_http)
    if error is not None:
        raise error
    key, base_url = str(settings.api_key()), str(_parse_url(settings)).rstrip("/")
    return Endpoint(base_url, _make_url(base_url, key), _make_scrub(key))


def _key_error(key: object) -> SettingError | None:
    if key is None or key == "":
        problem, advice = "is missing", "Pass it, or set VAIROSMS_API_KEY in the environment."
    elif not isinstance(key, str):
        problem, advice = f"must be a str, not {type(key).__name__}", "Pass the key as a str."
    elif not key.isprintable() or any(c.isspace() for c in key):
        problem, advice = "contains whitespace or an invisible character", "Copy the key again."
    else:
        return None
    return SettingError(f"api_key {problem}. {advice}", setting="api_key", problem=problem)


def _parse_url(settings: Settings) -> URL | None:
    text = str(settings.base_url()).strip()
    try:
        url = URL(text)
        # yarl decodes the host only here, and the resolver encodes it with IDNA. Both can raise.
        (url.host or "").encode("idna")
    except ValueError:
        return None
    # yarl ignores an empty query or fragment, but an appended path would become a part of it.
    return url if text.isprintable() and not set("?#") & set(text) else None


def _base_url_error(settings: Settings, allow_insecure_http: bool) -> SettingError | None:
    # The URL itself is not shown: it may contain a password, or the key by mistake.
    url = _parse_url(settings)
    if url is None:
        problem = "is not a valid URL, or has a query or a fragment"
        advice = f"Pass a URL like {PANEL_URL}, and the key as api_key."
    elif url.scheme not in ("http", "https") or not url.host:
        problem = f"must be a URL like {PANEL_URL}"
        advice = "It needs http or https, and a host."
    elif url.user is not None or url.password is not None:
        problem = "must not contain a user or a password"
        advice = "Pass them to an aiohttp session."
    elif url.scheme == "http" and not (allow_insecure_http or is_loopback(url.host)):
        problem = "is an http:// URL of a host that is not loopback: the key would be unencrypted"
        advice = "Use https://. To send the key unencrypted, pass allow_insecure_http=True."
    else:
        return None
    return SettingError(f"base_url {problem}. {advice}", setting="base_url", problem=problem)


def _make_url(base: str, key: str) -> Callable[[int], URL]:
    url = URL(f"{base}/GonderimBilgisi/?api_key={quote(key, safe='')}", encoded=True)
    path = url.raw_path

    # From parts, which yarl need not parse again for each lookup.
    def make(gonderim_id: int) -> URL:
        return url.with_path(f"{path}{gonderim_id}", encoded=True, keep_query=True)

    return make


_PERCENT, _BACKSLASH, _AMPERSAND = b"%\\&"  # as integers, which bytes find much faster


def _make_scrub(key: str) -> Callable[[bytes], bytes]:
    pattern, plain, is_ascii = _key_pattern(key), key.encode(), key.isascii()

    def scrub(body: bytes) -> bytes:
        # Every other form of an ASCII key contains one of these characters. Few answers have them.
        if (
            not is_ascii
            or _PERCENT in body
            or _BACKSLASH in body
            or _AMPERSAND in body
            or plain in body
        ):
            return pattern.sub(b"***", body)
        return body

    return scrub


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: a loopback address, or ``localhost``.

    A subdomain of ``localhost`` does not count, since some resolvers ask the network for it.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key_pattern(key: str) -> re.Pattern[bytes]:
    """Return a pattern for the key: plain, percent-encoded, escaped for JSON, Python or HTML."""
    pattern = b"".join(b"(?:%s)" % b"|".join(_char_forms(c)) for c in key)
    if len(key) < _SHORT_KEY:
        # Real keys are long. A short test key, such as "key", would match in "api_key".
        pattern = rb"(?<![A-Za-z0-9_])" + pattern + rb"(?![A-Za-z0-9_])"
    return re.compile(pattern)


def _char_forms(c: str) -> list[bytes]:
    forms = [b"".join(_BACKSLASHES + rb"u%04x" % unit for unit in _utf16(c))]
    plain: list[bytes] = []
    for encoded in sorted({c.encode(), c.encode("windows-1254", "ignore")} - {b""}):
        plain.append(re.escape(encoded))
        forms.append(b"".join(b"%%%02x" % byte for byte in encoded))
        forms.append(b"".join(_BACKSLASHES + rb"x%02x" % byte for byte in encoded))
    if c in '/"':
        forms.append(_BACKSLASHES + c.encode())
    if c == "\\":
        forms.append(rb"\\\\")
    if c in _HTML:
        forms.append(_HTML[c])
    return [*plain, *(b"(?i:%s)" % form for form in forms)]


_BACKSLASHES = rb"\\{1,8}"
"""JSON inside JSON has several backslashes. The maximum of 8 keeps the search linear."""

_HTML = {"&": b"&amp;", "<": b"&lt;", ">": b"&gt;", '"': b"&quot;", "'": b"&#0*39;"}


def _utf16(c: str) -> list[int]:
    units = c.encode("utf-16-be")
    return [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]


# Also matches in a URL that is percent-encoded, one or more times, inside another URL. There, %26
# ends the value; after a plain "=" it is a part of the value.
_VALUE = r"[^&#\s\"'<>]"
_API_KEY = re.compile(
    rf"(api(?:_|%(?:25)*5f)key)"
    rf"(?:(=|\\u003d){_VALUE}*|(%(?:25)*3d)(?:(?!%(?:25)*26){_VALUE})*)",
    re.IGNORECASE,
)


def redact_url(url: str | URL) -> str:
    """Return a URL, or a text that contains URLs, with ``***`` as the value of ``api_key``.

    Use it where other code sees the URLs, such as OpenTelemetry's
    ``AioHttpClientInstrumentor().instrument(url_filter=redact_url)``.
    """
    return _API_KEY.sub(r"\1\2\3***", str(url))
