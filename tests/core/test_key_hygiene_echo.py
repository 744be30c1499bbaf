"""A server that echoes the URL: no error, log record or record shows the key in any encoding."""

import json

import pytest

from tests.core.key_hygiene import assert_errors_are_keyless
from tests.helpers import (
    KEY,
    KEY_FORMS,
    answer_body,
    assert_no_key,
    example_packet,
    http_response,
    raw_server,
    reachable_texts,
    serve_bytes,
)
from vairosms_async import VairoSMSClient


def echoing_responses(form, encoding="utf-8"):
    """Return raw responses that contain a URL with this form of the key, named by the place.

    Args:
        form: The key, in one of the forms in which a server may write it.
        encoding: The encoding of the bodies.
    """
    url = f"https://vairosms.com/x?api_key={form}&y=1"
    page = f"<html><a href='{url}'>{form}</a></html>".encode(encoding)
    refusal = ('{"durum": false, "aciklama": "%s"}' % url).encode(encoding)
    refusal_with_a_list = ('{"durum": false, "aciklama": ["%s"]}' % url).encode(encoding)
    record = answer_body().replace(b"08505326480", url.encode(encoding))
    invalid_state = answer_body().replace(
        b'"paket_durum": 1', f'"paket_durum": "{url}"'.encode(encoding)
    )
    header = url.encode("latin-1", "replace")
    header_text = header.decode("latin-1")
    return {
        "aciklama": http_response(refusal, "400 Bad Request"),
        "aciklama of 401": http_response(refusal, "401 Unauthorized"),
        "aciklama that is a list": http_response(refusal_with_a_list),
        "page": http_response(page),
        "page of 503": http_response(page, "503 Service Unavailable"),
        "invalid state": http_response(invalid_state),
        "two records": http_response(answer_body(aciklama=[url, url])),
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
@pytest.mark.parametrize(
    "form",
    [KEY, *(pytest.param(form, marks=pytest.mark.slow) for form in KEY_FORMS[1:])],
    ids=map(ascii, KEY_FORMS),
)
@pytest.mark.usefixtures("no_key_in_logs")
async def test_an_error_about_an_echoing_answer_does_not_show_the_key(place, form):
    async with raw_server(serve_bytes(echoing_responses(form)[place])) as base_url:
        await assert_errors_are_keyless(base_url)


@pytest.mark.parametrize("place", echoing_responses(""))
@pytest.mark.parametrize("form", [KEY, KEY.replace("ş", "%FE"), KEY.replace("ş", r"\\xfe")])
@pytest.mark.slow
@pytest.mark.usefixtures("no_key_in_logs")
async def test_an_error_about_a_windows_1254_answer_does_not_show_the_key(place, form):
    response = echoing_responses(form, "windows-1254")[place]
    async with raw_server(serve_bytes(response)) as base_url:
        await assert_errors_are_keyless(base_url)


@pytest.mark.parametrize("form", KEY_FORMS, ids=ascii)
async def test_the_key_in_a_record_is_replaced(form):
    is_json_escaped = "\\" in form
    escaped = form if is_json_escaped else json.dumps(form, ensure_ascii=False)[1:-1]
    body = answer_body().replace(b"08505326480", f"x {escaped} y".encode())
    async with raw_server(serve_bytes(http_response(body))) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            assert (await client.get_gonderim(52)).sms_baslik == "x *** y"


async def record_from_server(body):
    """Look up packet 52 of a server that answers with this body."""
    async with raw_server(serve_bytes(http_response(body))) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            return await client.get_gonderim(52)


async def test_the_key_in_a_windows_1254_record_is_replaced():
    body = answer_body().replace(b"08505326480", f"ığş {KEY} ü".encode("windows-1254"))
    assert (await record_from_server(body)).sms_baslik == "ığş *** ü"


def php_json(value):
    """Encode as PHP does by default: in ASCII, with escaped slashes."""
    return json.dumps(value).replace("/", r"\/")


@pytest.mark.parametrize("times", [1, 2])
async def test_the_key_in_json_inside_json_is_replaced(times):
    text = f"https://vairosms.com/x?api_key={KEY}"
    for _ in range(times):
        text = php_json({"rota": text})
    body = php_json({"durum": True, "aciklama": example_packet(52) | {"log": text}}).encode()
    record = await record_from_server(body)
    assert_no_key("".join(reachable_texts(record)))
    assert record.log.rota.endswith("***") or times > 1


@pytest.mark.usefixtures("no_key_in_logs")
async def test_the_key_in_extra_and_unreadable_values_is_replaced(caplog):
    changes = {"operator": KEY, KEY: [KEY], "kredi_toplam": KEY, "log": {"id": KEY, "x": KEY}}
    record = await record_from_server(answer_body(changes))
    assert record.extra == {"operator": "***", "***": ["***"]}
    assert record.unreadable == {"kredi_toplam": "***"}
    assert (record.log.unreadable, record.log.extra) == ({"id": "***"}, {"x": "***"})
    assert "cannot read the field log.id (str)" in caplog.text
