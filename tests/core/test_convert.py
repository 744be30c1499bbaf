"""The panel's JSON to records and back: `gonderim_from_dict`, `gonderim_to_dict`."""

import json
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import attrs
import pytest

from tests.helpers import answer_body, error_from, example_packet, record_from
from vairosms_async import (
    PaketDurum,
    VairoSMSResponseError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async._wire import read_answer

ISTANBUL = ZoneInfo("Europe/Istanbul")
OPTIONAL = [name for name in example_packet(52) if name not in {"id", "paket_durum"}]


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_the_documented_packets_survive_a_round_trip(gonderim_id):
    packet = example_packet(gonderim_id)
    assert gonderim_to_dict(gonderim_from_dict(packet)) == {"log": None} | packet


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        pytest.param(
            {"created_at": "2016-07-21T14:40:16.000000Z"},
            "created_at",
            datetime(2016, 7, 21, 14, 40, 16, tzinfo=UTC),
            id="iso-z",
        ),
        pytest.param(
            {"created_at": "2016-07-21T14:40:16+03:00"},
            "created_at",
            datetime(2016, 7, 21, 14, 40, 16, tzinfo=timezone(timedelta(hours=3))),
            id="iso-offset",
        ),
        pytest.param({"sonlanma_zamani": ""}, "sonlanma_zamani", None, id="empty-date"),
        pytest.param({"kredi_toplam": "2.00"}, "kredi_toplam", 2, id="decimal-text"),
        pytest.param({"sms_baslik": None}, "sms_baslik", None, id="null-title"),
        pytest.param(
            {"kredi_toplam": "çok"}, "unreadable", {"kredi_toplam": "çok"}, id="unreadable"
        ),
        pytest.param(
            {"operator": "x", "updated_at": "y"},
            "extra",
            {"operator": "x", "updated_at": "y"},
            id="extra",
        ),
    ],
)
def test_one_drifted_value_changes_only_its_field(changes, field, value):
    record = record_from(answer_body(changes))
    assert getattr(record, field) == value
    assert getattr(getattr(record, field), "tzinfo", None) == getattr(value, "tzinfo", None)
    changed = {"extra", "unreadable", *changes}
    documented = record_from(answer_body())
    for name in set(attrs.asdict(documented)) - changed:
        assert getattr(record, name) == getattr(documented, name)


def test_a_failed_packet_whose_log_lacks_mesaj_is_read():
    record = record_from(answer_body({"paket_durum": -1, "log": {"id": 1}}))
    assert record.paket_durum is PaketDurum.HATALI
    assert record.log.id == 1
    assert record.log.mesaj is record.log.hata_kodu is None


@pytest.mark.parametrize("field", OPTIONAL)
def test_a_missing_field_is_none(field):
    record = record_from(answer_body(without=field))
    assert getattr(record, field) is None
    assert record.unreadable == record.extra == {}


def test_id_and_state_are_enough_for_a_record():
    record = gonderim_from_dict({"paket_durum": "-1", "id": "7.0"})
    assert (record.id, record.paket_durum) == (7, PaketDurum.HATALI)
    assert all(getattr(record, name) is None for name in OPTIONAL)


@pytest.mark.parametrize("field", ["id", "paket_durum"])
def test_the_error_names_a_missing_field(field):
    error = error_from(answer_body(without=field))
    assert type(error) is VairoSMSResponseError
    assert str(error).endswith(f": aciklama.{field}: missing")
    assert (error.gonderim_id, error.status) == (52, 200)


def test_the_error_names_both_fields_if_both_are_unreadable():
    message = str(error_from(answer_body({"id": None, "paket_durum": "bitti"})))
    assert message.endswith(
        "aciklama.id: None is not a whole number; "
        "aciklama.paket_durum: 'bitti' is not a whole number"
    )


def test_the_error_truncates_a_long_value_and_is_printable():
    message = str(error_from(answer_body({"paket_durum": "\x00 yanlış" * 10_000})))
    assert len(message) < 400
    assert message.isprintable()


def test_extra_keeps_unknown_fields_of_the_record_and_of_the_log():
    log = {"id": 1, "yeni": [None, {"a": 1.5}]}
    record = record_from(answer_body({"log": log, "operator": {"ad": "x"}, "yeni": 0}))
    assert record.extra == {"operator": {"ad": "x"}, "yeni": 0}
    assert record.log.extra == {"yeni": [None, {"a": 1.5}]}
    assert gonderim_to_dict(record)["log"]["yeni"] == [None, {"a": 1.5}]


DRIFTED = {
    "unknown fields": {"operator": "x", "log": {"mesaj": "m", "yeni": [1]}},
    "unreadable fields": {"kredi_toplam": "çok", "created_at": 0, "log": {"id": "x", "ip": [1]}},
    "unreadable log": {"log": ["a", "b"]},
    "log as text": {"log": '{"id": 7, "created_at": "2016-07-21T14:40:16Z"}'},
    "fraction": {"created_at": "2016-07-21 14:40:16.25"},
    "offset": {"created_at": "2016-07-21T14:40:16.5-05:00", "ileri_tarih": "2016-07-21T00:00Z"},
    "fraction of a period": {"gecerlilik_suresi": "-00:00:01.5"},
    "nulls": dict.fromkeys(OPTIONAL),
    "empty texts": dict.fromkeys(OPTIONAL, ""),
    "half a surrogate pair": {"sms_baslik": "\ud83d", "yeni\ud83d": "\ud83d"},
    "first year": {"created_at": "0001-01-01 00:00:00", "ileri_tarih": "0001-01-01T00:00:00+14:00"},
    "last year": {"created_at": "9999-12-31 23:59:59", "ileri_tarih": "9999-12-31T23:59:59-14:00"},
}


