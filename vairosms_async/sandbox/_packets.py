"""The sandbox panel's packets: the provider's two examples, and generated ones."""

import json
import random
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, SupportsIndex

from attrs import frozen

from vairosms_async._convert import gonderim_from_dict, gonderim_to_dict
from vairosms_async._errors import VairoSMSInvalidIdError, VairoSMSResponseError
from vairosms_async._models import Gonderim, PaketDurum
from vairosms_async._validate import parse_id, quote

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
        zaman = packet["created_at"]
        packet["kredi_toplam"] = 0
        packet["log"] = failure_log(packet["id"], kod) | {"created_at": zaman, "updated_at": zaman}
    return packet


def failure_log(gonderim_id: int, kod: str) -> dict[str, Any]:
    """Return the ``log`` of a failed packet, in the panel's JSON shape."""
    changes = {
        "id": 100_000 + gonderim_id,
        "mesaj": f"Gönderim #{gonderim_id} sırasında hata oluşu: {kod}",
        "ip": "192.0.2.10",
    }
    return {**EXAMPLES[61]["log"], **changes}


_FIELDS = tuple(EXAMPLES[61])
_DEFAULTS = {name: value for name, value in EXAMPLES[52].items() if name != "id"}


def complete_packet(
    given: Gonderim | Mapping[str, Any] | SupportsIndex | str,
    fields: Mapping[str, Any],
    *,
    omit: Collection[str] = (),
    base: Packet | None = None,
) -> Packet:
    """Return a packet with a value for each field: as given, then of `base` or the defaults.

    Args:
        given: A record, a JSON object or an id.
        fields: Fields that replace those of `given`.
        omit: Fields to leave out.
        base: The packet that this one follows. Its ``log`` is not copied.

    Raises:
        ValueError: The packet is not one that the panel could send and a client could read.
        TypeError: `fields` has an unknown field.
    """
    fields = _as_mapping(given) | _known(fields)
    fields = {name: _as_json(name, value) for name, value in fields.items()}
    packet = (_DEFAULTS if base is None else _without(base, {"log"})) | fields
    record = _read(packet)
    if record.paket_durum is PaketDurum.HATALI:
        log = failure_log(record.id, "INVALID_SOURCE_ADDRESS")
        packet = packet | {"kredi_toplam": 0, "log": log} | fields
    if missing := set(omit) - packet.keys():
        raise ValueError(f"omit: the packet has no field {min(missing)!r}")
    packet = _without(packet, omit)
    _read(packet)
    return packet


def packet_id(packet: Packet) -> int:
    """Return a packet's id as a number. The packet may have it as text."""
    return checked_id(_read(packet).id)


def checked_id(value: SupportsIndex | str) -> int:
    """Return an id as a number, or raise ValueError."""
    gonderim_id = parse_id(value, bytes)
    if isinstance(gonderim_id, VairoSMSInvalidIdError):
        raise gonderim_id
    return gonderim_id


def _as_mapping(given: Gonderim | Mapping[str, Any] | SupportsIndex | str) -> Packet:
    if isinstance(given, Gonderim):
        return {**gonderim_to_dict(given)}
    return dict(given) if isinstance(given, Mapping) else {"id": checked_id(given)}


def _known(fields: Mapping[str, Any]) -> Packet:
    if unknown := fields.keys() - _FIELDS:
        raise TypeError(
            f"a packet has no field {min(unknown)!r}. Fields: {', '.join(_FIELDS)}. To add a field "
            "that the library does not know, pass a mapping."
        )
    return dict(fields)


def _without(packet: Packet, names: Collection[str]) -> Packet:
    return {name: value for name, value in packet.items() if name not in names}


def _read(packet: Packet) -> Gonderim:
    try:
        return gonderim_from_dict(packet)
    except VairoSMSResponseError as exc:
        raise ValueError(str(exc)) from None


def _as_json(name: str, value: Any) -> Any:
    """Return a copy of a value, as a client reads it. Raise ValueError if it is not JSON."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: {quote(value)} ({type(value).__name__}) is not JSON. Pass it as the panel "
            'writes it: times as "2016-07-22 14:40:16", periods as "24:00:00".'
        ) from None
