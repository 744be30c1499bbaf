"""The example web services, served on loopback, in front of a sandbox panel."""

import asyncio
import json
import signal
from collections import Counter

import aiohttp
import pytest
from attrs import frozen

from tests.helpers import (
    KEY,
    NO_RETRIES,
    assert_no_key,
    library_tasks,
    wait_until,
    without_slow_callbacks,
)
from tests.integrations.services import SERVICES, import_example, service_process
from tests.platforms import posix
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault

MAX_CONCURRENCY = 16  # the client's default


@frozen
class Service:
    """A running service.

    Attributes:
        url: Its root.
        clients: The VairoSMSClients that it has created, if it runs in this process.
    """

    url: str
    clients: list

    async def get(self, session, gonderim_id):
        """Look up one packet. Return the status, the headers and the JSON of the response."""
        async with session.get(f"{self.url}/gonderim/{gonderim_id}") as response:
            return response.status, dict(response.headers), await response.json()

    def post_bulk(self, session, ids):
        """Look up many packets. Return aiohttp's context manager of the response."""
        return session.post(f"{self.url}/gonderimler", json={"ids": list(ids)})


@pytest.fixture
def timeout():
    """Return the timeout of the service's client. Tests override it with parametrize."""
    return 60.0


@pytest.fixture(params=list(SERVICES))
async def service(request, panel, monkeypatch, timeout):
    """Run each service without retries. Check that it uses one client and closes it."""
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
    module, clients = import_example(request.param), []

    def client_without_retries(*args, **kwargs):
        clients.append(VairoSMSClient(*args, timeout=timeout, retry=NO_RETRIES, **kwargs))
        return clients[-1]

    monkeypatch.setattr(module, "VairoSMSClient", client_without_retries)
    async with SERVICES[request.param](module) as url:
        yield Service(url, clients)
    (client,) = clients
    with pytest.raises(RuntimeError, match="closed"):
        await client.get_gonderim(52)


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def json_lines(response):
    text = await response.text()
    assert_no_key(text)
    return [json.loads(line) for line in text.splitlines()]


def busy_tasks():
    """Count the loop's tasks by name, without those that wait on an idle connection."""
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    return Counter(name for name in names if name != "RequestHandler.start")


async def test_returns_the_record_of_a_packet(service, session):
    status, headers, gonderim = await service.get(session, 52)
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert gonderim["sms_baslik"] == "08505326480"
    assert gonderim["paket_durum"] == 1


@pytest.mark.parametrize("timeout", [0.5])
@pytest.mark.parametrize(
    ("gonderim_id", "fault", "status", "name"),
    [
        pytest.param("abc", None, 422, "VairoSMSInvalidIdError", id="invalid id"),
        pytest.param("9999999", None, 404, "VairoSMSNotFoundError", id="unknown id"),
        pytest.param("52", Fault("status", 401), 500, "VairoSMSAuthError", id="wrong key"),
        pytest.param("52", Fault("status", 429), 503, "VairoSMSRateLimitError", id="rate limit"),
        pytest.param("52", Fault("hang"), 504, "VairoSMSTimeoutError", id="timeout"),
        pytest.param("52", Fault("status", 500), 502, "VairoSMSServerError", id="panel fails"),
        pytest.param("52", Fault("reset"), 502, "VairoSMSConnectionError", id="reset"),
        pytest.param("52", Fault("html", 200), 502, "VairoSMSResponseError", id="HTML page"),
        pytest.param("52", Fault("status", 400), 502, "VairoSMSAPIError", id="bad request"),
    ],
)
async def test_answers_each_error_with_its_http_status(
    service, session, panel, gonderim_id, fault, status, name
):
    if fault is not None:
        panel.fail(fault)
    answered_status, _, error = await service.get(session, gonderim_id)
    assert (answered_status, error["type"]) == (status, name)
    assert_no_key(error["message"])


@pytest.mark.parametrize("status", [429, 503])
async def test_passes_the_panels_retry_after_to_the_caller(service, session, panel, status):
    panel.fail(Fault("status", status, retry_after=90))
    answered_status, headers, _ = await service.get(session, 52)
    assert answered_status == 503
    assert headers["Retry-After"] == "90"


async def test_a_bulk_has_one_json_line_per_packet_and_a_last_line(service, session):
    async with service.post_bulk(session, [52, "61", "abc", 9999999]) as response:
        assert response.status == 200
        assert response.content_type == "application/jsonl"
        *results, last = await json_lines(response)
    errors = {str(line["id"]): line["error"] and line["error"]["type"] for line in results}
    assert errors == {
        "52": None,
        "61": None,
        "abc": "VairoSMSInvalidIdError",
        "9999999": "VairoSMSNotFoundError",
    }
    assert last == {"complete": True, "answered": 4, "error": None}


async def test_a_bulk_sends_each_line_at_once(service, session, panel):
    """The first line arrives while another lookup is still in flight."""
    panel.fail(Fault("hang"), id=61)
    async with service.post_bulk(session, [61, 52]) as response:
        first = json.loads(await response.content.readline())
        assert panel.in_flight == 1
        assert first["id"] == 52


