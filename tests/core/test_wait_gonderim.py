"""`wait_gonderim`: one packet until it is final, in simulated time."""

import asyncio
import itertools

import pytest

from tests.core.polling_panel import PollingPanel, now
from tests.helpers import KEY, example_packet, library_tasks, raw_server
from vairosms_async import (
    PaketDurum,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSTimeoutError,
)
from vairosms_async.sandbox import Fault

pytestmark = pytest.mark.looptime


@pytest.fixture
async def panel():
    async with PollingPanel() as panel:
        yield panel


@pytest.mark.parametrize("paket_durum", [1, -1])
async def test_polls_until_the_packet_is_final(panel, client, paket_durum):
    panel.add_packet(7, final_after=600, paket_durum=paket_durum)
    began = now()
    gonderim = await client.wait_gonderim(7)
    assert gonderim.paket_durum == paket_durum
    assert gonderim.is_final
    assert 600 <= now() - began <= 660 + 1


async def test_a_final_packet_costs_one_request(panel, client):
    assert (await client.wait_gonderim("52")).id == 52
    assert panel.requests == 1


async def test_an_unknown_state_is_not_final(panel, client):
    packet = example_packet(52) | {"id": 7, "paket_durum": 7}
    panel.add_gonderim(packet, then=packet | {"paket_durum": 1}, after=50)
    assert (await client.wait_gonderim(7)).paket_durum is PaketDurum.SONLANDI


async def test_intervals_grow_by_25_to_75_percent_up_to_the_maximum(panel, client):
    panel.add_packet(7, final_after=3600)
    await client.wait_gonderim(7, poll_interval=3, max_poll_interval=100)
    intervals = panel.intervals(7)
    assert 3 <= intervals[0] <= 3 * 1.25 + 0.05
    for shorter, longer in itertools.pairwise(intervals):
        assert longer >= min(100, shorter * 1.25) - 0.05
        assert longer <= min(100, shorter * 1.75) + 0.05
    assert intervals[-1] == pytest.approx(100, abs=0.05)
    assert 35 <= len(intervals) <= 50


async def test_intervals_are_jittered(panel, client):
    ids = range(100, 120)
    for gonderim_id in ids:
        panel.add_packet(gonderim_id, final_after=60)
    await asyncio.gather(*(client.wait_gonderim(gonderim_id) for gonderim_id in ids))
    first_intervals = {round(panel.intervals(gonderim_id)[0], 3) for gonderim_id in ids}
    assert len(first_intervals) > 10


async def test_the_first_interval_may_be_the_longest(panel, client):
    panel.add_packet(7, final_after=100)
    await client.wait_gonderim(7, poll_interval=10, max_poll_interval=10)
    assert panel.intervals(7) == pytest.approx([10] * 10, abs=0.05)


async def test_the_client_sets_the_intervals_of_its_waits(panel):
    panel.add_packet(7, final_after=100)
    options = {"poll_interval": 5, "max_poll_interval": 5}
    async with VairoSMSClient(KEY, base_url=panel.base_url, **options) as client:
        await client.wait_gonderim(7)
        assert panel.intervals(7) == pytest.approx([5] * 20, abs=0.05)
        panel.add_packet(8, final_after=100)
        assert [result.id async for result in client.wait_gonderimler([8])] == [8]
        assert panel.intervals(8) == pytest.approx([5] * 20, abs=0.05)


async def test_a_sibling_has_its_own_intervals(panel, client):
    panel.add_packet(7, final_after=100)
    sibling = client.with_options(poll_interval=20, max_poll_interval=20)
    await sibling.wait_gonderim(7)
    assert panel.intervals(7) == pytest.approx([20] * 5, abs=0.05)
    panel.add_packet(8, final_after=100)
    await sibling.with_options(timeout=5, poll_interval=10).wait_gonderim(8)
    assert 10 <= panel.intervals(8)[0] <= 12.6
    assert panel.intervals(8)[-1] == pytest.approx(20, abs=0.05)


async def test_the_intervals_of_a_call_override_the_clients(panel):
    panel.add_packet(7, final_after=100)
    async with VairoSMSClient(KEY, base_url=panel.base_url, poll_interval=5) as client:
        await client.wait_gonderim(7, poll_interval=20, max_poll_interval=20)
    assert panel.intervals(7) == pytest.approx([20] * 5, abs=0.05)


async def test_a_timeout_carries_the_last_record(panel, client):
    panel.add_packet(7, final_after=None)
    began = now()
    with pytest.raises(VairoSMSTimeoutError, match="not final within 90 s; last DEVAM") as caught:
        await client.wait_gonderim(7, timeout=90)
    assert now() - began == pytest.approx(90, abs=0.1)
    assert caught.value.gonderim_id == 7
    assert caught.value.reason == "timeout"
    assert caught.value.last.paket_durum is PaketDurum.DEVAM_EDIYOR
    assert isinstance(caught.value, TimeoutError)


async def test_a_timeout_before_any_answer_carries_no_record(panel, client):
    panel.fail(Fault("hang"), times=None)
    with pytest.raises(VairoSMSTimeoutError, match="within 10 s; no record so far") as caught:
        await client.wait_gonderim(52, timeout=10)
    assert caught.value.last is None
    assert panel.requests == 1


