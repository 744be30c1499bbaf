"""What the sandbox panel tells a test about its requests: the counters and the request log."""

import asyncio
from concurrent.futures import ThreadPoolExecutor, wait
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest

from tests.helpers import KEY, NO_RETRIES, assert_no_key, wait_until
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel, SandboxRequest

GONDERIM_BILGISI = "/Panel/api/v1/GonderimBilgisi"


def single_attempt_client(panel, **options):
    options = {"retry": NO_RETRIES} | options
    return VairoSMSClient(KEY, base_url=panel.base_url, **options)


async def test_counts_requests_and_connections(panel, client):
    await client.gather_gonderimler([52, 61, 52, 7])
    await client.get_gonderim(52)
    assert panel.requests == 4
    assert panel.requests_by_id == {52: 2, 61: 1, 7: 1}
    assert 1 <= panel.connections <= 4
    assert panel.peak_in_flight >= 1
    assert panel.in_flight == 0


async def test_reset_sets_the_counters_to_0_and_empties_the_log(panel, client):
    await client.gather_gonderimler([52, 61])
    panel.reset_counters()
    assert (panel.requests, panel.requests_by_id, panel.connections) == (0, {}, 0)
    assert panel.peak_in_flight == 0
    assert list(panel.request_log) == []


async def test_a_request_in_flight_at_the_reset_is_not_logged(panel):
    panel.latency = 0.1
    async with single_attempt_client(panel) as client:
        lookup = asyncio.create_task(client.get_gonderim(52))
        await wait_until(lambda: panel.in_flight)
        panel.reset_counters()
        assert panel.in_flight == panel.peak_in_flight == 1
        await lookup
        assert panel.in_flight == panel.requests == 0
        assert list(panel.request_log) == []
        panel.latency = 0
        await client.get_gonderim(61)
        assert [request.path for request in panel.request_log] == [f"{GONDERIM_BILGISI}/61"]


@pytest.mark.looptime
async def test_logs_method_path_time_and_status():
    async with SandboxPanel(KEY) as panel, single_attempt_client(panel) as client:
        await client.get_gonderim(52)
        await asyncio.sleep(30)
        await client.gather_gonderimler([10**9], return_exceptions=True)
    first, second = panel.request_log
    assert first == SandboxRequest("GET", f"{GONDERIM_BILGISI}/52", first.time, 200)
    assert second == SandboxRequest("GET", f"{GONDERIM_BILGISI}/1000000000", second.time, 404)
    assert 0 <= first.time < 1
    assert second.time - first.time == pytest.approx(30, abs=1)


async def test_the_log_does_not_contain_the_key(panel, client):
    await client.get_gonderim(52)
    assert_no_key(repr(panel.request_log))


@pytest.mark.looptime
async def test_logs_requests_in_the_order_of_their_answers(panel):
    panel.latency = 2
    async with single_attempt_client(panel) as client:
        slow = asyncio.create_task(client.get_gonderim(52))
        await asyncio.sleep(1)
        panel.latency = 0
        await client.get_gonderim(61)
        await slow
    fast, slow = panel.request_log
    assert fast.path.endswith("/61")
    assert slow.path.endswith("/52")
    assert slow.time < fast.time


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param(Fault("status", 500), 500, id="status"),
        pytest.param(Fault("html", 503), 503, id="html"),
        pytest.param(Fault("reset"), None, id="reset"),
        pytest.param(Fault("cut"), None, id="cut"),
    ],
)
async def test_logs_the_status_of_a_fault(panel, fault, status):
    panel.fail(fault)
    async with single_attempt_client(panel) as client:
        await client.gather_gonderimler([52], return_exceptions=True)
    assert [request.status for request in panel.request_log] == [status]


async def test_logs_no_status_if_the_client_closes_the_connection(panel):
    panel.fail(Fault("hang"))
    async with single_attempt_client(panel) as client:
        lookup = asyncio.create_task(client.get_gonderim(52))
        await wait_until(lambda: panel.in_flight)
        lookup.cancel()
    await wait_until(lambda: not panel.in_flight)
    assert [request.status for request in panel.request_log] == [None]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/Panel/api/v1/SmsGonder", 404, id="unknown-path"),
        pytest.param("PUT", f"{GONDERIM_BILGISI}/52", 405, id="other-method"),
    ],
)
@pytest.mark.looptime
async def test_logs_other_requests_without_latency_or_faults(method, path, status):
    async with SandboxPanel(KEY, latency=60) as panel:
        panel.fail(Fault("reset"))
        url = panel.base_url.removesuffix("/Panel/api/v1") + path
        async with aiohttp.ClientSession() as session:
            async with session.request(method, url, params={"api_key": "wrong"}) as response:
                assert response.status == status
                assert response.content_type == "text/plain"
        (request,) = panel.request_log
    assert request == SandboxRequest(method, path, request.time, status)
    assert request.time < 1
    assert panel.requests == panel.peak_in_flight == 0
    assert panel.requests_by_id == {}


async def test_keeps_only_the_latest_requests(monkeypatch):
    monkeypatch.setattr("vairosms_async.sandbox._panel._MAX_LOGGED_REQUESTS", 3)
    async with SandboxPanel(KEY) as panel, single_attempt_client(panel) as client:
        for gonderim_id in range(1, 6):
            await client.get_gonderim(gonderim_id)
        assert [request.path[-2:] for request in panel.request_log] == ["/3", "/4", "/5"]
        assert panel.requests == 5


def test_can_be_read_and_reset_while_requests_arrive_in_another_thread():
    with SandboxPanel(KEY) as panel, ThreadPoolExecutor(4) as pool:

        def request_without_key(gonderim_id):
            with pytest.raises(HTTPError) as raised:
                urlopen(f"{panel.base_url}/GonderimBilgisi/{gonderim_id}")
            raised.value.close()

        futures = [pool.submit(request_without_key, i) for i in range(1, 301)]
        # The pauses leave the GIL to the panel's thread.
        while wait(futures, timeout=0.001).not_done:
            assert all(request.status == 401 for request in panel.request_log.copy())
            assert sum(panel.requests_by_id.copy().values()) <= 300
            panel.reset_counters()
        for future in futures:
            future.result()
        panel.reset_counters()
        request_without_key(52)
        assert panel.requests == len(panel.request_log) == 1
        assert panel.in_flight == 0
