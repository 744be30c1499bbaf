"""Panel JSON to records and back, with cattrs.

Tolerant of form: a reader accepts every form that states its value without doubt. Any other value
does not hide the record: it is kept in ``unreadable``.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict, cast

import attrs

from ._errors import VairoSMSResponseError
from ._models import Gonderim, GonderimLog, PaketDurum
from ._validate import quote

if TYPE_CHECKING:
    from cattrs import Converter

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None
"""A value that the library could not read, as the panel sent it."""

ZERO_DATE = "0000-00-00 00:00:00"
"""MySQL's value for "no date"."""

_DOCUMENTED_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} (?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}"
)
_DATETIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[ T]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.([0-9]{1,6})0*)?)?)"
    r" ?(Z|[+-][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?)?)?"
)
# PHP turns MySQL's zero date into 30 November of the year -1, and shifts it with the zone.
_ZERO_DATE = re.compile(r"(?:0000-00-00|-0001-1[12]-[0-9]{2})(?:[ T][0-9:.]*(?:Z|[+-][0-9:]+)?)?")
_MYSQL_TIME = re.compile(r"(-?)([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6})0*)?)?")
_MYSQL_TIME_MAX = timedelta(hours=838, minutes=59, seconds=59)
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,20})(?:\.0{1,2})?")
_LONGEST_TEXT = 40
"""Numbers, times and periods are shorter than this. Longer texts are not matched."""
_EXACT_FLOATS = 2.0**53
_BOOLEANS = {True: True, "1": True, "true": True, False: False, "0": False, "false": False}
_EMPTY: tuple[Any, ...] = (None, "", [], {})
"""Values with which PHP panels say that there is no value."""


class GonderimLogDict(TypedDict, total=False):
    """`GonderimLog` in the panel's JSON shape. A value that could not be read has its own type."""

    id: int | JSON
    mesaj: str | JSON
    user_id: int | JSON
    tip: str | JSON
    bolum: str | JSON
    api: str | JSON
    rota: str | JSON
    ip: str | JSON
    context: str | JSON
    created_at: str | JSON
    updated_at: str | JSON


class GonderimDict(TypedDict):
    """`Gonderim` in the panel's JSON shape. A value that could not be read has its own type."""

    id: int
    sms_baslik: str | JSON
    numara_toplam: int | JSON
    kredi_toplam: int | JSON
    sonlanma_zamani: str | JSON
    ileri_tarih: str | JSON
    gecerlilik_suresi: str | JSON
    paket_durum: int
    created_at: str | JSON
    log: GonderimLogDict | JSON


def _reject(value: object, expected: str) -> NoReturn:
    raise ValueError(f"{quote(value, length=60)} is not {expected}")


def read_bool(value: Any) -> bool:
    """Return true, 1, "1" or "true" as True, and their opposites as False, or raise ValueError."""
    if type(value) in (bool, int, str) and value in _BOOLEANS:
        return _BOOLEANS[value]
    _reject(value, "true or false")


# The readers. Each is a structure hook of cattrs, whose own hooks turn None into "None" and 2.9
# into 2. The first branch of a reader is the documented form.


def _int(value: Any, _: Any = None) -> int:
    if type(value) is int:
        return value
    if type(value) is str and len(value) < _LONGEST_TEXT:
        if match := _WHOLE_NUMBER.fullmatch(value):
            return int(match[1])
    elif type(value) is float and value.is_integer() and abs(value) < _EXACT_FLOATS:
        return int(value)
    _reject(value, "a whole number")


def _int_or_none(value: Any, _: Any = None) -> int | None:
    if type(value) is int:
        return value
    return None if value in _EMPTY else _int(value)


def _str_or_none(value: Any, _: Any = None) -> str | None:
    if type(value) is str and (value.isascii() or _is_encodable(value)):
        return value
    if value in _EMPTY:
        return None
    if type(value) in (int, float):
        return str(value)
    _reject(value, "a string")


def _is_encodable(text: str) -> bool:
    # JSON can escape a lone surrogate, which no file can store.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _datetime_or_none(value: Any, _: Any = None) -> datetime | None:
    if type(value) is str:
        if value == ZERO_DATE:
            return None
        if _DOCUMENTED_DATETIME.fullmatch(value):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                _reject(value, "a date of the calendar")
        if len(value) < _LONGEST_TEXT:
            if match := _DATETIME.fullmatch(value):
                return _parse_datetime(value, *match.groups())
            if _ZERO_DATE.fullmatch(value):
                return None
    if value in _EMPTY:
        return None
    _reject(value, "a time like 2016-07-22 14:40:16")


