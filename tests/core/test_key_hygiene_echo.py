"""A server that echoes the URL: no error, log record or record shows the key in any encoding."""

import json

import pytest

from tests.core.key_hygiene import assert_errors_are_keyless
from tests.helpers import KEY, KEY_FORMS, answer_body, http_response, raw_server, serve_bytes
from vairosms_async import VairoSMSClient


def echoing_responses(form):
    """Return raw responses that contain a URL with this form of the key, named by the place."""
    url = f"https://vairosms.com/x?api_key={form}&y=1"
    page = f"<html><a href='{url}'>{form}</a></html>".encode()
    refusal = ('{"durum": false, "aciklama": "%s"}' % url).encode()
    refusal_with_a_list = ('{"durum": false, "aciklama": ["%s"]}' % url).encode()
    record = answer_body().replace(b"08505326480", url.encode())
    invalid_field = answer_body().replace(b'"2016-07-21 14:40:16"', f'"{url}"'.encode())
    header = url.encode("latin-1", "replace")
    header_text = header.decode("latin-1")
    return {
        "aciklama": http_response(refusal, "400 Bad Request"),
        "aciklama of 401": http_response(refusal, "401 Unauthorized"),
        "aciklama that is a list": http_response(refusal_with_a_list),
        "page": http_response(page),
        "page of 503": http_response(page, "503 Service Unavailable"),
        "invalid field": http_response(invalid_field),
        "record with NaN": http_response(record.replace(b'"id": 52', b'"id": NaN')),
        "truncated JSON": http_response(record[:-1]),
        "redirect": http_response(page, "302 Found", f"Location: {header_text}"),
        "reason phrase": b"HTTP/1.1 500 " + header + b"\r\nContent-Length: 0\r\n\r\n",
        "invalid status line": b"HTTP/1.1 " + header + b"\r\n\r\n",
        "invalid header": b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n",
        "long header": b"HTTP/1.1 200 OK\r\nX: " + header * 500 + b"\r\n\r\n",
        "invalid cookie": http_response(b"", "500 Oops", f"Set-Cookie: {header_text}; =;;"),
        "Retry-After": http_response(b"", "429 No", f"Retry-After: {header_text}"),
        "invalid gzip": http_response(page, "200 OK", "Content-Encoding: gzip"),
        "invalid chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + header,
        "truncated body": http_response(page)[:-1],
    }


@pytest.mark.parametrize("place", echoing_responses(""))
@pytest.mark.parametrize("form", KEY_FORMS, ids=ascii)
@pytest.mark.usefixtures("no_key_in_logs")
async def test_an_error_about_an_echoing_answer_does_not_show_the_key(place, form):
    async with raw_server(serve_bytes(echoing_responses(form)[place])) as base_url:
        await assert_errors_are_keyless(base_url)


@pytest.mark.parametrize("form", KEY_FORMS, ids=ascii)
async def test_the_key_in_a_record_is_replaced(form):
    is_json_escaped = "\\" in form
    escaped = form if is_json_escaped else json.dumps(form, ensure_ascii=False)[1:-1]
    body = answer_body().replace(b"08505326480", f"x {escaped} y".encode())
    async with raw_server(serve_bytes(http_response(body))) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            assert (await client.get_gonderim(52)).sms_baslik == "x *** y"
