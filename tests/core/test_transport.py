"""The request on the wire, and what a caller's own session changes about it."""

import gzip
import re

import aiohttp
import pytest

import vairosms_async
from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    lookup_once,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSNotFoundError,
)
from vairosms_async.sandbox import Fault


async def captured_request(session=None, host="127.0.0.1"):
    """Look up packet 52 twice; return the request line and the headers of the request.

    The server sets a cookie. The second request must be the same as the first.
    """
    heads = []

    async def serve(reader, writer):
        while True:
            heads.append(await read_request_head(reader))
            writer.write(
                http_response(answer_body(), "200 OK", "Set-Cookie: laravel_session=abc; path=/")
            )

    async with raw_server(serve) as base_url:
        url = base_url.replace("127.0.0.1", host)
        async with VairoSMSClient("test-key", base_url=url, session=session) as client:
            await client.get_gonderim(52)
            await client.get_gonderim(52)
    assert heads[0] == heads[1]
    request_line, *headers = heads[0].decode().rstrip().split("\r\n")
    return request_line, dict(header.split(": ", 1) for header in headers)


async def test_the_request_has_the_documented_url_and_headers():
    request_line, headers = await captured_request()
    assert request_line == "GET /GonderimBilgisi/52?api_key=test-key HTTP/1.1"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", headers.pop("Host"))
    user_agent = f"vairosms-async/{vairosms_async.__version__} aiohttp/{aiohttp.__version__}"
    assert headers == {
        "Accept": "application/json",
        # Python's zlib decodes both. aiohttp would also offer br with a Brotli that is too old.
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": user_agent,
    }


async def test_keeps_no_cookies():
    """The host is a name, since aiohttp's default jar keeps no cookies of numeric hosts."""
    _, headers = await captured_request(host="localhost")
    assert "Cookie" not in headers


async def test_sends_the_headers_of_a_callers_session():
    own_headers = {
        "User-Agent": "Acme/1.0",
        "Accept-Encoding": "identity",
        "X-Request-Source": "gece işi".encode().decode("latin-1"),
    }
    async with aiohttp.ClientSession(
        headers=own_headers, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        before = dict(session.headers)
        _, headers = await captured_request(session)
        assert dict(session.headers) == before
        assert not session.closed
    assert headers["User-Agent"] == "Acme/1.0"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Accept"] == "application/json"
    assert headers.keys() >= {"X-Request-Source"}


async def test_the_server_receives_the_key_unchanged(panel):
    async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


async def test_a_lost_connection_is_one_request_per_attempt(panel):
    """aiohttp itself would send a GET again if its connection is lost."""
    panel.fail(Fault("reset"), times=None)
    async with aiohttp.ClientSession() as session:
        policy = RetryPolicy(attempts=2, initial_delay=0)
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, session=session, retry=policy
        ) as client:
            with pytest.raises(VairoSMSConnectionError):
                await client.get_gonderim(52)
    assert panel.requests == 2


async def test_overrides_the_settings_of_a_callers_session(panel):
    async with aiohttp.ClientSession(
        raise_for_status=True,
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=0.001),
        base_url="http://127.0.0.1:1/",
    ) as session:
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            assert (await client.get_gonderim(52)).id == 52
            with pytest.raises(VairoSMSNotFoundError):
                await client.get_gonderim(5000)
        gzipped = http_response(gzip.compress(answer_body()), "200 OK", "Content-Encoding: gzip")
        async with raw_server(serve_bytes(gzipped)) as base_url:
            assert (await lookup_once(base_url, session=session)).id == 52
