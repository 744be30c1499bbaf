"""The records: a packet's status, with the panel's own field names.

Source: the provider's page "API Desteği - Gönderim Bilgisi".
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Self

from attrs import field, frozen

_HATA_KODU = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


class RawFields(Mapping[str, Any]):
    """A read-only mapping from field names to values as the panel sent them."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "RawFields":
        """Return a read-only copy of a mapping. All empty copies are one object."""
        return cls(fields) if fields else NO_FIELDS

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return repr(self._fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return RawFields.of, (self._fields,)


NO_FIELDS = RawFields({})


def _read_only(fields: Mapping[str, Any]) -> RawFields:
    return fields if type(fields) is RawFields else RawFields.of(fields)


class PaketDurum(IntEnum):
    """State of a packet, in the provider's words.

    The enum is open: it accepts numbers that the panel may add. ``PaketDurum(7)`` equals 7, has the
    name ``BILINMEYEN_7`` ("bilinmeyen": unknown) and is not final.
    """

    HATALI = -1
    """("Gönderim sırasında hata oluştu") Failed while sending, no credit charged. Final."""
    DEVAM_EDIYOR = 0
    """("Gönderim devam etmektedir") Accepted, not finished yet."""
    SONLANDI = 1
    """("Gönderim işlemi başarılı ve sonlandırıldı") Sent and finished. Final."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if type(value) is not int:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"BILINMEYEN_{value}"
        member._value_ = value
        return member

    # Early releases of Python 3.11 pickle a member by its name. They cannot load BILINMEYEN_7.
    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[int]]:
        return type(self), (self._value_,)

    @property
    def is_final(self) -> bool:
        """Whether the state is -1 or 1, which the panel no longer changes."""
        return self in (PaketDurum.HATALI, PaketDurum.SONLANDI)


@frozen
class GonderimLog:
    """Why a packet failed. The panel sends it as ``log`` if `paket_durum` is -1.

    A field is None if the panel sends null, leaves the field out, or sends a value that the library
    cannot read. Such a value is in ``unreadable``.

    Attributes:
        id: The id of the log entry.
        mesaj: The message, such as ``"Gönderim #61 sırasında hata oluşu:
            INVALID_SOURCE_ADDRESS"``.
        user_id: The id of the panel's user.
        tip: Kind of entry, ``"error"``.
        bolum: Part of the panel, ``"sms"``.
        api: The API that was called.
        rota: The URL that was called.
        ip: The IP address of the caller.
        context: Further details.
        created_at: Time of the error.
        updated_at: Time of the entry's last change.
        extra: Fields that the library does not know, unchanged.
        unreadable: Values of known fields that the library cannot read, unchanged.
    """

    id: int | None = None
    mesaj: str | None = None
    user_id: int | None = None
    tip: str | None = None
    bolum: str | None = None
    api: str | None = None
    rota: str | None = None
    ip: str | None = None
    context: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: Mapping[str, Any] = field(default=NO_FIELDS, converter=_read_only, hash=False)
    unreadable: Mapping[str, Any] = field(default=NO_FIELDS, converter=_read_only, hash=False)

    @property
    def hata_kodu(self) -> str | None:
        """The error code in ``mesaj``, such as ``"INVALID_SOURCE_ADDRESS"``, or None."""
        found = None if self.mesaj is None else _HATA_KODU.search(self.mesaj)
        return found and found[0]


@frozen
class Gonderim:
    """The record of one packet ("gönderim").

    ``id`` and ``paket_durum`` are always present. Any other field is None if the panel sends null,
    leaves the field out, or sends a value that the library cannot read. Such a value is in
    ``unreadable``.

    The panel writes times without a zone and does not say which clock it uses. The record has them
    as naive datetimes, or as aware ones if the client has a ``tz``. A time that the panel writes
    with an offset is aware in any case. Naive and aware datetimes do not compare: ``<`` raises
    TypeError, and ``==`` is False.

    Attributes:
        id: The packet's id, as ``SmsGonder`` returned it.
        sms_baslik: Sender title, such as ``"08505326480"``.
        numara_toplam: Number of recipients.
        kredi_toplam: Credits charged; 0 for a failed packet.
        sonlanma_zamani: When the packet ends or ended; None for a zero date.
        ileri_tarih: The time the packet is scheduled for; None if it is not scheduled (the panel
            sends a zero date).
        gecerlilik_suresi: Validity period, -838:59:59 to 838:59:59 on the wire.
        paket_durum: The state.
        created_at: When the packet was created; None for a zero date.
        log: Why the packet failed; None if the panel gives no reason.
        extra: Fields that the library does not know, unchanged.
        unreadable: Values of known fields that the library cannot read, unchanged.
    """

    id: int
    sms_baslik: str | None
    numara_toplam: int | None
    kredi_toplam: int | None
    sonlanma_zamani: datetime | None
    ileri_tarih: datetime | None
    gecerlilik_suresi: timedelta | None
    paket_durum: PaketDurum
    created_at: datetime | None
    log: GonderimLog | None = None
    extra: Mapping[str, Any] = field(default=NO_FIELDS, converter=_read_only, hash=False)
    unreadable: Mapping[str, Any] = field(default=NO_FIELDS, converter=_read_only, hash=False)

    @property
    def is_final(self) -> bool:
        """Whether `paket_durum` is -1 or 1, which the panel no longer changes."""
        return self.paket_durum.is_final
