"""Panel JSON to records and back, with cattrs.

The converter accepts whole numbers as strings (``"52"``). It reads ``[]`` as null for ``log`` and
for the optional int and str fields in it. It rejects any other invalid value and names the field.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from ._errors import VairoSMSResponseError
from ._models import Gonderim, GonderimLog, PaketDurum
from ._validate import quote

ZERO_DATE = "0000-00-00 00:00:00"
"""MySQL's value for "no date"."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} (?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
_MYSQL_TIME = re.compile(r"(-?)([0-9]{2}|[1-8][0-9]{2}):([0-5][0-9]):([0-5][0-9])")
_MYSQL_TIME_MAX = timedelta(hours=838, minutes=59, seconds=59)
_MAX_PERIOD_LENGTH = len("-838:59:59")
_BOOLEANS = {True: True, False: False, "1": True, "0": False}  # 1 == True and 0 == False

if TYPE_CHECKING:
    from cattrs import Converter

# Own hooks, since cattrs' default ones turn None into "None", True into 1 and 2.9 into 2.


def _reject(value: object, expected: str) -> NoReturn:
    raise ValueError(f"{quote(value, length=60)} is not {expected}")


def _int(value: Any, _: Any = None) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    _reject(value, "a whole number")


def _str(value: Any, _: Any = None) -> str:
    if type(value) is str and (value.isascii() or _is_encodable(value)):
        return value
    _reject(value, "a string")


