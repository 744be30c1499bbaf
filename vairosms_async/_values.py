"""Read single JSON values of the panel, and write them back.

Tolerant of form: a reader accepts every form that states its value without doubt, and raises
ValueError for any other value. ``[]`` and ``{}`` count as null, as PHP panels write them, and so
does ``""`` except in a text field.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, cast

from ._models import PaketDurum

ZERO_DATE = "0000-00-00 00:00:00"
"""MySQL's value for "no date"."""

_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T]((?:[01][0-9]|2[0-3]):[0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6})0*)?)?"
    r"(?: ?(Z|[+-][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?))?)?"
)
# PHP turns MySQL's zero date into 30 November of the year -1, and shifts it with the zone.
_ZERO_DATE = re.compile(
    r"(?:0000-00-00|-0{3,5}1-1[12]-[0-9]{2})(?:[ T][0-9:.]+)?(?: ?(?:Z|[+-][0-9:]+))?"
)
_PERIOD = re.compile(r"(-?)([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6})0*)?)?")
_MAX_PERIOD = timedelta(hours=838, minutes=59, seconds=59)
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,20})(?:\.0{1,2})?")
_MAX_LENGTH = 40
"""Longest text that is matched as a number, a time or a period."""

_BOOLEANS = {True: True, "1": True, "true": True, False: False, "0": False, "false": False}
_DURUMLAR = {durum.value: durum for durum in PaketDurum}
_NULLS: tuple[Any, ...] = (None, "", [], {})


def decode_json(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the JSON value at a position of a text, and the position after it.

    NaN, an infinite number (1e999) and an integer above Python's digit limit become a text.

    Raises:
        ValueError: There is no JSON.
        RecursionError: The JSON is nested too deeply.
    """
    try:
        return _decoder.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer with too many digits
        return _slow_decoder.raw_decode(text, start)


def _float_or_text(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int_or_text(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


_decoder = json.JSONDecoder(parse_float=_float_or_text, parse_constant=str)
_slow_decoder = json.JSONDecoder(
    parse_float=_float_or_text, parse_int=_int_or_text, parse_constant=str
)


def read_bool(value: Any) -> bool:
    """Read true, 1, "1" or "true" as True, and their opposites as False."""
    if type(value) in (bool, int, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    raise ValueError


# The readers of fields. cattrs passes the type to its hooks as second argument, here `_`. The first
# branch of a reader is the documented form.


def read_int(value: Any, _: Any = None) -> int:
    """Read a whole number: 52, "52", 52.0 or "52.00". A float counts only below 2**53."""
    if type(value) is int:
        return value
    if type(value) is str and len(value) <= _MAX_LENGTH:
        if match := _WHOLE_NUMBER.fullmatch(value):
            return int(match[1])
    elif type(value) is float and abs(value) < 2**53 and value.is_integer():
        return int(value)
    raise ValueError


def read_int_or_none(value: Any, _: Any = None) -> int | None:
    """Read a whole number or null."""
    if type(value) is int:
        return value
    return None if value in _NULLS else read_int(value)


def read_str_or_none(value: Any, _: Any = None) -> str | None:
    """Read a text or null. A number becomes its text."""
    if type(value) is str:
        # JSON can contain an escaped lone surrogate. `encode` then raises a ValueError.
        if not value.isascii():
            value.encode()
        return value
    if value in _NULLS:
        return None
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return str(value)
    raise ValueError


def read_datetime_or_none(value: Any, _: Any = None) -> datetime | None:
    """Read a time, with or without an offset, or null. Every zero date is None."""
    if type(value) is str:
        if value == ZERO_DATE:
            return None
        # The documented form, by its separators. Python 3.14 also accepts the hour 24.
        if len(value) == 19 and value[4::3] == "-- ::" and value[11:13] < "24":
            return datetime.fromisoformat(value)
        if len(value) <= _MAX_LENGTH:
            if _ZERO_DATE.fullmatch(value):
                return None
            if match := _DATETIME.fullmatch(value):
                return _parse_datetime(*match.groups())
    if value in _NULLS:
        return None
    raise ValueError


def _parse_datetime(
    date: str, time: str | None, second: str | None, fraction: str | None, offset: str | None
) -> datetime:
    time = f"{time or '00:00'}:{second or '00'}.{fraction or '':0<6}"
    return datetime.fromisoformat(f"{date}T{time}{offset or ''}")


def read_period_or_none(value: Any, _: Any = None) -> timedelta | None:
    """Read a period, "24:00:00" or "24:00", up to MySQL's 838:59:59, or null."""
    if type(value) is str and 0 < len(value) <= _MAX_LENGTH:
        return _parse_period(value)
    if value in _NULLS:
        return None
    raise ValueError


@lru_cache(maxsize=64)  # few different periods are in use
def _parse_period(value: str) -> timedelta:
    if match := _PERIOD.fullmatch(value):
        sign, hours, minutes, seconds, fraction = match.groups()
        period = timedelta(
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds or 0),
            microseconds=int(f"{fraction or '':0<6}"),
        )
        if period <= _MAX_PERIOD:
            return -period if sign else period
    raise ValueError


def read_paket_durum(value: Any, _: Any = None) -> PaketDurum:
    """Read a state: a whole number, documented or not."""
    durum = _DURUMLAR.get(value) if type(value) is int else None
    return PaketDurum(read_int(value)) if durum is None else durum


def read_object_or_none(value: Any) -> Mapping[str, Any] | None:
    """Read an object: as it is, alone in a list, or encoded as text. Also null, encoded or not."""
    if type(value) is str and value.lstrip().startswith(("{", "[", "null")):
        text = value.strip()
        try:
            value, end = decode_json(text)
        except RecursionError:
            raise ValueError from None
        if end != len(text):
            raise ValueError
    if isinstance(value, list):
        values = cast(Sequence[Any], value)
        value = values[0] if len(values) == 1 else values
    if value in _NULLS:
        return None
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    raise ValueError


def write_datetime(value: datetime | None) -> str:
    """Write a time as the panel does. An aware one as in ISO 8601, and None as a zero date."""
    if value is None:
        return ZERO_DATE
    return value.isoformat(" " if value.tzinfo is None else "T")


def write_period(value: timedelta | None) -> str | None:
    """Write a period as MySQL does. Raise ValueError if it is longer than 838:59:59."""
    if value is None:
        return None
    if abs(value) > _MAX_PERIOD:
        raise ValueError(f"the panel's periods are at most 838:59:59: {value}")
    minutes, seconds = divmod(abs(value) // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{abs(value).microseconds:06}" if value.microseconds else ""
    return f"{'-' if value < timedelta() else ''}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def in_zone(time: datetime | None, tz: tzinfo) -> datetime | None:
    """Convert a time to a zone. A time without an offset is already a time of that zone."""
    if time is None:
        return None
    aware = time if time.tzinfo is not None else time.replace(tzinfo=tz)
    try:
        # UTC first: a time in an hour that the zone skips becomes a time that exists.
        return aware.astimezone(UTC).astimezone(tz)
    except OverflowError:  # on the first day of year 1 or the last day of 9999
        return aware
