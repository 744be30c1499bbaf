"""A panel whose values drift in form: id and state stay right through every method."""

import asyncio
import json
from contextlib import aclosing
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import NO_RETRIES, answer_body, error_from, example_packet
from vairosms_async import (
    Gonderim,
    PaketDurum,
    VairoSMSClient,
    VairoSMSResponseError,
    gonderim_from_dict,
    gonderim_to_dict,
)
from vairosms_async._wire import read_answer
from vairosms_async.sandbox import SandboxPanel

# NaN and Infinity are not JSON, so the sandbox rejects them. test_values.py has them.
floats = st.floats(allow_nan=False, allow_infinity=False)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
dates = st.datetimes().map(str) | st.datetimes().map(lambda time: f"{time.isoformat()}Z")
logs = st.fixed_dictionaries(
    {}, optional=dict.fromkeys([*example_packet(61)["log"], "yeni"], jsons | dates)
)
any_log = logs | logs.map(lambda log: [log]) | logs.map(json.dumps) | jsons


def whole_number(number):
    """Draw a form in which the panel may write a whole number."""
    return st.sampled_from([number, str(number), float(number), f"{number}.0", f"{number}.00"])


@st.composite
def drifted_packets(draw, durum=None):
    """Draw (packet, id, state): a packet of which only id and state are surely readable."""
    gonderim_id = draw(st.integers(1, 2**53 - 1))
    if durum is None:
        durum = draw(st.sampled_from([-1, 0, 1]) | st.integers(-(2**53) + 1, 2**53 - 1))
    others = [*sorted(set(example_packet(52)) - {"id", "paket_durum"}), "operator", "log_id"]
    packet = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(others, jsons | dates)))
    if draw(st.booleans()):
        packet["log"] = draw(any_log)
    packet["id"] = draw(whole_number(gonderim_id))
    packet["paket_durum"] = draw(whole_number(durum))
    return packet, gonderim_id, durum


def assert_right(record, gonderim_id, durum):
    """Assert that a record has the right id and state, and that a round trip keeps all of it."""
    assert isinstance(record, Gonderim), record
    assert (record.id, record.paket_durum) == (gonderim_id, PaketDurum(durum))
    assert gonderim_from_dict(json.loads(json.dumps(gonderim_to_dict(record)))) == record


@given(drifted_packets())
def test_id_and_state_are_read_whatever_the_other_fields_are(drifted):
    packet, gonderim_id, durum = drifted
    body = json.dumps({"durum": True, "aciklama": packet}).encode()
    record = read_answer(gonderim_id, 200, {}, body)
    assert_right(record, gonderim_id, durum)
    known = {*example_packet(61)}
    assert set(record.extra) == set(packet) - known
    assert set(record.unreadable) <= set(packet) & known


@pytest.fixture(scope="module")
def panel():
    with SandboxPanel(packets=0) as panel:
        yield panel


async def look_up_in_every_way(panel, gonderim_id):
    """Return the record from each method of the client."""
    async with VairoSMSClient(panel.api_key, base_url=panel.base_url, retry=NO_RETRIES) as client:
        records = [await client.get_gonderim(gonderim_id)]
        records += await client.gather_gonderimler([gonderim_id, str(gonderim_id)])
        async with aclosing(client.iter_gonderimler([gonderim_id])) as results:
            records += [result.unwrap() async for result in results]
        if records[0].is_final:
            records.append(await client.wait_gonderim(gonderim_id, timeout=10))
            async with aclosing(client.wait_gonderimler([gonderim_id], timeout=10)) as results:
                records += [result.unwrap() async for result in results]
        return records


@given(drifted_packets())
@settings(max_examples=40)
def test_every_method_returns_the_drifted_packets_of_a_sandbox_panel(panel, drifted):
    packet, gonderim_id, durum = drifted
    panel.add_gonderim(packet)
    records = asyncio.run(look_up_in_every_way(panel, gonderim_id))
    assert len(records) == (6 if durum in (-1, 1) else 4)
    for record in records:
        assert_right(record, gonderim_id, durum)
        assert record == records[0]


@given(drifted_packets(durum=0), drifted_packets(durum=1))
@settings(max_examples=15)
def test_a_wait_ends_when_a_drifted_packet_turns_final(panel, drifted, final):
    packet, gonderim_id, _ = drifted
    panel.add_gonderim(packet, then=final[0] | {"id": packet["id"]}, after=0.02)

    async def wait():
        async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
            return await client.wait_gonderim(gonderim_id, timeout=10, poll_interval=0.01)

    assert_right(asyncio.run(wait()), gonderim_id, 1)


async def test_a_wait_ends_with_a_log_that_lacks_mesaj():
    packet = example_packet(52) | {"paket_durum": "-1", "log": {"id": 1}}
    async with SandboxPanel() as panel:
        panel.add_gonderim(packet)
        async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
            record = await client.wait_gonderim(52, timeout=10)
    assert record.paket_durum is PaketDurum.HATALI
    assert record.log.mesaj is None


@given(jsons, st.sampled_from(["id", "paket_durum"]))
def test_any_json_as_id_or_state_is_read_or_an_error_that_names_it(value, field):
    outcome = read_answer(52, 200, {}, answer_body({field: value}))
    if isinstance(outcome, Gonderim):
        # Decimal compares exactly: float(2**53 + 1) is 2**53.
        assert Decimal(value) == (outcome.id if field == "id" else outcome.paket_durum)
    else:
        assert type(outcome) is VairoSMSResponseError
        assert f"aciklama.{field}" in str(outcome)


def test_a_missing_state_is_an_error_that_names_it():
    error = error_from(answer_body(without="paket_durum"))
    assert type(error) is VairoSMSResponseError
    assert "aciklama.paket_durum: missing" in str(error)
