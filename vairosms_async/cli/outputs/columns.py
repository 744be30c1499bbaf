"""The columns that OUT adds to FILE's own, and their values."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from vairosms_async import VairoSMSInvalidIdError
from vairosms_async.cli.inputs import Cell, Row
from vairosms_async.cli.known import Known, read_moment

PANEL_COLUMNS: Final = (
    "paket_durum", "durum", "sms_baslik", "numara_toplam", "kredi_toplam", "created_at",
    "ileri_tarih", "sonlanma_zamani", "gecerlilik_suresi", "hata_kodu", "hata_mesaji", "error",
    "error_message", "checked_at",
)  # fmt: skip

_NOTHING: tuple[Cell, ...] = (None,) * len(PANEL_COLUMNS)
_NO_RECORD = _NOTHING[:11]
_ISTANBUL = ZoneInfo("Europe/Istanbul")


def header(columns: Sequence[str]) -> list[str]:
    """Return FILE's columns, then ours. A name that FILE has too gets the prefix ``panel_``."""
    names = list(columns)
    for name in PANEL_COLUMNS:
        while name in names:
            name = f"panel_{name}"  # noqa: PLW2901 (FILE can be an OUT, which has panel_durum)
        names.append(name)
    return names


def panel_cells(row: Row, known: Known | None) -> tuple[Cell, ...]:
    """Return a row's cells below `PANEL_COLUMNS`.

    A value that is missing or unreadable is None. Times with an offset are converted to
    Europe/Istanbul, then all times are naive.
    """
    error = find_error(row, known) or (None, None)
    if known is None:
        return _NOTHING if row.problem is None else (*_NO_RECORD, *error, None)
    gonderim = known.gonderim
    record = _NO_RECORD
    if gonderim is not None:
        log = gonderim.log
        record = (
            int(gonderim.paket_durum),
            gonderim.paket_durum.name,
            gonderim.sms_baslik,
            gonderim.numara_toplam,
            gonderim.kredi_toplam,
            naive(gonderim.created_at),
            naive(gonderim.ileri_tarih),
            naive(gonderim.sonlanma_zamani),
            gonderim.gecerlilik_suresi,
            None if log is None else log.hata_kodu,
            None if log is None else log.mesaj,
        )
    return (*record, *error, read_checked_at(known))


def read_checked_at(known: Known) -> datetime | None:
    """Return ``checked_at`` as OUT shows it."""
    return None if known.checked_at is None else naive(read_moment(known.checked_at))


def find_error(row: Row, known: Known | None) -> tuple[str, str] | None:
    """Return the class name and the message of a row's error. None if it has no error."""
    if row.problem is not None:
        return VairoSMSInvalidIdError.__name__, row.problem
    if known is None or known.error is None:
        return None
    return known.error, known.error_message or ""


@lru_cache(maxsize=64)  # few different periods are in use
def write_period(period: timedelta) -> str:
    """Write a period as the panel and Excel do: ``24:00:00``."""
    length = abs(period)
    minutes, seconds = divmod(length.seconds, 60)
    hours = length.days * 24 + minutes // 60
    sign = "-" if period < timedelta(0) else ""
    return f"{sign}{hours:02}:{minutes % 60:02}:{seconds:02}"


def naive(time: datetime | None) -> datetime | None:
    """Return a time as OUT shows it: converted to Europe/Istanbul if it has an offset."""
    return time if time is None or time.tzinfo is None else _in_istanbul(time)


@lru_cache(maxsize=64)  # the answers of a second share one moment
def _in_istanbul(time: datetime) -> datetime:
    with suppress(OverflowError):  # the first or the last day that Python has
        time = time.astimezone(_ISTANBUL)
    return time.replace(tzinfo=None)
