"""Ways a lookup can end, for tests that look for the key in other libraries' telemetry and logs.

A server is a coroutine function that takes an AsyncExitStack, starts a server on it and returns
the base URL.
"""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack, suppress

import aiohttp
import pytest
import trustme
from attrs import frozen

from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import VairoSMSAuthError, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


async def healthy_panel(stack):
    return (await stack.enter_async_context(SandboxPanel(KEY))).base_url


async def panel_with_another_key(stack):
    return (await stack.enter_async_context(SandboxPanel("another"))).base_url


def panel_with_fault(*args, **options):
    async def start(stack):
        panel = await stack.enter_async_context(SandboxPanel(KEY))
        panel.fail(Fault(*args, **options), times=None)
        return panel.base_url

    return start


def server_that_sends(data):
    async def start(stack):
        return await stack.enter_async_context(raw_server(serve_bytes(data)))

    return start


async def closed_port(stack):
    sock = stack.enter_context(socket.socket())
    sock.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


async def unknown_host(stack):
    return "https://yok.invalid/v1"


async def untrusted_certificate(stack):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return await stack.enter_async_context(
        raw_server(serve_bytes(http_response(answer_body())), ssl=context)
    )


async def hang_before_the_response(stack):
    async def serve(reader, writer):
        await read_request_head(reader)
        await reader.read()

    return await stack.enter_async_context(raw_server(serve))


async def hang_in_the_body(stack):
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(http_response(answer_body())[:-5])
        await reader.read()

    return await stack.enter_async_context(raw_server(serve))


@frozen
class Scenario:
    """A server, and what OpenTelemetry's span of a lookup there must report.

    Attributes:
        server: Starts the server.
        status: The HTTP status in the span, or None if the scenario does not fix it.
        exception: The name of the exception in the span, or None likewise.
        timeout: The client's timeout, in seconds.
    """

    server: object
    status: int | None = None
    exception: str | None = None
    timeout: float = 10


URL_WITH_KEY = f"https://x/52?api_key={KEY}".encode()
SCENARIOS = {
    "200": Scenario(healthy_panel, status=200),
    "401": Scenario(panel_with_another_key, status=401),
    "404": Scenario(panel_with_fault(status=404), status=404),
    "429": Scenario(panel_with_fault(status=429, retry_after=0), status=429),
    "503 with an HTML page": Scenario(panel_with_fault("html", 503), status=503),
    "connection refused": Scenario(closed_port, exception="ClientConnectorError"),
    "unknown host": Scenario(unknown_host, exception="ClientConnectorDNSError"),
    "untrusted certificate": Scenario(
        untrusted_certificate, exception="ClientConnectorCertificateError"
    ),
    "connection reset": Scenario(panel_with_fault("reset")),
    "not HTTP": Scenario(
        server_that_sends(b"HTTP/1.1 " + URL_WITH_KEY + b"\r\n\r\n"),
        exception="ClientResponseError",
    ),
    "header too long": Scenario(
        server_that_sends(b"HTTP/1.1 200 OK\r\nX: " + URL_WITH_KEY * 500 + b"\r\n\r\n"),
        exception="ClientResponseError",
    ),
    "cut in a header": Scenario(
        server_that_sends(b"HTTP/1.1 302 Found\r\nLocation: " + URL_WITH_KEY + b"\r\n"),
        exception="ClientConnectionError",
    ),
    "hang before the response": Scenario(
        hang_before_the_response, exception="CancelledError", timeout=0.1
    ),
    "hang in the body": Scenario(hang_in_the_body, timeout=0.1),
}

# The client's own timeout replaces these limits.
_TINY_TIMEOUTS = aiohttp.ClientTimeout(connect=0.001, sock_connect=0.001, sock_read=0.001)
SESSIONS = {
    "own session": None,
    "given session": aiohttp.ClientSession,
    "given session with tiny timeouts": lambda: aiohttp.ClientSession(
        timeout=_TINY_TIMEOUTS, raise_for_status=True
    ),
}


async def run_scenario(scenario, open_session=None):
    """Look up one packet with gather_gonderimler and one with iter_gonderimler."""
    async with AsyncExitStack() as stack:
        base_url = await scenario.server(stack)
        session = await stack.enter_async_context(open_session()) if open_session else None
        async with VairoSMSClient(
            KEY, base_url=base_url, session=session, retry=NO_RETRIES, timeout=scenario.timeout
        ) as client:
            await client.gather_gonderimler([52], return_exceptions=True)
            with suppress(VairoSMSAuthError):
                async for _ in client.iter_gonderimler([61]):
                    pass


async def cancel_two_lookups():
    """Start two lookups on a panel that hangs, and let asyncio.timeout cancel them."""
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(None) as timeout:
                    lookups = asyncio.ensure_future(client.gather_gonderimler([52, 61]))
                    while panel.in_flight < 2:
                        await asyncio.sleep(0.001)
                    timeout.reschedule(asyncio.get_running_loop().time())
                    await lookups
