"""Sessions whose middleware, trace hooks or response class read the body before the client."""

import gzip

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    lookup_once,
    raw_server,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSNotFoundError,
    VairoSMSResponseError,
)
from vairosms_async._transport import MAX_BODY
from vairosms_async.sandbox import Fault


async def call_read(response):
    assert await response.read()


async def call_text(response):
    assert await response.text()


async def call_json(response):
    assert await response.json(content_type=None)


async def read_and_release(response):
    async with response:
        await response.read()


async def read_and_close(response):
    await response.read()
    response.close()


READERS = [call_read, call_text, call_json, read_and_release, read_and_close]


def session_with_middleware(read):
    async def middleware(request, handler):
        response = await handler(request)
        await read(response)
        return response

    return aiohttp.ClientSession(middlewares=[middleware])


def session_with_trace_hook(read):
    async def on_request_end(session, context, params):
        await read(params.response)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(on_request_end)
    return aiohttp.ClientSession(trace_configs=[trace])


def session_with_response_class(read):
    class ReadingResponse(aiohttp.ClientResponse):
        async def start(self, connection):
            await super().start(connection)
            await read(self)
            return self

    return aiohttp.ClientSession(response_class=ReadingResponse)


SESSIONS = [session_with_middleware, session_with_trace_hook, session_with_response_class]
each_session = pytest.mark.parametrize("make_session", SESSIONS, ids=lambda f: f.__name__)


@each_session
@pytest.mark.parametrize("read", READERS, ids=lambda f: f.__name__)
async def test_a_body_that_other_code_has_read_gives_its_record(panel, make_session, read):
    async with (
        make_session(read) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        records = await client.gather_gonderimler([52, 61])
        assert [record.id for record in records] == [52, 61]
        with pytest.raises(VairoSMSNotFoundError):
            await client.get_gonderim(5000)
        assert (await client.get_gonderim(52)).id == 52


@each_session
@pytest.mark.parametrize(
    "response",
    [
        pytest.param(
            http_response(gzip.compress(answer_body()), "200 OK", "Content-Encoding: gzip"),
            id="gzip",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
            % (len(answer_body()), answer_body()),
            id="chunked",
        ),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n" + answer_body(), id="until the end"),
    ],
)
async def test_a_body_that_other_code_has_read_may_have_any_encoding(make_session, response):
    async with (
        make_session(call_read) as session,
        raw_server(serve_bytes(response)) as base_url,
    ):
        assert (await lookup_once(base_url, session=session)).id == 52


async def test_an_empty_body_that_other_code_has_read_is_empty():
    async def read(response):
        await response.read()

    async with (
        session_with_middleware(read) as session,
        raw_server(serve_bytes(http_response(b""))) as base_url,
    ):
        error = await lookup_once(base_url, session=session)
    assert type(error) is VairoSMSResponseError
    assert "the body is empty" in str(error)


async def test_a_long_body_that_other_code_has_read_is_too_long():
    async with (
        session_with_middleware(call_read) as session,
        raw_server(serve_bytes(http_response(b" " * (MAX_BODY + 1)))) as base_url,
    ):
        error = await lookup_once(base_url, session=session)
    assert type(error) is VairoSMSResponseError
    assert f"more than {MAX_BODY} bytes" in str(error)


@each_session
async def test_a_connection_that_breaks_while_other_code_reads_is_retried(panel, make_session):
    panel.fail(Fault("cut"), times=2)
    policy = RetryPolicy(initial_delay=0)
    async with (
        make_session(call_read) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session, retry=policy) as client,
    ):
        assert (await client.get_gonderim(52)).id == 52
        panel.fail(Fault("cut"), times=None)
        with pytest.raises(VairoSMSConnectionError):
            await client.get_gonderim(52)


async def stream_all(response):
    async for _ in response.content.iter_any():
        pass


async def stream_the_start(response):
    await response.content.readexactly(10)


@each_session
@pytest.mark.parametrize("read", [stream_all, stream_the_start], ids=lambda f: f.__name__)
async def test_a_body_that_other_code_has_streamed_has_its_own_message(panel, make_session, read):
    async with (
        make_session(read) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        with pytest.raises(VairoSMSResponseError) as caught:
            await client.get_gonderim(52)
    assert panel.requests == 1
    assert (caught.value.status, caught.value.retryable) == (200, False)
    assert "of the session has streamed the body" in str(caught.value)
    assert "read(), text() or json()" in str(caught.value)


@each_session
async def test_an_exception_of_the_code_that_reads_reaches_the_caller(panel, make_session):
    class OwnError(Exception):
        pass

    async def fail(response):
        raise OwnError

    async with (
        make_session(fail) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        with pytest.raises(OwnError):
            await client.get_gonderim(52)
    assert panel.requests == 1
