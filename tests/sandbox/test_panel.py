"""The sandbox panel by itself, asked with aiohttp alone."""

import asyncio
import errno
import json
import logging
import ssl
import time
from collections import Counter

import aiohttp
import pytest
import trustme

from tests.helpers import FIXTURES, KEY, example_packet
from vairosms_async import PaketDurum, RetryPolicy, VairoSMSClient, gonderim_from_dict
from vairosms_async.sandbox import Fault, SandboxPanel


@pytest.fixture
async def ask(panel):
    """Ask the panel and give (status, JSON, headers)."""
    async with aiohttp.ClientSession() as session:

        async def ask(gonderim_id, key=KEY):
            params = {} if key is None else {"api_key": key}
            url = f"{panel.base_url}/GonderimBilgisi/{gonderim_id}"
            async with session.get(url, params=params) as response:
                return response.status, json.loads(await response.read()), response.headers

        yield ask


@pytest.mark.parametrize("gonderim_id", [52, 61])
async def test_the_pages_two_packets(ask, gonderim_id):
    status, answer, headers = await ask(gonderim_id)
    assert status == 200
    assert answer == json.loads((FIXTURES / f"gonderim_{gonderim_id}.json").read_bytes())
    assert headers["Content-Type"] == "application/json"


async def test_a_population_in_all_three_states(panel, ask):
    packets = [(await ask(i))[1]["aciklama"] for i in range(1, 301)]
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


async def test_the_seed_makes_the_population():
    async def population(seed):
        async with SandboxPanel(KEY, seed=seed, settle_time=1000) as panel:
            async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
                return await client.gather_gonderimler(range(1, 51))

    assert await population(1) == await population(1) != await population(2)


@pytest.mark.looptime
async def test_packets_turn_final_with_time():
    async with SandboxPanel(KEY, settle_time=60) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            seen = []
            for _ in range(4):
                gonderimler = await client.gather_gonderimler(range(1, 301))
                seen.append({g.id for g in gonderimler if not g.is_final})
                await asyncio.sleep(25)
    assert seen[0] > seen[1] > seen[2] > seen[3]
    assert 0 < len(seen[3]) < len(seen[0]) * 0.6


@pytest.mark.looptime
async def test_packets_of_ones_own(panel):
    first = gonderim_from_dict(example_packet(52) | {"id": 70_000, "paket_durum": 0})
    panel.add_gonderim(first, then=example_packet(61) | {"id": 70_000}, after=30)
    panel.add_gonderim(example_packet(52) | {"sms_baslik": "BENİM"})
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert await client.get_gonderim(70_000) == first
        assert (await client.get_gonderim(52)).sms_baslik == "BENİM"
        await asyncio.sleep(29)
        assert await client.get_gonderim(70_000) == first
        await asyncio.sleep(2)
        assert (await client.get_gonderim(70_000)).paket_durum is PaketDurum.HATALI


async def test_packets_can_be_added_before_the_start():
    panel = SandboxPanel(KEY, packets=0)
    panel.add_gonderim(example_packet(52) | {"id": 7})
    async with panel, VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(7)).id == 7


def test_mistakes_are_told_at_once():
    panel = SandboxPanel()
    with pytest.raises(ValueError, match="kind"):
        Fault("bozuk")
    with pytest.raises(TypeError, match="Fault"):
        panel.fail("html")
    with pytest.raises(ValueError, match="times must be 1 or more"):
        panel.fail(Fault(), times=0)
    with pytest.raises(ValueError, match="sms_baslik: missing"):
        panel.add_gonderim({"id": 5000, "paket_durum": 1})
    with pytest.raises(ValueError, match="not an object"):
        panel.add_gonderim(5)


@pytest.mark.parametrize("key", ["wrong", "", None, KEY + "x"])
async def test_a_wrong_key_gets_401_in_the_pages_words(ask, key):
    status, answer, _ = await ask(52, key)
    assert status == 401
    assert answer == {
        "durum": False,
        "aciklama": "Gönderilen api_key bilgisi hatalı, lütfen kontrol edin.",
    }


@pytest.mark.parametrize(
    "gonderim_id", [0, 1001, 10**30, "9" * 5000, "abc", "-1", "%D9%A5%D9%A2"], ids=range(7)
)
async def test_an_unknown_id_gets_404(ask, gonderim_id):
    status, answer, _ = await ask(gonderim_id)
    assert status == 404
    assert answer == {"durum": False, "aciklama": "Gönderim bulunamadı."}


async def test_faults_in_their_order(panel, ask):
    panel.fail(Fault(status=500), Fault(status=502, retry_after=3), times=2)
    panel.fail(Fault(status=418, aciklama="çaydanlık", retry_after="yarın"), id=61)
    answers = [await ask(i) for i in (52, 52, 61, 52, 61, 52)]
    assert [status for status, _, _ in answers] == [500, 500, 502, 502, 418, 200]
    assert answers[2][2]["Retry-After"] == "3"