def _parse_datetime(
    text: str, date: str, time: str | None, fraction: str | None, offset: str | None
) -> datetime:
    if time is None or time.startswith("24"):  # fromisoformat may accept 24:00 as the next day
        time = "00:00" if time is None else "invalid"
    elif fraction is not None:
        time = f"{time.partition('.')[0]}.{fraction:0<6}"
    try:
        return datetime.fromisoformat(f"{date}T{time}{offset or ''}")
    except ValueError:
        if _ZERO_DATE.fullmatch(text):
            return cast(datetime, None)
        _reject(text, "a time like 2016-07-22 14:40:16")


def _period_or_none(value: Any, _: Any = None) -> timedelta | None:
    if type(value) is str and len(value) < _LONGEST_TEXT:
        period = _parse_period(value)
        if period is not None:
            return period
    if value in _EMPTY:
        return None
    _reject(value, "a period like 24:00:00")


@lru_cache(maxsize=64)  # few different periods are in use
def _parse_period(value: str) -> timedelta | None:
    if match := _MYSQL_TIME.fullmatch(value):
        sign, hours, minutes, seconds, fraction = match.groups()
        period = timedelta(
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds or 0),
            microseconds=int(f"{fraction or '':0<6}"),
        )
        if period <= _MYSQL_TIME_MAX:
            return -period if sign else period
    return None


_DURUMLAR = {durum.value: durum for durum in PaketDurum}


def _paket_durum(value: Any, _: Any = None) -> PaketDurum:
    durum = _DURUMLAR.get(value) if type(value) is int else None
    return PaketDurum(_int(value)) if durum is None else durum


