"""One exchange over real sockets: limits, time-outs, and answers that no library would write."""

import asyncio
import gzip
import re
import socket
import ssl
import tracemalloc
import zlib

import aiohttp
import pytest
import trustme
from yarl import URL

import vairosms_async
from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
    redact_url,
)
from vairosms_async._transport import MAX_BODY
from vairosms_async.sandbox import Fault

ONCE = RetryPolicy(attempts=1)


async def ask(base_url, **options):
    """Look packet 52 up, once, and return what comes of it."""
    async with VairoSMSClient(KEY, base_url=base_url, retry=ONCE, **options) as client:
        [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
        return outcome


async def ask_raw(data, **options):
    async with raw_server(serve_bytes(data)) as base_url:
        return await ask(base_url, **options)


# ---- what is sent ------------------------------------------------------------------------------


async def sent(session=None, host="127.0.0.1"):
    """Give the request as it stood on the wire."""
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
    assert heads[0] == heads[1]  # nor did a cookie come back
    first, *rest = heads[0].decode().rstrip().split("\r\n")
    return first, dict(line.split(": ", 1) for line in rest)


async def test_the_request_on_the_wire():
    first, headers = await sent()
    assert first == "GET /GonderimBilgisi/52?api_key=test-key HTTP/1.1"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", headers.pop("Host"))
    assert "gzip" in headers.pop("Accept-Encoding")
    version = f"vairosms-async/{vairosms_async.__version__} aiohttp/{aiohttp.__version__}"
    assert headers == {"Accept": "application/json", "User-Agent": version}


async def test_no_cookies_are_kept():
    """aiohttp's default jar keeps none of a numeric host's, so the host must have a name."""
    _, headers = await sent(host="localhost")
    assert "Cookie" not in headers


async def test_the_callers_session_headers_stay_as_they_are():
    own = {"User-Agent": "Acme/1.0", "X-Request-Source": "gece işi".encode().decode("latin-1")}
    async with aiohttp.ClientSession(headers=own, cookie_jar=aiohttp.DummyCookieJar()) as session:
        before = dict(session.headers)
        _, headers = await sent(session)
        assert dict(session.headers) == before
        assert not session.closed
    assert headers["User-Agent"] == "Acme/1.0"
    assert headers["Accept"] == "application/json"
    assert headers.keys() >= {"X-Request-Source"}


async def test_the_key_arrives_as_it_is(panel):
    async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


# ---- an injected session's settings do not change what an answer means -------------------------


async def test_a_broken_connection_is_one_attempt_over_any_session(panel):
    """aiohttp sends a GET again by itself, but for what the library puts before it."""
    panel.fail(Fault("reset"), times=None)
    async with aiohttp.ClientSession() as session:
        policy = RetryPolicy(attempts=2, initial_delay=0)
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, session=session, retry=policy
        ) as client:
            with pytest.raises(VairoSMSConnectionError):
                await client.get_gonderim(52)
    assert panel.requests == 2


async def test_a_session_with_settings_of_its_own(panel):
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
        body = http_response(gzip.compress(answer_body()), "200 OK", "Content-Encoding: gzip")
        async with raw_server(serve_bytes(body)) as base_url:
            assert (await ask(base_url, session=session)).id == 52


# ---- bounds ------------------------------------------------------------------------------------


def padded(size):
    body = answer_body()
    return body + b" " * (size - len(body))


