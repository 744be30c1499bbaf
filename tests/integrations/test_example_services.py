"""The example web services on real sockets, with the sandbox panel behind them."""

import asyncio
import json
import signal
from collections import Counter

import aiohttp
import pytest
from attrs import frozen

from tests.helpers import KEY, assert_no_key, library_tasks, without_slow_callbacks
from tests.integrations.services import SERVICES, load, service_process
from tests.platforms import posix
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault

CAP = 16  # the client's default


@frozen
class Service:
    """A running service."""

    url: str
    clients: list

    async def get(self, session, gonderim_id):
        async with session.get(f"{self.url}/gonderim/{gonderim_id}") as response:
            return response.status, dict(response.headers), await response.json()

    def post(self, session, ids):
        return session.post(f"{self.url}/gonderimler", json={"ids": list(ids)})


@pytest.fixture
def timeout():
    return 60.0


@pytest.fixture(params=list(SERVICES))
async def service(request, panel, monkeypatch, timeout):
    """Run each service, without retries; look afterwards that its client is closed."""
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
    module, clients = load(request.param), []

    def make(*args, **kwargs):
        once = RetryPolicy(attempts=1)
        clients.append(VairoSMSClient(*args, timeout=timeout, retry=once, **kwargs))
        return clients[-1]

    monkeypatch.setattr(module, "VairoSMSClient", make)
    async with SERVICES[request.param](module) as url:
        yield Service(url, clients)
    (client,) = clients  # one for all requests
    with pytest.raises(RuntimeError, match="closed"):
        await client.get_gonderim(52)


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def lines_of(response):
    text = await response.text()
    assert_no_key(text)
    return [json.loads(line) for line in text.splitlines()]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def at_work():
    """Count the loop's tasks, but for those that wait on an open connection."""
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    return Counter(name for name in names if name != "RequestHandler.start")


async def test_one_packet(service, session):
    status, headers, gonderim = await service.get(session, 52)
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert gonderim["sms_baslik"] == "08505326480"
    assert gonderim["paket_durum"] == 1


@pytest.mark.parametrize("timeout", [0.5])
@pytest.mark.parametrize(
    ("gonderim_id", "fault", "status", "name"),
    [
        ("abc", None, 422, "VairoSMSInvalidIdError"),
        ("9999999", None, 404, "VairoSMSNotFoundError"),
        ("52", Fault("status", 401), 500, "VairoSMSAuthError"),
        ("52", Fault("status", 429), 503, "VairoSMSRateLimitError"),
        ("52", Fault("hang"), 504, "VairoSMSTimeoutError"),
        ("52", Fault("status", 500), 502, "VairoSMSServerError"),
        ("52", Fault("reset"), 502, "VairoSMSConnectionError"),
        ("52", Fault("html", 200), 502, "VairoSMSResponseError"),
        ("52", Fault("status", 400), 502, "VairoSMSAPIError"),
    ],
)
async def test_each_error_has_its_answer(service, session, panel, gonderim_id, fault, status, name):
    if fault is not None:
        panel.fail(fault)
    answered, _, told = await service.get(session, gonderim_id)
    assert (answered, told["type"]) == (status, name)
    assert_no_key(told["message"])


@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_that_the_panel_asks_for_is_handed_on(service, session, panel, status):
    panel.fail(Fault("status", status, retry_after=90))
    answered, headers, _ = await service.get(session, 52)
    assert answered == 503
    assert headers["Retry-After"] == "90"


async def test_a_bulk_is_json_lines(service, session):
    async with service.post(session, [52, "61", "abc", 9999999]) as response:
        assert response.status == 200
        assert response.content_type == "application/jsonl"
        *results, last = await lines_of(response)
    errors = {str(line["id"]): line["error"] and line["error"]["type"] for line in results}
    assert errors == {
        "52": None,
        "61": None,
        "abc": "VairoSMSInvalidIdError",
        "9999999": "VairoSMSNotFoundError",
    }
    assert last == {"complete": True, "answered": 4, "error": None}


async def test_a_bulk_streams(service, session, panel):
    """The first line is here while the last packet is still asked for."""
    panel.fail(Fault("hang"), id=61)
    async with service.post(session, [61, 52]) as response:
        first = json.loads(await response.content.readline())
        assert panel.in_flight == 1
        assert first["id"] == 52


async def test_a_refused_key_ends_a_bulk_with_its_line(service, session, panel):
    panel.fail(Fault("status", 401), times=None)
    async with service.post(session, range(1, 200)) as response:
        assert response.status == 200
        *_, last = await lines_of(response)
    assert last["error"]["type"] == "VairoSMSAuthError"
    assert last["complete"] is False
    assert panel.requests <= CAP


