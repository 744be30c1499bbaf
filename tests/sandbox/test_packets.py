"""The sandbox panel's packets: the two examples, the generated ones and those that tests add."""

import asyncio
import json
from collections import Counter
from datetime import datetime

import numpy as np
import pytest
from attrs import evolve

from tests.helpers import FIXTURES, KEY, example_packet
from vairosms_async import PaketDurum, VairoSMSClient, gonderim_from_dict
from vairosms_async.sandbox import SandboxPanel


@pytest.mark.parametrize("gonderim_id", [52, 61])
async def test_serves_the_two_example_packets(fetch_answer, gonderim_id):
    status, answer, headers = await fetch_answer(gonderim_id)
    assert status == 200
    assert answer == json.loads((FIXTURES / f"gonderim_{gonderim_id}.json").read_bytes())
    assert headers["Content-Type"] == "application/json"


async def test_generates_packets_in_all_three_states(panel, fetch_answer):
    packets = [(await fetch_answer(i))[1]["aciklama"] for i in range(1, 301)]
    assert [packet["id"] for packet in packets] == list(range(1, 301))
    states = Counter(packet["paket_durum"] for packet in packets)
    assert states.keys() == {-1, 0, 1}
    assert states[1] > 200
    assert states[0] > 20
    assert states[-1] > 3
    for packet in packets:
        gonderim = gonderim_from_dict(packet)
        assert (gonderim.log is not None) == (gonderim.paket_durum is PaketDurum.HATALI)
        if gonderim.log:
            assert gonderim.kredi_toplam == 0
            assert gonderim.log.hata_kodu
            assert f"#{gonderim.id} " in gonderim.log.mesaj
    assert any(packet["ileri_tarih"] != "0000-00-00 00:00:00" for packet in packets)


async def test_the_seed_decides_the_generated_packets():
    async def generated_packets(seed):
        async with SandboxPanel(KEY, seed=seed, settle_time=1000) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                return await client.gather_gonderimler(range(1, 51))

    first = await generated_packets(1)
    assert first == await generated_packets(1) != await generated_packets(2)


@pytest.mark.looptime
async def test_packets_become_final_within_the_settle_time():
    async with SandboxPanel(KEY, settle_time=60) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            in_progress = []
            for _ in range(4):
                gonderimler = await client.gather_gonderimler(range(1, 301))
                in_progress.append({g.id for g in gonderimler if not g.is_final})
                await asyncio.sleep(25)
    assert in_progress[0] > in_progress[1] > in_progress[2] > in_progress[3]
    assert 0 < len(in_progress[3]) < len(in_progress[0]) * 0.6


@pytest.mark.looptime
async def test_an_added_packet_changes_after_the_given_time(panel):
    first = gonderim_from_dict(example_packet(52) | {"id": 70_000, "paket_durum": 0})
    panel.add_gonderim(first, then=example_packet(61) | {"id": 70_000}, after=30)
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert await client.get_gonderim(70_000) == first
        await asyncio.sleep(29)
        assert await client.get_gonderim(70_000) == first
        await asyncio.sleep(2)
        assert (await client.get_gonderim(70_000)).paket_durum is PaketDurum.HATALI


async def test_an_added_packet_replaces_the_one_with_its_id(panel, client):
    panel.add_gonderim(example_packet(52) | {"sms_baslik": "BENİM"})
    assert (await client.get_gonderim(52)).sms_baslik == "BENİM"


async def test_packets_can_be_added_before_the_start():
    panel = SandboxPanel(KEY, packets=0)
    panel.add_gonderim(example_packet(52) | {"id": 7})
    async with panel, VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(7)).id == 7


async def test_a_packet_needs_only_id_and_state():
    panel = SandboxPanel(KEY, packets=0)
    panel.add_gonderim({"id": "7.00", "paket_durum": "1", "yeni": [1]})
    async with panel, VairoSMSClient(KEY, base_url=panel.base_url) as client:
        record = await client.get_gonderim(7)
    assert (record.id, record.is_final, record.extra) == (7, True, {"yeni": [1]})


@pytest.mark.parametrize("gonderim_id", [7000, "7000", np.int64(7000)], ids=type)
async def test_an_added_id_is_a_finished_packet(panel, fetch_answer, gonderim_id):
    panel.add_gonderim(gonderim_id)
    status, answer, _ = await fetch_answer(7000)
    assert status == 200
    assert answer["aciklama"] == example_packet(52) | {"id": 7000}