async def test_a_body_of_just_the_limit_is_read_and_of_one_byte_more_is_not():
    assert (await ask_raw(http_response(padded(MAX_BODY)))).id == 52
    too_long = await ask_raw(http_response(padded(MAX_BODY + 1)))
    assert type(too_long) is VairoSMSResponseError
    assert f"more than {MAX_BODY} bytes" in str(too_long)
    assert (too_long.status, too_long.excerpt) == (200, "")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_costs_no_more_memory_than_the_limit(encoding):
    squeeze = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = http_response(squeeze(bytes(200 * MAX_BODY)), "200 OK", f"Content-Encoding: {encoding}")
    async with raw_server(serve_bytes(bomb)) as base_url:
        tracemalloc.start()
        try:
            outcome = await ask(base_url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert type(outcome) is VairoSMSResponseError
    assert "more than" in str(outcome)
    assert peak < 8 * MAX_BODY


async def test_an_endless_body_is_left_and_its_connection_with_it():
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()

    left = asyncio.Event()

    async def until_left(reader, writer):
        try:
            await serve(reader, writer)
        except ConnectionError:
            left.set()

    async with raw_server(until_left) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=ONCE) as client:
            [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
            await asyncio.wait_for(left.wait(), 5)  # before the client is closed
    assert type(outcome) is VairoSMSResponseError
    assert "more than" in str(outcome)


# ---- time-outs: connecting, waiting, reading ---------------------------------------------------


async def silent(reader, writer):
    await reader.read()


async def dripping(reader, writer):
    await read_request_head(reader)
    for byte in http_response(answer_body()):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("serve", [silent, dripping])
async def test_a_time_out_covers_the_whole_exchange(serve):
    async with raw_server(serve) as base_url:
        outcome = await ask(base_url, timeout=0.2)
    assert type(outcome) is VairoSMSTimeoutError
    assert outcome.reason == "timeout"
    assert "within 0.2 s" in str(outcome)


@pytest.mark.looptime
async def test_no_time_out_waits_as_long_as_it_takes():
    async def serve(reader, writer):
        await read_request_head(reader)
        await asyncio.sleep(3000)
        writer.write(http_response(answer_body()))

    async with raw_server(serve) as base_url:
        assert type(await ask(base_url, timeout=2999)) is VairoSMSTimeoutError
        assert (await ask(base_url, timeout=None)).id == 52


async def test_a_time_out_of_someone_elses_is_a_time_out_too():
    async def late(request, handler):
        raise TimeoutError

    async with aiohttp.ClientSession(middlewares=[late]) as session:
        outcome = await ask("http://127.0.0.1:1", session=session, timeout=None)
    assert type(outcome) is VairoSMSTimeoutError
    assert str(outcome) == "gonderim 52: no whole answer from 127.0.0.1:1"


# ---- no answer ---------------------------------------------------------------------------------


async def reset(reader, writer):
    await read_request_head(reader)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def hang_up(reader, writer):
    await read_request_head(reader)


async def reset_in_the_body(reader, writer):
    await read_request_head(reader)
    writer.write(http_response(answer_body())[:-50])
    await writer.drain()
    await asyncio.sleep(0.05)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


CUT = {
    "reset": reset,
    "closed without a word": hang_up,
    "reset in the body": reset_in_the_body,
    "cut in the headers": serve_bytes(http_response(answer_body())[:20]),
    "cut body": serve_bytes(http_response(answer_body())[:-1]),
    "cut chunk": serve_bytes(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + answer_body()
    ),
    "no last chunk": serve_bytes(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n"
        % (len(answer_body()), answer_body())
    ),
}


@pytest.mark.parametrize("name", CUT)
async def test_a_connection_that_breaks_is_one_request_and_one_error(name):
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await CUT[name](reader, writer)

    async with raw_server(serve) as base_url:
        outcome = await ask(base_url)
    assert type(outcome) is VairoSMSConnectionError
    assert outcome.reason == "cut"
    assert connections == 1


# ---- TLS ---------------------------------------------------------------------------------------


@pytest.fixture
def ca():
    return trustme.CA()


def server_context(cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


async def test_a_pinned_certificate_that_is_another(ca):
    context = server_context(ca.issue_cert("127.0.0.1"))
    connector = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes(32)))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        raw_server(serve_bytes(http_response(answer_body())), ssl=context) as base_url,
    ):
        outcome = await ask(base_url, session=session)
    assert outcome.reason == "tls"
    assert "pinned" in str(outcome)


# ---- proxies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [http_response(b"", "407 Proxy Authentication Required"), None])
async def test_a_proxy_that_refuses_or_is_not_there(data):
    async with raw_server(serve_bytes(data or b"")) as proxy:
        if data is None:
            proxy = "http://127.0.0.1:1"
        async with aiohttp.ClientSession(proxy=proxy) as session:
            outcome = await ask("https://vairosms.com/Panel/api/v1", session=session)
    assert type(outcome) is VairoSMSConnectionError
    assert outcome.reason == "proxy"
    assert "vairosms.com" in str(outcome)


