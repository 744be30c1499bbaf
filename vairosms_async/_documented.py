"""Read an answer of the documented form in one pass, from bytes to record, with msgspec.

`_wire` and `_convert` read every answer, also this one, and give the same record. This is faster.
"""

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from ._models import Gonderim, GonderimLog, PaketDurum
from ._values import read_datetime_or_none, read_period_or_none


class _Documented(Struct, forbid_unknown_fields=True, gc=False):
    """The fields of an object, with the types that the panel documents."""


class _Log(_Documented):
    id: int
    mesaj: str | None = None
    user_id: int | None = None
    tip: str | None = None
    bolum: str | None = None
    api: str | None = None
    rota: str | None = None
    ip: str | None = None
    context: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class _Gonderim(_Documented):
    id: int
    paket_durum: PaketDurum
    sms_baslik: str | None = None
    numara_toplam: int | None = None
    kredi_toplam: int | None = None
    sonlanma_zamani: str | None = None
    ileri_tarih: str | None = None
    gecerlilik_suresi: str | None = None
    created_at: str | None = None
    log: _Log | None = None


class _Answer(_Documented):
    durum: bool
    aciklama: _Gonderim


_decode = Decoder(_Answer).decode


def read_documented(body: bytes) -> Gonderim | None:
    """Return the record in an answer. None if the answer does not have the documented form."""
    try:
        answer = _decode(body)
        if not answer.durum:
            return None
        g = answer.aciklama
        return Gonderim(
            g.id,
            g.sms_baslik,
            g.numara_toplam,
            g.kredi_toplam,
            read_datetime_or_none(g.sonlanma_zamani),
            read_datetime_or_none(g.ileri_tarih),
            read_period_or_none(g.gecerlilik_suresi),
            g.paket_durum,
            read_datetime_or_none(g.created_at),
            None if g.log is None else _to_log(g.log),
        )
    except (DecodeError, ValueError):
        return None


def _to_log(log: _Log) -> GonderimLog:
    return GonderimLog(
        log.id,
        log.mesaj,
        log.user_id,
        log.tip,
        log.bolum,
        log.api,
        log.rota,
        log.ip,
        log.context,
        read_datetime_or_none(log.created_at),
        read_datetime_or_none(log.updated_at),
    )