def _log_or_none(value: Any, _: Any = None) -> GonderimLog | None:
    if value is None or (type(value) is dict and value):
        return value and _codec().read_log(value)
    if type(value) is str and value.lstrip().startswith(("{", "[", "null")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            _reject(value, "an object or null")
    if type(value) is list and len(value) == 1:
        value = value[0]
    if value in _EMPTY:
        return None
    if not isinstance(value, Mapping):
        _reject(value, "an object or null")
    return _codec().read_log(value)


def _datetime_out(value: datetime | None) -> str:
    if value is None:
        return ZERO_DATE
    return value.isoformat(" " if value.tzinfo is None else "T")


def _period_out(value: timedelta | None) -> str | None:
    if value is None:
        return None
    if abs(value) > _MYSQL_TIME_MAX:
        raise ValueError(f"the panel's periods are at most 838:59:59: {value}")
    minutes, seconds = divmod(int(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{abs(value).microseconds:06}" if value.microseconds else ""
    return f"{'-' if value < timedelta() else ''}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


_RAW_FIELDS = ("extra", "unreadable")


class _RecordReader:
    """Reads objects as one record class.

    First with the function that cattrs generates for the documented fields. If a field is missing,
    unknown or unreadable, field by field.
    """

    def __init__(self, cls: type, converter: "Converter", required: frozenset[str]) -> None:
        from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 (see `_codec`)

        omit: Any = dict.fromkeys(_RAW_FIELDS, override(omit=True))
        self._cls = cls
        self._required = required
        self._documented_size = sum(f.default is attrs.NOTHING for f in attrs.fields(cls))
        self._read_documented: Callable[[Mapping[str, Any], type], Any]
        self._read_documented = make_dict_structure_fn(cls, converter, **omit)
        self._readers: dict[str, Callable[[Any, Any], Any]] = {
            field.name: converter.get_structure_hook(field.type)
            for field in attrs.fields(cls)
            if field.name not in _RAW_FIELDS
        }

    def __call__(self, d: Mapping[str, Any]) -> Any:
        try:
            record = self._read_documented(d, self._cls)
        except (KeyError, ValueError):
            return self._read_fields(d)
        # All fields without a default are there. Are there unknown ones, too?
        if len(d) == self._documented_size or d.keys() <= self._readers.keys():
            return record
        return self._read_fields(d)

    def _read_fields(self, d: Mapping[str, Any]) -> Any:
        fields: dict[str, Any] = {}
        unreadable: dict[str, Any] = {}
        problems: list[str] = []
        for name, read in self._readers.items():
            fields[name] = None
            try:
                if name in d:
                    fields[name] = read(d[name], None)
                elif name in self._required:
                    problems.append(f"{name}: missing")
            except ValueError as exc:
                unreadable[name] = d[name]
                if name in self._required:
                    problems.append(f"{name}: {exc}")
        if problems:
            raise ValueError(*problems)
        extra = {name: value for name, value in d.items() if name not in self._readers}
        return self._cls(**fields, extra=extra, unreadable=unreadable)


@attrs.frozen
class _Codec:
    """The functions that read and write records."""

    read: Callable[[Mapping[str, Any]], Gonderim]
    read_log: Callable[[Mapping[str, Any]], GonderimLog]
    write: Callable[[Gonderim], dict[str, Any]]
    write_log: Callable[[GonderimLog], dict[str, Any]]


@cache
def _codec() -> _Codec:
    # Imported at the first use, so that `import vairosms_async` does not load cattrs.
    from cattrs import Converter  # noqa: PLC0415 (see above)
    from cattrs.gen import make_dict_unstructure_fn, override  # noqa: PLC0415 (see above)

    converter = Converter(detailed_validation=False)
    readers: dict[Any, Callable[[Any, Any], Any]] = {
        int: _int,
        int | None: _int_or_none,
        str | None: _str_or_none,
        datetime | None: _datetime_or_none,
        timedelta | None: _period_or_none,
        GonderimLog | None: _log_or_none,
        PaketDurum: _paket_durum,
    }
    for type_, reader in readers.items():
        converter.register_structure_hook(type_, reader)
    converter.register_unstructure_hook(datetime | None, _datetime_out)
    converter.register_unstructure_hook(timedelta | None, _period_out)
    converter.register_unstructure_hook(PaketDurum, int)
    omit: Any = dict.fromkeys(_RAW_FIELDS, override(omit=True))
    return _Codec(
        read=_RecordReader(Gonderim, converter, frozenset({"id", "paket_durum"})),
        read_log=_RecordReader(GonderimLog, converter, frozenset()),
        write=make_dict_unstructure_fn(Gonderim, converter, log=override(omit=True), **omit),
        write_log=make_dict_unstructure_fn(GonderimLog, converter, **omit),
    )


def gonderim_from_dict(d: Mapping[str, Any], tz: tzinfo | None = None) -> Gonderim:
    """Return the record for an object in the panel's JSON shape, as under ``aciklama``.

    Args:
        d: The object, as `json.loads` returns it. Unknown fields are kept in ``extra``, values that
            cannot be read in ``unreadable``.
        tz: The zone of times without an offset; None (default) returns naive datetimes. Times with
            an offset are converted to it.

    Raises:
        VairoSMSResponseError: ``id`` or ``paket_durum`` is missing or not a whole number. The
            message names the field.
    """
    try:
        return structure(d, tz)
    except ValueError as exc:
        raise VairoSMSResponseError(f"not a gonderim: {'; '.join(exc.args)}") from None


def gonderim_to_dict(g: Gonderim) -> GonderimDict:
    """Return a record in the panel's JSON shape, ready for `json.dumps`.

    It contains ``extra`` and ``unreadable``, so that ``gonderim_from_dict(gonderim_to_dict(g))``
    equals ``g``. A date that is None becomes the panel's ``"0000-00-00 00:00:00"``. Aware times and
    fractions of a second are written as in ISO 8601.

    Raises:
        ValueError: The panel could not write the period: it is longer than 838:59:59.
    """
    codec, log = _codec(), None
    if g.log is not None:
        log = {**codec.write_log(g.log), **g.log.unreadable, **g.log.extra}
    d: Any = {**codec.write(g), "log": log, **g.unreadable, **g.extra}
    return cast(GonderimDict, d)


def structure(d: Any, tz: tzinfo | None) -> Gonderim:
    """Return a record. Raise ValueError with a message for each problem if `d` is not one."""
    if type(d) is not dict and not isinstance(d, Mapping):
        raise ValueError(f"{quote(d, length=60)} is not an object")
    record = _codec().read(d)
    return record if tz is None else _in_zone(record, tz)


def _in_zone(g: Gonderim, tz: tzinfo) -> Gonderim:
    def aware(time: datetime | None) -> datetime | None:
        if time is None or time.tzinfo is None:
            return time and time.replace(tzinfo=tz)
        try:
            return time.astimezone(tz)
        except OverflowError:  # within hours of the year 1 or 9999: keep the panel's own offset
            return time

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
