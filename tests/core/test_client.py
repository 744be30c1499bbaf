"""The client with aioresponses: what it asks, what it returns, what it does with errors."""

import asyncio
import inspect
import logging
from datetime import timedelta
from zoneinfo import ZoneInfo

import aiohttp
import attrs
import pytest
from aioresponses import aioresponses

import vairosms_async
from tests.helpers import FIXTURES, answer_body
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
NOW = RetryPolicy(initial_delay=0)


@pytest.fixture
def mocked():
    with aioresponses() as mocked:
        yield mocked


@pytest.fixture
async def client():
    async with VairoSMSClient("test-key", retry=NOW) as client:
        yield client


def calls(mocked):
    return [call for one in mocked.requests.values() for call in one]


async def test_the_two_examples(mocked, client):
    for gonderim_id in (52, 61):
        body = (FIXTURES / f"gonderim_{gonderim_id}.json").read_bytes()
        mocked.get(URL.format(gonderim_id), body=body, content_type="text/html; charset=iso-8859-9")
        gonderim = await client.get_gonderim(gonderim_id)
        assert gonderim.id == gonderim_id
    assert gonderim.sms_baslik == "BAŞLIK"


async def test_what_is_sent(mocked, client):
    mocked.get(URL.format(52), body=answer_body())
    await client.get_gonderim("52")
    [call] = calls(mocked)
    assert call.kwargs["headers"] == {
        "Accept": "application/json",
        "User-Agent": f"vairosms-async/{vairosms_async.__version__} aiohttp/{aiohttp.__version__}",
    }
    assert call.kwargs["allow_redirects"] is False
    assert "data" not in call.kwargs
    assert "json" not in call.kwargs
    assert call.kwargs.get("ssl", True) is True


@pytest.mark.parametrize(
    ("answers", "cls"),
    [
        ({"status": 401}, VairoSMSAuthError),
        ({"status": 404}, VairoSMSNotFoundError),
        (
            {"status": 400, "payload": {"durum": False, "aciklama": "MISSING_MESSAGE"}},
            VairoSMSAPIError,
        ),
        ({"status": 200, "payload": {"durum": False, "aciklama": "yok"}}, VairoSMSAPIError),
        ({"status": 200, "body": "<html>"}, VairoSMSResponseError),
        ({"status": 302, "headers": {"Location": "https://x.example"}}, VairoSMSResponseError),
        (
            {"exception": aiohttp.ServerFingerprintMismatch(b"", b"", "h", 1)},
            VairoSMSConnectionError,
        ),
    ],
    ids=range(7),
)
async def test_lasting_errors_are_raised_at_once(mocked, client, answers, cls):
    mocked.get(URL.format(52), repeat=True, **answers)
    with pytest.raises(VairoSMSError) as caught:
        await client.get_gonderim(52)
    assert type(caught.value) is cls
    assert caught.value.gonderim_id == 52
    assert len(calls(mocked)) == 1


PASSING = [
    ({"status": 408}, VairoSMSAPIError),
    ({"status": 429}, VairoSMSRateLimitError),
    ({"status": 500}, VairoSMSServerError),
    ({"status": 503, "body": "<html>Bakım"}, VairoSMSServerError),
    ({"timeout": True}, VairoSMSTimeoutError),
    ({"exception": aiohttp.ClientConnectionError("x")}, VairoSMSConnectionError),
    ({"exception": aiohttp.ServerDisconnectedError()}, VairoSMSConnectionError),
    ({"exception": aiohttp.ClientOSError(104, "reset")}, VairoSMSConnectionError),
    ({"exception": aiohttp.ClientPayloadError("x")}, VairoSMSConnectionError),
    ({"exception": aiohttp.ConnectionTimeoutError("x")}, VairoSMSTimeoutError),
    ({"exception": aiohttp.ClientError("x")}, VairoSMSConnectionError),
    ({"exception": OSError("x")}, VairoSMSConnectionError),
]


@pytest.mark.parametrize(("answers", "cls"), PASSING, ids=range(len(PASSING)))
async def test_passing_errors_are_raised_after_all_attempts(mocked, client, answers, cls):
    mocked.get(URL.format(52), repeat=True, **answers)
    with pytest.raises(cls) as caught:
        await client.get_gonderim(52)
    assert type(caught.value) is cls
    assert caught.value.gonderim_id == 52
    assert len(calls(mocked)) == 4


@pytest.mark.parametrize(("answers", "_"), PASSING, ids=range(len(PASSING)))
@pytest.mark.parametrize("failures", [1, 3])
async def test_passing_errors_pass(mocked, client, answers, _, failures):
    mocked.get(URL.format(52), repeat=failures, **answers)
    mocked.get(URL.format(52), body=answer_body())
    assert (await client.get_gonderim(52)).id == 52
    assert len(calls(mocked)) == failures + 1


async def test_one_attempt_means_no_retry(mocked, client):
    mocked.get(URL.format(52), status=500)
    with pytest.raises(VairoSMSServerError):
        await client.with_options(retry=RetryPolicy(attempts=1)).get_gonderim(52)
    assert len(calls(mocked)) == 1


@pytest.mark.looptime
async def test_waits_between_attempts_are_the_policys():
    policy = RetryPolicy(attempts=3, initial_delay=100, max_delay=150)
    loop = asyncio.get_running_loop()
    async with VairoSMSClient("test-key", retry=policy) as client:
        with aioresponses() as mocked:
            mocked.get(URL.format(52), status=500, repeat=True)
            began = loop.time()
            waits = []
            for _ in range(30):
                with pytest.raises(VairoSMSServerError):
                    await client.get_gonderim(52)
                waits.append(loop.time() - began)
                began = loop.time()
    assert min(waits) >= 0
    assert max(waits) <= 100 + 150
    assert 80 < sum(waits) / len(waits) < 170  # the mean is 50 + 75


