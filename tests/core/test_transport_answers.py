"""Unusual answers on real sockets: which are accepted, and how their connections end."""

import asyncio
import gc
import gzip

import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    assert_no_key,
    http_response,
    lookup_once,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import VairoSMSClient, VairoSMSError, VairoSMSResponseError

JSON_TYPE = "Content-Type: application/json"
NOT_THE_PANELS_ANSWER = {
    "not HTTP": b"220 smtp.example ESMTP\r\n\r\n",
    "invalid status line": b"HTTP/1.1 abc OK\r\n\r\n",
    "invalid header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "very long header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "invalid gzip": http_response(b"not gzip at all", "200 OK", "Content-Encoding: gzip"),
    "redirect": http_response(b"", "302 Found", "Location: https://evil.example/?api_key=x"),
    "redirect to itself": http_response(b"", "301 Moved", "Location: /"),
    "no content": http_response(b"", "204 No Content"),
    "HTML": http_response(b"<html>", "200 OK", "Content-Type: text/html"),
    "HTML under 403": http_response(b"<html>", "403 Forbidden"),
    "another packet": http_response(answer_body({"id": 61}), "200 OK", JSON_TYPE),
    "two answers in one body": http_response(
        answer_body() + answer_body({"id": 61}), "200 OK", JSON_TYPE
    ),
    "length shorter than the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + answer_body(),
}


@pytest.mark.parametrize("name", NOT_THE_PANELS_ANSWER)
async def test_an_answer_that_is_not_the_panels_is_not_retried(name):
    requests = 0

    async def serve(reader, writer):
        nonlocal requests
        await read_request_head(reader)
        requests += 1
        writer.write(NOT_THE_PANELS_ANSWER[name])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSError) as caught:
                await client.get_gonderim(52)
    assert type(caught.value) is VairoSMSResponseError, caught.value
    assert requests == 1


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(
            http_response(answer_body(), "200 OK", "Content-Type: text/html; charset=utf-16"),
            id="wrong charset",
        ),
        pytest.param(
            http_response(gzip.compress(answer_body()), "200 OK", "Content-Encoding: gzip"),
            id="gzip",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + answer_body(), id="HTTP/1.0"),
        pytest.param(
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"1\r\n%c\r\n" % byte for byte in answer_body())
            + b"0\r\n\r\n",
            id="chunks of one byte",
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http_response(answer_body()),
            id="1xx first",
        ),
    ],
)
async def test_accepts_an_unusual_but_valid_answer(response):
    async with raw_server(serve_bytes(response)) as base_url:
        assert (await lookup_once(base_url)).id == 52


async def test_a_surplus_answer_is_never_used_for_the_next_lookup():
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(http_response(answer_body()) + http_response(answer_body({"id": 61})))
        await read_request_head(reader)
        writer.write(http_response(answer_body({"id": 62})))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            assert (await client.get_gonderim(52)).id == 52
            await asyncio.sleep(0.05)
            for gonderim_id in (62, 63):
                [outcome] = await client.gather_gonderimler([gonderim_id], return_exceptions=True)
                assert isinstance(outcome, VairoSMSError)


async def test_closes_the_connection_after_a_101(caplog):
    """aiohttp leaves this connection open, and logs its URL when the connection is collected."""
    asyncio.get_running_loop().set_debug(True)
    connection_closed = asyncio.Event()

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
        )
        await reader.read()
        connection_closed.set()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSResponseError, match="HTTP 101"):
                await client.get_gonderim(52)
            async with asyncio.timeout(5):
                await connection_closed.wait()
    gc.collect()
    assert_no_key(caplog.text)
    assert "Unclosed" not in caplog.text
