"""What the store knows of one packet, as an object and as a row of the table ``gonderim``."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from gettext import gettext as _
from typing import Any, Final, NamedTuple, cast

from vairosms_async import (
    Gonderim,
    GonderimLog,
    GonderimResult,
    VairoSMSError,
    VairoSMSResponseError,
    gonderim_from_dict,
    gonderim_to_dict,
)

from .store_errors import StoreError

_ZERO_DATE = "0000-00-00 00:00:00"


class Known(NamedTuple):
    """What the store knows of one packet: its row of the table ``gonderim``.

    The columns before `checked_at` are the last record, with its times and its period as texts.

    Attributes:
        log: The JSON of the record's log, or None.
        extra: The JSON of the record's unknown fields, or None.
        unreadable: The JSON of the record's unreadable fields, or None.
        checked_at: When the record arrived, in the local zone. None: there is no record.
        error: The class name of the error of the last lookup, or None if it succeeded.
        error_message: The message of that error.
    """

    id: int
    paket_durum: int | None = None
    sms_baslik: str | None = None
    numara_toplam: int | None = None
    kredi_toplam: int | None = None
    created_at: str | None = None
    ileri_tarih: str | None = None
    sonlanma_zamani: str | None = None
    gecerlilik_suresi: str | None = None
    log: str | None = None
    extra: str | None = None
    unreadable: str | None = None
    checked_at: str | None = None
    error: str | None = None
    error_message: str | None = None

    def to_dict(self) -> dict[str, Any] | None:
        """Return the last record in the panel's JSON shape, or None.

        Raises:
            StoreError: Another program has changed the record.
        """
        if self.checked_at is None:
            return None
        record: dict[str, Any] = {
            "id": self.id,
            "sms_baslik": self.sms_baslik,
            "numara_toplam": self.numara_toplam,
            "kredi_toplam": self.kredi_toplam,
            "sonlanma_zamani": self.sonlanma_zamani or _ZERO_DATE,
            "ileri_tarih": self.ileri_tarih or _ZERO_DATE,
            "gecerlilik_suresi": self.gecerlilik_suresi,
            "paket_durum": self.paket_durum,
            "created_at": self.created_at or _ZERO_DATE,
            "log": self._read_json(self.log),
        }
        for fields in (self.unreadable, self.extra):
            if fields is not None:
                record |= self._read_json(fields)
        return record

    @property
    def gonderim(self) -> Gonderim | None:
        """The last record, or None.

        Raises:
            StoreError: Another program has changed the record.
        """
        record = self.to_dict()
        if record is None:
            return None
        try:
            gonderim = gonderim_from_dict(record)
        except VairoSMSResponseError as exc:
            raise self._damaged(exc) from None
        if gonderim.unreadable and self.unreadable is None:
            raise self._damaged(
                _("{fields} cannot be read").format(fields=", ".join(gonderim.unreadable))
            )
        return gonderim

    @property
    def log_entry(self) -> GonderimLog:
        """The message in `log`, as a record.

        Raises:
            StoreError: Another program has changed the record.
        """
        log = self._read_json(self.log)
        fields = cast("dict[str, Any]", log) if isinstance(log, dict) else {}
        mesaj = fields.get("mesaj")
        return GonderimLog(mesaj=mesaj if isinstance(mesaj, str) else None)

    def _read_json(self, text: str | None) -> Any:
        try:
            return None if text is None else json.loads(text)
        except (TypeError, ValueError) as exc:
            raise self._damaged(exc) from None

    def _damaged(self, reason: object) -> StoreError:
        return StoreError(
            _("packet {id} in the store is damaged: {reason}").format(id=self.id, reason=reason)
        )


COLUMNS: Final = Known._fields


def known_from(result: GonderimResult) -> Known:
    """Return what a store without an earlier answer would know after a lookup."""
    if result.gonderim is not None:
        return Known._make((*record_columns(result.gonderim), now().isoformat(), None, None))
    id, error, message = error_row(result)
    return Known(id, error=error, error_message=message)


def now() -> datetime:
    """Return the time in the local zone, in whole seconds."""
    return datetime.now().astimezone().replace(microsecond=0)


def record_columns(gonderim: Gonderim) -> tuple[Any, ...]:
    """Return the columns of a record, those before ``checked_at``."""
    # Not gonderim_to_dict, except for the rare log: that takes three times as long.
    log = cast("Mapping[str, Any]", (gonderim.log and gonderim_to_dict(gonderim)["log"]) or {})
    period = gonderim.gecerlilik_suresi
    durum: int | None = gonderim.paket_durum.value
    numara_toplam, kredi_toplam = gonderim.numara_toplam, gonderim.kredi_toplam
    unreadable = gonderim.unreadable
    if not (_fits(durum) and _fits(numara_toplam) and _fits(kredi_toplam)):
        numbers = {
            "paket_durum": durum,
            "numara_toplam": numara_toplam,
            "kredi_toplam": kredi_toplam,
        }
        too_large = {name: number for name, number in numbers.items() if not _fits(number)}
        unreadable = {**unreadable, **too_large}
        durum, numara_toplam, kredi_toplam = (
            number if _fits(number) else None for number in numbers.values()
        )
    return (
        gonderim.id,
        durum,
        gonderim.sms_baslik,
        numara_toplam,
        kredi_toplam,
        _write_time(gonderim.created_at),
        _write_time(gonderim.ileri_tarih),
        _write_time(gonderim.sonlanma_zamani),
        None if period is None else _write_period(period),
        _write_json(log),
        _write_json(gonderim.extra),
        _write_json(unreadable),
    )


def error_row(result: GonderimResult) -> tuple[int, str, str]:
    """Return the columns ``id``, ``error`` and ``error_message`` of a failed lookup."""
    error = result.error or VairoSMSError("no answer")
    message = str(error).encode(errors="replace").decode()  # SQLite has no lone surrogates
    return int(result.id), type(error).__name__, message


def hata_kodu(log: str | None) -> str:
    """Return the panel's error code in a ``log`` of the store, or words for the summary."""
    entry = Known(0, log=log).log_entry
    return entry.hata_kodu or (_("other reason") if entry.mesaj else _("no reason given"))


@lru_cache(maxsize=64)  # the answers of a second share one moment
def read_moment(text: str) -> datetime:
    """Return a ``checked_at`` of the store as a time.

    Raises:
        StoreError: Another program has changed it.
    """
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as exc:
        raise StoreError(_("a time in the store is damaged: {reason}").format(reason=exc)) from None


def _fits(number: int | None) -> bool:
    return number is None or number.bit_length() < 64


def _write_time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(" " if time.tzinfo is None else "T")


@lru_cache(maxsize=64)  # few different periods are in use
def _write_period(period: timedelta) -> str:
    seconds, microseconds = divmod(abs(period) // timedelta(microseconds=1), 1_000_000)
    fraction = f".{microseconds:06}" if microseconds else ""
    hours, minutes = divmod(seconds // 60, 60)
    sign = "-" if period < timedelta(0) else ""
    return f"{sign}{hours:02}:{minutes:02}:{seconds % 60:02}{fraction}"


def _write_json(fields: Mapping[str, Any]) -> str | None:
    if not fields:
        return None
    text = json.dumps(dict(fields), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # a lone surrogate, as JSON escapes it