async def test_a_timeout_between_polls_sends_no_request(panel, client):
    panel.add_packet(7, final_after=None)
    began = now()
    with pytest.raises(VairoSMSTimeoutError):
        await client.wait_gonderim(7, timeout=25, poll_interval=20)
    assert now() - began == pytest.approx(25, abs=0.1)
    assert panel.requests == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=408),
        Fault(status=429, retry_after=5),
        Fault("html", 503),
        Fault("html", 200),
        Fault("html", 403),
        Fault("reset"),
        Fault("cut"),
    ],
    ids=lambda fault: (
        fault.kind if fault.kind in ("reset", "cut") else f"{fault.kind} {fault.status}"
    ),
)
async def test_temporary_errors_do_not_end_the_wait(panel, client, fault):
    panel.add_packet(7, final_after=100)
    panel.fail(fault, times=20)
    assert (await client.wait_gonderim(7)).is_final
    assert panel.requests > 20


async def test_an_outage_of_an_hour_does_not_end_the_wait(panel, client):
    panel.add_packet(7, final_after=100)
    panel.fail(Fault("reset"), times=None)
    waiting = asyncio.ensure_future(client.wait_gonderim(7))
    await asyncio.sleep(3600)
    panel.clear_faults()
    assert panel.requests < 100 + 80  # the retry budget, then one poll per minute
    assert (await waiting).is_final


@pytest.mark.parametrize(
    ("gonderim_id", "fault", "error_class"),
    [
        pytest.param(5000, None, VairoSMSNotFoundError, id="unknown id"),
        pytest.param(0, None, VairoSMSInvalidIdError, id="id 0"),
        pytest.param("52x", None, VairoSMSInvalidIdError, id="id 52x"),
        pytest.param(True, None, VairoSMSInvalidIdError, id="id True"),
        pytest.param(52, Fault(status=401), VairoSMSAuthError, id="401"),
        pytest.param(52, Fault(status=403), VairoSMSAuthError, id="403"),
        pytest.param(52, Fault(status=400), VairoSMSAPIError, id="400"),
        pytest.param(52, Fault(status=200), VairoSMSAPIError, id="200 with durum false"),
    ],
)
async def test_lasting_errors_end_the_wait(panel, client, gonderim_id, fault, error_class):
    if fault:
        panel.fail(fault, times=None)
    with pytest.raises(error_class) as caught:
        await client.wait_gonderim(gonderim_id)
    assert type(caught.value) is error_class
    assert panel.requests <= 1


async def test_a_tls_failure_ends_the_wait():
    async def serve_plain_http(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with raw_server(serve_plain_http) as base_url:
        url = base_url.replace("http:", "https:")
        async with VairoSMSClient(KEY, base_url=url) as client:
            with pytest.raises(VairoSMSConnectionError) as caught:
                await client.wait_gonderim(52)
    assert caught.value.reason == "tls"


async def test_a_timeout_error_of_the_rate_limiter_is_raised_unchanged(panel):
    class ExhaustedLimiter:
        async def __aenter__(self):
            raise TimeoutError("kota")

        async def __aexit__(self, *exc):
            raise AssertionError

    async with VairoSMSClient(
        KEY, base_url=panel.base_url, rate_limiter=ExhaustedLimiter()
    ) as client:
        with pytest.raises(TimeoutError, match="kota"):
            await client.wait_gonderim(52, timeout=100)


async def test_cancelling_the_wait_leaves_nothing(panel, client):
    panel.add_packet(1, final_after=None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1000):
            await client.wait_gonderim(1)
    await asyncio.sleep(0.1)
    assert not library_tasks()


@pytest.mark.parametrize(
    "invalid",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"poll_interval": 0},
        {"poll_interval": "2"},
        {"max_poll_interval": float("inf")},
        {"poll_interval": 61},
        {"poll_interval": 3, "max_poll_interval": 2},
    ],
    ids=repr,
)
async def test_waits_reject_invalid_times(client, invalid):
    with pytest.raises(ValueError, match=r"timeout|poll_interval"):
        await client.wait_gonderim(52, **invalid)
    with pytest.raises(ValueError, match=r"timeout|poll_interval"):
        client.wait_gonderimler([52], **invalid)


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        pytest.param({"poll_interval": 0}, "poll_interval must be a finite number", id="zero"),
        pytest.param({"poll_interval": None}, "poll_interval must be a finite number", id="None"),
        pytest.param({"poll_interval": True}, "poll_interval must be a finite number", id="bool"),
        pytest.param({"max_poll_interval": float("inf")}, "max_poll_interval must", id="infinite"),
        pytest.param(
            {"poll_interval": 61},
            r"poll_interval \(61 s\) must not be above max_poll_interval \(60 s\)",
            id="above-the-maximum",
        ),
        pytest.param({"max_poll_interval": 1}, "must not be above", id="maximum-below-the-first"),
    ],
)
def test_the_client_rejects_invalid_intervals(invalid, message):
    with pytest.raises(ValueError, match=message):
        VairoSMSClient(KEY, **invalid)
    with pytest.raises(ValueError, match=message):
        VairoSMSClient(KEY).with_options(**invalid)
