"""The hooks of a caller's session: exceptions that they raise, and exceptions that they see."""

import socket
import traceback

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    KEY_FORMS,
    NO_RETRIES,
    assert_keyless,
    assert_no_key,
    exception_chain,
    http_response,
    raw_server,
    reachable_texts,
    serve_bytes,
)
from vairosms_async import (
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)


@pytest.mark.parametrize("cls", [LookupError, KeyboardInterrupt, GeneratorExit])
async def test_an_exception_of_a_hook_is_raised_without_the_frames_that_hold_the_url(panel, cls):
    async def hook(session, context, params):
        assert KEY in params.url.query["api_key"]
        try:
            raise ValueError(str(params.url))
        except ValueError as exc:
            raise cls("iz") from exc

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(hook)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            with pytest.raises(cls, match="iz") as caught:
                await client.get_gonderim(52)
    assert_keyless(caught.value)
    assert caught.value.__cause__ is None
    if cls is LookupError:
        [note] = caught.value.__notes__
        assert "test_key_hygiene_hooks.py" in note
        assert " in hook;" in note


class TimingOutResolver(aiohttp.abc.AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise TimeoutError

    async def close(self):
        pass


async def assert_tracer_sees_no_url(base_url, error, seen, **session_options):
    """Look up packet 52 over a session with a tracer and a middleware; the lookup fails.

    Assert that the lookup raises `error`, that the tracer sees one exception of the class `seen`
    without the key, and that the session's middleware runs.
    """
    exceptions, middleware_urls = [], []

    async def on_request_exception(session, context, params):
        exceptions.append(params.exception)

    async def middleware(request, handler):
        middleware_urls.append(request.url)
        return await handler(request)

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(on_request_exception)
    async with aiohttp.ClientSession(
        trace_configs=[trace], middlewares=[middleware], **session_options
    ) as session:
        async with VairoSMSClient(
            KEY, base_url=base_url, session=session, retry=NO_RETRIES
        ) as client:
            with pytest.raises(error):
                await client.get_gonderim(52)
    assert [type(exc) for exc in exceptions] == [seen]
    for exc in exception_chain(exceptions[0]):
        assert_no_key("".join(traceback.format_exception(exc)))
        assert_no_key("".join(reachable_texts(exc)))
    assert len(middleware_urls) == 1, "the session's own middleware did not run"


URL_WITH_KEY = f"https://vairosms.com/x?api_key={KEY_FORMS[1]}".encode()


@pytest.mark.parametrize(
    ("answer", "error", "seen"),
    [
        pytest.param(
            b"HTTP/1.1 " + URL_WITH_KEY + b"\r\n\r\n",
            VairoSMSResponseError,
            aiohttp.ClientResponseError,
            id="invalid status line",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + URL_WITH_KEY * 500 + b"\r\n\r\n",
            VairoSMSResponseError,
            aiohttp.ClientResponseError,
            id="long header",
        ),
        pytest.param(
            b"HTTP/1.1 302 Found\r\nLocation: " + URL_WITH_KEY + b"\r\n",
            VairoSMSConnectionError,
            aiohttp.ClientConnectionError,
            id="truncated headers",
        ),
    ],
)
async def test_a_tracer_sees_no_url_in_an_exception_about_an_answer(answer, error, seen):
    """aiohttp's own exceptions contain the URL or the server's text, and tracers log them."""
    async with raw_server(serve_bytes(answer)) as base_url:
        await assert_tracer_sees_no_url(base_url, error, seen)


async def test_a_tracer_sees_no_url_in_an_exception_about_a_proxy():
    async with raw_server(serve_bytes(http_response(b"", "407 No"))) as proxy:
        await assert_tracer_sees_no_url(
            "https://panel.example",
            VairoSMSConnectionError,
            aiohttp.ClientHttpProxyError,
            proxy=proxy,
        )


async def test_a_tracer_sees_no_url_in_an_exception_about_a_connection_timeout():
    await assert_tracer_sees_no_url(
        "https://panel.example",
        VairoSMSTimeoutError,
        aiohttp.ConnectionTimeoutError,
        connector=aiohttp.TCPConnector(resolver=TimingOutResolver()),
    )