def _is_encodable(text: str) -> bool:
    # JSON can escape a lone surrogate, which no file can store.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_bool(value: Any) -> bool:
    """Return true, 1 or "1" as True, and false, 0 or "0" as False. Raise ValueError otherwise."""
    if type(value) in (bool, int, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    _reject(value, "true or false")


def _datetime(value: Any, _: Any = None) -> datetime | None:
    if value is None or value == ZERO_DATE:
        return None
    if type(value) is str:
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            _reject(value, "a time like 2016-07-22 14:40:16")
        # fromisoformat also accepts other formats: "20160722", week dates, fractions, zones,
        # "24:00:00" as midnight of the next day.
        if _DATETIME.fullmatch(value):
            return read
    _reject(value, "a time like 2016-07-22 14:40:16")


def _timedelta(value: Any, _: Any = None) -> timedelta | None:
    if value is None:
        return None
    if type(value) is str and len(value) <= _MAX_PERIOD_LENGTH:
        period = _parse_period(value)
        if period is not None:
            return period
    _reject(value, "a period like 24:00:00")


@lru_cache(maxsize=64)  # few different periods are in use
def _parse_period(value: str) -> timedelta | None:
    if match := _MYSQL_TIME.fullmatch(value):
        sign, hours, minutes, seconds = match.groups()
        period = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        if period <= _MYSQL_TIME_MAX:
            return -period if sign else period
    return None


_DURUMLAR = {durum.value: durum for durum in PaketDurum}


def _paket_durum(value: Any, _: Any = None) -> PaketDurum:
    durum = _DURUMLAR.get(value) if type(value) is int else None
    return PaketDurum(_int(value)) if durum is None else durum


def _int_or_none(value: Any, _: Any = None) -> int | None:
    if type(value) is int:
        return value
    return None if value is None or value == [] else _int(value)


def _str_or_none(value: Any, _: Any = None) -> str | None:
    if type(value) is str:
        return _str(value)
    return None if value is None or value == [] else _str(value)


def _datetime_out(value: datetime | None) -> str:
    if value is None:
        return ZERO_DATE
    if value.microsecond:
        raise ValueError(f"the panel's times have no fractions of a second: {value}")
    return str(value.replace(tzinfo=None))


def _timedelta_out(value: timedelta | None) -> str | None:
    if value is None:
        return None
    if value.microseconds or abs(value) > _MYSQL_TIME_MAX:
        raise ValueError(f"the panel's periods are whole seconds up to 838:59:59: {value}")
    minutes, seconds = divmod(int(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if value < timedelta() else ''}{hours:02}:{minutes:02}:{seconds:02}"


@cache
def _converter(*, detailed: bool) -> "Converter":
    # Imported at the first use, so that `import vairosms_async` does not load cattrs.
    from cattrs import Converter  # noqa: PLC0415 (see above)

    converter = Converter(detailed_validation=detailed)

    def log(value: Any, _: Any = None) -> GonderimLog | None:
        if value is None or value in ([], {}):
            return None
        if type(value) is dict:
            return structure_log(value, GonderimLog)
        _reject(value, "an object or null")

    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(str, _str)
    converter.register_structure_hook(int | None, _int_or_none)
    converter.register_structure_hook(str | None, _str_or_none)
    converter.register_structure_hook(datetime | None, _datetime)
    converter.register_structure_hook(timedelta | None, _timedelta)
    converter.register_structure_hook(GonderimLog | None, log)
    converter.register_structure_hook(PaketDurum, _paket_durum)
    converter.register_unstructure_hook(datetime | None, _datetime_out)
    converter.register_unstructure_hook(timedelta | None, _timedelta_out)
    converter.register_unstructure_hook(PaketDurum, int)
    structure_log: Callable[[Any, Any], GonderimLog] = converter.get_structure_hook(GonderimLog)
    return converter


@cache
def _structure_hook(*, detailed: bool) -> Callable[[Any, Any], Gonderim]:
    """Return the function that reads records. The detailed one names every invalid field."""
    return _converter(detailed=detailed).get_structure_hook(Gonderim)


def gonderim_from_dict(d: Mapping[str, Any], tz: tzinfo | None = None) -> Gonderim:
    """Return the record for an object in the panel's JSON shape, as under ``aciklama``.

    Args:
        d: The object, as `json.loads` returns it. Unknown fields are ignored.
        tz: The zone of the panel's times; None (default) returns naive datetimes.

    Raises:
        VairoSMSResponseError: A required field is missing or a value is invalid. The message names
            every such field.
    """
    try:
        return structure(d, tz)
    except ValueError as exc:
        raise VairoSMSResponseError(f"not a gonderim: {exc}") from None


def gonderim_to_dict(g: Gonderim) -> dict[str, Any]:
    """Return a record in the panel's JSON shape, ready for `json.dumps`.

    ``gonderim_from_dict(gonderim_to_dict(g))`` equals ``g``. If its times are aware, pass their
    zone to `gonderim_from_dict` as ``tz``. A date that is None becomes the panel's zero date.

    Raises:
        ValueError: A time has fractions of a second, or a period has them or is longer than
            838:59:59. The panel cannot write such values.
    """
    d: dict[str, Any] = _converter(detailed=False).unstructure(g)
    return d


def structure(d: Any, tz: tzinfo | None, path: str = "") -> Gonderim:
    """Return a record. Raise ValueError that names the invalid fields, with the prefix `path`."""
    if type(d) is not dict and not isinstance(d, Mapping):
        raise ValueError(f"{path}{quote(d, length=60)} is not an object")
    try:
        record = _structure_hook(detailed=False)(d, Gonderim)
    except (KeyError, ValueError):
        raise ValueError(_list_problems(d, path)) from None
    return record if tz is None else _in_zone(record, tz)


def _list_problems(d: Any, path: str) -> str:
    from cattrs import ClassValidationError  # noqa: PLC0415 (see `_make_converter`)

    def problems(exc: ClassValidationError, path: str) -> Iterator[str]:
        for problem, note in exc.group_exceptions()[0]:
            name = f"{path}{note.name}"
            if isinstance(problem, ClassValidationError):
                yield from problems(problem, f"{name}.")
            else:
                yield f"{name}: {'missing' if isinstance(problem, KeyError) else problem}"

    try:
        _structure_hook(detailed=True)(d, Gonderim)
    except ClassValidationError as exc:
        return "; ".join(problems(exc, path))
    raise AssertionError("the detailed converter accepted a value that the plain one rejected")


def _in_zone(g: Gonderim, tz: tzinfo) -> Gonderim:
    def aware(zaman: datetime | None) -> datetime | None:
        return zaman and zaman.replace(tzinfo=tz)

    log = g.log and attrs.evolve(
        g.log, created_at=aware(g.log.created_at), updated_at=aware(g.log.updated_at)
    )
    return attrs.evolve(
        g,
        sonlanma_zamani=aware(g.sonlanma_zamani),
        ileri_tarih=aware(g.ileri_tarih),
        created_at=aware(g.created_at),
        log=log,
    )