async def test_a_partial_packet_keeps_its_fields_and_gets_defaults(panel, fetch_answer):
    panel.add_gonderim({"id": 7000, "kredi_toplam": "2.00", "yeni": [1]}, sms_baslik=None)
    _, answer, _ = await fetch_answer(7000)
    changes = {"id": 7000, "kredi_toplam": "2.00", "yeni": [1], "sms_baslik": None}
    assert answer["aciklama"] == example_packet(52) | changes


async def test_keyword_arguments_replace_the_fields_of_a_record(panel, client):
    record = gonderim_from_dict(example_packet(61))
    panel.add_gonderim(record, id=7000, kredi_toplam=3)
    assert await client.get_gonderim(7000) == evolve(record, id=7000, kredi_toplam=3)


@pytest.mark.parametrize("durum", [-1, "-1"], ids=["int", "str"])
async def test_a_failed_packet_has_a_log_by_default(panel, client, durum):
    panel.add_gonderim(7000, paket_durum=durum)
    gonderim = await client.get_gonderim(7000)
    assert gonderim.paket_durum is PaketDurum.HATALI
    assert gonderim.kredi_toplam == 0
    assert gonderim.log.mesaj == ("Gönderim #7000 sırasında hata oluşu: INVALID_SOURCE_ADDRESS")
    panel.add_gonderim(7000, paket_durum=durum, kredi_toplam=5, log=None)
    gonderim = await client.get_gonderim(7000)
    assert (gonderim.kredi_toplam, gonderim.log) == (5, None)


async def test_add_failed_adds_a_failed_packet_with_the_code(panel, client):
    panel.add_failed(7001, "MESSAGE_TOO_LONG", sms_baslik="BAŞLIK")
    panel.add_failed("7002")
    panel.add_failed(7003, log=None)
    failed = await client.get_gonderim(7001)
    assert failed.paket_durum is PaketDurum.HATALI
    assert failed.log.hata_kodu == "MESSAGE_TOO_LONG"
    assert "#7001 " in failed.log.mesaj
    assert (failed.sms_baslik, failed.kredi_toplam) == ("BAŞLIK", 0)
    assert (await client.get_gonderim(7002)).log.hata_kodu == "INVALID_SOURCE_ADDRESS"
    assert (await client.get_gonderim(7003)).log is None


@pytest.mark.looptime
async def test_add_pending_adds_a_packet_that_is_finished_after_a_time(panel, client):
    panel.add_pending(7002, final_after=0.1, kredi_toplam=7)
    panel.add_pending(7003)
    panel.add_pending(7004, final_after=0)
    first = await client.get_gonderim(7002)
    assert (first.paket_durum, first.kredi_toplam) == (PaketDurum.DEVAM_EDIYOR, 7)
    assert (await client.get_gonderim(7004)).paket_durum is PaketDurum.SONLANDI
    await asyncio.sleep(0.2)
    then = await client.get_gonderim(7002)
    assert then == evolve(first, paket_durum=PaketDurum.SONLANDI)
    await asyncio.sleep(10_000)
    assert (await client.get_gonderim(7003)).paket_durum is PaketDurum.DEVAM_EDIYOR


@pytest.mark.looptime
async def test_then_needs_only_the_fields_that_change(panel, client):
    panel.add_gonderim(7000, paket_durum=0, kredi_toplam=9, then={"paket_durum": -1}, after=30)
    panel.add_failed(7001)
    panel.add_gonderim(7001, paket_durum=-1, then={"paket_durum": 1}, after=30)
    assert (await client.get_gonderim(7000)).kredi_toplam == 9
    assert (await client.get_gonderim(7001)).log
    await asyncio.sleep(31)
    failed = await client.get_gonderim(7000)
    assert (failed.id, failed.kredi_toplam) == (7000, 0)
    assert failed.log.hata_kodu == "INVALID_SOURCE_ADDRESS"
    finished = await client.get_gonderim(7001)
    assert finished.paket_durum is PaketDurum.SONLANDI
    assert finished.log is None


