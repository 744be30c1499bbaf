"""What callers give: ids, caps and time-outs, and why it is refused."""

import math
import operator
import reprlib
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import tzinfo
from typing import Any, SupportsIndex

from ._errors import VairoSMSInvalidIdError
from ._retry import RetryPolicy

Scrub = Callable[[bytes], bytes]
"""Takes the API key out of a text."""

_SHOWN = 40
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 1000

MAX_ID = 2**64 - 1
"""The largest id looked up: MySQL's BIGINT UNSIGNED."""


def read_id(given: SupportsIndex | str, scrub: Scrub) -> int | VairoSMSInvalidIdError:
    """Take an id as callers have it, or return the error that says why it is none."""
    number = None
    if type(given) is int:
        number = given
    elif isinstance(given, str):
        # ASCII digits alone: no sign, no blank, nothing that could change the URL's path.
        if given.isascii() and given.isdigit() and len(given.lstrip("0")) <= len(str(MAX_ID)):
            number = int(given.lstrip("0") or "0")
    elif not isinstance(given, bool):
        with suppress(Exception):  # whatever an `__index__` raises, it is no id
            number = operator.index(given)
    if number is not None and 1 <= number <= MAX_ID:
        return number
    advice = " (a float may have lost digits: take the id as an int)"
    return VairoSMSInvalidIdError(
        f"not a packet id: {_shown(given, scrub)} ({type(given).__name__}). An id is an int, "
        f"or a str of ASCII digits, from 1 to 2**64 - 1{advice * isinstance(given, float)}"
    )


def show_id(given: SupportsIndex | str, scrub: Scrub) -> int | str:
    """Return what was given in an id's place as a result can have it."""
    if isinstance(given, int):
        return given
    if isinstance(given, str):
        scrubbed = scrub(given.encode(errors="surrogatepass")).decode(errors="surrogatepass")
        return given if scrubbed == given else scrubbed
    return _shown(given, scrub)


def _shown(given: object, scrub: Scrub) -> str:
    """Write a value out, not long, and without the key: some day it is given in an id's place."""
    try:
        text = _repr.repr(given)
    except Exception:  # noqa: BLE001 (of its own `__repr__`, or of an int with too many digits)
        return "?"
    # Scrubbed before it is cut, or half a key could be left.
    text = scrub(text.encode(errors="backslashreplace")).decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def check_ids(ids: object) -> None:
    """Raise TypeError if `ids` cannot be iterated, or is a str, whose digits are no ids."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable | AsyncIterable):
        raise TypeError(
            f"ids must be an iterable of ids such as a list, not a single {type(ids).__name__}"
        )


def check_options(retry: object, rate_limiter: object, tz: object) -> None:
    """Raise TypeError for options of other types, rather than at the first failure in the night."""
    if not isinstance(retry, RetryPolicy):
        raise TypeError(f"retry must be a RetryPolicy, not {retry!r}; attempts=1 means no retry")
    if rate_limiter is not None and not isinstance(rate_limiter, AbstractAsyncContextManager):
        raise TypeError(f"rate_limiter must be an async context manager, not {rate_limiter!r}")
    if tz is not None and not isinstance(tz, tzinfo):
        raise TypeError(f'tz must be a tzinfo like ZoneInfo("Europe/Istanbul"), not {tz!r}')


def check_cap(value: Any, name: str = "max_concurrency") -> int:
    """Return a cap, or another number above 0, as an int, or raise ValueError."""
    if not isinstance(value, bool):
        with suppress(TypeError):
            cap = operator.index(value)
            if cap >= 1:
                return cap
    raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}")


def check_timeout(timeout: Any) -> float | None:
    """Return a time-out in seconds as it is used, or raise ValueError."""
    return None if timeout is None else check_seconds("timeout", timeout, " or None,")


def check_seconds(name: str, value: Any, otherwise: str = "") -> float:
    """Return a time in seconds as it is used, or raise ValueError."""
    if not isinstance(value, bool) and isinstance(value, int | float):
        with suppress(OverflowError):
            seconds = float(value)
            if seconds > 0 and math.isfinite(seconds):
                return seconds
    raise ValueError(f"{name} must be seconds, above 0,{otherwise} not {value!r}")
