"""The records: what the panel tells of a packet, field for field as it names them.

Sources: the provider's page "API Desteği - Gönderim Bilgisi", and where that is silent, the
habits of such panels (numbers as strings, zero dates), which `vairosms_async._wire` reads.
"""

import re
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Self

from attrs import frozen

from ._errors import VairoSMSError

_HATA_KODU = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


class PaketDurum(IntEnum):
    """State of a packet, in the provider's words.

    The enum is open: a number that the panel adds one day is kept. ``PaketDurum(7)`` is an int 7
    named ``BILINMEYEN_7`` ("bilinmeyen": unknown), and it is not final.
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

    # Early 3.11s pickle a member by its name, and an unknown number's name is nowhere to be found.
    def __reduce_ex__(self, protocol: object) -> tuple[type[Self], tuple[int]]:
        return type(self), (self._value_,)

    @property
    def is_final(self) -> bool:
        """Whether the panel will not change this state any more, as it is -1 or 1."""
        return self in (PaketDurum.HATALI, PaketDurum.SONLANDI)


@frozen
class GonderimLog:
    """Why a packet failed (``log``). The panel fills it where `paket_durum` is -1.

    Only ``id`` and ``mesaj`` are certain to be there; the rest may be null or left out and is then
    None.

    Attributes:
        id: The log entry's own id.
        mesaj: What happened, such as ``"Gönderim #61 sırasında hata oluşu:
            INVALID_SOURCE_ADDRESS"``.
        user_id: The panel's user.
        tip: Kind of entry, ``"error"``.
        bolum: Part of the panel, ``"sms"``.
        api: Which API.
        rota: The URL that was called.
        ip: The address it was called from.
        context: Further details.
        created_at: When it happened.
        updated_at: When the entry was last changed.
    """

    id: int
    mesaj: str
    user_id: int | None = None
    tip: str | None = None
    bolum: str | None = None
    api: str | None = None
    rota: str | None = None
    ip: str | None = None
    context: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def hata_kodu(self) -> str | None:
        """The error code inside ``mesaj``, such as ``"INVALID_SOURCE_ADDRESS"``, or None."""
        found = _HATA_KODU.search(self.mesaj)
        return found and found[0]


@frozen
class Gonderim:
    """What became of one packet ("gönderim").

    The panel writes its times without a zone and does not say which clock it uses: they are naive
    as it wrote them, or aware where the client was given a ``tz``.

    Attributes:
        id: The packet's id, as ``SmsGonder`` returned it.
        sms_baslik: Sender title, such as ``"08505326480"``.
        numara_toplam: How many numbers.
        kredi_toplam: Credits charged; 0 for a failed packet.
        sonlanma_zamani: When the packet ends or ended; None for null or a zero date.
        ileri_tarih: The time it is scheduled for; None if it is not (a zero date on the wire).
        gecerlilik_suresi: Validity period, -838:59:59 to 838:59:59 on the wire; None for null.
        paket_durum: The state.
        created_at: When it was created; None for null or a zero date.
        log: Why it failed; None where the panel gave no reason.
    """

    id: int
    sms_baslik: str
    numara_toplam: int
    kredi_toplam: int
    sonlanma_zamani: datetime | None
    ileri_tarih: datetime | None
    gecerlilik_suresi: timedelta | None
    paket_durum: PaketDurum
    created_at: datetime | None
    log: GonderimLog | None = None

    @property
    def is_final(self) -> bool:
        """Whether the state will not change any more, as `paket_durum` is -1 or 1."""
        return self.paket_durum.is_final


@frozen
class GonderimResult:
    """What one lookup of a bulk came to: a record or an error, never both.

    Attributes:
        id: The id that was looked up, as an int; what was given, where that was no id.
        gonderim: The record, or None.
        error: The error, or None.
    """

    id: int | str
    gonderim: Gonderim | None = None
    error: VairoSMSError | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a record."""
        return self.gonderim is not None

    def unwrap(self) -> Gonderim:
        """Return the record.

        Raises:
            VairoSMSError: The lookup's error, if it failed.
        """
        if self.gonderim is not None:
            return self.gonderim
        if self.error is not None:
            raise self.error
        raise ValueError("a result with neither a record nor an error")