async def test_faults_of_one_packet_and_for_ever(panel, ask):
    panel.fail(Fault(status=418, aciklama="çaydanlık", retry_after="yarın"), id=61, times=None)
    assert [(await ask(i))[0] for i in (52, 61, 61, 7)] == [200, 418, 418, 200]
    _, answer, headers = await ask(61)
    assert answer["aciklama"] == "çaydanlık"
    assert headers["Retry-After"] == "yarın"
    panel.clear_faults()
    assert (await ask(61))[0] == 200


async def test_faults_at_random():
    async with SandboxPanel(KEY, fault_rate=0.3) as panel:
        policy = RetryPolicy(attempts=30, initial_delay=0)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            assert len(await client.gather_gonderimler(range(1, 201))) == 200
        assert 230 < panel.requests < 400


@pytest.mark.looptime
async def test_a_rate_limit_says_when_to_come_back():
    async with SandboxPanel(KEY, rate_limit=(5, 60)) as panel:
        policy = RetryPolicy(attempts=1)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            ids = range(1, 8)
            outcomes = await client.gather_gonderimler(ids, return_exceptions=True)
            assert [getattr(o, "status", 200) for o in outcomes] == [200] * 5 + [429] * 2
            assert 59 <= outcomes[6].retry_after <= 60
            await asyncio.sleep(outcomes[6].retry_after)
            assert len(await client.gather_gonderimler(range(1, 6))) == 5


async def test_latency():
    async with SandboxPanel(KEY, latency=0.05) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            began = time.perf_counter()
            await client.get_gonderim(52)
            assert time.perf_counter() - began >= 0.05


async def test_counters(panel, client):
    await client.gather_gonderimler([52, 61, 52, 7])
    await client.get_gonderim(52)
    assert panel.requests == 4
    assert panel.requests_by_id == {52: 2, 61: 1, 7: 1}
    assert 1 <= panel.connections <= 4
    assert panel.peak_in_flight >= 1
    assert panel.in_flight == 0
    panel.reset_counters()
    assert (panel.requests, panel.requests_by_id, panel.connections) == (0, {}, 0)


async def test_a_hanging_request_does_not_keep_the_panel_from_stopping():
    panel = SandboxPanel(KEY)
    await panel.start()
    panel.fail(Fault("hang"), times=None)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, retry=RetryPolicy(attempts=1)
    ) as client:
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        while not panel.in_flight:
            await asyncio.sleep(0.001)
        async with asyncio.timeout(2):
            await panel.stop()
        with pytest.raises(ConnectionError):
            await lookup
    assert panel.in_flight == 0


async def test_it_can_be_started_again():
    panel = SandboxPanel(KEY)
    await panel.stop()
    for _ in range(2):
        async with panel, VairoSMSClient(KEY, base_url=panel.base_url) as client:
            await client.get_gonderim(52)
        with pytest.raises(RuntimeError, match="not running"):
            _ = panel.base_url
    assert panel.requests == 2


async def test_started_twice(panel):
    with pytest.raises(RuntimeError, match="running already"):
        await panel.start()


async def test_a_port_that_is_taken(panel):
    port = int(panel.base_url.split(":")[2].split("/")[0])
    other = SandboxPanel(KEY, port=port)
    with pytest.raises(OSError, match=r".") as caught:
        await other.start()
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(RuntimeError, match="not running"):
        _ = other.base_url


async def test_a_request_that_cannot_be_read_is_logged_without_the_key(panel, caplog):
    port = int(panel.base_url.split(":")[2].split("/")[0])
    for path in ("/a b?api_key=gizli", "/\x00?api_key=gizli"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert {record.name for record in caplog.records} <= {"vairosms_async.sandbox"}
    assert "gizli" not in caplog.text
    assert "api_key" not in caplog.text.replace("api_key=***", "")


def test_what_the_server_logs_has_no_key(caplog):
    logger = logging.getLogger("vairosms_async.sandbox")
    logger.warning("no way: %s", "/x?api_key=gizli&y=1")
    try:
        raise ValueError("GET /x?api_key=gizli")
    except ValueError:
        logger.exception("error in %s", "a handler")
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "no way: /x?api_key=***&y=1"
    assert second.startswith("error in a handler\nTraceback")
    assert "GET /x?api_key=***" in second
    assert "gizli" not in caplog.text


async def test_https():
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with (
        SandboxPanel(KEY, ssl_context=context) as panel,
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        assert panel.base_url.startswith("https://")
        assert (await client.get_gonderim(52)).id == 52


async def test_ipv6_loopback():
    async with SandboxPanel(KEY, host="::1") as panel:
        assert panel.base_url.startswith("http://[::1]:")
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            assert (await client.get_gonderim(52)).id == 52
