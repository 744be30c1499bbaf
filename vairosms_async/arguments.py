"""What callers give: ids, caps and time-outs, and why it is refused."""

import math
import operator
import reprlib
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from typing import Any, SupportsIndex

from .errors import VairoSMSInvalidIdError

MAX_ID = 2**64 - 1
"""The largest id looked up: MySQL's BIGINT UNSIGNED."""


def read_id(
    given: SupportsIndex | str, scrub: Callable[[bytes], bytes]
) -> int | VairoSMSInvalidIdError:
    """Take an id as callers have it, or return the error that says why it is none.

    `scrub` takes the API key out of the message: somebody will give it in the id's place one day.
    """
    number = None
    if isinstance(given, str):
        # ASCII digits alone: no sign, no blank, nothing that could change the URL's path.
        if given.isascii() and given.isdigit() and len(given.lstrip("0")) <= len(str(MAX_ID)):
            number = int(given.lstrip("0") or "0")
    elif not isinstance(given, bool):
        with suppress(TypeError):
            number = operator.index(given)
    if number is not None and 1 <= number <= MAX_ID:
        return number
    if isinstance(given, str):
        given = scrub(given.encode(errors="backslashreplace")).decode()
    return VairoSMSInvalidIdError(
        f"not a packet id: {reprlib.repr(given)} ({type(given).__name__}). An id is an int, "
        "or a str of ASCII digits, from 1 to 2**64 - 1"
    )


def check_ids(ids: object) -> None:
    """Raise TypeError if `ids` cannot be iterated, or is a str, whose digits are no ids."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable | AsyncIterable):
        raise TypeError(f"ids must be an iterable of ids, not {type(ids).__name__}")


def check_cap(max_concurrency: Any) -> int:
    """Return a cap as an int, or raise ValueError."""
    if not isinstance(max_concurrency, bool):
        with suppress(TypeError):
            cap = operator.index(max_concurrency)
            if cap >= 1:
                return cap
    raise ValueError(f"max_concurrency must be a whole number, 1 or more, not {max_concurrency!r}")


def check_timeout(timeout: Any) -> float | None:
    """Return a time-out in seconds as it is used, or raise ValueError."""
    if timeout is None:
        return None
    if not isinstance(timeout, bool) and isinstance(timeout, int | float):
        seconds = float(timeout)
        if seconds > 0 and math.isfinite(seconds):
            return seconds
    raise ValueError(f"timeout must be seconds, above 0, or None, not {timeout!r}")