@pytest.mark.looptime
async def test_retry_after_is_waited_for():
    loop = asyncio.get_running_loop()
    async with VairoSMSClient("test-key", retry=NOW) as client:
        with aioresponses() as mocked:
            mocked.get(URL.format(52), status=429, headers={"Retry-After": "42"})
            mocked.get(URL.format(52), status=503, headers={"Retry-After": "8"})
            mocked.get(URL.format(52), body=answer_body())
            began = loop.time()
            assert (await client.get_gonderim(52)).id == 52
            assert loop.time() - began == pytest.approx(50, abs=0.01)

            mocked.get(URL.format(52), status=429, headers={"Retry-After": "3600"})
            with pytest.raises(VairoSMSRateLimitError) as caught:
                await client.get_gonderim(52)
            assert caught.value.retry_after == 3600
            assert loop.time() - began == pytest.approx(50, abs=0.01)


async def test_tz_and_its_sibling(mocked):
    istanbul = ZoneInfo("Europe/Istanbul")
    mocked.get(URL.format(52), body=answer_body(), repeat=True)
    async with VairoSMSClient("test-key", tz=istanbul) as client:
        aware = await client.get_gonderim(52)
        naive = await client.with_options(tz=None).get_gonderim(52)
    assert aware.created_at.utcoffset() == timedelta(hours=3)
    assert naive.created_at == aware.created_at.replace(tzinfo=None)


# ---- siblings ----------------------------------------------------------------------------------


async def test_a_sibling_changes_what_it_is_told_and_keeps_the_rest():
    policy = RetryPolicy(attempts=2)
    limiter = asyncio.Lock()
    client = VairoSMSClient("test-key", timeout=7, retry=policy, rate_limiter=limiter)
    assert vars(client.with_options()) == vars(client) | {"_owner": False}
    sibling = client.with_options(timeout=None, rate_limiter=None)
    assert attrs.asdict(sibling._options, recurse=False) == {
        "timeout": None,
        "retry": policy,
        "rate_limiter": None,
        "tz": None,
    }
    assert type(sibling) is VairoSMSClient
    assert sibling.with_options(retry=NOW)._options.timeout is None
    assert client._options.timeout == 7


def test_what_is_not_given_reads_well_in_help():
    signature = str(inspect.signature(VairoSMSClient.with_options))
    assert "= <unchanged>" in signature
    assert "api_key: str | None = None" in str(inspect.signature(VairoSMSClient))


async def test_closing_a_sibling_closes_nothing(mocked, client):
    mocked.get(URL.format(52), body=answer_body(), repeat=True)
    async with client.with_options() as sibling:
        await sibling.get_gonderim(52)
    await sibling.close()
    await sibling.get_gonderim(52)
    await client.get_gonderim(52)
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await sibling.get_gonderim(52)


# ---- rate limiter ------------------------------------------------------------------------------


async def test_the_rate_limiter_is_entered_once_per_request(mocked):
    entered = []

    class Limiter:
        async def __aenter__(self):
            entered.append("in")

        async def __aexit__(self, *exc):
            entered.append("out")

    async with VairoSMSClient("test-key", rate_limiter=Limiter(), retry=NOW) as client:
        mocked.get(URL.format(52), status=500, repeat=2)
        mocked.get(URL.format(52), body=answer_body())
        await client.get_gonderim(52)
        assert entered == ["in", "out"] * 3
        with pytest.raises(vairosms_async.VairoSMSInvalidIdError):
            await client.get_gonderim(0)
        assert len(entered) == 6


async def test_an_error_of_the_rate_limiter_is_the_callers(mocked):
    class Broken:
        async def __aenter__(self):
            raise LookupError("kota")

        async def __aexit__(self, *exc):
            raise AssertionError

    async with VairoSMSClient("test-key", rate_limiter=Broken()) as client:
        with pytest.raises(LookupError, match="kota"):
            await client.get_gonderim(52)
        with pytest.raises(LookupError, match="kota"):
            await client.gather_gonderimler(range(1, 50), return_exceptions=True)
        with pytest.raises(LookupError, match="kota"):
            [_ async for _ in client.iter_gonderimler(range(1, 50))]
    assert calls(mocked) == []


# ---- logging -----------------------------------------------------------------------------------


async def test_debug_tells_of_every_attempt(mocked, client, caplog):
    caplog.set_level(logging.DEBUG, "vairosms_async")
    mocked.get(URL.format(52), status=503)
    mocked.get(URL.format(52), timeout=True)
    mocked.get(URL.format(52), body=answer_body())
    await client.get_gonderim(52)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" in ")[0] for line in lines] == [
        "GET gonderim 52, attempt 1: 503",
        "GET gonderim 52, attempt 2: VairoSMSTimeoutError",
        "GET gonderim 52, attempt 3: 200",
    ]
    assert all(line.endswith(" ms") for line in lines)
    assert {record.name for record in caplog.records} == {"vairosms_async"}


async def test_a_refused_key_is_one_warning(mocked, client, caplog):
    mocked.get(URL.format(52), status=401, repeat=True)
    for _ in range(3):
        with pytest.raises(VairoSMSAuthError):
            await client.get_gonderim(52)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "the panel refused the API key (HTTP 401)")
    ]


def test_the_logger_is_silent_until_asked():
    handlers = logging.getLogger("vairosms_async").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]


def test_all_is_what_there_is():
    assert sorted(vairosms_async.__all__) == sorted(set(vairosms_async.__all__))
    for name in vairosms_async.__all__:
        assert getattr(vairosms_async, name) is not None
