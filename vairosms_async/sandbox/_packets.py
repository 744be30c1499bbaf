"""The sandbox panel's packets: the provider's two examples, and generated ones."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from vairosms_async._convert import gonderim_from_dict, gonderim_to_dict
from vairosms_async._errors import VairoSMSResponseError
from vairosms_async._models import Gonderim, PaketDurum

Packet = dict[str, Any]
"""A packet in the panel's JSON shape."""

EXAMPLES: dict[int, Packet] = {
    52: {
        "id": 52,
        "sms_baslik": "08505326480",
        "numara_toplam": 2,
        "kredi_toplam": 2,
        "sonlanma_zamani": "2016-07-22 14:40:16",
        "ileri_tarih": "0000-00-00 00:00:00",
        "gecerlilik_suresi": "24:00:00",
        "paket_durum": 1,
        "created_at": "2016-07-21 14:40:16",
    },
    61: {
        "id": 61,
        "sms_baslik": "BAŞLIK",
        "numara_toplam": 2,
        "kredi_toplam": 0,
        "sonlanma_zamani": "2016-07-23 17:13:11",
        "ileri_tarih": "0000-00-00 00:00:00",
        "gecerlilik_suresi": "24:00:00",
        "paket_durum": -1,
        "created_at": "2016-07-22 17:13:11",
        "log": {
            "id": 1221,
            "user_id": 1,
            "mesaj": "Gönderim #61 sırasında hata oluşu: INVALID_SOURCE_ADDRESS",
            "tip": "error",
            "bolum": "sms",
            "api": "",
            "rota": "https://vairosms.com/Panel/api/v1/SmsGonder",
            "ip": "78.163.252.167",
            "context": "",
            "created_at": "2016-07-22 17:13:11",
            "updated_at": "2016-07-22 17:13:11",
        },
    },
}
"""The two packets on the provider's page "API Desteği - Gönderim Bilgisi", unchanged."""

_EPOCH = datetime(2026, 1, 1, 9, 0)  # noqa: DTZ001 (the panel's times have no time zone)
_BASLIKLAR = ("08505326480", "BAŞLIK", "VAIROSMS", "İSTANBUL", "ŞUBE ÇAĞRI")
_KODLAR = ("INVALID_SOURCE_ADDRESS", "INVALID_DESTINATION_ADDRESS", "MESSAGE_TOO_LONG")


@frozen
class TimedPacket:
    """A packet, and what it becomes after `after` seconds if `then` is not None."""

    packet: Packet
    then: Packet | None = None
    after: float = 0.0

    def at(self, elapsed: float) -> Packet:
        """Return the packet as it is after `elapsed` seconds."""
        return self.packet if self.then is None or elapsed < self.after else self.then


def generate_packet(seed: int, gonderim_id: int, settle_time: float) -> TimedPacket:
    """Generate a packet. The same arguments give the same packet, so none is stored.

    About 80 of 100 packets are finished, 5 have failed and 15 are in progress. Of those 15, about
    10 become final within `settle_time` seconds of the panel's start (1 of them as failed).
    """
    rng = random.Random(f"{seed}/{gonderim_id}")  # noqa: S311 (not for security)
    durum, later = rng.choices(
        (
            (PaketDurum.SONLANDI, None),
            (PaketDurum.HATALI, None),
            (PaketDurum.DEVAM_EDIYOR, None),
            (PaketDurum.DEVAM_EDIYOR, PaketDurum.SONLANDI),
            (PaketDurum.DEVAM_EDIYOR, PaketDurum.HATALI),
        ),
        (80, 5, 5, 9, 1),
    )[0]
    created = _EPOCH + timedelta(minutes=gonderim_id % 500_000, seconds=rng.randrange(60))
    hours = rng.choice((24, 24, 24, 48, 72))
    start = created + timedelta(hours=rng.randrange(1, 48)) if rng.random() < 0.1 else None
    numara_toplam = rng.choice((1, 1, 2, 10, rng.randrange(1, 5_000)))
    packet: Packet = {
        "id": gonderim_id,
        "sms_baslik": rng.choice(_BASLIKLAR),
        "numara_toplam": numara_toplam,
        "kredi_toplam": numara_toplam * rng.choice((1, 1, 1, 2)),
        "sonlanma_zamani": str((start or created) + timedelta(hours=hours)),
        "ileri_tarih": str(start or "0000-00-00 00:00:00"),
        "gecerlilik_suresi": f"{hours}:00:00",
        "paket_durum": int(durum),
        "created_at": str(created),
        "log": None,
    }
    kod, after = rng.choice(_KODLAR), settle_time * rng.uniform(0.1, 1.0)
    then = None if later is None else _in_state(packet, later, kod)
    return TimedPacket(_in_state(packet, durum, kod), then, after)


def _in_state(packet: Packet, durum: PaketDurum, kod: str) -> Packet:
    packet = packet | {"paket_durum": int(durum)}
    if durum is PaketDurum.HATALI:
        gonderim_id, zaman = packet["id"], packet["created_at"]
        packet["kredi_toplam"] = 0
        packet["log"] = EXAMPLES[61]["log"] | {
            "id": 100_000 + gonderim_id,
            "mesaj": f"Gönderim #{gonderim_id} sırasında hata oluşu: {kod}",
            "ip": "192.0.2.10",
            "created_at": zaman,
            "updated_at": zaman,
        }
    return packet


def as_packet(gonderim: Gonderim | Mapping[str, Any]) -> Packet:
    """Return a caller's record or JSON object as a packet, or raise ValueError."""
    if isinstance(gonderim, Gonderim):
        return {**gonderim_to_dict(gonderim)}
    try:
        gonderim_from_dict(gonderim)
    except VairoSMSResponseError as exc:
        raise ValueError(str(exc)) from None
    return dict(gonderim)
