"""Property-based tests of the wire format: any packet, any bytes, any JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import FIXTURES, example_packet
from vairosms_async import (
    Gonderim,
    GonderimLog,
    PaketDurum,
    VairoSMSError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async._wire import read_answer

texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(10**20) + 1, 10**20 - 1)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.none() | st.datetimes(timezones=st.none() | zones)
MAX_PERIOD = timedelta(hours=838, minutes=59, seconds=59)
periods = st.none() | st.timedeltas(-MAX_PERIOD, MAX_PERIOD)
jsons = st.recursive(
    st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=8,
)
unknown_fields = st.dictionaries(texts.map("x{}".format), jsons, max_size=3)
durumlar = st.sampled_from(PaketDurum) | integers.map(PaketDurum)
logs = st.builds(
    GonderimLog,
    id=st.none() | integers,
    mesaj=st.none() | texts,
    user_id=st.none() | integers,
    tip=st.none() | texts,
    bolum=st.none() | texts,
    api=st.none() | texts,
    rota=st.none() | texts,
    ip=st.none() | texts,
    context=st.none() | texts,
    created_at=times,
    updated_at=times,
    extra=unknown_fields,
)
gonderimler = st.builds(
    Gonderim,
    id=integers,
    sms_baslik=st.none() | texts,
    numara_toplam=st.none() | integers,
    kredi_toplam=st.none() | integers,
    sonlanma_zamani=times,
    ileri_tarih=times,
    gecerlilik_suresi=periods,
    paket_durum=durumlar,
    created_at=times,
    log=st.none() | logs,
    extra=unknown_fields,
)
statuses = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 503]) | st.integers(
    100, 999
)
headers = st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text())


@given(gonderimler, st.none() | zones, st.booleans())
def test_a_round_trip_preserves_any_record(gonderim, tz, ascii_only):
    body = json.dumps(
        {"durum": True, "aciklama": gonderim_to_dict(gonderim)}, ensure_ascii=ascii_only
    ).encode()
    assert read_answer(gonderim.id, 200, {}, body) == gonderim

    in_zone = gonderim_from_dict(gonderim_to_dict(gonderim), tz)
    assert gonderim_from_dict(gonderim_to_dict(in_zone), tz) == in_zone
    assert gonderim_from_dict(gonderim_to_dict(in_zone)) == in_zone


def assert_record_or_error(answer, gonderim_id):
    """Assert that an answer is the record of this packet, or a printable error about it."""
    if isinstance(answer, Gonderim):
        assert answer.id == gonderim_id
        packet = json.loads(json.dumps(gonderim_to_dict(answer)))
        assert gonderim_from_dict(packet) == answer
    else:
        assert isinstance(answer, VairoSMSError)
        assert answer.gonderim_id == gonderim_id
        assert str(answer).isprintable()


@given(st.binary(), statuses, headers)
def test_any_bytes_parse_to_a_record_or_an_error(body, status, headers):
    assert_record_or_error(read_answer(52, status, headers, body), 52)


@given(st.data(), statuses)
def test_damaged_answers_parse_to_a_record_of_the_requested_packet_or_an_error(data, status):
    gonderim_id = data.draw(st.sampled_from([52, 61]))
    body = bytearray((FIXTURES / f"gonderim_{gonderim_id}.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        body[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    assert_record_or_error(read_answer(gonderim_id, status, {}, bytes(body)), gonderim_id)


# Also what Python's json writes and reads, but JSON does not have.
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(example_packet(61))), any_json, any_json, statuses)
def test_any_json_in_a_field_parses_to_a_record_or_an_error(field, value, durum, status):
    for top in ({"durum": True}, {"durum": durum}):
        body = json.dumps(top | {"aciklama": example_packet(61) | {field: value}}).encode()
        assert_record_or_error(read_answer(61, status, {}, body), 61)


OPTIONAL = sorted(set(example_packet(61)) - {"id", "paket_durum"})


@given(st.sampled_from(OPTIONAL), any_json)
def test_any_json_in_an_optional_field_is_read_or_kept(field, value):
    packet = example_packet(61) | {field: value}
    record = read_answer(61, 200, {}, json.dumps({"durum": True, "aciklama": packet}).encode())
    assert isinstance(record, Gonderim)
    assert record.paket_durum is PaketDurum.HATALI
    assert record.extra == {}
    assert set(record.unreadable) <= {field}
    assert not record.unreadable or getattr(record, field) is None
    documented = gonderim_from_dict(example_packet(61))
    for other in set(example_packet(61)) - {field}:
        assert getattr(record, other) == getattr(documented, other)
    assert_record_or_error(record, 61)


@given(st.sampled_from(sorted(example_packet(61)["log"])), any_json)
def test_any_json_in_a_field_of_the_log_is_read_or_kept(field, value):
    log = example_packet(61)["log"] | {field: value}
    body = json.dumps({"durum": True, "aciklama": example_packet(61) | {"log": log}}).encode()
    record = read_answer(61, 200, {}, body)
    assert isinstance(record, Gonderim)
    assert record.unreadable == record.extra == {}
    assert record.log is not None
    assert set(record.log.unreadable) <= {field}
    assert_record_or_error(record, 61)


@given(unknown_fields, unknown_fields)
def test_unknown_fields_are_kept_unchanged(of_the_record, of_the_log):
    packet = example_packet(61)
    packet |= of_the_record | {"log": packet["log"] | of_the_log}
    record = read_answer(61, 200, {}, json.dumps({"durum": True, "aciklama": packet}).encode())
    assert (record.extra, record.log.extra) == (of_the_record, of_the_log)


@given(st.text() | st.datetimes().map(str), st.text())
def test_any_retry_after_parses_to_seconds_or_none(retry_after, date):
    error = read_answer(52, 429, {"Retry-After": retry_after, "Date": date}, b"")
    assert isinstance(error, VairoSMSError)
    assert error.retry_after is None or error.retry_after >= 0


def test_utc_can_be_the_time_zone():
    assert gonderim_from_dict(example_packet(52), UTC).created_at == datetime(
        2016, 7, 21, 14, 40, 16, tzinfo=UTC
    )
