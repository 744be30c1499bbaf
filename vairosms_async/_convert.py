"""The cattrs converter: the panel's JSON values and objects to records and back.

Tolerant of form, strict on meaning: numbers as strings and ``[]`` for null are read, as such panels
write them; a value that cannot be what its field says is refused, and the field is named.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from reprlib import Repr
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from ._errors import VairoSMSResponseError
from ._models import Gonderim, GonderimLog, PaketDurum

ZERO_DATE = "0000-00-00 00:00:00"
"""How MySQL writes "no date"."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} (?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
_MYSQL_TIME = re.compile(r"(-?)([0-9]{2}|[1-8][0-9]{2}):([0-5][0-9]):([0-5][0-9])")
_MYSQL_TIME_MAX = timedelta(hours=838, minutes=59, seconds=59)
_PERIOD = len("-838:59:59")
_BOOLEANS = {True: True, False: False, "1": True, "0": False}  # 1 == True and 0 == False

_shorten = Repr()
_shorten.maxstring = _shorten.maxother = 60

if TYPE_CHECKING:
    from cattrs import Converter

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
    if type(value) is str and (value.isascii() or _is_writable(value)):
        return value
    _refuse(value, "a string")


def _is_writable(text: str) -> bool:
    # JSON can escape half a surrogate pair: a str of it cannot be written to any file.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
        # fromisoformat reads far more than the panel writes ("20160722", week dates, fractions,
        # zones, "24:00:00" as the next day's midnight).
        if _DATETIME.fullmatch(value):
            return read
    _refuse(value, "a time like 2016-07-22 14:40:16")


def _timedelta(value: Any, _: Any = None) -> timedelta | None:
    if value is None:
        return None
    if type(value) is str and len(value) <= _PERIOD and (length := _period(value)) is not None:
        return length
    _refuse(value, "a period like 24:00:00")


# Packets differ in their times, but few periods are in use.
@lru_cache(maxsize=64)
def _period(value: str) -> timedelta | None:
    if match := _MYSQL_TIME.fullmatch(value):
        sign, hours, minutes, seconds = match.groups()
        length = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        if length <= _MYSQL_TIME_MAX:
            return -length if sign else length
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


def _make_converter(*, detailed: bool) -> "Converter":
    # Not above: its import takes a tenth of the time that the import of aiohttp does.
    from cattrs import Converter  # noqa: PLC0415 (see above)

    converter = Converter(detailed_validation=detailed)

    def log(value: Any, _: Any = None) -> GonderimLog | None:
        if value is None or value in ([], {}):
            return None
        if type(value) is dict:
            return structure_log(value, GonderimLog)
        _refuse(value, "an object or null")

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


class _Hooks:
    """What cattrs generates, each when it is first asked for."""

    @cached_property
    def _plain(self) -> "Converter":
        return _make_converter(detailed=False)

    @cached_property
    def straight(self) -> Callable[[Any, Any], Gonderim]:
        """Make a record. It stops at the first fault, and cannot say in which field it is."""
        return self._plain.get_structure_hook(Gonderim)

    @cached_property
    def detailed(self) -> Callable[[Any, Any], Gonderim]:
        """Make a record in twice the time. It can say what the straight one has refused."""
        return _make_converter(detailed=True).get_structure_hook(Gonderim)

    @cached_property
    def unstructure(self) -> Callable[[Gonderim], dict[str, Any]]:
        """Give a record as the panel's JSON has it."""
        return self._plain.unstructure


_hooks = _Hooks()


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

    ``gonderim_from_dict(gonderim_to_dict(g))`` is ``g`` again (with its zone, where it has one,
    given as ``tz``). No date is written as the panel writes it, ``"0000-00-00 00:00:00"``.

    Raises:
        ValueError: A time or period is none that the panel could write: it has fractions of a
            second, or is longer than 838:59:59.
    """
    return _hooks.unstructure(g)


def structure(d: Any, tz: tzinfo | None, path: str = "") -> Gonderim | str:
    """Read a record, or say in one line which fields are wrong, each with `path` before it."""
    if type(d) is not dict and not isinstance(d, Mapping):
        return f"{path}{_shorten.repr(d)} is not an object"
    try:
        record = _hooks.straight(d, Gonderim)
    except (KeyError, ValueError):
        return _explain(d, path)
    return record if tz is None else _in_zone(record, tz)


def _explain(d: Any, path: str) -> str:
    from cattrs import ClassValidationError  # noqa: PLC0415 (see `_make_converter`)

    def problems(exc: ClassValidationError, path: str) -> Iterator[str]:
        for problem, note in exc.group_exceptions()[0]:
            name = f"{path}{note.name}"
            if isinstance(problem, ClassValidationError):
                yield from problems(problem, f"{name}.")
            else:
                yield f"{name}: {'missing' if isinstance(problem, KeyError) else problem}"

    try:
        _hooks.detailed(d, Gonderim)
    except ClassValidationError as exc:
        return "; ".join(problems(exc, path))
    raise AssertionError("the detailed converter took what the straight one refused")


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
