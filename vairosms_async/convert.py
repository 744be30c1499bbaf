"""The cattrs converter: the panel's JSON values and objects to records and back.

Tolerant of form, strict on meaning: numbers as strings and ``[]`` for null are read, as such panels
write them; a value that cannot be what its field says is refused, and the field is named.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from reprlib import Repr
from typing import Any, NoReturn

import attrs
from cattrs import ClassValidationError, Converter

from .errors import VairoSMSResponseError
from .models import Gonderim, GonderimLog, PaketDurum

ZERO_DATE = "0000-00-00 00:00:00"
"""How MySQL writes "no date"."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")
_MYSQL_TIME = re.compile(r"(-?)([0-9]{2}|[1-8][0-9]{2}):([0-5][0-9]):([0-5][0-9])")
_MYSQL_TIME_MAX = timedelta(hours=838, minutes=59, seconds=59)
_BOOLEANS = {True: True, False: False, "1": True, "0": False}  # 1 == True and 0 == False

_shorten = Repr()
_shorten.maxstring = _shorten.maxother = 60

# cattrs' own conversions would take None for 'None', True for 1 and 2.9 for 2.


def _refuse(value: object, expected: str) -> NoReturn:
    raise ValueError(f"{_shorten.repr(value)} is not {expected}")


def _int(value: Any, _: Any = None) -> int:
    if type(value) is int:
        return value
    if type(value) is str and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    _refuse(value, "a whole number")


def _str(value: Any, _: Any = None) -> str:
    # JSON can escape half a surrogate pair: a str of it cannot be written to any file.
    if type(value) is str and (value.isascii() or value.encode(errors="ignore").decode() == value):
        return value
    _refuse(value, "a string")


def read_bool(value: Any) -> bool:
    """Read a boolean as such panels write them: true, 1, "1" and their opposites."""
    if type(value) in (bool, int, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    _refuse(value, "true or false")


def _datetime(value: Any, _: Any = None) -> datetime | None:
    if value is None or value == ZERO_DATE:
        return None
    if type(value) is str:
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            _refuse(value, "a time like 2016-07-22 14:40:16")
        # fromisoformat reads far more than the panel writes ("20160722", week dates, "24:00:00"):
        # only what comes out again as it came in has been understood.
        if str(read) == value and read.tzinfo is None and not read.microsecond:
            return read
    _refuse(value, "a time like 2016-07-22 14:40:16")


def _timedelta(value: Any, _: Any = None) -> timedelta | None:
    if value is None:
        return None
    if type(value) is str and (match := _MYSQL_TIME.fullmatch(value)):
        sign, hours, minutes, seconds = match.groups()
        length = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        if length <= _MYSQL_TIME_MAX:
            return -length if sign else length
    _refuse(value, "a period like 24:00:00")


def _paket_durum(value: Any, _: Any) -> PaketDurum:
    return PaketDurum(_int(value))


def _log(value: Any, _: Any = None) -> GonderimLog | None:
    if value is None or value in ([], {}):
        return None
    if type(value) is dict:
        return _converter.structure(value, GonderimLog)
    _refuse(value, "an object or null")


def _or_none(read: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def read_or_none(value: Any, _: Any) -> Any:
        return None if value is None or value == [] else read(value)

    return read_or_none


def _datetime_out(value: datetime | None) -> str:
    if value is None:
        return ZERO_DATE
    if value.microsecond:
        raise ValueError(f"the panel's times are whole seconds, and {value} is not")
    return str(value.replace(tzinfo=None))


def _timedelta_out(value: timedelta | None) -> str | None:
    if value is None:
        return None
    if value.microseconds or abs(value) > _MYSQL_TIME_MAX:
        raise ValueError(f"the panel's periods are whole seconds up to 838:59:59, not {value}")
    minutes, seconds = divmod(int(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{'-' if value < timedelta() else ''}{hours:02}:{minutes:02}:{seconds:02}"


_converter = Converter(detailed_validation=True)
_converter.register_structure_hook(int, _int)
_converter.register_structure_hook(str, _str)
_converter.register_structure_hook(int | None, _or_none(_int))
_converter.register_structure_hook(str | None, _or_none(_str))
_converter.register_structure_hook(datetime | None, _datetime)
_converter.register_structure_hook(timedelta | None, _timedelta)
_converter.register_structure_hook(GonderimLog | None, _log)
_converter.register_structure_hook(PaketDurum, _paket_durum)
_converter.register_unstructure_hook(datetime | None, _datetime_out)
_converter.register_unstructure_hook(timedelta | None, _timedelta_out)
_converter.register_unstructure_hook(PaketDurum, int)


def gonderim_from_dict(d: Mapping[str, Any], tz: tzinfo | None = None) -> Gonderim:
    """Read a packet from the panel's JSON shape, the object under ``aciklama``.

    Args:
        d: What `json.loads` made of it. Unknown fields are passed over.
        tz: The zone that the panel's times are in; None leaves them naive.

    Raises:
        VairoSMSResponseError: A required field is missing, or a value cannot be what its field
            says; the message names every such field.
    """
    record = structure(d, tz)
    if isinstance(record, Gonderim):
        return record
    raise VairoSMSResponseError(f"not a gonderim: {record}")


def gonderim_to_dict(g: Gonderim) -> dict[str, Any]:
    """Give a packet in the panel's JSON shape, ready for `json.dumps`.

    ``gonderim_from_dict(gonderim_to_dict(g))`` is `g` again (with its zone, where it has one,
    given as ``tz``). No date is written as the panel writes it, ``"0000-00-00 00:00:00"``.

    Raises:
        ValueError: A time or period is none that the panel could write: it has fractions of a
            second, or is longer than 838:59:59.
    """
    unstructured: dict[str, Any] = _converter.unstructure(g)
    return unstructured


def structure(d: Any, tz: tzinfo | None, path: str = "") -> Gonderim | str:
    """Read a record, or say in one line which fields are wrong, each with `path` before it."""
    if not isinstance(d, Mapping):
        return f"{path}{_shorten.repr(d)} is not an object"
    try:
        record = _structure_gonderim(d, Gonderim)
    except ClassValidationError as exc:
        return "; ".join(_problems(exc, path))
    return record if tz is None else _in_zone(record, tz)


def _problems(exc: ClassValidationError, path: str) -> Iterator[str]:
    for problem, note in exc.group_exceptions()[0]:
        name = f"{path}{note.name}"
        if isinstance(problem, ClassValidationError):
            yield from _problems(problem, f"{name}.")
        else:
            yield f"{name}: {'missing' if isinstance(problem, KeyError) else problem}"


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


_structure_gonderim = _converter.get_structure_hook(Gonderim)
