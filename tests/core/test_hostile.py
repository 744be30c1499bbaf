"""One table of hostile panels on raw sockets, each naming what the caller must get.

Every case is met by a single lookup, a gather and an iteration; after it the client still works.
"""

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable

import pytest

from tests.helpers import (
    KEY,
    answer_body,
    error_from,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import (
    Gonderim,
    GonderimResult,
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._transport import MAX_BODY

Case = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HTML = b"<!DOCTYPE html><html><body><h1>Bakim</h1>" + b"<p>x</p>" * 200 + b"</body></html>"
OK = "200 OK"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
RECORD, CUT, LATE = Gonderim, VairoSMSConnectionError, VairoSMSTimeoutError
FOREIGN, SERVER = VairoSMSResponseError, VairoSMSServerError


def no(aciklama="olmaz"):
    return b'{"durum": false, "aciklama": "%s"}' % aciklama.encode()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def squeezed(data, encoding="gzip"):
    squeeze = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    return http_response(squeeze(data), OK, f"Content-Encoding: {encoding}")


def changed(old, new):
    body = answer_body()
    assert old in body
    return http_response(body.replace(old, new))


def sending(first, then=b"", pause=0.0):
    async def serve(reader, writer):
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(pause)
        writer.write(then)
        await writer.drain()

    return serve


def resetting(first=b"", pause=0.0):
    async def serve(reader, writer):
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(pause)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return serve


def hanging(first=b""):
    async def serve(reader, writer):
        writer.write(first)
        await asyncio.sleep(10)

    return serve


def dripping(data, every):
    async def serve(reader, writer):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every)

    return serve


def endless(first, again):
    async def serve(reader, writer):
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()

    return serve


TABLE: dict[str, tuple[Case, type]] = {
    # -- connections that end or stall
    "closed at once": (b"", CUT),
    "reset at once": (resetting(), CUT),
    "reset in the status line": (resetting(b"HTTP/1.1 20", 0.02), CUT),
    "reset in the headers": (resetting(b"HTTP/1.1 200 OK\r\nContent-Le", 0.02), CUT),
    "reset in the body": (resetting(http_response(answer_body())[:-20], 0.02), CUT),
    "cut status line": (b"HTTP/1.1 2", CUT),
    "cut headers": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", CUT),
    "cut body": (http_response(answer_body())[:-1], CUT),
    "no body": (http_response(answer_body())[: -len(answer_body())], CUT),
    "a longer length than the body": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + answer_body(),
        CUT,
    ),
    "cut chunk": (CHUNKED + b"400\r\n" + answer_body(), CUT),
    "cut after a chunk": (CHUNKED + chunk(answer_body()), CUT),
    "cut chunk size": (CHUNKED + b"4", CUT),
    "cut gzip": (squeezed(answer_body() * 9)[:-30], CUT),
    "cut 503": (http_response(HTML, "503 Service Unavailable")[:-5], CUT),
    "hang": (hanging(), LATE),
    "hang in the headers": (hanging(b"HTTP/1.1 200 OK\r\nContent-"), LATE),
    "hang in the body": (hanging(http_response(answer_body())[:-1]), LATE),
    "hang after a chunk": (hanging(CHUNKED + chunk(answer_body())), LATE),
    "hang in gzip": (hanging(squeezed(answer_body() * 9)[:-9]), LATE),
    "hang after 1xx": (hanging(b"HTTP/1.1 103 Early Hints\r\n\r\n"), LATE),
    "drip too slow": (dripping(http_response(answer_body()), 0.05), LATE),
    "drip": (dripping(http_response(answer_body())[:60], 0.001), CUT),
    "endless 1xx": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50), LATE),
    # -- more than anyone needs
    "endless body": (endless(CHUNKED, chunk(b" " * 65536)), FOREIGN),
    "endless body without length": (endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536), FOREIGN),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 99), FOREIGN),
    "endless header": (endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536), FOREIGN),
    "endless status line": (endless(b"HTTP/1.1 200 ", b"x" * 65536), FOREIGN),
    "2 MiB": (http_response(b" " * 2 * MAX_BODY), FOREIGN),
    "2 MiB of 503": (http_response(b" " * 2 * MAX_BODY, "503 Busy"), FOREIGN),
    "gzip bomb": (squeezed(bytes(64 * MAX_BODY)), FOREIGN),
    "deflate bomb": (squeezed(bytes(64 * MAX_BODY), "deflate"), FOREIGN),
    "gzip bomb of 503": (
        http_response(gzip.compress(bytes(64 * MAX_BODY)), "503 Busy", "Content-Encoding: gzip"),
        FOREIGN,
    ),
    "gzip in gzip": (
        http_response(gzip.compress(gzip.compress(answer_body())), OK, "Content-Encoding: gzip"),
        FOREIGN,
    ),
    # -- not HTTP
    "garbage": (bytes(range(256)), FOREIGN),
    "SMTP": (b"220 mail.example ESMTP\r\n", FOREIGN),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", FOREIGN),
    "JSON alone": (answer_body(), FOREIGN),
    "a TLS alert": (bytes.fromhex("15030300020228"), FOREIGN),
    "a status that is no number": (b"HTTP/1.1 abc OK\r\n\r\n", FOREIGN),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", FOREIGN),
    "HTTP/9.9": (b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", FOREIGN),
    "a header without colon": (b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", FOREIGN),
    "a header with a NUL": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", FOREIGN),
    "a length that is no number": (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", FOREIGN),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", FOREIGN),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        FOREIGN,
    ),
    "a chunk size that is none": (CHUNKED + b"xyz\r\n" + answer_body(), VairoSMSError),
    "a chunk longer than it says": (
        CHUNKED + b"3\r\n" + answer_body() + b"\r\n0\r\n\r\n",
        VairoSMSError,
    ),
    "broken gzip": (http_response(b"\x1f\x8b" + bytes(50), OK, "Content-Encoding: gzip"), FOREIGN),
    "no gzip at all": (http_response(answer_body(), OK, "Content-Encoding: gzip"), FOREIGN),
    "no deflate at all": (http_response(answer_body(), OK, "Content-Encoding: deflate"), FOREIGN),
    # -- HTTP, but not the panel
    "empty": (http_response(b""), FOREIGN),
    "blanks": (http_response(b" \r\n"), FOREIGN),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", FOREIGN),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", FOREIGN),
    "201 with the record": (http_response(answer_body(), "201 Created"), FOREIGN),
    "206 with the record": (http_response(answer_body(), "206 Partial Content"), FOREIGN),
    "HTML under 200": (http_response(HTML, OK, "Content-Type: text/html"), FOREIGN),
    "HTML under 403": (http_response(HTML, "403 Forbidden"), FOREIGN),
    "HTML under 419": (http_response(HTML, "419 Page Expired"), FOREIGN),
    "HTML called JSON": (http_response(HTML, OK, "Content-Type: application/json"), FOREIGN),
    **{
        f"a redirect {status}": (http_response(b"", f"{status} X", f"Location: {where}"), FOREIGN)
        for status, where in (
            (301, "https://evil.example/"),
            (302, "http://127.0.0.1:1/"),
            (303, "//evil.example"),
            (307, "/"),
            (308, "javascript:alert(1)"),
        )
    },
    "a redirect to nowhere": (http_response(b"", "302 Found"), FOREIGN),
    "a redirect with the record": (
        http_response(answer_body(), "302 Found", "Location: /"),
        FOREIGN,
    ),
    # -- JSON that is none, or none of the panel's
    "deep lists": (http_response(b'{"durum": true, "aciklama": ' + b"[" * 200_000), FOREIGN),
    "deep objects": (http_response(b'{"a":' * 200_000), FOREIGN),
    "huge integer": (changed(b'"id": 52', b'"id": ' + b"5" * 100_000), FOREIGN),
    "large integer": (changed(b'"id": 52', b'"id": ' + b"5" * 100), FOREIGN),
    "huge float": (changed(b'"kredi_toplam": 2', b'"kredi_toplam": 1e999'), FOREIGN),
    "NaN": (changed(b'"kredi_toplam": 2', b'"kredi_toplam": NaN'), FOREIGN),
    "Infinity": (changed(b'"kredi_toplam": 2', b'"kredi_toplam": -Infinity'), FOREIGN),
    "duplicate ids": (changed(b'"id": 52', b'"id": 61, "id": 52'), FOREIGN),
    "duplicate durum": (changed(b'"durum": true', b'"durum": false, "durum": true'), FOREIGN),
    "invalid UTF-8": (changed(b"0850", b"\xc3\x28"), FOREIGN),
    "windows-1254": (changed(b"08505326480", "BAŞLIK".encode("cp1254")), FOREIGN),
    "UTF-16": (http_response(answer_body().decode().encode("utf-16")), FOREIGN),
    "half a surrogate pair": (changed(b"0850", b"\\ud800"), FOREIGN),
    "a control character": (changed(b"0850", b"\x00"), FOREIGN),
    "JSON cut short": (http_response(answer_body()[:-3]), FOREIGN),
    "JSONP": (http_response(b"callback(" + answer_body() + b")"), FOREIGN),
    "a list": (http_response(b"[" + answer_body() + b"]"), FOREIGN),
    "null": (http_response(b"null"), FOREIGN),
    "no durum": (http_response(b'{"message": "Server Error"}'), FOREIGN),
    "no aciklama": (http_response(b'{"durum": true}'), FOREIGN),
    "aciklama null": (http_response(b'{"durum": true, "aciklama": null}'), FOREIGN),
    "aciklama []": (http_response(b'{"durum": true, "aciklama": []}'), FOREIGN),
    "aciklama an id": (http_response(b'{"durum": true, "aciklama": 52}'), FOREIGN),
    "another packet": (http_response(answer_body({"id": 61})), FOREIGN),
    "another packet as a string": (http_response(answer_body({"id": "520"})), FOREIGN),
    "two answers in a body": (http_response(answer_body() + answer_body({"id": 61})), FOREIGN),
    "two answers, the second asked for": (
        http_response(answer_body({"id": 61}) + answer_body()),
        FOREIGN,
    ),
    "an answer after a page": (http_response(HTML + answer_body() + HTML), FOREIGN),
    "a field missing": (http_response(answer_body(without="paket_durum")), FOREIGN),
    "a log of text": (http_response(answer_body({"log": "hata"})), FOREIGN),
    # -- the panel says no
    "401": (http_response(no(), "401 Unauthorized"), VairoSMSAuthError),
    "401 of HTML": (http_response(HTML, "401 Unauthorized"), VairoSMSAuthError),
    "403 of the panel": (http_response(no(), "403 Forbidden"), VairoSMSAuthError),
    "a wrong key under 200": (
        http_response(no("Gönderilen api_key bilgisi hatalı, lütfen kontrol edin.")),
        VairoSMSAuthError,
    ),
    "404": (http_response(no(), "404 Not Found"), VairoSMSNotFoundError),
    "404 of HTML": (http_response(HTML, "404 Not Found"), VairoSMSNotFoundError),
    "400": (http_response(no("MISSING_MESSAGE"), "400 Bad Request"), VairoSMSAPIError),
    "no under 200": (http_response(no()), VairoSMSAPIError),
    "408": (http_response(HTML, "408 Request Timeout"), VairoSMSAPIError),
    "429": (http_response(HTML, "429 Too Many", "Retry-After: 0"), VairoSMSRateLimitError),
    "429, come back in a century": (
        http_response(b"", "429 Too Many", "Retry-After: 3153600000"),
        VairoSMSRateLimitError,
    ),
    **{
        f"{status} of HTML": (http_response(HTML, f"{status} X"), SERVER)
        for status in (500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 522, 523, 524, 599)
    },
    "500 of the panel": (http_response(no(), "500 Oops"), SERVER),
    "500 with a record": (http_response(answer_body(), "500 Oops"), SERVER),
    "503 without a body": (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", SERVER),
    "600": (http_response(HTML, "600 What"), FOREIGN),
    # -- odd, but right
    "BOM": (http_response(b"\xef\xbb\xbf" + answer_body()), RECORD),
    "a lying charset": (
        http_response(answer_body(), OK, "Content-Type: text/html; charset=utf-16"),
        RECORD,
    ),
    "a charset that is none": (
        http_response(answer_body(), OK, "Content-Type: x/y; charset=klingon"),
        RECORD,
    ),
    "a PHP warning": (
        http_response(b"<br />\n<b>Warning</b>: {x} in a.php<br />\n" + answer_body()),
        RECORD,
    ),
    "gzip": (squeezed(answer_body()), RECORD),
    "deflate": (squeezed(answer_body(), "deflate"), RECORD),
    "chunks of one byte": (
        CHUNKED + b"".join(chunk(bytes([byte])) for byte in answer_body()) + b"0\r\n\r\n",
        RECORD,
    ),
    "chunks with extensions and trailers": (
        CHUNKED + b"%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(answer_body()), answer_body()),
        RECORD,
    ),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + answer_body(), RECORD),
    "HTTP/1.0 with a length": (
        http_response(answer_body()).replace(b"HTTP/1.1", b"HTTP/1.0"),
        RECORD,
    ),
    "1xx first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http_response(answer_body()),
        RECORD,
    ),
    "100 Continue first": (b"HTTP/1.1 100 Continue\r\n\r\n" + http_response(answer_body()), RECORD),
    "no reason phrase": (http_response(answer_body()).replace(b"200 OK", b"200"), RECORD),
    "a cookie that is none": (http_response(answer_body(), OK, "Set-Cookie: ;;=; x"), RECORD),
    "Connection: close": (http_response(answer_body(), OK, "Connection: close"), RECORD),
    "in two pieces": (
        sending(http_response(answer_body())[:40], http_response(answer_body())[40:], 0.02),
        RECORD,
    ),
    "numbers as strings": (
        http_response(answer_body({"id": "52", "paket_durum": "1"}, durum="1")),
        RECORD,
    ),
    "fields unknown": (http_response(answer_body({"yeni": {"a": [None]}}, ek=1)), RECORD),
}


