"""Answers of hostile panels, as bytes or as coroutines that serve one connection.

Each table holds the answers that must have the same outcome. `CASES` joins all of them.
"""

import asyncio
import gzip
import zlib
from collections.abc import Mapping

from tests.helpers import Serve, answer_body, example_packet, http_response, reset_on_close
from vairosms_async import (
    Gonderim,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._transport import MAX_BODY

Answer = bytes | Serve

HTML = b"<!DOCTYPE html><html><body><h1>Bakim</h1>" + b"<p>x</p>" * 200 + b"</body></html>"
OK = "200 OK"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def refusal_body(aciklama="olmaz"):
    return b'{"durum": false, "aciklama": "%s"}' % aciklama.encode()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def gzipped(data):
    return http_response(gzip.compress(data), OK, "Content-Encoding: gzip")


def deflated(data):
    return http_response(zlib.compress(data), OK, "Content-Encoding: deflate")


def changed_answer(old, new):
    """Return the response for packet 52 with some bytes of its body replaced."""
    body = answer_body()
    assert old in body
    return http_response(body.replace(old, new))


def send_in_two_pieces(first, second):
    async def serve(reader, writer):
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(second)
        await writer.drain()

    return serve


def send_then_reset(data=b"", delay=0.0):
    async def serve(reader, writer):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(delay)
        reset_on_close(writer)

    return serve


def send_then_hang(data=b""):
    async def serve(reader, writer):
        writer.write(data)
        await asyncio.sleep(10)

    return serve


def send_byte_by_byte(data, delay):
    async def serve(reader, writer):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(delay)

    return serve


def send_endlessly(start, repeated):
    async def serve(reader, writer):
        writer.write(start)
        while True:
            writer.write(repeated)
            await writer.drain()

    return serve


BROKEN_CONNECTIONS: dict[str, Answer] = {
    "closed at once": b"",
    "reset at once": send_then_reset(),
    "reset in the status line": send_then_reset(b"HTTP/1.1 20", 0.02),
    "reset in the headers": send_then_reset(b"HTTP/1.1 200 OK\r\nContent-Le", 0.02),
    "reset in the body": send_then_reset(http_response(answer_body())[:-20], 0.02),
    "truncated status line": b"HTTP/1.1 2",
    "truncated headers": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "truncated body": http_response(answer_body())[:-1],
    "no body": http_response(answer_body())[: -len(answer_body())],
    "length longer than the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    + answer_body(),
    "truncated chunk": CHUNKED + b"400\r\n" + answer_body(),
    "truncated after a chunk": CHUNKED + chunk(answer_body()),
    "truncated chunk size": CHUNKED + b"4",
    "truncated gzip": gzipped(answer_body() * 9)[:-30],
    "truncated 503": http_response(HTML, "503 Service Unavailable")[:-5],
    "slow and truncated": send_byte_by_byte(http_response(answer_body())[:60], 0.001),
}

STALLED_CONNECTIONS: dict[str, Answer] = {
    "hang": send_then_hang(),
    "hang in the headers": send_then_hang(b"HTTP/1.1 200 OK\r\nContent-"),
    "hang in the body": send_then_hang(http_response(answer_body())[:-1]),
    "hang after a chunk": send_then_hang(CHUNKED + chunk(answer_body())),
    "hang in gzip": send_then_hang(gzipped(answer_body() * 9)[:-9]),
    "hang after 1xx": send_then_hang(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "one byte every 50 ms": send_byte_by_byte(http_response(answer_body()), 0.05),
    "endless 1xx": send_endlessly(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50),
}

TOO_LARGE: dict[str, Answer] = {
    "endless body": send_endlessly(CHUNKED, chunk(b" " * 65536)),
    "endless body without length": send_endlessly(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
    "endless headers": send_endlessly(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 99),
    "endless header": send_endlessly(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
    "endless status line": send_endlessly(b"HTTP/1.1 200 ", b"x" * 65536),
    "2 MiB": http_response(b" " * 2 * MAX_BODY),
    "2 MiB under 503": http_response(b" " * 2 * MAX_BODY, "503 Busy"),
    "gzip bomb": gzipped(bytes(64 * MAX_BODY)),
    "deflate bomb": deflated(bytes(64 * MAX_BODY)),
    "gzip bomb under 503": http_response(
        gzip.compress(bytes(64 * MAX_BODY)), "503 Busy", "Content-Encoding: gzip"
    ),
    "gzip in gzip": gzipped(gzip.compress(answer_body())),
}

NOT_HTTP: dict[str, Answer] = {
    "garbage": bytes(range(256)),
    "status that is not a number": b"HTTP/1.1 abc OK\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "header with NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    "length that is not a number": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "invalid gzip": http_response(b"\x1f\x8b" + bytes(50), OK, "Content-Encoding: gzip"),
    "gzip header on plain JSON": http_response(answer_body(), OK, "Content-Encoding: gzip"),
    "deflate header on plain JSON": http_response(answer_body(), OK, "Content-Encoding: deflate"),
    "SMTP": b"220 mail.example ESMTP\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "JSON without HTTP": answer_body(),
    "TLS alert": bytes.fromhex("15030300020228"),
}

INVALID_CHUNKS: dict[str, Answer] = {
    "chunk size that is not a number": CHUNKED + b"xyz\r\n" + answer_body(),
    "chunk longer than its size": CHUNKED + b"3\r\n" + answer_body() + b"\r\n0\r\n\r\n",
}
"""Either a `VairoSMSResponseError` or a `VairoSMSConnectionError`."""

NOT_THE_PANEL: dict[str, Answer] = {
    "empty": http_response(b""),
    "whitespace": http_response(b" \r\n"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "201 with the record": http_response(answer_body(), "201 Created"),
    "206 with the record": http_response(answer_body(), "206 Partial Content"),
    "HTML under 200": http_response(HTML, OK, "Content-Type: text/html"),
    "HTML under 403": http_response(HTML, "403 Forbidden"),
    "HTML under 419": http_response(HTML, "419 Page Expired"),
    "HTML under 600": http_response(HTML, "600 What"),
    "HTML declared as JSON": http_response(HTML, OK, "Content-Type: application/json"),
    "redirect 301": http_response(b"", "301 X", "Location: https://evil.example/"),
    "redirect 302": http_response(b"", "302 X", "Location: http://127.0.0.1:1/"),
    "redirect 303": http_response(b"", "303 X", "Location: //evil.example"),
    "redirect 307": http_response(b"", "307 X", "Location: /"),
    "redirect 308": http_response(b"", "308 X", "Location: javascript:alert(1)"),
    "redirect without location": http_response(b"", "302 Found"),
    "redirect with the record": http_response(answer_body(), "302 Found", "Location: /"),
}

NOT_THE_PANELS_JSON: dict[str, Answer] = {
    "deep lists": http_response(b'{"durum": true, "aciklama": ' + b"[" * 200_000),
    "deep objects": http_response(b'{"a":' * 200_000),
    "100,000 digits": changed_answer(b'"id": 52', b'"id": ' + b"5" * 100_000),
    "100 digits": changed_answer(b'"id": 52', b'"id": ' + b"5" * 100),
    "UTF-16": http_response(answer_body().decode().encode("utf-16")),
    "control character": changed_answer(b"0850", b"\x00"),
    "truncated JSON": http_response(answer_body()[:-3]),
    "null": http_response(b"null"),
    "no durum": http_response(b'{"message": "Server Error"}'),
    "no aciklama": http_response(b'{"durum": true}'),
    "aciklama null": http_response(b'{"durum": true, "aciklama": null}'),
    "aciklama []": http_response(b'{"durum": true, "aciklama": []}'),
    "aciklama an id": http_response(b'{"durum": true, "aciklama": 52}'),
    "another packet": http_response(answer_body({"id": 61})),
    "two records": http_response(answer_body(aciklama=[example_packet(52)] * 2)),
    "another packet as a string": http_response(answer_body({"id": "520"})),
    "two answers, the first requested": http_response(answer_body() + answer_body({"id": 61})),
    "two answers, the second requested": http_response(answer_body({"id": 61}) + answer_body()),
    "missing field": http_response(answer_body(without="paket_durum")),
}

AUTH_ERRORS: dict[str, Answer] = {
    "401": http_response(refusal_body(), "401 Unauthorized"),
    "401 with HTML": http_response(HTML, "401 Unauthorized"),
    "403 of the panel": http_response(refusal_body(), "403 Forbidden"),
    "wrong key under 200": http_response(
        refusal_body("Gönderilen api_key bilgisi hatalı, lütfen kontrol edin.")
    ),
}

NOT_FOUND_ERRORS: dict[str, Answer] = {
    "404": http_response(refusal_body(), "404 Not Found"),
    "404 with HTML": http_response(HTML, "404 Not Found"),
}

API_ERRORS: dict[str, Answer] = {
    "400": http_response(refusal_body("MISSING_MESSAGE"), "400 Bad Request"),
    "durum false under 200": http_response(refusal_body()),
    "408": http_response(HTML, "408 Request Timeout"),
}

RATE_LIMIT_ERRORS: dict[str, Answer] = {
    "429": http_response(HTML, "429 Too Many", "Retry-After: 0"),
    "429, retry in a century": http_response(b"", "429 Too Many", "Retry-After: 3153600000"),
}

SERVER_ERRORS: dict[str, Answer] = {
    "500 with HTML": http_response(HTML, "500 X"),
    "501 with HTML": http_response(HTML, "501 X"),
    "502 with HTML": http_response(HTML, "502 X"),
    "503 with HTML": http_response(HTML, "503 X"),
    "504 with HTML": http_response(HTML, "504 X"),
    "505 with HTML": http_response(HTML, "505 X"),
    "507 with HTML": http_response(HTML, "507 X"),
    "508 with HTML": http_response(HTML, "508 X"),
    "511 with HTML": http_response(HTML, "511 X"),
    "520 with HTML": http_response(HTML, "520 X"),
    "521 with HTML": http_response(HTML, "521 X"),
    "522 with HTML": http_response(HTML, "522 X"),
    "523 with HTML": http_response(HTML, "523 X"),
    "524 with HTML": http_response(HTML, "524 X"),
    "599 with HTML": http_response(HTML, "599 X"),
    "500 of the panel": http_response(refusal_body(), "500 Oops"),
    "500 with a record": http_response(answer_body(), "500 Oops"),
    "503 without a body": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
}

UNUSUAL_BUT_VALID: dict[str, Answer] = {
    "BOM": http_response(b"\xef\xbb\xbf" + answer_body()),
    "wrong charset": http_response(answer_body(), OK, "Content-Type: text/html; charset=utf-16"),
    "unknown charset": http_response(answer_body(), OK, "Content-Type: x/y; charset=klingon"),
    "PHP warning": http_response(b"<br />\n<b>Warning</b>: {x} in a.php<br />\n" + answer_body()),
    "gzip": gzipped(answer_body()),
    "deflate": deflated(answer_body()),
    "chunks of one byte": CHUNKED
    + b"".join(chunk(bytes([byte])) for byte in answer_body())
    + b"0\r\n\r\n",
    "chunks with extensions and trailers": CHUNKED
    + b"%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(answer_body()), answer_body()),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + answer_body(),
    "HTTP/1.0 with a length": http_response(answer_body()).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "103 first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http_response(answer_body()),
    "100 Continue first": b"HTTP/1.1 100 Continue\r\n\r\n" + http_response(answer_body()),
    "no reason phrase": http_response(answer_body()).replace(b"200 OK", b"200"),
    "invalid cookie": http_response(answer_body(), OK, "Set-Cookie: ;;=; x"),
    "Connection: close": http_response(answer_body(), OK, "Connection: close"),
    "in two pieces": send_in_two_pieces(
        http_response(answer_body())[:40], http_response(answer_body())[40:]
    ),
    "numbers as strings": http_response(answer_body({"id": "52", "paket_durum": "1"}, durum="1")),
    "unknown fields": http_response(answer_body({"yeni": {"a": [None]}}, ek=1)),
    "huge float": changed_answer(b'"kredi_toplam": 2', b'"kredi_toplam": 1e999'),
    "NaN": changed_answer(b'"kredi_toplam": 2', b'"kredi_toplam": NaN'),
    "Infinity": changed_answer(b'"kredi_toplam": 2', b'"kredi_toplam": -Infinity'),
    "two ids": changed_answer(b'"id": 52', b'"id": 61, "id": 52'),
    "two durum": changed_answer(b'"durum": true', b'"durum": false, "durum": true'),
    "invalid UTF-8": changed_answer(b"0850", b"\xc3\x28"),
    "windows-1254": changed_answer(b"08505326480", "BAŞLIK".encode("cp1254")),
    "half a surrogate pair": changed_answer(b"0850", b"\\ud800"),
    "JSONP": http_response(b"callback(" + answer_body() + b")"),
    "list": http_response(b"[" + answer_body() + b"]"),
    "answer inside a page": http_response(HTML + answer_body() + HTML),
    "log that is a string": http_response(answer_body({"log": "hata"})),
    "only id and state": http_response(
        b'{"durum": "true", "aciklama": [{"id": "52.00", "paket_durum": 1.0}]}'
    ),
    "nothing but id and state is readable": http_response(
        answer_body({name: [1, 2] for name in set(example_packet(61)) - {"id", "paket_durum"}})
    ),
    "NUL after it": http_response(answer_body() + b"\0" * 9),
    "HTML comment after it": http_response(answer_body() + b"\n<!-- 0.02 s -->\n"),
    "the same answer twice": http_response(answer_body() * 2),
}

_TABLES: list[tuple[type, Mapping[str, Answer]]] = [
    (VairoSMSConnectionError, BROKEN_CONNECTIONS),
    (VairoSMSTimeoutError, STALLED_CONNECTIONS),
    (VairoSMSResponseError, TOO_LARGE),
    (VairoSMSResponseError, NOT_HTTP),
    (VairoSMSError, INVALID_CHUNKS),
    (VairoSMSResponseError, NOT_THE_PANEL),
    (VairoSMSResponseError, NOT_THE_PANELS_JSON),
    (VairoSMSAuthError, AUTH_ERRORS),
    (VairoSMSNotFoundError, NOT_FOUND_ERRORS),
    (VairoSMSAPIError, API_ERRORS),
    (VairoSMSRateLimitError, RATE_LIMIT_ERRORS),
    (VairoSMSServerError, SERVER_ERRORS),
    (Gonderim, UNUSUAL_BUT_VALID),
]

CASES: dict[str, tuple[Answer, type]] = {
    name: (answer, cls) for cls, table in _TABLES for name, answer in table.items()
}
"""Each answer, and the class of the outcome that the caller must get."""
