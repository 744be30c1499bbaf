"""The sandbox panel's packets: the two examples, the generated ones and those that tests add."""

import asyncio
import json
from collections import Counter

import pytest

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


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        pytest.param({"id": 5000}, "paket_durum: missing", id="missing-field"),
        pytest.param({"id": 5000, "paket_durum": ""}, "paket_durum: ''", id="invalid-field"),
        pytest.param(5, "not an object", id="not-an-object"),
    ],
)
def test_rejects_an_invalid_packet(packet, message):
    with pytest.raises(ValueError, match=message):
        SandboxPanel().add_gonderim(packet)
