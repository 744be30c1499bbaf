"""What the store knows of one packet, as an object and as a row of its table ``gonderim``."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, cast

from attrs import frozen

from vairosms_async import (
    Gonderim,
    GonderimLog,
    GonderimResult,
    VairoSMSError,
    gonderim_from_dict,
    gonderim_to_dict,
)

_FIELDS = (
    "id", "paket_durum", "sms_baslik", "numara_toplam", "kredi_toplam", "created_at",
    "ileri_tarih", "sonlanma_zamani", "gecerlilik_suresi", "log",
)  # fmt: skip
COLUMNS: Final = (*_FIELDS, "extra", "unreadable", "checked_at", "error", "error_message")
_ZERO_DATE = "0000-00-00 00:00:00"


@frozen
class Known:
    """What the store knows of one packet.

    Attributes:
        id: The packet's id.
        gonderim: The last record, or None.
        error: The class name of the error of the last lookup, or None if it succeeded.
        error_message: The message of that error.
        checked_at: When the record arrived, in the local zone.
    """

    id: int
    gonderim: Gonderim | None
    error: str | None
    error_message: str | None
    checked_at: datetime | None

    @property
    def is_settled(self) -> bool:
        """Whether another lookup cannot change the answer."""
        return self.error is None and self.gonderim is not None and self.gonderim.is_final


def known_from(result: GonderimResult) -> Known:
    """Return what a store without an earlier answer would know after a lookup."""
    if result.error is None:
        return Known(int(result.id), result.gonderim, None, None, now())
    return Known(int(result.id), None, type(result.error).__name__, str(result.error), None)


def now() -> datetime:
    """Return the time in the local zone, in whole seconds."""
    return datetime.now().astimezone().replace(microsecond=0)


def hata_kodu(log: str | None) -> str:
    """Return the panel's error code in a ``log`` column."""
    mesaj = log and json.loads(log).get("mesaj")
    return (isinstance(mesaj, str) and GonderimLog(mesaj=mesaj).hata_kodu) or "no reason given"


def record_row(gonderim: Gonderim, checked_at: datetime) -> tuple[Any, ...]:
    """Return the row of a packet whose lookup found a record."""
    fields = cast("Mapping[str, Any]", gonderim_to_dict(gonderim))
    unreadable = dict(gonderim.unreadable)
    row: list[Any] = []
    for name in _FIELDS:
        value = fields[name]
        if name in gonderim.unreadable or value == _ZERO_DATE:
            value = None
        elif isinstance(value, dict):
            value = _to_json(value)
        elif not _fits(value):
            unreadable[name] = value
            value = None
        row.append(value)
    raw_fields = _to_json(gonderim.extra), _to_json(unreadable)
    return (*row, *raw_fields, checked_at.isoformat(), None, None)


def _fits(value: int | str | None) -> bool:
    """Whether a SQLite column can hold a value: no integer of 65 bits, no lone surrogate."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def error_row(result: GonderimResult) -> tuple[int, str, str]:
    """Return the columns ``id``, ``error`` and ``error_message`` of a failed lookup."""
    error = result.error or VairoSMSError("no answer")
    message = str(error).encode(errors="replace").decode()
    return int(result.id), type(error).__name__, message


def _to_json(fields: Mapping[Any, Any]) -> str | None:
    if not fields:
        return None
    text = json.dumps(dict(fields), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # a lone surrogate, as JSON escapes it


def _from_json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def known_from_row(row: tuple[Any, ...]) -> Known:
    """Return what a row with all columns says.

    Raises:
        ValueError: Another program has written values that are none of ours.
        TypeError: The same.
        VairoSMSResponseError: The same.
    """
    *fields, extra, unreadable, checked_at, error, message = row
    if checked_at is None:
        return Known(row[0], None, error, message, None)
    record: dict[str, Any] = dict(zip(_FIELDS, fields, strict=True))
    record["log"] = _from_json(record["log"])
    record |= (_from_json(extra) or {}) | (_from_json(unreadable) or {})
    moment = datetime.fromisoformat(checked_at)
    return Known(row[0], gonderim_from_dict(record), error, message, moment)