@pytest.mark.parametrize("tz", [None, UTC, ISTANBUL], ids=str)
@pytest.mark.parametrize("changes", DRIFTED.values(), ids=DRIFTED)
def test_a_drifted_record_survives_a_round_trip_through_json(changes, tz):
    record = gonderim_from_dict(example_packet(52) | changes, tz)
    packet = json.loads(json.dumps(gonderim_to_dict(record)))
    assert gonderim_from_dict(packet, tz) == record
    assert gonderim_from_dict(packet) == record


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2016-07-21 14:40:16", "2016-07-21 14:40:16"),
        ("2016-07-21T14:40", "2016-07-21 14:40:00"),
        ("2016-07-21 14:40:16.5", "2016-07-21 14:40:16.500000"),
        ("2016-07-21 14:40:16Z", "2016-07-21T14:40:16+00:00"),
        ("", "0000-00-00 00:00:00"),
    ],
)
def test_to_dict_writes_times_as_the_panel_or_as_iso_8601(time, written):
    record = gonderim_from_dict(example_packet(52) | {"created_at": time})
    assert gonderim_to_dict(record)["created_at"] == written


def test_to_dict_prefers_a_value_that_replaces_an_unreadable_one():
    record = gonderim_from_dict(example_packet(52) | {"kredi_toplam": "çok"})
    assert gonderim_to_dict(record)["kredi_toplam"] == "çok"
    assert gonderim_to_dict(attrs.evolve(record, kredi_toplam=5))["kredi_toplam"] == 5


@pytest.mark.parametrize(
    "period", ["00:00:00", "-00:00:01", "00:59:59", "100:00:01", "-838:59:59", "838:59:59"]
)
def test_periods_survive_a_round_trip(period):
    packet = example_packet(52) | {"gecerlilik_suresi": period}
    assert gonderim_to_dict(gonderim_from_dict(packet))["gecerlilik_suresi"] == period


@pytest.mark.parametrize("hours", [839, -839])
def test_to_dict_rejects_periods_that_the_panel_cannot_write(hours):
    record = attrs.evolve(record_from(answer_body()), gecerlilik_suresi=timedelta(hours=hours))
    with pytest.raises(ValueError, match="the panel's periods are at most 838:59:59"):
        gonderim_to_dict(record)


@pytest.mark.parametrize("packet", [None, [], "52", {}, {"id": 1}], ids=repr)
def test_from_dict_rejects_values_that_are_not_a_packet(packet):
    with pytest.raises(VairoSMSResponseError, match="not a gonderim"):
        gonderim_from_dict(packet)


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_a_time_zone_makes_times_aware(gonderim_id):
    naive = gonderim_from_dict(example_packet(gonderim_id))
    aware = gonderim_from_dict(example_packet(gonderim_id), ISTANBUL)
    assert aware.created_at == naive.created_at.replace(tzinfo=ISTANBUL)
    assert aware.sonlanma_zamani.tzinfo is ISTANBUL
    assert aware.ileri_tarih is None
    assert gonderim_to_dict(aware)["created_at"] == f"{aware.created_at:%Y-%m-%dT%H:%M:%S}+03:00"
    assert gonderim_from_dict(gonderim_to_dict(aware), ISTANBUL) == aware


def test_a_time_zone_makes_the_times_of_the_log_and_of_ileri_tarih_aware():
    packet = example_packet(61) | {"ileri_tarih": "2026-01-01 09:00:00"}
    gonderim = gonderim_from_dict(packet, ISTANBUL)
    assert gonderim.log.created_at.tzinfo is gonderim.log.updated_at.tzinfo is ISTANBUL
    assert gonderim.ileri_tarih == datetime(2026, 1, 1, 9, tzinfo=ISTANBUL)


def test_a_time_with_an_offset_is_converted_to_the_time_zone():
    packet = example_packet(52) | {"created_at": "2016-07-21T14:40:16.000000Z"}
    created_at = gonderim_from_dict(packet, ISTANBUL).created_at
    assert created_at == datetime(2016, 7, 21, 17, 40, 16, tzinfo=ISTANBUL)
    assert created_at.tzinfo is ISTANBUL


def test_naive_and_aware_times_do_not_compare():
    record = gonderim_from_dict(example_packet(52) | {"created_at": "2016-07-21T14:40:16Z"})
    with pytest.raises(TypeError, match="offset-naive and offset-aware"):
        _ = record.created_at < record.sonlanma_zamani


def test_a_time_in_an_hour_that_the_zone_skips_survives_a_round_trip():
    packet = example_packet(52) | {"created_at": "2015-03-29 03:30:00"}
    record = gonderim_from_dict(packet, ISTANBUL)
    assert record.created_at.isoformat() == "2015-03-29T04:30:00+03:00"
    assert gonderim_from_dict(gonderim_to_dict(record), ISTANBUL) == record
    assert gonderim_from_dict(gonderim_to_dict(record)) == record


def test_a_time_in_an_hour_that_the_zone_repeats_survives_a_round_trip_in_the_zone():
    packet = example_packet(52) | {"created_at": "2015-11-08T01:30:00Z"}
    record = gonderim_from_dict(packet, ISTANBUL)
    assert record.created_at.isoformat() == "2015-11-08T03:30:00+02:00"
    assert gonderim_from_dict(gonderim_to_dict(record), ISTANBUL) == record


def test_read_answer_passes_the_time_zone_on():
    assert read_answer(52, 200, {}, answer_body(), tz=ISTANBUL).created_at.tzinfo is ISTANBUL