def test_the_table_is_long_enough():
    assert len(TABLE) >= 90
    assert {cls for _, cls in TABLE.values()} >= {
        RECORD, CUT, LATE, FOREIGN, SERVER, VairoSMSAPIError, VairoSMSAuthError,
        VairoSMSNotFoundError, VairoSMSRateLimitError,
    }  # fmt: skip


async def get(client):
    try:
        return await client.get_gonderim(52)
    except VairoSMSError as exc:
        return exc


async def gather(client):
    [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
    return outcome


async def iterate(client):
    try:
        [result] = [result async for result in client.iter_gonderimler([52])]
    except VairoSMSAuthError as exc:
        return exc
    assert isinstance(result, GonderimResult)
    return result.gonderim or result.error


@pytest.mark.parametrize("way", [get, gather, iterate])
@pytest.mark.parametrize("name", TABLE)
async def test_hostile(name, way):
    case, cls = TABLE[name]
    hostile = True

    async def serve(reader, writer):
        while b"/52?" not in (head := await read_request_head(reader)) or not hostile:
            gonderim_id = requested_id(head)
            writer.write(http_response(answer_body({"id": gonderim_id})))
        if isinstance(case, bytes):
            writer.write(case)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        else:
            await case(reader, writer)

    timeout = 0.15 if cls is LATE else 10
    async with raw_server(serve) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, timeout=timeout, retry=RetryPolicy(attempts=1)
        ) as client:
            outcome = await way(client)
            if cls is VairoSMSError:
                assert isinstance(outcome, VairoSMSResponseError | VairoSMSConnectionError)
            else:
                assert type(outcome) is cls, outcome
            if isinstance(outcome, VairoSMSError):
                assert outcome.gonderim_id == 52
            assert not library_tasks()
            assert client.stats().in_flight == 0

            hostile = False
            usable = client.with_options(timeout=10, retry=RetryPolicy(initial_delay=0.001))
            assert [g.id for g in await usable.gather_gonderimler([61, 52])] == [61, 52]