async def test_omitted_fields_are_not_in_the_answer(panel, fetch_answer):
    panel.add_gonderim(7000, omit=["sms_baslik", "created_at"])
    panel.add_gonderim(7001, paket_durum=-1, omit={"log"})
    _, answer, _ = await fetch_answer(7000)
    assert answer["aciklama"].keys() == example_packet(52).keys() - {"sms_baslik", "created_at"}
    _, answer, _ = await fetch_answer(7001)
    assert "log" not in answer["aciklama"]


@pytest.mark.parametrize("text", ["5077", "5077.00", 5077.0], ids=repr)
async def test_a_packet_is_stored_under_the_number_of_its_id(panel, client, fetch_answer, text):
    panel.add_gonderim(example_packet(52) | {"id": text})
    assert (await client.get_gonderim(5077)).id == 5077
    _, answer, _ = await fetch_answer(5077)
    assert answer["aciklama"]["id"] == text


async def test_later_changes_of_the_callers_mapping_do_not_change_the_packet(panel, fetch_answer):
    packet = example_packet(61) | {"id": 7000}
    panel.add_gonderim(packet)
    packet["log"]["mesaj"] = packet["sms_baslik"] = "changed"
    _, answer, _ = await fetch_answer(7000)
    assert answer["aciklama"] == example_packet(61) | {"id": 7000}


@pytest.mark.parametrize(
    "value",
    ["\ud800", "'\\\"", "ş\u2028\0", {"a": [None, 1.5]}, 10**30],
    ids=["lone-surrogate", "quotes", "separators", "object", "large-number"],
)
async def test_any_json_value_reaches_the_client(panel, client, value):
    panel.add_gonderim({"id": 7000, "yeni": value}, sms_baslik=value)
    gonderim = await client.get_gonderim(7000)
    assert gonderim.extra["yeni"] == value
    assert value in (gonderim.sms_baslik, gonderim.unreadable.get("sms_baslik")) or (
        gonderim.sms_baslik == str(value)
    )


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        pytest.param({"paket_durum": 1}, "id: missing", id="no-id"),
        pytest.param({"id": 5000, "paket_durum": "yok"}, "paket_durum: 'yok'", id="no-state"),
        pytest.param({"id": 0}, "not a packet id: 0", id="id-0"),
        pytest.param(2**64, "not a packet id: 18446744073709551616", id="id-too-large"),
        pytest.param(-5, "not a packet id: -5", id="negative-id"),
        pytest.param(True, "not a packet id: True", id="bool"),
        pytest.param(None, "not a packet id: None", id="None"),
        pytest.param("elli iki", "not a packet id: 'elli iki'", id="text"),
        pytest.param(
            {"id": 7, "created_at": datetime(2026, 1, 1)},
            "created_at: datetime.* is not JSON. Pass it as the panel writes it: times as",
            id="datetime",
        ),
        pytest.param({"id": 7, "yeni": [float("nan")]}, "yeni: .*nan.* is not JSON", id="nan"),
    ],
)
def test_rejects_an_invalid_packet(packet, message):
    with pytest.raises(ValueError, match=message):
        SandboxPanel().add_gonderim(packet)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"after": -1}, "after must be a finite number", id="negative-after"),
        pytest.param({"after": "1"}, "after must be a finite number", id="after-str"),
        pytest.param({"then": {"paket_durum": None}}, "paket_durum: None", id="then-no-state"),
        pytest.param({"omit": ["id"]}, "id: missing", id="omit-id"),
        pytest.param({"omit": ["baslik"]}, "omit: the packet has no field 'baslik'", id="omit"),
    ],
)
def test_rejects_invalid_options_of_a_packet(options, message):
    with pytest.raises(ValueError, match=message):
        SandboxPanel().add_gonderim(7000, **options)


def test_rejects_an_invalid_final_after():
    with pytest.raises(ValueError, match="final_after must be a finite number of seconds"):
        SandboxPanel().add_pending(7000, final_after=-1)


def test_a_typo_in_the_name_of_a_field_is_an_error_that_lists_the_fields():
    panel = SandboxPanel()
    for add in (panel.add_gonderim, panel.add_failed, panel.add_pending):
        with pytest.raises(TypeError, match=r"no field 'baslik'\. Fields: id, .*log"):
            add(7000, baslik="X")
