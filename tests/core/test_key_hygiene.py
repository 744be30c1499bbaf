"""No error and no log record shows the API key, whatever fails."""

import asyncio
import socket
import ssl

import aiohttp
import pytest
import trustme

from tests.core.key_hygiene import assert_errors_are_keyless
from tests.helpers import (
    KEY,
    answer_body,
    full_listener,
    http_response,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.usefixtures("no_key_in_logs")

FAULTS = {
    "500": Fault(),
    "400": Fault(status=400),
    "401": Fault(status=401),
    "403": Fault(status=403),
    "404": Fault(status=404),
    "429": Fault(status=429, retry_after=0),
    "429 with a long Retry-After": Fault(status=429, retry_after=9999),
    "HTML under 200": Fault("html", 200),
    "HTML under 403": Fault("html", 403),
    "HTML under 503": Fault("html", 503),
    "reset": Fault("reset"),
    "cut": Fault("cut"),
    "hang": Fault("hang"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_of_the_panel_does_not_show_the_key(fault):
    async with SandboxPanel(KEY) as panel:
        panel.fail(fault, times=None)
        timeout = 0.05 if fault.kind == "hang" else 5
        await assert_errors_are_keyless(panel.base_url, timeout=timeout)


async def test_a_refused_key_is_not_shown():
    async with SandboxPanel("another") as panel:
        await assert_errors_are_keyless(panel.base_url)


async def test_a_refused_connection_does_not_show_the_key():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        await assert_errors_are_keyless(f"http://127.0.0.1:{sock.getsockname()[1]}")


class FailingResolver(aiohttp.abc.AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise OSError(None, "Name or service not known")

    async def close(self):
        pass


async def test_a_dns_failure_does_not_show_the_key():
    connector = aiohttp.TCPConnector(resolver=FailingResolver())
    async with aiohttp.ClientSession(connector=connector) as session:
        await assert_errors_are_keyless("https://yok.invalid", session=session)


async def test_a_tls_failure_does_not_show_the_key():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with raw_server(serve_bytes(http_response(answer_body())), ssl=context) as base_url:
        assert (await assert_errors_are_keyless(base_url)).reason == "tls"


async def test_a_proxy_that_refuses_does_not_show_the_key():
    async with raw_server(serve_bytes(http_response(KEY.encode(), "407 No"))) as proxy:
        async with aiohttp.ClientSession(proxy=proxy) as session:
            error = await assert_errors_are_keyless("https://panel.example", session=session)
    assert error.reason == "proxy"


async def test_a_timeout_of_the_connection_does_not_show_the_key():
    with full_listener() as base_url:
        error = await assert_errors_are_keyless(base_url, timeout=0.05)
    assert error.reason == "timeout"


@pytest.mark.parametrize(
    "first_bytes", [b"", http_response(answer_body())[:-5]], ids=["headers", "body"]
)
async def test_a_timeout_of_the_answer_does_not_show_the_key(first_bytes):
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(first_bytes)
        await asyncio.sleep(10)

    async with raw_server(serve) as base_url:
        error = await assert_errors_are_keyless(base_url, timeout=0.05)
    assert error.reason == "timeout"
