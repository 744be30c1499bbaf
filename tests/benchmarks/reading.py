"""Measure how fast answers are read: ``python -m tests.benchmarks.reading KIND``.

KIND is ``sent`` or ``failed``: the panel's documented record without or with a log. All readers
read the same bytes, in turns. The output is one line of JSON: microseconds per record.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from typing import Annotated, Any

import msgspec
import pydantic
from multidict import CIMultiDict

from tests.benchmarks.answers import answer_json
from vairosms_async import Gonderim, PaketDurum
from vairosms_async._wire import read_answer

ID = 52
ROUNDS, RECORDS = 31, 2000
HEADERS = CIMultiDict({"Content-Type": "application/json"})


def wire(body: bytes) -> Any:
    record = read_answer(ID, 200, HEADERS, body)
    assert type(record) is Gonderim
    return record


def _no_zero_date(value: Any) -> Any:
    return None if value == "0000-00-00 00:00:00" else value


Zaman = Annotated[datetime | None, pydantic.BeforeValidator(_no_zero_date)]


class PlainLog(pydantic.BaseModel):
    id: int
    mesaj: str
    user_id: int | None = None
    tip: str | None = None
    bolum: str | None = None
    api: str | None = None
    rota: str | None = None
    ip: str | None = None
    context: str | None = None
    created_at: Zaman = None
    updated_at: Zaman = None


class PlainGonderim(pydantic.BaseModel):
    id: int
    sms_baslik: str
    numara_toplam: int
    kredi_toplam: int
    sonlanma_zamani: Zaman
    ileri_tarih: Zaman
    gecerlilik_suresi: timedelta | None
    paket_durum: PaketDurum
    created_at: Zaman
    log: PlainLog | None = None


class PlainAnswer(pydantic.BaseModel):
    durum: bool
    aciklama: PlainGonderim


def pydantic_plain(body: bytes) -> Any:
    """Read with pydantic's defaults, which accept 2.0 as an int and a number as a time."""
    record = PlainAnswer.model_validate_json(body).aciklama
    assert record.id == ID
    return record


def _only(*kinds: type, pattern: str | None = None) -> pydantic.BeforeValidator:
    matches = re.compile(pattern).fullmatch if pattern else None

    def check(value: Any) -> Any:
        if type(value) not in kinds or (matches and type(value) is str and not matches(value)):
            raise ValueError("not a form that the panel writes")
        return value

    return pydantic.BeforeValidator(check)


def _or_none(value: Any) -> Any:
    return None if value in (None, [], {}, "0000-00-00 00:00:00") else value


# First the documented form, with pydantic's strict types. Then the panel's other forms.
_NONE = type(None)
_EMPTY = pydantic.BeforeValidator(_or_none)
_FIRST = pydantic.Field(union_mode="left_to_right")
_StrictInt = Annotated[int, pydantic.Strict()]
_Digits = Annotated[int, _only(str, pattern=r"-?[0-9]{1,20}")]
Int = Annotated[_StrictInt | _Digits, _FIRST]
Str = Annotated[str, pydantic.Strict()]
OptionalInt = Annotated[_StrictInt | Annotated[_Digits | None, _EMPTY] | None, _FIRST]
OptionalStr = Annotated[Str | Annotated[None, _EMPTY] | None, _FIRST]
_TIME = r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):\d\d:\d\d"
OptionalZaman = Annotated[datetime | None, _only(str, _NONE, pattern=_TIME), _EMPTY]
Sure = Annotated[timedelta | None, _only(str, _NONE, pattern=r"-?\d{2,3}:[0-5]\d:[0-5]\d"), _EMPTY]
Durum = Annotated[PaketDurum, pydantic.PlainValidator(lambda value: PaketDurum(int(value)))]


class ExactLog(pydantic.BaseModel):
    id: Int
    mesaj: Str
    user_id: OptionalInt = None
    tip: OptionalStr = None
    bolum: OptionalStr = None
    api: OptionalStr = None
    rota: OptionalStr = None
    ip: OptionalStr = None
    context: OptionalStr = None
    created_at: OptionalZaman = None
    updated_at: OptionalZaman = None


class ExactGonderim(pydantic.BaseModel):
    id: Int
    sms_baslik: Str
    numara_toplam: Int
    kredi_toplam: Int
    sonlanma_zamani: OptionalZaman
    ileri_tarih: OptionalZaman
    gecerlilik_suresi: Sure
    paket_durum: Durum
    created_at: OptionalZaman
    log: Annotated[ExactLog | Annotated[None, _EMPTY] | None, _FIRST] = None


class ExactAnswer(pydantic.BaseModel):
    durum: Annotated[Annotated[bool, pydantic.Strict()] | Annotated[bool, _only(int, str)], _FIRST]
    aciklama: ExactGonderim


def pydantic_exact(body: bytes) -> Any:
    """Accept the panel's other forms and reject most of what `wire` rejects, with validators."""
    record = ExactAnswer.model_validate_json(body).aciklama
    assert record.id == ID
    return record


class StructLog(msgspec.Struct):
    id: int
    mesaj: str
    user_id: int | None = None
    tip: str | None = None
    bolum: str | None = None
    api: str | None = None
    rota: str | None = None
    ip: str | None = None
    context: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class StructGonderim(msgspec.Struct):
    id: int
    sms_baslik: str
    numara_toplam: int
    kredi_toplam: int
    sonlanma_zamani: str | None
    ileri_tarih: str | None
    gecerlilik_suresi: str | None
    paket_durum: int
    created_at: str | None
    log: StructLog | None = None


class StructAnswer(msgspec.Struct):
    durum: bool
    aciklama: StructGonderim


_msgspec_decode = msgspec.json.Decoder(StructAnswer).decode


def msgspec_text(body: bytes) -> Any:
    """Leave times and periods as text, as msgspec can parse neither of the panel's formats."""
    record = _msgspec_decode(body).aciklama
    assert record.id == ID
    return record


READERS: dict[str, Callable[[bytes], Any]] = {
    "json.loads": json.loads,
    "wire": wire,
    "pydantic": pydantic_plain,
    "pydantic, as exact": pydantic_exact,
    "msgspec, times as text": msgspec_text,
}


def _microseconds(reader: Callable[[], Any]) -> float:
    began = time.process_time()
    for _ in range(RECORDS):
        reader()
    return (time.process_time() - began) / RECORDS * 1e6


def main(kind: str) -> None:
    body = answer_json(ID, failed=kind == "failed").encode()
    times: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(ROUNDS):
        for name, reader in READERS.items():
            times[name].append(_microseconds(partial(reader, body)))
    print(json.dumps({name: median(took) for name, took in times.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
