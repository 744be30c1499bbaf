"""Validate what callers pass: ids, counts and seconds."""

import math
import operator
import reprlib
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from typing import Any, SupportsIndex

from ._errors import VairoSMSInvalidIdError, truncate

Scrub = Callable[[bytes], bytes]
"""Removes the API key from a text."""

MAX_ID = 2**64 - 1
"""The largest packet id: the maximum of MySQL's BIGINT UNSIGNED."""

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 1000


def parse_id(value: SupportsIndex | str, scrub: Scrub) -> int | VairoSMSInvalidIdError:
    """Parse an id. Return `VairoSMSInvalidIdError` if it is invalid."""
    number = None
    if type(value) is int:
        number = value
    elif isinstance(value, str):
        number = parse_digits(value)
    elif not isinstance(value, bool):
        with suppress(Exception):  # a broken `__index__` can raise anything
            number = operator.index(value)
    if number is not None and 1 <= number <= MAX_ID:
        return number
    hint = " A float may have lost digits: pass an int." if isinstance(value, float) else ""
    return VairoSMSInvalidIdError(
        f"not a packet id: {quote(value, scrub)} ({type(value).__name__}). Pass an int, or a str "
        f"of ASCII digits, from 1 to 2**64 - 1.{hint}"
    )


def parse_digits(text: str) -> int | None:
    """Parse a str of ASCII digits as an id from 1 to `MAX_ID`. Return None for any other text."""
    # No sign, whitespace or separator, although int() accepts them.
    digits = text.lstrip("0")
    if text.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_ID)):
        number = int(digits)
        return number if number <= MAX_ID else None
    return None


def id_or_text(value: SupportsIndex | str, scrub: Scrub) -> int | str:
    """Return an invalid id in the form in which `GonderimResult.id` holds it."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        scrubbed = scrub(value.encode(errors="surrogatepass")).decode(errors="surrogatepass")
        return value if scrubbed == value else scrubbed
    return quote(value, scrub)


def quote(value: object, scrub: Scrub | None = None, length: int = 40) -> str:
    """Return the repr of a value for a message: truncated, and without the API key.

    A caller may pass the key as an id by mistake.
    """
    try:
        text = _repr.repr(value)
    except Exception:  # noqa: BLE001 (a broken `__repr__`, or an int with too many digits)
        return "?"
    if scrub is not None:  # before truncation, which could leave half of the key
        text = scrub(text.encode(errors="backslashreplace")).decode()
    return truncate(text, length)


def check_ids(ids: object) -> None:
    """Raise TypeError if `ids` is not iterable, or is a str or bytes."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable | AsyncIterable):
        raise TypeError(f"ids must be an iterable of ids, such as a list, not {type(ids).__name__}")


def parse_count(name: str, value: Any) -> int:
    """Return a whole number of at least 1 as an int. Raise ValueError for any other value."""
    if not isinstance(value, bool):
        with suppress(TypeError):
            count = operator.index(value)
            if count >= 1:
                return count
    raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}")


def check_seconds(name: str, value: Any, *, allow_zero: bool = False) -> None:
    """Raise ValueError if a value is not a finite number above 0 (or 0, if allowed)."""
    if not isinstance(value, bool) and isinstance(value, int | float):
        with suppress(OverflowError):
            seconds = float(value)
            if math.isfinite(seconds) and (seconds > 0 or (allow_zero and seconds == 0)):
                return
    least = "0 or more" if allow_zero else "above 0"
    raise ValueError(f"{name} must be a finite number of seconds, {least}, not {value!r}")


def check_timeout(value: Any) -> None:
    """Raise ValueError if a value is neither a number of seconds above 0 nor None (no limit)."""
    if value is not None:
        check_seconds("timeout", value)