async def test_a_refused_key_ends_a_bulk_and_is_in_the_last_line(service, session, panel):
    panel.fail(Fault("status", 401), times=None)
    async with service.post_bulk(session, range(1, 200)) as response:
        assert response.status == 200
        *_, last = await json_lines(response)
    assert last["error"]["type"] == "VairoSMSAuthError"
    assert last["complete"] is False
    assert panel.requests <= MAX_CONCURRENCY


INVALID_BODIES = {
    "empty": b"",
    "not JSON": b"{",
    "not an object": b"[52]",
    "ids is a number": b'{"ids": 52}',
    "no ids": b'{"ids": []}',
    "10,001 ids": b'{"ids": [1%s]}' % (b", 1" * 10_000),
}


@pytest.mark.parametrize("body", INVALID_BODIES.values(), ids=INVALID_BODIES)
async def test_rejects_an_invalid_body_with_a_short_answer(service, session, panel, body):
    headers = {"Content-Type": "application/json"}
    async with session.post(f"{service.url}/gonderimler", data=body, headers=headers) as response:
        assert response.status == 422
        assert len(await response.read()) < 300
    assert panel.requests == 0


@pytest.mark.parametrize("ids", ["[true]", "[1.0]", "[null]", "[NaN]", '["\\ud800"]', "[[1]]"])
async def test_never_looks_up_a_packet_for_an_invalid_id(service, session, panel, ids):
    """The service either rejects the whole body or answers with a line that has the error."""
    async with session.post(
        f"{service.url}/gonderimler",
        data=f'{{"ids": {ids}}}',
        headers={"Content-Type": "application/json"},
    ) as response:
        text = await response.text()
        if response.status == 200:
            first, last = map(json.loads, text.splitlines())
            assert (first["gonderim"], first["error"]["type"]) == (None, "VairoSMSInvalidIdError")
            assert last["complete"]
        else:
            assert response.status == 422
            assert "message" in text
    assert panel.requests == 0


async def test_callers_who_disconnect_leave_no_lookups_and_do_not_disturb_others(
    service, session, panel
):
    panel.fail(Fault("hang"), times=None, id=7)  # only callers who disconnect wait for packet 7
    await service.get(session, 52)
    tasks_before = busy_tasks()

    async def stay(n):
        if n % 2:
            return (await service.get(session, 100 + n))[0] == 200
        async with service.post_bulk(session, range(100, 140)) as response:
            last = (await json_lines(response))[-1]
            return last == {"complete": True, "answered": 40, "error": None}

    async def disconnect(n):
        if n % 2:
            await service.get(session, 7)
        else:
            async with service.post_bulk(session, [7, *range(200, 240)]) as response:
                await response.content.readline()
                await asyncio.Event().wait()

    leaving = [asyncio.create_task(disconnect(n)) for n in range(25)]
    await wait_until(lambda: panel.requests_by_id[7])
    staying = [asyncio.create_task(stay(n)) for n in range(25)]
    await asyncio.sleep(0.1)
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    assert all(task.cancelled() for task in leaving)
    assert await asyncio.gather(*staying) == [True] * 25

    assert panel.peak_in_flight <= MAX_CONCURRENCY
    await wait_until(lambda: panel.in_flight == 0 and not library_tasks())
    await wait_until(lambda: busy_tasks() == tasks_before)
    (client,) = service.clients
    assert client.stats().in_flight == 0
    requests_before = panel.requests
    await service.get(session, 52)
    assert panel.requests == requests_before + 1


@posix
@pytest.mark.parametrize("name", SERVICES)
async def test_a_shutdown_ends_a_running_bulk_early_with_a_last_line(name, panel, session):
    panel.latency = (0.05, 0.05)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process(name, **settings) as (child, url):
        async with Service(url, []).post_bulk(session, range(1, 1001)) as response:
            await response.content.readline()
            child.send_signal(signal.SIGTERM)
            *_, last = await json_lines(response)  # the response is complete
        output = (await asyncio.to_thread(child.communicate, timeout=20))[0].decode()
        output = without_slow_callbacks(output)
    assert (last["complete"], last["error"]) == (False, None)
    assert 1 <= last["answered"] < 200
    assert panel.requests == last["answered"]
    assert child.returncode in {0, -signal.SIGTERM}
    for word in ("Traceback", "unclosed", "Error", "Unclosed", "WARNING"):
        assert word not in output
    assert_no_key(output)


@pytest.mark.parametrize("name", SERVICES)
async def test_logs_no_error_when_callers_disconnect(name, panel):
    """Callers disconnect before they read, while they read and while they wait."""
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
        await wait_until(lambda: panel.in_flight == 0)
        child.terminate()
        output = (await asyncio.to_thread(child.communicate, timeout=20))[0].decode()
        output = without_slow_callbacks(output)
    assert "Traceback" not in output, output
    assert "error" not in output.lower()


@pytest.mark.parametrize("name", SERVICES)
async def test_uses_a_sandbox_panel_without_a_key_in_the_environment(name, panel, session):
    settings = {"VAIROSMS_API_KEY": "", "VAIROSMS_BASE_URL": panel.base_url}
    with service_process(name, **settings) as (_, url):
        status, _, gonderim = await Service(url, []).get(session, 61)
    assert (status, gonderim["paket_durum"]) == (200, -1)
    assert panel.requests == 0
