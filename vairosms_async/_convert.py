"""Panel JSON to records and back, with cattrs.

A record needs a readable ``id`` and ``paket_durum``, in any form that `_values` accepts. Other
values that cannot be read are kept in ``unreadable``, and unknown fields in ``extra``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, cast

import attrs

from ._errors import VairoSMSResponseError
from ._models import Gonderim, GonderimLog, PaketDurum
from ._validate import quote
from ._values import (
    in_zone,
    read_datetime_or_none,
    read_int,
    read_int_or_none,
    read_object_or_none,
    read_paket_durum,
    read_period_or_none,
    read_str_or_none,
    write_datetime,
    write_period,
)

if TYPE_CHECKING:
    from cattrs import Converter

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None
"""A value that the library could not read, as the panel sent it."""


class GonderimLogDict(TypedDict, total=False):
    """`GonderimLog` in the panel's JSON shape. An unreadable value keeps the panel's type."""

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
    """`Gonderim` in the panel's JSON shape. An unreadable value keeps the panel's type."""

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


_RAW_FIELDS = ("extra", "unreadable")


def _make_reader(
    cls: type[Any], converter: "Converter", required: tuple[str, ...]
) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function that reads an object as one record class.

    It first tries the function that cattrs generates for the documented fields. If a field is
    unknown or unreadable, or one without a default is missing, it reads each field.
    """
    from cattrs.gen import make_dict_structure_fn, override  # noqa: PLC0415 (see `_codec`)

    omit: Any = dict.fromkeys(_RAW_FIELDS, override(omit=True))
    read_documented: Callable[[Mapping[str, Any], type], Any]
    read_documented = make_dict_structure_fn(cls, converter, **omit)
    readers: dict[str, Callable[[Any, Any], Any]] = {
        field.name: converter.get_structure_hook(field.type)
        for field in attrs.fields(cls)
        if field.name not in _RAW_FIELDS
    }
    names = readers.keys()

    def read(d: Mapping[str, Any]) -> Any:
        try:
            record = read_documented(d, cls)
        except (KeyError, ValueError):
            return read_fields(d)
        return record if d.keys() <= names else read_fields(d)

    def read_fields(d: Mapping[str, Any]) -> Any:
        fields: dict[str, Any] = dict.fromkeys(readers)
        unreadable: dict[str, Any] = {}
        for name, read_field in readers.items():
            if name in d:
                try:
                    fields[name] = read_field(d[name], None)
                except ValueError:
                    unreadable[name] = d[name]
        problems = [
            f"{name}: {quote(d[name], length=60)} is not a whole number"
            if name in d
            else f"{name}: missing"
            for name in required
            if fields[name] is None
        ]
        if problems:
            raise ValueError(*problems)
        extra = {name: value for name, value in d.items() if name not in readers}
        return cls(**fields, extra=extra, unreadable=unreadable)

    return read


@attrs.frozen
class _Codec:
    """The functions that read and write records."""

    read: Callable[[Mapping[str, Any]], Gonderim]
    write: Callable[[Gonderim], dict[str, Any]]
    write_log: Callable[[GonderimLog], dict[str, Any]]


@cache
def _documented_reader() -> Callable[[bytes], Gonderim | None]:
    # Imported at the first use, so that `import vairosms_async` does not load msgspec.
    from ._documented import read_documented  # noqa: PLC0415 (see above)

    return read_documented


