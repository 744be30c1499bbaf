"""What the store knows of one packet, as an object and as a row of the table ``gonderim``."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final, cast

from attrs import frozen

from vairosms_async import (
    Gonderim,
    GonderimLog,
    GonderimResult,
    PaketDurum,
    VairoSMSError,
    VairoSMSResponseError,
    gonderim_from_dict,
    gonderim_to_dict,
)

_FIELDS = (
    "id", "paket_durum", "sms_baslik", "numara_toplam", "kredi_toplam", "created_at",
    "ileri_tarih", "sonlanma_zamani", "gecerlilik_suresi", "log",
)  # fmt: skip
_ZERO_DATE = "0000-00-00 00:00:00"
_LENGTH_OF_A_TIME = len(_ZERO_DATE)
COLUMNS: Final = (*_FIELDS, "extra", "unreadable", "checked_at", "error", "error_message")


class StoreError(Exception):
    """The store cannot be used. The message is one line that says why and what to do."""


@frozen(slots=False)
class Known:
    """What the store knows of one packet.

    Attributes:
        id: The packet's id.
        record: The last record, as the columns before ``checked_at``, or None.
        error: The class name of the error of the last lookup, or None if it succeeded.
        error_message: The message of that error.
        checked_at: When the record arrived, in the local zone.
    """

    id: int
    record: tuple[Any, ...] | None
    error: str | None
    error_message: str | None
    checked_at: datetime | None

    @property
    def is_plain(self) -> bool:
        """Whether `record` is as the panel documents it, and has no log. Most records are."""
        if self.record is None:
            return False
        created_at, ileri_tarih, sonlanma_zamani, _, log, extra, unreadable = self.record[5:]
        return (
            log is None
            and extra is None
            and unreadable is None
            and (created_at is None or len(created_at) == _LENGTH_OF_A_TIME)
            and (ileri_tarih is None or len(ileri_tarih) == _LENGTH_OF_A_TIME)
            and (sonlanma_zamani is None or len(sonlanma_zamani) == _LENGTH_OF_A_TIME)
        )

    def to_dict(self) -> Mapping[str, Any] | None:
        """Return the last record in the panel's JSON shape, or None.

        Raises:
            StoreError: Another program has changed the record.
        """
        if self.record is None or not self.is_plain:
            gonderim = self.gonderim
            return None if gonderim is None else dict(gonderim_to_dict(gonderim))
        # Not gonderim_to_dict: parsing and writing the record take three times as long.
        id, durum, baslik, numaralar, kredi, created_at, ileri_tarih, sonlanma_zamani, period = (
            self.record[:9]
        )
        return {
            "id": id,
            "sms_baslik": baslik,
            "numara_toplam": numaralar,
            "kredi_toplam": kredi,
            "sonlanma_zamani": sonlanma_zamani or _ZERO_DATE,
            "ileri_tarih": ileri_tarih or _ZERO_DATE,
            "gecerlilik_suresi": period,
            "paket_durum": durum,
            "created_at": created_at or _ZERO_DATE,
            "log": None,
        }

    @cached_property
    def gonderim(self) -> Gonderim | None:
        """The last record, or None.

        Raises:
            StoreError: Another program has changed the record.
        """
        try:
            return None if self.record is None else _read_record(*self.record)
        except (TypeError, ValueError, VairoSMSResponseError) as exc:
            raise StoreError(f"packet {self.id} in the store is damaged: {exc}") from None


def known_from(result: GonderimResult) -> Known:
    """Return what a store without an earlier answer would know after a lookup."""
    if result.gonderim is not None:
        return Known(int(result.id), record_columns(result.gonderim), None, None, now())
    id, error, message = error_row(result)
    return Known(id, None, error, message, None)


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


def known_from_row(row: tuple[Any, ...]) -> Known:
    """Return what a row says.

    Args:
        row: The values of `COLUMNS`.

    Raises:
        StoreError: Another program has changed the row.
    """
    *record, checked_at, error, message = row
    if checked_at is None:
        return Known(row[0], None, error, message, None)
    return Known(row[0], tuple(record), error, message, _read_moment(checked_at))


def hata_kodu(log: str | None) -> str:
    """Return the panel's error code in a ``log`` column, for the summary."""
    mesaj = None if log is None else json.loads(log).get("mesaj")
    code = GonderimLog(mesaj=mesaj).hata_kodu if isinstance(mesaj, str) else None
    return code or "no reason given"


def _read_record(*columns: Any) -> Gonderim:
    *fields, extra, unreadable = columns
    id, durum, sms_baslik, numara_toplam, kredi_toplam, *times, period, log = fields
    if log is None and extra is None and unreadable is None:
        # Not gonderim_from_dict: that takes three times as long.
        created_at, ileri_tarih, sonlanma_zamani = times
        return Gonderim(
            id=id,
            sms_baslik=sms_baslik,
            numara_toplam=numara_toplam,
            kredi_toplam=kredi_toplam,
            sonlanma_zamani=sonlanma_zamani and datetime.fromisoformat(sonlanma_zamani),
            ileri_tarih=ileri_tarih and datetime.fromisoformat(ileri_tarih),
            gecerlilik_suresi=_read_period(period),
            paket_durum=PaketDurum(durum),
            created_at=created_at and datetime.fromisoformat(created_at),
        )
    record: dict[str, Any] = dict(zip(_FIELDS, fields, strict=True))
    record["log"] = log and json.loads(log)
    for text in (extra, unreadable):
        record |= {} if text is None else json.loads(text)
    return gonderim_from_dict(record)


def _fits(number: int | None) -> bool:
    return number is None or number.bit_length() < 64


def _write_time(time: datetime | None) -> str | None:
    return None if time is None else str(time)


@lru_cache(maxsize=64)  # the answers of a second share one moment
def _read_moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as exc:
        raise StoreError(f"a time in the store is damaged: {exc}") from None


@lru_cache(maxsize=64)  # few different periods are in use
def _write_period(period: timedelta) -> str:
    seconds, microseconds = divmod(abs(period) // timedelta(microseconds=1), 1_000_000)
    fraction = f".{microseconds:06}" if microseconds else ""
    hours, minutes = divmod(seconds // 60, 60)
    sign = "-" if period < timedelta(0) else ""
    return f"{sign}{hours:02}:{minutes:02}:{seconds % 60:02}{fraction}"


@lru_cache(maxsize=64)
def _read_period(text: str | None) -> timedelta | None:
    if text is None:
        return None
    hours, minutes, seconds = text.removeprefix("-").split(":")
    period = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return -period if text.startswith("-") else period


def _write_json(fields: Mapping[str, Any]) -> str | None:
    if not fields:
        return None
    text = json.dumps(dict(fields), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # a lone surrogate, as JSON escapes it
