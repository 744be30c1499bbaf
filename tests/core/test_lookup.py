"""One lookup: the request that it sends, its errors, and its retries."""

import asyncio

import aiohttp
import pytest

import vairosms_async
from tests.helpers import FIXTURES, NO_RETRIES, answer_body
from vairosms_async import (
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)

URL = "https://vairosms.com/Panel/api/v1/GonderimBilgisi/{}?api_key=test-key"
WITHOUT_DELAY = RetryPolicy(initial_delay=0)


@pytest.fixture
async def client():
    async with VairoSMSClient("test-key", retry=WITHOUT_DELAY) as client:
        yield client


def requests_sent(mocked):
    return [request for requests in mocked.requests.values() for request in requests]


@pytest.mark.parametrize(("gonderim_id", "sms_baslik"), [(52, "08505326480"), (61, "BAŞLIK")])
async def test_lookup_returns_the_documented_packets(mocked, client, gonderim_id, sms_baslik):
    body = (FIXTURES / f"gonderim_{gonderim_id}.json").read_bytes()
    mocked.get(URL.format(gonderim_id), body=body, content_type="text/html; charset=iso-8859-9")
    gonderim = await client.get_gonderim(gonderim_id)
    assert (gonderim.id, gonderim.sms_baslik) == (gonderim_id, sms_baslik)


async def test_lookup_sends_one_get_without_body_or_redirects(mocked, client):
    mocked.get(URL.format(52), body=answer_body())
    await client.get_gonderim("52")
    [request] = requests_sent(mocked)
    assert request.kwargs["headers"] == {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"vairosms-async/{vairosms_async.__version__} aiohttp/{aiohttp.__version__}",
    }
    assert request.kwargs["allow_redirects"] is False
    assert "data" not in request.kwargs
    assert "json" not in request.kwargs
    assert request.kwargs.get("ssl", True) is True


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        pytest.param({"status": 401}, VairoSMSAuthError, id="401"),
        pytest.param({"status": 404}, VairoSMSNotFoundError, id="404"),
        pytest.param(
            {"status": 400, "payload": {"durum": False, "aciklama": "MISSING_MESSAGE"}},
            VairoSMSAPIError,
            id="400 of the panel",
        ),
        pytest.param(
            {"status": 200, "payload": {"durum": False, "aciklama": "yok"}},
            VairoSMSAPIError,
            id="durum false under 200",
        ),
        pytest.param({"status": 200, "body": "<html>"}, VairoSMSResponseError, id="HTML"),
        pytest.param(
            {"status": 302, "headers": {"Location": "https://x.example"}},
            VairoSMSResponseError,
            id="redirect",
        ),
        pytest.param(
            {"exception": aiohttp.ServerFingerprintMismatch(b"", b"", "h", 1)},
            VairoSMSConnectionError,
            id="TLS",
        ),
    ],
)
async def test_lasting_errors_are_not_retried(mocked, client, answer, cls):
    mocked.get(URL.format(52), repeat=True, **answer)
    with pytest.raises(VairoSMSError) as caught:
        await client.get_gonderim(52)
    assert type(caught.value) is cls
    assert caught.value.gonderim_id == 52
    assert len(requests_sent(mocked)) == 1


TEMPORARY = {
    "408": ({"status": 408}, VairoSMSAPIError),
    "429": ({"status": 429}, VairoSMSRateLimitError),
    "500": ({"status": 500}, VairoSMSServerError),
    "503": ({"status": 503, "body": "<html>Bakım"}, VairoSMSServerError),
    "timeout": ({"timeout": True}, VairoSMSTimeoutError),
    "connection error": (
        {"exception": aiohttp.ClientConnectionError("x")},
        VairoSMSConnectionError,
    ),
    "server disconnected": (
        {"exception": aiohttp.ServerDisconnectedError()},
        VairoSMSConnectionError,
    ),
    "connection reset": (
        {"exception": aiohttp.ClientOSError(104, "reset")},
        VairoSMSConnectionError,
    ),
    "truncated body": ({"exception": aiohttp.ClientPayloadError("x")}, VairoSMSConnectionError),
    "connection timeout": (
        {"exception": aiohttp.ConnectionTimeoutError("x")},
        VairoSMSTimeoutError,
    ),
    "aiohttp's base class": ({"exception": aiohttp.ClientError("x")}, VairoSMSConnectionError),
    "OSError": ({"exception": OSError("x")}, VairoSMSConnectionError),
}


@pytest.mark.parametrize("name", TEMPORARY)
async def test_temporary_errors_are_raised_after_all_attempts(mocked, client, name):
    answer, cls = TEMPORARY[name]
    mocked.get(URL.format(52), repeat=True, **answer)
    with pytest.raises(cls) as caught:
        await client.get_gonderim(52)
    assert type(caught.value) is cls
    assert caught.value.gonderim_id == 52
    assert len(requests_sent(mocked)) == 4


@pytest.mark.parametrize("name", TEMPORARY)
@pytest.mark.parametrize("failures", [1, 3])
async def test_a_retry_succeeds_after_temporary_errors(mocked, client, name, failures):
    answer, _ = TEMPORARY[name]
    mocked.get(URL.format(52), repeat=failures, **answer)
    mocked.get(URL.format(52), body=answer_body())
    assert (await client.get_gonderim(52)).id == 52
    assert len(requests_sent(mocked)) == failures + 1


async def test_one_attempt_means_no_retry(mocked, client):
    mocked.get(URL.format(52), status=500)
    with pytest.raises(VairoSMSServerError):
        await client.with_options(retry=NO_RETRIES).get_gonderim(52)
    assert len(requests_sent(mocked)) == 1


@pytest.mark.looptime
async def test_delays_between_attempts_follow_the_retry_policy(mocked, client):
    mocked.get(URL.format(52), status=500, repeat=True)
    patient = client.with_options(retry=RetryPolicy(attempts=3, initial_delay=100, max_delay=150))
    loop = asyncio.get_running_loop()
    durations = []
    for _ in range(30):
        start = loop.time()
        with pytest.raises(VairoSMSServerError):
            await patient.get_gonderim(52)
        durations.append(loop.time() - start)
    assert min(durations) >= 0
    assert max(durations) <= 100 + 150
    assert 80 < sum(durations) / len(durations) < 170  # the mean is 50 + 75


@pytest.mark.looptime
async def test_a_retry_waits_for_the_seconds_in_retry_after(mocked, client):
    loop = asyncio.get_running_loop()
    mocked.get(URL.format(52), status=429, headers={"Retry-After": "42"})
    mocked.get(URL.format(52), status=503, headers={"Retry-After": "8"})
    mocked.get(URL.format(52), body=answer_body())
    start = loop.time()
    assert (await client.get_gonderim(52)).id == 52
    assert loop.time() - start == pytest.approx(50, abs=0.01)


@pytest.mark.looptime
async def test_a_retry_after_above_the_maximum_ends_the_lookup_at_once(mocked, client):
    loop = asyncio.get_running_loop()
    mocked.get(URL.format(52), status=429, headers={"Retry-After": "3600"})
    start = loop.time()
    with pytest.raises(VairoSMSRateLimitError) as caught:
        await client.get_gonderim(52)
    assert caught.value.retry_after == 3600
    assert loop.time() - start == pytest.approx(0, abs=0.01)