async def test_a_bomb_is_measured():
    bomb = squeezed(bytes(256 * MAX_BODY))

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(bomb)
        await writer.drain()

    async with raw_server(serve) as base_url:
        policy = RetryPolicy(attempts=1)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            tracemalloc.start()
            try:
                outcomes = await client.gather_gonderimler(range(1, 9), return_exceptions=True)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert {type(outcome) for outcome in outcomes} == {VairoSMSResponseError}
    assert peak < 8 * 4 * MAX_BODY  # eight at once, each bounded


# ---- kept connections --------------------------------------------------------------------------


async def test_a_kept_connection_that_the_server_has_closed():
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        writer.write(
            http_response(answer_body({"id": requested_id(await read_request_head(reader))}))
        )
        await writer.drain()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            for gonderim_id in range(1, 6):
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id
                await asyncio.sleep(0.01)
    assert connections == 5


async def test_a_kept_connection_that_is_closed_as_the_next_request_comes():
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        writer.write(
            http_response(answer_body({"id": requested_id(await read_request_head(reader))}))
        )
        await read_request_head(reader)

    async with raw_server(serve) as base_url:
        policy = RetryPolicy(initial_delay=0.001)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            for gonderim_id in range(1, 6):
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id


async def test_an_answer_that_comes_after_its_time_out_is_nobody_elses():
    """The late answer to 1 is written when 2 is asked; on the same connection it would be 2's."""
    late = []

    async def serve(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            if gonderim_id == 1:
                late.append(writer)
                continue
            for one in late:
                one.write(http_response(answer_body({"id": 1})))
            await asyncio.sleep(0.02)
            writer.write(http_response(answer_body({"id": gonderim_id})))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, timeout=0.1, retry=RetryPolicy(attempts=1), max_concurrency=1
        ) as client:
            for gonderim_id in (2, 3):
                with pytest.raises(VairoSMSTimeoutError):
                    await client.get_gonderim(1)
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id


