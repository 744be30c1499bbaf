"""aiohttp-socks: a SOCKS proxy that refuses or closes gives connection errors."""

import aiohttp
import pytest

from tests.helpers import KEY, assert_keyless, raw_server
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError

aiohttp_socks = pytest.importorskip("aiohttp_socks")


async def refuse(reader, writer):
    await reader.readexactly(3)
    writer.write(b"\x05\x00")
    await reader.readexactly(4)
    writer.write(b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")
    await writer.drain()
    await reader.read()


async def close_at_once(reader, writer):
    pass


async def answer_nonsense(reader, writer):
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    await reader.read()


async def results_over(proxy):
    """Look up two ids over a SOCKS proxy; return the error of each."""
    policy = RetryPolicy(attempts=2, initial_delay=0)
    connector = aiohttp_socks.ProxyConnector.from_url(proxy)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(
            KEY, base_url="http://127.0.0.1:9/x", session=session, retry=policy
        ) as client,
    ):
        results = [result async for result in client.iter_gonderimler([52, 61])]
    assert sorted(result.id for result in results) == [52, 61]
    return [result.error for result in results]


@pytest.mark.parametrize(
    "serve", [refuse, close_at_once, answer_nonsense], ids=lambda f: f.__name__
)
async def test_a_socks_proxy_that_fails_is_a_connection_error_per_id(serve):
    connections = 0

    async def counted(reader, writer):
        nonlocal connections
        connections += 1
        await serve(reader, writer)

    async with raw_server(counted) as base_url:
        errors = await results_over(base_url.replace("http:", "socks5:"))
    for error in errors:
        assert type(error) is VairoSMSConnectionError
        assert error.reason == "connect"
        assert_keyless(error)
    assert connections == 4


async def test_a_socks_proxy_that_does_not_listen_is_a_connection_error_per_id():
    for error in await results_over("socks5://127.0.0.1:1"):
        assert type(error) is VairoSMSConnectionError
        assert error.reason == "connect"
        assert_keyless(error)
