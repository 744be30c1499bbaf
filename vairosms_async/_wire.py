"""Read an answer: (id asked, status, headers, body) to a record or an error. Pure, no I/O.

PHP panels send JSON as ``text/html``, with a byte order mark, PHP warnings or comments around it,
and answer ``durum: false`` under HTTP 200. The charset of the headers is ignored: JSON is UTF-8,
and bytes that are not UTF-8 are windows-1254.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

from ._convert import structure
from ._errors import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    truncate,
)
from ._models import Gonderim
from ._validate import quote
from ._values import decode_json, read_bool, read_object_or_none

KODLAR = frozenset(
    {
        "INVALID_SOURCE_ADDRESS",
        "MISSING_MESSAGE",
        "MESSAGE_TOO_LONG",
        "MISSING_DESTINATION_ADDRESS",
        "INVALID_DESTINATION_ADDRESS",
    }
)
"""The error codes of the provider's page "Hata Mesajları"."""

API_KEY_HATALI = "Gönderilen api_key bilgisi hatalı, lütfen kontrol edin."
"""The panel's message for a wrong key (same page). The HTTP status of this refusal can vary."""

_EXCERPT_LENGTH = 200
_ACIKLAMA_LENGTH = 500

# The start of an answer in other output.
_ANSWER_START = re.compile(r'\{[^{}]*?"(?:durum|aciklama)"\s*:')
_SECONDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")

# These mean the same from the panel, its web server or a proxy in between.
_CLEAR_STATUSES = frozenset({401, 404, 408, 429})


def read_answer(
    gonderim_id: int,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tz: tzinfo | None = None,
) -> Gonderim | VairoSMSError:
    """Return the record or the error that an answer contains. Errors are not raised.

    Args:
        gonderim_id: The id that was looked up. The record of another packet is an error.
        status: The HTTP status.
        headers: The headers, as a mapping that ignores case.
        body: The body, decompressed and without the API key.
        tz: The zone of times without an offset; None leaves them naive.
    """
    durum: bool | None = None
    aciklama: Any = None
    problem = ""
    try:
        durum, aciklama = _parse(body)
    except RecursionError:
        problem = "JSON nested too deeply"
    except ValueError as exc:
        problem = str(exc)

    if durum and status == 200:
        try:
            record = structure(aciklama, tz)
            if record.id == gonderim_id:
                return record
            problem = f"aciklama.id: the record is of packet {quote(record.id)}"
        except ValueError as exc:
            problem = "; ".join(f"aciklama.{message}" for message in exc.args)
    elif status // 100 == 3:
        problem = "a redirect, which the client does not follow. Check base_url"
    elif durum is False or status in _CLEAR_STATUSES or status // 100 == 5:
        return _refusal(gonderim_id, status, headers, None if durum else aciklama, problem)
    elif status != 200:
        problem = problem or "durum is true under this status"

    return VairoSMSResponseError(
        f"gonderim {gonderim_id}: HTTP {status}, not a valid answer of the panel: {problem}",
        gonderim_id=gonderim_id,
        status=status,
        excerpt=_excerpt(body),
        retryable=durum is None,  # the answer is no record, such as a maintenance page
    )


def _excerpt(body: bytes) -> str:
    # UTF-16 has a NUL next to each letter, so the key in it would not be recognized.
    start = body[: 16 * _EXCERPT_LENGTH]
    return "" if b"\0" in start else _one_line(_decode(start))


def _refusal(
    gonderim_id: int, status: int, headers: Mapping[str, str], aciklama: str | None, problem: str
) -> VairoSMSAPIError:
    kind: type[VairoSMSAPIError] = VairoSMSAPIError
    if status in (401, 403) or aciklama == API_KEY_HATALI:
        kind = VairoSMSAuthError
    elif status == 404:
        kind = VairoSMSNotFoundError
    elif status == 429:
        kind = VairoSMSRateLimitError
    elif status // 100 == 5:
        kind = VairoSMSServerError
    reason = _one_line(aciklama) if aciklama else "the panel gives no reason"
    if problem and status == 404:
        reason = f"not a valid answer of the panel: {problem}. base_url may be wrong: check it"
    elif problem:
        reason += f" ({problem})"
    return kind(
        f"gonderim {gonderim_id}: HTTP {status}: {reason}",
        gonderim_id=gonderim_id,
        status=status,
        # JSON can contain an escaped lone surrogate, which UTF-8 cannot encode.
        aciklama=aciklama and aciklama[:_ACIKLAMA_LENGTH].encode(errors="replace").decode(),
        kod=aciklama if aciklama in KODLAR else None,
        retry_after=_retry_after(headers),
        from_panel=not problem,
    )


def _parse(body: bytes) -> tuple[bool, Any]:
    """Return ``durum`` and ``aciklama``: an object if ``durum`` is true, otherwise a text or None.

    Raises:
        ValueError: The body is not the panel's JSON. The message says why.
        RecursionError: The JSON is nested too deeply.
    """
    answer = _find_answer(_decode(body))
    durum, aciklama = answer.get("durum"), answer.get("aciklama")
    if durum is True and type(aciklama) is dict:  # the documented form
        return True, answer["aciklama"]
    if "durum" not in answer:
        raise ValueError("durum: missing")
    try:
        durum = read_bool(durum)
    except ValueError:
        raise ValueError(f"durum: {quote(durum)} is not true or false") from None
    if durum:
        return True, _one_record(aciklama)
    if not isinstance(aciklama, str):
        aciklama = json.dumps(aciklama, ensure_ascii=False) if aciklama else None
    return False, aciklama


def _one_record(aciklama: Any) -> Mapping[str, Any]:
    try:
        record = read_object_or_none(aciklama)
    except ValueError:
        record = None
    if record is None:
        raise ValueError(f"aciklama: {quote(aciklama, length=60)} is not one record")
    return record


def _find_answer(text: str) -> dict[str, Any]:
    """Return the JSON object in a text. Raise ValueError if a different answer follows it."""
    answer: dict[str, Any]
    answer, end = decode_json(text, _find_start(text))
    # PHP notices may follow the JSON. A second answer must be the same as the first.
    while end < len(text) and (match := _ANSWER_START.search(text, end)):
        other, end = decode_json(text, match.start())
        if other != answer:
            raise ValueError("two different answers")
    return answer


def _find_start(text: str) -> int:
    """Return where the JSON object starts: after a byte order mark, blanks, a PHP warning."""
    if text.startswith("{"):
        return 0
    rest = text.removeprefix("\ufeff").lstrip()
    if rest.startswith("{"):
        return len(text) - len(rest)
    if match := _ANSWER_START.search(text):
        return match.start()
    if not rest:
        raise ValueError("the body is empty")
    raise ValueError("an HTML page" if rest.startswith("<") else "not JSON")


def _decode(body: bytes) -> str:
    """Decode UTF-8. Bytes that are not UTF-8 are windows-1254, the Turkish code page."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="surrogateescape").translate(_WINDOWS_1254)


_WINDOWS_1254 = {
    0xDC00 + byte: bytes([byte]).decode("windows-1254", "replace") for byte in range(0x80, 0x100)
}
"""From the surrogates of "surrogateescape", one for each invalid byte."""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return ``Retry-After`` in seconds, possibly fractional. None if it is missing or invalid."""
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    # The server's own clock counts, since the clock of this machine may be wrong.
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _one_line(text: str) -> str:
    """Return a server's text as one printable line, truncated."""
    printable = "".join(c if c.isprintable() else " " for c in text[: 16 * _EXCERPT_LENGTH])
    return truncate(" ".join(printable.split()), _EXCERPT_LENGTH)
