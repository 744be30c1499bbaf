"""Where the panel is and how it is asked, and the key's safety in that.

The key travels in the query string (the provider's choice), so a URL is a secret. It is made here,
and here is what takes the key out of texts again.
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


@frozen
class Endpoint:
    """Where the panel is and how to ask it. The key is in the closures only: no repr shows it."""

    base_url: str
    url: Callable[[int], URL] = field(repr=False)
    scrub: Callable[[bytes], bytes] = field(repr=False)


def given_or_set(api_key: str | None, base_url: str | None) -> tuple[str, str]:
    """Return a key and a base URL as given, else as the environment has them.

    The key is empty where there is none; the URL is then the panel's.
    """
    if api_key is None:
        api_key = os.environ.get("VAIROSMS_API_KEY", "")
    if base_url is None:
        base_url = os.environ.get("VAIROSMS_BASE_URL") or PANEL_URL
    return api_key, base_url


def make_endpoint(
    api_key: object, base_url: object, *, allow_insecure_http: bool
) -> Endpoint | str:
    """Check a key and a base URL and make the endpoint, or say what is wrong with them.

    It does not raise: an exception would take this frame along, and the key in its locals.
    """
    # Files and environment variables end in a newline, and nobody means it to be in the key.
    key = api_key.removesuffix("\n").removesuffix("\r") if isinstance(api_key, str) else api_key
    url = _read_url(base_url)
    problem = _key_problem(key) or _base_url_problem(url, allow_insecure_http)
    if problem or not isinstance(key, str):
        return problem
    base = str(url).rstrip("/")
    return Endpoint(base, _make_url(base, key), _make_scrub(key))


def _make_url(base: str, key: str) -> Callable[[int], URL]:
    root = URL(f"{base}/GonderimBilgisi/", encoded=True)
    scheme, authority, path = root.scheme, root.raw_authority, root.raw_path
    query = f"api_key={quote(key, safe='')}"

    # From parts, since a text would be taken apart again, for each lookup.
    def make(gonderim_id: int) -> URL:
        return URL.build(
            scheme=scheme,
            authority=authority,
            path=f"{path}{gonderim_id}",
            query_string=query,
            encoded=True,
        )

    return make


def _make_scrub(key: str) -> Callable[[bytes], bytes]:
    pattern, plain = _key_pattern(key), key.encode()

    def scrub(body: bytes) -> bytes:
        # Every other form of the key begins with one of these, and few answers hold them.
        if plain in body or b"%" in body or b"\\" in body or b"&" in body:
            return pattern.sub(b"***", body)
        return body

    return scrub


_NO_KEY = "there is no API key: give api_key, or set VAIROSMS_API_KEY in the environment"


def _key_problem(key: object) -> str:
    if key is None or key == "":
        return _NO_KEY
    if not isinstance(key, str):
        return f"api_key must be a str, not {type(key).__name__}"
    if not key.isprintable() or any(c.isspace() for c in key):
        return "api_key holds a blank or a control character (it is not shown here)"
    return ""


def _read_url(base_url: object) -> URL | None:
    text = str(base_url).strip()
    try:
        url = URL(text)
        # The resolver will encode the host so; yarl looks at it when it is asked for.
        (url.host or "").encode("idna")
    except ValueError:
        return None
    # An empty query or fragment is none to yarl, but changes where an appended path goes.
    return url if text.isprintable() and not set("?#") & set(text) else None


def _base_url_problem(url: URL | None, allow_insecure_http: bool) -> str:
    # The URL itself is not shown: it may hold a password, or the key by mistake.
    if url is None:
        return (
            "base_url is not a URL, or has a query or a fragment (api_key is given apart from it)"
        )
    if url.scheme not in ("http", "https") or not url.host:
        return "base_url must be like https://vairosms.com/Panel/api/v1 (http or https, and a host)"
    if url.user is not None or url.password is not None:
        return "base_url must not hold a user or password: give them to an aiohttp session"
    if url.scheme == "http" and not (allow_insecure_http or is_loopback(url.host)):
        return (
            "base_url is http:// to another host: the key would travel in clear text. "
            "Use https://, or allow_insecure_http=True if you accept that"
        )
    return ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: a loopback address, or localhost.

    A name below localhost is not enough: not every resolver keeps it to itself.
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key_pattern(key: str) -> re.Pattern[bytes]:
    """Match the key as it is, percent-encoded, escaped for JSON, Python or HTML, or partly so."""
    pattern = b"".join(b"(?:%s)" % b"|".join(_char_forms(c)) for c in key)
    if len(key) < _SHORT_KEY:
        # Real keys are long. One like "key", of a test, would eat the word api_key.
        pattern = rb"(?<![A-Za-z0-9_])" + pattern + rb"(?![A-Za-z0-9_])"
    return re.compile(pattern)


def _char_forms(c: str) -> list[bytes]:
    encoded = c.encode()
    forms = [re.escape(encoded), "".join(f"%{byte:02x}" for byte in encoded).encode()]
    forms.append("".join(rf"\\u{unit:04x}" for unit in _utf16(c)).encode())
    forms.append("".join(rf"\\x{byte:02x}" for byte in encoded).encode())
    if c in '/"\\':
        forms.append(rb"\\" + re.escape(encoded))
    if c in _HTML:
        forms.append(_HTML[c])
    return [forms[0], *(b"(?i:%s)" % form for form in forms[1:])]


_HTML = {"&": b"&amp;", "<": b"&lt;", ">": b"&gt;", '"': b"&quot;", "'": b"&#0*39;"}


def _utf16(c: str) -> list[int]:
    units = c.encode("utf-16-be")
    return [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]


# Also where a whole URL is percent-encoded inside another one, once or more often. There %26 ends
# the value; after a plain "=" it is a part of it.
_VALUE = r"[^&#\s\"'<>]"
_API_KEY = re.compile(
    rf"(api(?:_|%(?:25)*5f)key)"
    rf"(?:(=|\\u003d){_VALUE}*|(%(?:25)*3d)(?:(?!%(?:25)*26){_VALUE})*)",
    re.IGNORECASE,
)


def redact_url(url: str | URL) -> str:
    """Replace the value of ``api_key`` in a URL, or in a text with URLs in it, by ``***``.

    For what sees URLs outside this library, such as OpenTelemetry's
    ``AioHttpClientInstrumentor().instrument(url_filter=redact_url)``.
    """
    return _API_KEY.sub(r"\1\2\3***", str(url))
