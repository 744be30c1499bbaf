"""Network failures on real sockets: the error's `reason` and message, and whether it is retried."""

import asyncio
import socket

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    answer_body,
    full_listener,
    http_response,
    lookup_once,
    raw_server,
    read_request_head,
    reset_on_close,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)
from vairosms_async._failures import to_library_error
from vairosms_async.sandbox import SandboxPanel


async def reset_before_the_answer(reader, writer):
    await read_request_head(reader)
    reset_on_close(writer)


async def close_before_the_answer(reader, writer):
    await read_request_head(reader)


async def reset_in_the_body(reader, writer):
    await read_request_head(reader)
    writer.write(http_response(answer_body())[:-50])
    await writer.drain()
    await asyncio.sleep(0.05)
    reset_on_close(writer)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LOST_CONNECTIONS = {
    "reset before the answer": reset_before_the_answer,
    "closed before the answer": close_before_the_answer,
    "reset in the body": reset_in_the_body,
    "truncated headers": serve_bytes(http_response(answer_body())[:20]),
    "truncated body": serve_bytes(http_response(answer_body())[:-1]),
    "truncated chunk": serve_bytes(CHUNKED + b"400\r\n" + answer_body()),
    "no last chunk": serve_bytes(CHUNKED + b"%x\r\n%b\r\n" % (len(answer_body()), answer_body())),
}


@pytest.mark.parametrize("serve_once", LOST_CONNECTIONS.values(), ids=LOST_CONNECTIONS)
async def test_a_lost_connection_is_one_request_and_one_error(serve_once):
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await serve_once(reader, writer)

    async with raw_server(serve) as base_url:
        error = await lookup_once(base_url)
    assert type(error) is VairoSMSConnectionError
    assert error.reason == "cut"
    assert connections == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_an_answer_without_its_decoder_or_with_invalid_data_cannot_be_decompressed(encoding):
    response = http_response(answer_body(), "200 OK", f"Content-Encoding: {encoding}")
    async with raw_server(serve_bytes(response)) as base_url:
        error = await lookup_once(base_url)
    assert type(error) is VairoSMSResponseError
    assert "cannot be decompressed" in str(error)
    assert error.retryable


async def test_an_answer_that_is_not_http_is_retryable():
    async with raw_server(serve_bytes(b"220 smtp.example ESMTP\r\n\r\n")) as base_url:
        error = await lookup_once(base_url)
    assert "is not HTTP" in str(error)
    assert error.retryable


async def assert_proxy_error(proxy):
    async with aiohttp.ClientSession(proxy=proxy) as session:
        error = await lookup_once("https://vairosms.com/Panel/api/v1", session=session)
    assert type(error) is VairoSMSConnectionError
    assert error.reason == "proxy"
    assert "vairosms.com" in str(error)


async def test_a_proxy_that_refuses_is_a_proxy_error():
    refusal = http_response(b"", "407 Proxy Authentication Required")
    async with raw_server(serve_bytes(refusal)) as proxy:
        await assert_proxy_error(proxy)


async def test_a_proxy_that_does_not_listen_is_a_proxy_error():
    await assert_proxy_error("http://127.0.0.1:1")


async def test_a_listener_with_a_full_backlog_is_a_timeout():
    with full_listener() as base_url:
        error = await lookup_once(base_url, timeout=0.1)
    assert type(error) is VairoSMSTimeoutError
    assert "within 0.1 s" in str(error)


async def test_a_refused_connection_is_a_connect_error_that_names_host_and_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        error = await lookup_once(f"http://127.0.0.1:{port}")
    assert error.reason == "connect"
    assert f"no connection to 127.0.0.1:{port}: " in str(error)


async def test_a_retry_succeeds_once_the_panel_listens():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    policy = RetryPolicy(attempts=20, initial_delay=0.05, max_delay=0.05)
    base_url = f"http://127.0.0.1:{port}/Panel/api/v1"
    async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await asyncio.sleep(0.05)
        async with SandboxPanel(KEY, port=port):
            assert (await lookup).id == 52


async def test_the_message_has_an_ipv6_address_in_brackets():
    async with SandboxPanel(KEY, host="::1") as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            assert (await client.get_gonderim(52)).id == 52
        base_url = panel.base_url
    error = await lookup_once(base_url)
    assert "no connection to [::1]:" in str(error)


class ResolverThatFailsTwice(aiohttp.abc.AbstractResolver):
    """Resolves every name to loopback, from the third call on."""

    calls = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.calls += 1
        if self.calls < 3:
            raise OSError(-2, "Name or service not known")
        address = {"hostname": host, "host": "127.0.0.1", "port": port}
        return [address | {"family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        pass


async def test_a_dns_failure_is_retried():
    resolver = ResolverThatFailsTwice()
    connector = aiohttp.TCPConnector(resolver=resolver)
    policy = RetryPolicy(initial_delay=0.001)
    async with (
        SandboxPanel(KEY) as panel,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        base_url = panel.base_url.replace("127.0.0.1", "localhost")
        async with VairoSMSClient(KEY, base_url=base_url, session=session, retry=policy) as client:
            assert (await client.get_gonderim(52)).id == 52
    assert resolver.calls == 3


async def test_an_unknown_host_name_is_a_dns_error():
    """This uses the machine's resolver. RFC 6761 reserves ``.invalid``: no such name exists."""
    error = await lookup_once("https://yok.invalid/v1")
    assert type(error) is VairoSMSConnectionError
    assert error.reason == "dns"


def test_the_message_of_a_dns_error_names_host_and_port():
    exc = aiohttp.ClientConnectorDNSError(None, OSError(-2, "x"))
    error = to_library_error(exc, 52, "https://yok.invalid:8443/", 5)
    assert error.reason == "dns"
    assert str(error).startswith("gonderim 52: ")
    assert "yok.invalid:8443" in str(error)
