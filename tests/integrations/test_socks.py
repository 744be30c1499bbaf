"""aiohttp-socks: lookups over a SOCKS proxy, and one that refuses or closes."""

import asyncio

import aiohttp
import pytest
from aiohttp_socks import ProxyConnector

from tests.helpers import KEY, assert_keyless, raw_server
from tests.project.documents import block_with, page
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError


async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_the_guides_lookup_goes_through_a_socks_proxy_with_a_password(panel, monkeypatch):
    monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
    monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
    targets = []

    async def serve(reader, writer):
        _, methods = await reader.readexactly(2)
        assert 2 in await reader.readexactly(methods)  # a name and a password
        writer.write(b"\x05\x02")
        credentials = b"\x01\x04user\x08password"
        assert await reader.readexactly(len(credentials)) == credentials
        writer.write(b"\x01\x00")
        assert await reader.readexactly(4) == b"\x05\x01\x00\x01"  # connect to an IPv4 address
        host = ".".join(map(str, await reader.readexactly(4)))
        port = int.from_bytes(await reader.readexactly(2))
        targets.append(f"{host}:{port}")
        panel_reader, panel_writer = await asyncio.open_connection(host, port)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await asyncio.gather(copy(reader, panel_writer), copy(panel_reader, writer))

    names = {}
    exec(block_with(page("guides/proxies.md"), "look_up_over_socks"), names)
    async with raw_server(serve) as base_url:
        proxy = base_url.replace("http://", "socks5://user:password@")
        gonderim = await names["look_up_over_socks"](proxy)
    assert gonderim.id == 52
    assert targets == [panel.base_url.split("/")[2]]
    assert panel.requests == 1


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
    connector = ProxyConnector.from_url(proxy)
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