# ---- answers that are not the panel's ----------------------------------------------------------

JSON = "Content-Type: application/json"
NOT_THE_PANELS = {
    "not HTTP": b"220 smtp.example ESMTP\r\n\r\n",
    "a bad status line": b"HTTP/1.1 abc OK\r\n\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "broken gzip": http_response(b"not gzip at all", "200 OK", "Content-Encoding: gzip"),
    "a redirect": http_response(b"", "302 Found", "Location: https://evil.example/?api_key=x"),
    "a redirect to itself": http_response(b"", "301 Moved", "Location: /"),
    "nothing": http_response(b"", "204 No Content"),
    "HTML": http_response(b"<html>", "200 OK", "Content-Type: text/html"),
    "HTML under 403": http_response(b"<html>", "403 Forbidden"),
    "another packet": http_response(answer_body({"id": 61}), "200 OK", JSON),
    "two answers in one body": http_response(
        answer_body() + answer_body({"id": 61}), "200 OK", JSON
    ),
    "a shorter length than the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    + answer_body(),
}


@pytest.mark.parametrize("name", NOT_THE_PANELS)
async def test_what_is_not_the_panels_answer_is_asked_once(name):
    requests = 0

    async def serve(reader, writer):
        nonlocal requests
        await read_request_head(reader)
        requests += 1
        writer.write(NOT_THE_PANELS[name])
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
    "data",
    [
        http_response(answer_body(), "200 OK", "Content-Type: text/html; charset=utf-16"),
        http_response(gzip.compress(answer_body()), "200 OK", "Content-Encoding: gzip"),
        b"HTTP/1.0 200 OK\r\n\r\n" + answer_body(),
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % byte for byte in answer_body())
        + b"0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http_response(answer_body()),
    ],
    ids=["lying charset", "gzip", "HTTP/1.0", "byte by byte", "1xx first"],
)
async def test_odd_forms_that_are_read(data):
    assert (await ask_raw(data)).id == 52


async def test_an_answer_left_over_is_never_taken_for_the_next_ids():
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(http_response(answer_body()) + http_response(answer_body({"id": 61})))
        await read_request_head(reader)
        writer.write(http_response(answer_body({"id": 62})))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=ONCE) as client:
            assert (await client.get_gonderim(52)).id == 52
            await asyncio.sleep(0.05)
            for gonderim_id in (62, 63):
                [outcome] = await client.gather_gonderimler([gonderim_id], return_exceptions=True)
                assert isinstance(outcome, VairoSMSError)


# ---- redact_url --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://x/52?api_key=gizli", "https://x/52?api_key=***"),
        (URL("https://x/52?api_key=gizli&a=1"), "https://x/52?api_key=***&a=1"),
        ("https://x/52?a=1&api_key=gi%2Fz#f", "https://x/52?a=1&api_key=***#f"),
        ("https://x/52?api_key=gizli%26anahtar%3d&a=1", "https://x/52?api_key=***&a=1"),
        ("https://x/52?API_KEY=gizli", "https://x/52?API_KEY=***"),
        ("https://x/52?api%5Fkey=gizli", "https://x/52?api%5Fkey=***"),
        ("https://x/52?api_key=a;b,c", "https://x/52?api_key=***"),
        ('GET "https://x/52?api_key=gizli" 200', 'GET "https://x/52?api_key=***" 200'),
        ("a?api_key=x b?api_key=y", "a?api_key=*** b?api_key=***"),
        ("https://x/52?api_key=", "https://x/52?api_key=***"),
        ("https://x/52?q=1", "https://x/52?q=1"),
        (
            "https://y/?u=https%3A%2F%2Fx%3Fapi_key%3Dgizli%26a%3D1",
            "https://y/?u=https%3A%2F%2Fx%3Fapi_key%3D***%26a%3D1",
        ),
        ("y?u=x%253Fapi%255Fkey%253Dgizli%2526a", "y?u=x%253Fapi%255Fkey%253D***%2526a"),
        (r'{"u": "x?api_key\u003dgizli"}', r'{"u": "x?api_key\u003d***"}'),
    ],
)
def test_redact_url(url, redacted):
    assert redact_url(url) == redacted
    assert redact_url(redacted) == redacted
