"""aiohttp without its C extensions, as on platforms without a wheel: the same outcomes."""

import os
import subprocess
import sys

import pytest
from aiohttp import client_proto, http_parser

from tests.helpers import (
    KEY,
    NO_RETRIES,
    ROOT,
    answer_body,
    http_response,
    lookup_once,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import VairoSMSClient, VairoSMSConnectionError, VairoSMSResponseError

RUN_PYTEST = """
import sys
import pytest
from aiohttp import http_parser
assert http_parser.HttpResponseParser is http_parser.HttpResponseParserPy
assert http_parser.HttpResponseParser.lax
sys.exit(pytest.main(sys.argv[1:]))
"""
SUITES = (
    "test_callers_session_bodies",
    "test_failures",
    "test_hostile",
    "test_kept_connections",
)


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_passes_without_the_c_extensions_of_aiohttp(suite):
    # Without `-X dev`, which makes aiohttp's parser stricter than it is for users.
    command = [sys.executable, "-W", "error", "-c", RUN_PYTEST]
    options = ["-q", "-p", "no:cacheprovider", f"tests/core/{suite}.py"]
    env = os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"}
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.fixture
def parser_in_python(monkeypatch):
    for module in (client_proto, http_parser):
        monkeypatch.setattr(module, "HttpResponseParser", http_parser.HttpResponseParserPy)


def assert_not_http(outcome):
    assert type(outcome) is VairoSMSResponseError
    assert "is not HTTP" in str(outcome)
    assert outcome.retryable


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"220 mail.example ESMTP\r\n", id="SMTP"),
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x28", id="TLS alert"),
        pytest.param(b"HTTX", id="wrong fourth byte"),
        pytest.param(b"HTTP 200", id="no slash"),
        pytest.param(b"x", id="one byte"),
    ],
)
@pytest.mark.usefixtures("parser_in_python")
async def test_an_answer_of_another_protocol_is_not_http(answer):
    async with raw_server(serve_bytes(answer)) as base_url:
        assert_not_http(await lookup_once(base_url))


@pytest.mark.usefixtures("parser_in_python")
async def test_an_answer_that_comes_before_the_request_is_not_http():
    async def greet(reader, writer):
        writer.write(b"220 mail.example ESMTP\r\n")
        await read_request_head(reader)
        writer.close()
        await writer.wait_closed()

    async with raw_server(greet) as base_url:
        assert_not_http(await lookup_once(base_url))


@pytest.mark.usefixtures("parser_in_python")
async def test_the_second_answer_on_a_connection_may_be_not_http():
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await read_request_head(reader)
        writer.write(http_response(answer_body()))
        await serve_bytes(b"220 mail.example ESMTP\r\n")(reader, writer)

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            assert (await client.get_gonderim(52)).id == 52
            with pytest.raises(VairoSMSResponseError) as caught:
                await client.get_gonderim(52)
    assert_not_http(caught.value)
    assert connections == 1


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"


@pytest.mark.parametrize("length", range(len(HEAD) + 1))
@pytest.mark.usefixtures("parser_in_python")
async def test_incomplete_headers_are_a_lost_connection(length):
    async with raw_server(serve_bytes(HEAD[:length])) as base_url:
        error = await lookup_once(base_url)
    assert type(error) is VairoSMSConnectionError
    assert error.reason == "cut"
