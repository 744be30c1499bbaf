"""The limits of one exchange: the size of the body, and the timeout."""

import asyncio
import gzip
import tracemalloc
import zlib

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    http_response,
    lookup_once,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import (
    VairoSMSClient,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)
from vairosms_async._transport import MAX_BODY


async def lookup_padded_body(size):
    """Look up packet 52; the server pads its answer with blanks to `size` bytes."""
    body = answer_body()
    padded = body + b" " * (size - len(body))
    async with raw_server(serve_bytes(http_response(padded))) as base_url:
        return await lookup_once(base_url)


async def test_reads_a_body_of_the_maximum_size():
    assert (await lookup_padded_body(MAX_BODY)).id == 52


async def test_rejects_a_body_one_byte_above_the_maximum():
    error = await lookup_padded_body(MAX_BODY + 1)
    assert type(error) is VairoSMSResponseError
    assert f"more than {MAX_BODY} bytes" in str(error)
    assert (error.status, error.excerpt) == (200, "")


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_decompression_bomb_does_not_use_more_memory_than_the_limit(encoding, compress):
    bomb = http_response(compress(bytes(200 * MAX_BODY)), "200 OK", f"Content-Encoding: {encoding}")
    async with raw_server(serve_bytes(bomb)) as base_url:
        tracemalloc.start()
        try:
            outcome = await lookup_once(base_url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(outcome) is VairoSMSResponseError
    assert "more than" in str(outcome)
    assert peak < 8 * MAX_BODY


async def test_closes_the_connection_of_an_endless_body():
    connection_lost = asyncio.Event()

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            connection_lost.set()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
            # Inside the `async with`: closing the client would close the connection too.
            await asyncio.wait_for(connection_lost.wait(), 5)
    assert type(outcome) is VairoSMSResponseError
    assert "more than" in str(outcome)


async def send_nothing(reader, writer):
    await reader.read()


async def send_one_byte_at_a_time(reader, writer):
    await read_request_head(reader)
    for byte in http_response(answer_body()):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("serve", [send_nothing, send_one_byte_at_a_time])
async def test_the_timeout_covers_the_whole_exchange(serve):
    async with raw_server(serve) as base_url:
        error = await lookup_once(base_url, timeout=0.2)
    assert type(error) is VairoSMSTimeoutError
    assert error.reason == "timeout"
    assert "within 0.2 s" in str(error)


@pytest.mark.looptime
async def test_timeout_none_waits_without_limit():
    async def serve(reader, writer):
        await read_request_head(reader)
        await asyncio.sleep(3000)
        writer.write(http_response(answer_body()))

    async with raw_server(serve) as base_url:
        assert type(await lookup_once(base_url, timeout=2999)) is VairoSMSTimeoutError
        assert (await lookup_once(base_url, timeout=None)).id == 52


async def test_a_timeout_error_of_a_session_middleware_is_a_timeout_too():
    async def time_out(request, handler):
        raise TimeoutError

    async with aiohttp.ClientSession(middlewares=[time_out]) as session:
        error = await lookup_once("http://127.0.0.1:1", session=session, timeout=None)
    assert type(error) is VairoSMSTimeoutError
    assert str(error).startswith("gonderim 52: ")
    assert str(error).endswith("answer from 127.0.0.1:1")
