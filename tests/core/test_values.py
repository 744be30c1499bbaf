"""The forms in which the panel may write each value of a record, and how they are read."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.helpers import answer_body, error_from, example_packet, record_from
from vairosms_async import GonderimLog, PaketDurum, VairoSMSResponseError
from vairosms_async._values import decode_json

PLUS_3 = timezone(timedelta(hours=3))
CREATED = datetime(2016, 7, 21, 14, 40, 16)
NULLS = [None, "", [], {}]
LOG = example_packet(61)["log"]


def read(field, value):
    """Return what a field of packet 52 is read as. The value must be readable."""
    record = record_from(answer_body({field: value}))
    assert record.unreadable == {}
    return getattr(record, field)


@pytest.mark.parametrize("value", [52, "52", 52.0, "52.0", "52.00", "0052"], ids=repr)
def test_reads_an_id_in_any_form_of_a_whole_number(value):
    assert type(read("id", value)) is int


NOT_WHOLE = [None, True, False, 5.2, "5.2", "2.000", "2,00", "1e1", "52 ", "+52", "５２", "52."]
NOT_WHOLE += ["", [], {}, [52], "x", "9" * 21, 2.0**53, 1e300]


@pytest.mark.parametrize("value", NOT_WHOLE, ids=ascii)
@pytest.mark.parametrize("field", ["id", "paket_durum"])
def test_an_unreadable_id_or_state_is_an_error_that_names_it(field, value):
    error = error_from(answer_body({field: value}))
    assert type(error) is VairoSMSResponseError
    assert f"aciklama.{field}: {ascii(value)[:5]}" in ascii(str(error))
    assert "is not a whole number" in str(error)


@pytest.mark.parametrize(
    ("value", "durum"),
    [(1, 1), ("-1", -1), (0.0, 0), ("1.00", 1), (9, 9), (2.0**53 - 1, 2**53 - 1)],
    ids=repr,
)
def test_reads_a_state_in_any_form_of_a_whole_number(value, durum):
    assert read("paket_durum", value) is PaketDurum(durum) or durum > 1
    assert read("paket_durum", value) == durum


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (2, 2),
        ("2", 2),
        ("2.0", 2),
        ("2.00", 2),
        (2.0, 2),
        ("-3", -3),
        ("0010", 10),
        (10**30, 10**30),
        *((null, None) for null in NULLS),
    ],
    ids=repr,
)
def test_reads_a_whole_number(value, number):
    parsed = read("kredi_toplam", value)
    assert parsed == number
    assert type(parsed) is type(number)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("BAŞLIK", "BAŞLIK"),
        ("", ""),
        ("null", "null"),
        (850, "850"),
        (8.5, "8.5"),
        (None, None),
        ([], None),
        ({}, None),
    ],
    ids=ascii,
)
def test_reads_a_text_or_a_number_as_text(value, text):
    assert read("sms_baslik", value) == text


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2016-07-21 14:40:16", CREATED),
        ("2016-07-21T14:40:16", CREATED),
        ("2016-07-21 14:40", CREATED.replace(second=0)),
        ("2016-07-21T14:40", CREATED.replace(second=0)),
        ("2016-07-21", datetime(2016, 7, 21)),
        ("2016-07-21 14:40:16.5", CREATED.replace(microsecond=500_000)),
        ("2016-07-21 14:40:16.000000", CREATED),
        ("2016-07-21T14:40:16.123456000", CREATED.replace(microsecond=123_456)),
        ("2016-07-21T14:40:16.000000Z", CREATED.replace(tzinfo=UTC)),
        ("2016-07-21 14:40:16Z", CREATED.replace(tzinfo=UTC)),
        ("2016-07-21T14:40Z", CREATED.replace(second=0, tzinfo=UTC)),
        ("2016-07-21T14:40:16+03:00", CREATED.replace(tzinfo=PLUS_3)),
        ("2016-07-21 14:40:16 +03:00", CREATED.replace(tzinfo=PLUS_3)),
        ("2016-07-21T14:40:16+0300", CREATED.replace(tzinfo=PLUS_3)),
        ("2016-07-21T14:40:16+03", CREATED.replace(tzinfo=PLUS_3)),
        ("2016-07-21T14:40:16-00:00", CREATED.replace(tzinfo=UTC)),
        *((null, None) for null in NULLS),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00 00:00:00.000000", None),
        ("0000-00-00T00:00:00Z", None),
        ("0000-00-00 00:00", None),
        ("0000-00-00", None),
        ("-0001-11-30 00:00:00", None),
        ("-0001-11-30T00:00:00.000000Z", None),
        ("-0001-11-29T22:03:04+00:00", None),
        ("-000001-11-30T00:00:00.000Z", None),
    ],
    ids=repr,
)
def test_reads_a_time(value, time):
    parsed = read("created_at", value)
    assert parsed == time
    assert time is None or parsed.utcoffset() == time.utcoffset()


@pytest.mark.parametrize(
    ("value", "period"),
    [
        ("24:00:00", timedelta(hours=24)),
        ("24:00", timedelta(hours=24)),
        ("1:30", timedelta(minutes=90)),
        ("1:30:00", timedelta(minutes=90)),
        ("00:00:00", timedelta(0)),
        ("72:30:01", timedelta(hours=72, minutes=30, seconds=1)),
        ("838:59:59", timedelta(hours=838, minutes=59, seconds=59)),
        ("-838:59:59.000000", -timedelta(hours=838, minutes=59, seconds=59)),
        ("-01:30:00", -timedelta(minutes=90)),
        ("00:00:00.25", timedelta(milliseconds=250)),
        *((null, None) for null in NULLS),
    ],
    ids=repr,
)
def test_reads_a_period(value, period):
    assert read("gecerlilik_suresi", value) == period


@pytest.mark.parametrize(
    "value", [*NULLS, "null", " null\n", "[]", "{}", "[null]", [None], [[]], [{}]], ids=repr
)
def test_reads_an_empty_log_as_none(value):
    assert read("log", value) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"id": 1, "mesaj": "m"}, id="object"),
        pytest.param([{"id": 1, "mesaj": "m"}], id="list of one object"),
        pytest.param('{"id": 1, "mesaj": "m"}', id="text"),
        pytest.param(' [{"id": "1.0", "mesaj": "m"}]\n', id="text of a list"),
        pytest.param({"id": "1", "mesaj": "m", "api": None, "context": []}, id="nulls"),
    ],
)
def test_reads_a_log(value):
    assert read("log", value) == GonderimLog(id=1, mesaj="m")


@pytest.mark.parametrize("field", LOG)
def test_reads_a_log_without_one_of_its_fields(field):
    without = {name: value for name, value in LOG.items() if name != field}
    log = read("log", without)
    assert getattr(log, field) is None
    assert log.unreadable == {}


UNREADABLE = {
    "numara_toplam": [True, 2.9, "2.9", "2.000", "2,00", "çok", [2], {"a": 1}, 1e300, "9" * 21],
    "kredi_toplam": [False, "iki", 2.0**53, "2.000"],
    "sms_baslik": [True, ["x"], {"a": 1}, "\ud83d yarım"],
    "created_at": [
        0,
        1469112016,
        True,
        "dün",
        "2016-7-22 14:40:16",
        "2016-02-30 14:40:16",
        "2016-02-30T14:40:16Z",
        "2016-07-22 24:00:00",
        "2016-07-22T24:00:00Z",
        "2016-07-22 14:40:16" + " " * 40,
        "2016-07-22 14:40:60",
        "2016-W29-5 14:40:16",
        "2016-07-22 14:40:16.1234567",
        "2016-07-22 14:40.5",
        "2016-07-22 14:40:16+25:00",
        "2016-07-22 14:40:16 ",
        "2016-07-22Z",
        "2016-00-00",
        "22.07.2016 14:40",
        ["2016-07-22"],
    ],
    "gecerlilik_suresi": [
        24,
        True,
        "24",
        "839:00:00",
        "838:59:59.5",
        "24:60:00",
        "+24:00:00",
        "24 saat",
    ],
    "log": ["hata", '"null"', "{", '{"id": 1} x', 0, False, [1], [LOG, LOG], "[" * 100_000],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [(field, value) for field, values in UNREADABLE.items() for value in values],
    ids=lambda value: ascii(value)[:40],
)
def test_keeps_an_unreadable_value_unchanged(field, value):
    record = record_from(answer_body({field: value}))
    assert getattr(record, field) is None
    assert record.unreadable == {field: value}
    assert (record.id, record.paket_durum, record.extra) == (52, PaketDurum.SONLANDI, {})


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "x"), ("user_id", 1.5), ("mesaj", ["m"]), ("tip", True), ("created_at", "dün")],
    ids=repr,
)
def test_keeps_an_unreadable_value_of_the_log(field, value):
    record = record_from(answer_body({"log": LOG | {field: value}}))
    assert record.unreadable == {}
    assert record.log.unreadable == {field: value}
    assert getattr(record.log, field) is None
    assert record.log.ip == LOG["ip"]


@pytest.mark.parametrize(
    ("json", "value"),
    [
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ("-1e999", "-1e999"),
        pytest.param("7" * 5000, "7" * 5000, id="5000 digits"),
        pytest.param(f"[1, {'7' * 5000}]", [1, "7" * 5000], id="5000 digits in a list"),
        ("1e2", 100.0),
    ],
)
def test_a_number_that_python_cannot_hold_becomes_a_text(json, value):
    assert decode_json(json) == (value, len(json))