async def test_answers_in_the_wrong_order_are_refused():
    waiting = []

    async def serve(reader, writer):
        while True:
            waiting.append((requested_id(await read_request_head(reader)), writer))
            if len(waiting) == 2:
                (first, one), (second, other) = waiting
                one.write(http_response(answer_body({"id": second})))
                other.write(http_response(answer_body({"id": first})))
                waiting.clear()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=2) as client:
            outcomes = await client.gather_gonderimler([1, 2], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {VairoSMSResponseError}


@pytest.mark.parametrize(
    "second", [http_response(answer_body({"id": 2})), http_response(HTML), b"garbage", b"\r\n\r\n"]
)
async def test_what_is_glued_behind_an_answer_is_never_the_next_ones(second):
    async def serve(reader, writer):
        while True:
            gonderim_id = requested_id(await read_request_head(reader))
            writer.write(
                http_response(answer_body({"id": gonderim_id}))
                + (second if gonderim_id == 1 else b"")
            )

    async with raw_server(serve) as base_url:
        policy = RetryPolicy(initial_delay=0.001)
        async with VairoSMSClient(
            KEY, base_url=base_url, retry=policy, max_concurrency=1
        ) as client:
            [first] = await client.gather_gonderimler([1], return_exceptions=True)
            assert isinstance(first, Gonderim | VairoSMSError)
            assert (await client.get_gonderim(3)).id == 3


def test_the_wire_alone_refuses_what_the_table_calls_foreign():
    assert type(error_from(HTML)) is VairoSMSResponseError