BODIES = [b"", b"{", b"[52]", b'{"ids": 52}', b'{"ids": []}', b'{"ids": [1%s]}' % (b", 1" * 10_000)]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:12].decode())
async def test_a_body_that_cannot_be(service, session, panel, body):
    headers = {"Content-Type": "application/json"}
    async with session.post(f"{service.url}/gonderimler", data=body, headers=headers) as response:
        assert response.status == 422
        assert len(await response.read()) < 300
    assert panel.requests == 0


@pytest.mark.parametrize("given", ["[true]", "[1.0]", "[null]", "[NaN]", '["\\ud800"]', "[[1]]"])
async def test_what_is_no_id_is_not_taken_for_one(service, session, panel, given):
    """The whole body is refused, or that line has an error; a stranger's packet is in neither."""
    async with session.post(
        f"{service.url}/gonderimler",
        data=f'{{"ids": {given}}}',
        headers={"Content-Type": "application/json"},
    ) as response:
        told = await response.text()
        if response.status == 200:
            first, last = map(json.loads, told.splitlines())
            assert (first["gonderim"], first["error"]["type"]) == (None, "VairoSMSInvalidIdError")
            assert last["complete"]
        else:
            assert response.status == 422
            assert "message" in told
    assert panel.requests == 0


async def test_fifty_callers_of_whom_half_hang_up(service, session, panel):
    """Never more lookups than the cap; those who stay are served; nothing goes on for the rest."""
    panel.fail(Fault("hang"), times=None, id=7)  # what those who hang up wait for
    await service.get(session, 52)
    before = at_work()

    async def stay(n):
        if n % 2:
            return (await service.get(session, 100 + n))[0] == 200
        async with service.post(session, range(100, 140)) as response:
            last = (await lines_of(response))[-1]
            return last == {"complete": True, "answered": 40, "error": None}

    async def hang_up(n):
        if n % 2:
            await service.get(session, 7)
        else:
            async with service.post(session, [7, *range(200, 240)]) as response:
                await response.content.readline()
                await asyncio.Event().wait()

    leaving = [asyncio.create_task(hang_up(n)) for n in range(25)]
    await until(lambda: panel.requests_by_id[7])
    staying = [asyncio.create_task(stay(n)) for n in range(25)]
    await asyncio.sleep(0.1)
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    assert all(task.cancelled() for task in leaving)
    assert await asyncio.gather(*staying) == [True] * 25

    assert panel.peak_in_flight <= CAP
    await until(lambda: panel.in_flight == 0 and not library_tasks())
    await until(lambda: at_work() == before)
    (client,) = service.clients
    assert client.stats().in_flight == 0
    asked = panel.requests
    await service.get(session, 52)
    assert panel.requests == asked + 1


@posix
@pytest.mark.parametrize("name", SERVICES)
async def test_a_shutdown_during_a_bulk_is_clean(name, panel, session):
    panel.latency = (0.05, 0.05)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process(name, **settings) as (child, url):
        async with Service(url, []).post(session, range(1, 1001)) as response:
            await response.content.readline()
            child.send_signal(signal.SIGTERM)
            *_, last = await lines_of(response)  # a whole answer, and not a torn one
        said = (await asyncio.to_thread(child.communicate, timeout=20))[0].decode()
        said = without_slow_callbacks(said)
    assert (last["complete"], last["error"]) == (False, None)
    assert 1 <= last["answered"] < 200
    assert panel.requests == last["answered"]
    assert child.returncode in {0, -signal.SIGTERM}
    for word in ("Traceback", "unclosed", "Error", "Unclosed", "WARNING"):
        assert word not in said
    assert_no_key(said)


@pytest.mark.parametrize("name", SERVICES)
async def test_callers_who_hang_up_are_no_errors(name, panel):
    """Neither while they read, nor while they wait, nor when they have not read a word."""
    panel.latency = (0.0, 0.01)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process(name, **settings) as (child, url):
        async with aiohttp.ClientSession() as session:
            paths = ["gonderimler", "olaylar"] if name == "fastapi_service" else ["gonderimler"]
            for n, path in enumerate(paths * 12):
                response = await session.post(f"{url}/{path}", json={"ids": list(range(1, 400))})
                for _ in range(n % 4):
                    await response.content.readline()
                await asyncio.sleep(0.01 * (n % 3))
                response.close()
        await until(lambda: panel.in_flight == 0)
        child.terminate()
        said = (await asyncio.to_thread(child.communicate, timeout=20))[0].decode()
        said = without_slow_callbacks(said)
    assert "Traceback" not in said, said
    assert "rror" not in said


@pytest.mark.parametrize("name", SERVICES)
async def test_without_a_key_it_asks_a_sandbox_panel(name, panel, session):
    settings = {"VAIROSMS_API_KEY": "", "VAIROSMS_BASE_URL": panel.base_url}
    with service_process(name, **settings) as (_, url):
        status, _, gonderim = await Service(url, []).get(session, 61)
    assert (status, gonderim["paket_durum"]) == (200, -1)
    assert panel.requests == 0