@cache
def _codec() -> _Codec:
    # Imported at the first use, since many programs read only documented answers.
    from cattrs import Converter  # noqa: PLC0415 (see above)
    from cattrs.gen import make_dict_unstructure_fn, override  # noqa: PLC0415 (see above)

    def read_log(value: Any, _: Any) -> GonderimLog | None:
        log: GonderimLog | None = None
        if value and type(value) is dict:
            log = read_log_fields(cast("Mapping[str, Any]", value))
        elif (d := read_object_or_none(value)) is not None:
            log = read_log_fields(d)
        return log

    converter = Converter(detailed_validation=False)
    readers: dict[Any, Callable[[Any, Any], Any]] = {
        int: read_int,
        int | None: read_int_or_none,
        str | None: read_str_or_none,
        datetime | None: read_datetime_or_none,
        timedelta | None: read_period_or_none,
        GonderimLog | None: read_log,
        PaketDurum: read_paket_durum,
    }
    for type_, reader in readers.items():
        converter.register_structure_hook(type_, reader)
    read_log_fields = _make_reader(GonderimLog, converter, ())
    converter.register_unstructure_hook(datetime | None, write_datetime)
    converter.register_unstructure_hook(timedelta | None, write_period)
    converter.register_unstructure_hook(PaketDurum, int)
    omit: Any = dict.fromkeys(_RAW_FIELDS, override(omit=True))
    return _Codec(
        read=_make_reader(Gonderim, converter, ("id", "paket_durum")),
        write=make_dict_unstructure_fn(Gonderim, converter, log=override(omit=True), **omit),
        write_log=make_dict_unstructure_fn(GonderimLog, converter, **omit),
    )


def gonderim_from_dict(d: Mapping[str, Any], tz: tzinfo | None = None) -> Gonderim:
    """Return the record for an object in the panel's JSON shape, as under ``aciklama``.

    Args:
        d: The object, as `json.loads` returns it. Unknown fields are kept in ``extra``, values that
            cannot be read in ``unreadable``.
        tz: The zone of times without an offset; None (default) leaves them naive. Times with an
            offset are converted to it.

    Raises:
        VairoSMSResponseError: ``d`` is not a mapping, or ``id`` or ``paket_durum`` is missing or
            not a whole number. The message says which.
    """
    if not isinstance(cast(object, d), Mapping):
        raise VairoSMSResponseError(f"not a gonderim: {quote(d, length=60)} is not an object")
    try:
        return structure(d, tz)
    except ValueError as exc:
        raise VairoSMSResponseError(f"not a gonderim: {'; '.join(exc.args)}") from None


def gonderim_to_dict(g: Gonderim) -> GonderimDict:
    """Return a record in the panel's JSON shape, ready for `json.dumps`.

    It contains ``extra`` and ``unreadable``: ``gonderim_from_dict(gonderim_to_dict(g), tz)``
    equals ``g`` (``tz``: the one that ``g`` was read with). A date that is None becomes the panel's
    ``"0000-00-00 00:00:00"``. Aware times are written as in ISO 8601, with their offset.

    Raises:
        ValueError: The panel could not write the period: it is longer than 838:59:59.
    """
    d = _codec().write(g)
    d["log"] = g.log and _with_raw_fields(_codec().write_log(g.log), g.log)
    return cast(GonderimDict, _with_raw_fields(d, g))


def _with_raw_fields(d: dict[str, Any], record: Gonderim | GonderimLog) -> dict[str, Any]:
    # A caller may have replaced the None of an unreadable field, with `attrs.evolve`.
    unreadable = {k: v for k, v in record.unreadable.items() if getattr(record, k, None) is None}
    return {**d, **unreadable, **record.extra}


def structure(d: Mapping[str, Any], tz: tzinfo | None) -> Gonderim:
    """Return a record. Raise ValueError with a message for each problem."""
    record = _codec().read(d)
    return record if tz is None else _in_zone(record, tz)


def structure_documented(answer: bytes, tz: tzinfo | None) -> Gonderim | None:
    """Return the record in an answer. None if the answer does not have the documented form."""
    record = _documented_reader()(answer)
    return record if record is None or tz is None else _in_zone(record, tz)


def _in_zone(g: Gonderim, tz: tzinfo) -> Gonderim:
    log = g.log and attrs.evolve(
        g.log,
        created_at=in_zone(g.log.created_at, tz),
        updated_at=in_zone(g.log.updated_at, tz),
    )
    return attrs.evolve(
        g,
        sonlanma_zamani=in_zone(g.sonlanma_zamani, tz),
        ileri_tarih=in_zone(g.ileri_tarih, tz),
        created_at=in_zone(g.created_at, tz),
        log=log,
    )
