"""The panel's JSON to records and back: `gonderim_from_dict`, `gonderim_to_dict`."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest

from tests.helpers import answer_body, error_from, example_packet, record_from
from vairosms_async import (
    GonderimLog,
    PaketDurum,
    VairoSMSResponseError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async._wire import read_answer

ISTANBUL = ZoneInfo("Europe/Istanbul")


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_the_documented_packets_survive_a_round_trip(gonderim_id):
    packet = example_packet(gonderim_id)
    assert gonderim_to_dict(gonderim_from_dict(packet)) == {"log": None} | packet


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"id": "52"}, "id", 52),
        ({"numara_toplam": "0010"}, "numara_toplam", 10),
        ({"kredi_toplam": "-3"}, "kredi_toplam", -3),
        ({"paket_durum": "-1"}, "paket_durum", PaketDurum.HATALI),
        ({"paket_durum": 9}, "paket_durum", PaketDurum(9)),
        ({"created_at": None}, "created_at", None),
        ({"created_at": "0000-00-00 00:00:00"}, "created_at", None),
        ({"ileri_tarih": "2026-02-28 09:30:00"}, "ileri_tarih", datetime(2026, 2, 28, 9, 30)),
        ({"gecerlilik_suresi": None}, "gecerlilik_suresi", None),
        ({"gecerlilik_suresi": "00:00:00"}, "gecerlilik_suresi", timedelta(0)),
        ({"gecerlilik_suresi": "72:30:01"}, "gecerlilik_suresi", timedelta(2, 88201)),
        (
            {"gecerlilik_suresi": "838:59:59"},
            "gecerlilik_suresi",
            timedelta(hours=838, minutes=59, seconds=59),
        ),
        ({"gecerlilik_suresi": "-01:30:00"}, "gecerlilik_suresi", -timedelta(hours=1, minutes=30)),
        ({"log": None}, "log", None),
        ({"log": []}, "log", None),
        ({"log": {}}, "log", None),
        ({"yeni_alan": {"x": [1]}}, "id", 52),
        ({"sms_baslik": ""}, "sms_baslik", ""),
    ],
    ids=str,
)
def test_accepts_the_forms_in_which_php_panels_write_values(changes, field, value):
    parsed = getattr(record_from(answer_body(changes)), field)
    assert parsed == value
    assert type(parsed) is type(value)


def test_a_log_needs_only_id_and_mesaj():
    log = {"id": "7", "mesaj": "hata", "api": None, "context": [], "user_id": None}
    assert record_from(answer_body({"log": log})).log == GonderimLog(id=7, mesaj="hata")


@pytest.mark.parametrize("field", [name for name in example_packet(52) if name != "log"])
def test_the_error_names_a_missing_field(field):
    error = error_from(answer_body(without=field))
    assert type(error) is VairoSMSResponseError
    assert f"aciklama.{field}: missing" in str(error)
    assert (error.gonderim_id, error.status) == (52, 200)


INVALID_VALUES = {
    "id": [None, True, 52.0, 5.2, "52 ", "+52", "5e1", "", [], "５２", "9" * 21],
    "numara_toplam": [None, False, 2.9, "2.9", {}],
    "kredi_toplam": ["iki", 1e300],
    "sms_baslik": [None, 850, True, [], "\ud83d yarım"],
    "paket_durum": [None, True, "", "bitti", 0.0, [0]],
    "created_at": [
        "",
        0,
        True,
        "2016-07-22",
        "2016-7-22 14:40:16",
        "2016-07-22T14:40:16",
        "2016-07-22 14:40:16Z",
        "2016-07-22 14:40:16.5",
        "2016-02-30 14:40:16",
        "2016-07-22 24:00:00",
        "2016-W29-5 14:40:16",
        "0000-00-00",
    ],
    "gecerlilik_suresi": [
        "",
        24,
        True,
        "24:00",
        "839:00:00",
        "1:00:00",
        "024:00:00",
        "24:60:00",
        "+24:00:00",
    ],
    "log": ["", "hata", 0, False, [1], {"id": 1}, {"id": 1, "mesaj": None}],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in INVALID_VALUES.items() for value in values],
    ids=ascii,
)
def test_the_error_names_a_field_with_an_invalid_value(field, value):
    error = error_from(answer_body({field: value}))
    assert type(error) is VairoSMSResponseError
    assert f"aciklama.{field}" in str(error)


def test_the_error_names_every_invalid_field_and_those_of_the_log():
    log = {"id": "x", "mesaj": "m", "created_at": "dün"}
    message = str(error_from(answer_body({"log": log, "kredi_toplam": 2.5}, without="created_at")))
    for field in ("kredi_toplam", "created_at", "log.id", "log.created_at"):
        assert f"aciklama.{field}: " in message


def test_the_error_names_all_fields_if_all_are_invalid():
    invalid = {field: "\x00 yanlış" * 20 for field in example_packet(52) if field != "sms_baslik"}
    message = str(error_from(answer_body(invalid, without="sms_baslik")))
    assert all(f"aciklama.{field}: " in message for field in example_packet(52))
    assert message.isprintable()


def test_the_error_truncates_a_long_value():
    assert len(str(error_from(answer_body({"created_at": "x" * 10_000})))) < 400


@pytest.mark.parametrize(
    ("field", "value", "path", "expected"),
    [
        ("kredi_toplam", 2.5, "kredi_toplam", "2.5 is not a whole number"),
        ("paket_durum", "bitti", "paket_durum", "'bitti' is not a whole number"),
        ("sms_baslik", 850, "sms_baslik", "850 is not a string"),
        ("created_at", "dün", "created_at", "'dün' is not a time like 2016-07-22 14:40:16"),
        ("created_at", 7, "created_at", "7 is not a time like 2016-07-22 14:40:16"),
        ("gecerlilik_suresi", 24, "gecerlilik_suresi", "24 is not a period like 24:00:00"),
        ("log", "hata", "log", "'hata' is not an object or null"),
        ("log", {"id": 1}, "log.mesaj", "missing"),
    ],
    ids=str,
)
def test_the_error_quotes_the_value_and_says_what_the_field_should_be(field, value, path, expected):
    assert str(error_from(answer_body({field: value}))).endswith(f": aciklama.{path}: {expected}")


@pytest.mark.parametrize(
    "period", ["00:00:00", "-00:00:01", "00:59:59", "100:00:01", "-838:59:59", "838:59:59"]
)
def test_periods_survive_a_round_trip(period):
    packet = example_packet(52) | {"gecerlilik_suresi": period}
    assert gonderim_to_dict(gonderim_from_dict(packet))["gecerlilik_suresi"] == period


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"created_at": datetime(2026, 1, 1, microsecond=1)}, id="time"),
        pytest.param({"gecerlilik_suresi": timedelta(microseconds=1)}, id="period"),
        pytest.param({"gecerlilik_suresi": timedelta(hours=839)}, id="long period"),
        pytest.param({"gecerlilik_suresi": -timedelta(hours=839)}, id="long negative period"),
    ],
)
def test_to_dict_rejects_times_and_periods_that_the_panel_cannot_write(changes):
    with pytest.raises(ValueError, match=r"the panel's (times|periods)"):
        gonderim_to_dict(attrs.evolve(record_from(answer_body()), **changes))


@pytest.mark.parametrize("packet", [None, [], "52", {}, {"id": 1}], ids=repr)
def test_from_dict_rejects_values_that_are_not_a_packet(packet):
    with pytest.raises(VairoSMSResponseError, match="not a gonderim"):
        gonderim_from_dict(packet)


@pytest.mark.parametrize("gonderim_id", [52, 61])
def test_a_time_zone_makes_times_aware_and_does_not_change_the_dict(gonderim_id):
    naive = gonderim_from_dict(example_packet(gonderim_id))
    aware = gonderim_from_dict(example_packet(gonderim_id), ISTANBUL)
    assert aware.created_at == naive.created_at.replace(tzinfo=ISTANBUL)
    assert aware.sonlanma_zamani.tzinfo is ISTANBUL
    assert aware.ileri_tarih is None
    assert gonderim_to_dict(aware) == gonderim_to_dict(naive)
    assert gonderim_from_dict(gonderim_to_dict(aware), ISTANBUL) == aware


def test_a_time_zone_makes_the_times_of_the_log_and_of_ileri_tarih_aware():
    packet = example_packet(61) | {"ileri_tarih": "2026-01-01 09:00:00"}
    gonderim = gonderim_from_dict(packet, ISTANBUL)
    assert gonderim.log.created_at.tzinfo is gonderim.log.updated_at.tzinfo is ISTANBUL
    assert gonderim.ileri_tarih == datetime(2026, 1, 1, 9, tzinfo=ISTANBUL)


def test_read_answer_passes_the_time_zone_on():
    assert read_answer(52, 200, {}, answer_body(), tz=ISTANBUL).created_at.tzinfo is ISTANBUL
