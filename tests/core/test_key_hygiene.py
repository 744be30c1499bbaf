"""The key shows nowhere: every kind of failure, every way to look, every end a caller can make."""

import asyncio
import gc
import json
import logging
import re
import socket
import ssl
import traceback

import aiohttp
import pytest
import trustme

from tests.helpers import (
    KEY,
    KEY_FORMS,
    answer_body,
    assert_keyless,
    assert_no_key,
    exception_chain,
    http_response,
    raw_server,
    reachable_texts,
    read_request_head,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)
from vairosms_async._endpoint import make_endpoint
from vairosms_async.sandbox import Fault, SandboxPanel

TWICE = RetryPolicy(attempts=2, initial_delay=0.001)


@pytest.fixture
def quiet(caplog):
    """Listen to every logger at DEBUG and find no key."""
    caplog.set_level(logging.DEBUG)
    yield
    assert caplog.records
    for record in caplog.records:
        assert_no_key(record.getMessage() + repr(record.args) + str(record.exc_info))


async def every_way(client):
    """Look packet 52 up in all ways; give the errors."""
    try:
        await client.get_gonderim(52)
    except VairoSMSError as exc:
        yield exc
    try:
        await client.gather_gonderimler([52, 61])
    except VairoSMSError as exc:
        yield exc
    try:
        for outcome in await client.gather_gonderimler([52, 61], return_exceptions=True):
            assert isinstance(outcome, VairoSMSError)
            yield outcome
        async for result in client.iter_gonderimler([52]):
            assert_no_key("".join(reachable_texts(result)))
            result.unwrap()
    except VairoSMSError as exc:
        yield exc


async def check(base_url, count=5, **options):
    asyncio.get_running_loop().set_debug(True)
    options = {"retry": TWICE, "timeout": 0.5} | options
    async with VairoSMSClient(KEY, base_url=base_url, **options) as client:
        errors = [error async for error in every_way(client)]
    assert len(errors) == count
    for error in errors:
        assert_keyless(error)
    return errors[0]


# ---- failures of the sandbox -------------------------------------------------------------------

FAULTS = [
    Fault(),
    Fault(status=400),
    Fault(status=401),
    Fault(status=403),
    Fault(status=404),
    Fault(status=429, retry_after=0),
    Fault(status=429, retry_after=9999),
    Fault("html", 200),
    Fault("html", 403),
    Fault("html", 503),
    Fault("reset"),
    Fault("cut"),
    Fault("hang"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.kind} {f.status} {f.retry_after}")
@pytest.mark.usefixtures("quiet")
async def test_faults_of_the_sandbox(fault):
    async with SandboxPanel(KEY) as panel:
        panel.fail(fault, times=None)
        timeout = 0.05 if fault.kind == "hang" else 5
        await check(panel.base_url, timeout=timeout)


@pytest.mark.usefixtures("quiet")
async def test_a_wrong_key():
    async with SandboxPanel("another") as panel:
        await check(panel.base_url)


# ---- a server that echoes the URL --------------------------------------------------------------


def echo(form):
    text = f"https://vairosms.com/x?api_key={form}&y=1"
    page = f"<html><a href='{text}'>{form}</a></html>".encode()
    words = ('{"durum": false, "aciklama": "%s"}' % text).encode()
    field = answer_body().replace(b"08505326480", text.encode())
    wrong = answer_body().replace(b'"2016-07-21 14:40:16"', f'"{text}"'.encode())
    latin = text.encode("latin-1", "replace")
    return {
        "aciklama": http_response(words, "400 Bad Request"),
        "aciklama of 401": http_response(words, "401 Unauthorized"),
        "aciklama as an object": http_response(
            words.replace(b'"https', b'["https').replace(b'1"', b'1"]')
        ),
        "a page": http_response(page),
        "a page of 503": http_response(page, "503 Service Unavailable"),
        "a wrong field": http_response(wrong),
        "a constant": http_response(field.replace(b'"id": 52', b'"id": NaN')),
        "JSON cut short": http_response(field[:-1]),
        "a redirect": http_response(page, "302 Found", f"Location: {latin.decode('latin-1')}"),
        "the reason phrase": b"HTTP/1.1 500 " + latin + b"\r\nContent-Length: 0\r\n\r\n",
        "a bad status line": b"HTTP/1.1 " + latin + b"\r\n\r\n",
        "a bad header": b"HTTP/1.1 200 OK\r\n" + latin + b"\r\n\r\n",
        "a header too long": b"HTTP/1.1 200 OK\r\nX: " + latin * 500 + b"\r\n\r\n",
        "a bad cookie": http_response(
            b"", "500 Oops", f"Set-Cookie: {latin.decode('latin-1')}; =;;"
        ),
        "Retry-After": http_response(b"", "429 No", f"Retry-After: {latin.decode('latin-1')}"),
        "a bad encoding": http_response(page, "200 OK", "Content-Encoding: gzip"),
        "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + latin,
        "a cut body": http_response(page)[:-1],
    }


@pytest.mark.parametrize("name", echo(""))
@pytest.mark.parametrize("form", KEY_FORMS, ids=ascii)
@pytest.mark.usefixtures("quiet")
async def test_what_the_server_echoes(name, form):
    data = echo(form)[name]

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(data if isinstance(data, bytes) else data.encode("latin-1"))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with raw_server(serve) as base_url:
        await check(base_url)


@pytest.mark.parametrize("form", KEY_FORMS, ids=ascii)
async def test_a_record_that_echoes_the_key(form):
    escaped = form if "\\" in form else json.dumps(form, ensure_ascii=False)[1:-1]
    body = answer_body().replace(b"08505326480", f"x {escaped} y".encode())
    async with raw_server(serve_bytes(http_response(body))) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            assert (await client.get_gonderim(52)).sms_baslik == "x *** y"


# ---- no answer ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("quiet")
async def test_refused():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        await check(f"http://127.0.0.1:{sock.getsockname()[1]}")


class NoSuchName(aiohttp.abc.AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise OSError(None, "Name or service not known")

    async def close(self):
        pass


@pytest.mark.usefixtures("quiet")
async def test_no_such_name():
    connector = aiohttp.TCPConnector(resolver=NoSuchName())
    async with aiohttp.ClientSession(connector=connector) as session:
        await check("https://yok.invalid", session=session)


@pytest.mark.usefixtures("quiet")
async def test_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with raw_server(serve_bytes(http_response(answer_body())), ssl=context) as base_url:
        assert (await check(base_url)).reason == "tls"


@pytest.mark.usefixtures("quiet")
async def test_a_proxy_that_refuses():
    async with raw_server(serve_bytes(http_response(KEY.encode(), "407 No"))) as proxy:
        async with aiohttp.ClientSession(proxy=proxy) as session:
            assert (await check("https://panel.example", session=session)).reason == "proxy"


@pytest.mark.parametrize("hang_at", ["connect", "headers", "body"])
@pytest.mark.usefixtures("quiet")
async def test_time_outs(hang_at):
    async def serve(reader, writer):
        await read_request_head(reader)
        if hang_at == "body":
            writer.write(http_response(answer_body())[:-5])
        await asyncio.sleep(10)

    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
    try:
        async with raw_server(serve) as base_url:
            if hang_at == "connect":
                base_url = f"http://127.0.0.1:{full.getsockname()[1]}"
            assert (await check(base_url, timeout=0.05)).reason == "timeout"
    finally:
        for sock in (full, *fillers):
            sock.close()


# ---- ends that a caller makes ------------------------------------------------------------------


async def lookup(client):
    await client.get_gonderim(52)


async def gather(client):
    await client.gather_gonderimler(range(1, 50))


async def iterate(client):
    async for _ in client.iter_gonderimler(range(1, 50)):
        pass


async def by_timeout(work):
    async with asyncio.timeout(0.05):
        await work


async def by_wait_for(work):
    await asyncio.wait_for(work, 0.05)


async def by_cancel(work):
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.05)
    task.cancel("yeter artık")
    await task


async def by_a_sibling(work):
    async def fail():
        await asyncio.sleep(0.05)
        raise LookupError("kardeş")

    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        group.create_task(fail())


async def by_a_sibling_in_the_group(work):
    try:
        await by_a_sibling(work)
    except* LookupError as group:
        raise TimeoutError from group


async def hang_in_the_body(reader, writer):
    await read_request_head(reader)
    writer.write(http_response(answer_body())[:-5])
    await asyncio.sleep(10)


@pytest.mark.parametrize("work", [lookup, gather, iterate])
@pytest.mark.parametrize(
    "end", [by_timeout, by_wait_for, by_cancel, by_a_sibling, by_a_sibling_in_the_group]
)
@pytest.mark.parametrize("where", ["headers", "body", "back-off", "slot"])
async def test_a_lookup_that_its_caller_ends(work, end, where):
    async with SandboxPanel(KEY) as panel, raw_server(hang_in_the_body) as raw:
        base_url = raw if where == "body" else panel.base_url
        panel.fail(Fault(retry_after=30) if where == "back-off" else Fault("hang"), times=None)
        cap = 1 if where == "slot" else 4
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=cap) as client:
            first = asyncio.ensure_future(client.get_gonderim(1)) if where == "slot" else None
            await asyncio.sleep(0)
            with pytest.raises((TimeoutError, asyncio.CancelledError, ExceptionGroup)) as caught:
                await end(work(client))
            if first:
                first.cancel()
            assert_keyless(caught.value)
            printed = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            assert "aiohttp" not in {
                part for line in printed.format() for part in re.split(r"[/\\]", line)
            }
            if end is by_cancel and work is lookup:
                assert str(caught.value) == "yeter artık"
            if end in (by_timeout, by_wait_for):
                causes = [type(one) for one in exception_chain(caught.value)]
                assert causes[:2] == [TimeoutError, asyncio.CancelledError]
            if first:
                with pytest.raises(asyncio.CancelledError):
                    await first


async def test_a_cancellation_still_counts_as_one():
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            task = asyncio.ensure_future(client.get_gonderim(52))
            await asyncio.sleep(0.05)
            task.cancel("bitti")
            assert task.cancelling() == 1
            await asyncio.wait([task])
            assert task.cancelled()
            assert task.cancelling() == 1
            with pytest.raises(asyncio.CancelledError, match="bitti"):
                await task


async def test_no_frame_waits_for_the_collector():
    """What is raised through `exchange` refers to its frame; the frame must not refer back."""
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            gc.collect()
            gc.disable()
            try:
                lookup = asyncio.ensure_future(client.get_gonderim(52))
                await asyncio.sleep(0.05)
                lookup.cancel()
                [outcome] = await asyncio.gather(lookup, return_exceptions=True)
                frames = [f for f, _ in traceback.walk_tb(outcome.__traceback__)]
                assert not any("escaping" in f.f_locals for f in frames)
            finally:
                gc.enable()


async def test_the_callers_own_context_stays():
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            with pytest.raises(TimeoutError) as caught:
                try:
                    raise LookupError("önce")
                except LookupError:
                    async with asyncio.timeout(0.05):
                        await client.get_gonderim(52)
    # A cause of the TimeoutError, or its context before 3.11.4.
    [cancelled] = [
        one for one in exception_chain(caught.value) if type(one) is asyncio.CancelledError
    ]
    assert isinstance(cancelled.__context__, LookupError)


# ---- exceptions that are the session's, not the exchange's -------------------------------------


@pytest.mark.parametrize("cls", [LookupError, KeyboardInterrupt, GeneratorExit])
async def test_an_exception_of_the_sessions_hooks_passes_without_its_frames(panel, cls):
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
        assert "test_key_hygiene.py" in note
        assert " in hook;" in note


# ---- what the session's tracers hear -----------------------------------------------------------


class Slow(NoSuchName):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        raise TimeoutError


UNANSWERED = {
    "no HTTP": ("a bad status line", VairoSMSResponseError, aiohttp.ClientResponseError),
    "too long": ("a header too long", VairoSMSResponseError, aiohttp.ClientResponseError),
    "cut": ("cut in a header", VairoSMSConnectionError, aiohttp.ClientConnectionError),
    "proxy": ("proxy", VairoSMSConnectionError, aiohttp.ClientHttpProxyError),
    "connect": ("connect", VairoSMSTimeoutError, aiohttp.ConnectionTimeoutError),
}


@pytest.mark.parametrize("name", UNANSWERED)
async def test_a_tracer_hears_of_no_url_in_an_exception(name):
    """aiohttp's hooks hear of its exceptions before the library does, and some print the URL."""
    answered, error, heard = UNANSWERED[name]
    exceptions, passed = [], []

    async def hear(session, context, params):
        exceptions.append(params.exception)

    async def sessions_own(request, handler):
        passed.append(request.url)
        return await handler(request)

    trace = aiohttp.TraceConfig()
    trace.on_request_exception.append(hear)
    data = echo("").get(answered) or http_response(b"", "407 No")
    if answered == "cut in a header":
        data = f"HTTP/1.1 302 Found\r\nLocation: /x?api_key={KEY_FORMS[1]}\r\n".encode()
    options = {"trace_configs": [trace], "middlewares": [sessions_own]}
    async with raw_server(serve_bytes(data)) as base_url:
        if answered == "proxy":
            options["proxy"], base_url = base_url, "https://panel.example"
        if answered == "connect":
            options["connector"] = aiohttp.TCPConnector(resolver=Slow())
            base_url = "https://panel.example"
        async with aiohttp.ClientSession(**options) as session:
            async with VairoSMSClient(
                KEY, base_url=base_url, session=session, retry=RetryPolicy(attempts=1)
            ) as client:
                with pytest.raises(error):
                    await client.get_gonderim(52)
    assert [type(one) for one in exceptions] == [heard]
    for one in exception_chain(exceptions[0]):
        assert_no_key("".join(traceback.format_exception(one)))
        assert_no_key("".join(reachable_texts(one)))
    assert len(passed) == 1, "the session's own middleware was left out"


# ---- short keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "scrubbed"),
    [
        ("key", "api_key=key, key!", "api_key=***, ***!"),
        ("key", "api_key bilgisi, monkeys", "api_key bilgisi, monkeys"),
        ("uzunanahtar", "xuzunanahtarx", "x***x"),
        ("a1b2c3d4", "%611b2c3d4", "***"),
        ("😀😀😀😀😀😀😀😀", r"\ud83d\ude00" * 8, "***"),
        ("a\"b'c<d>e\\f", "a&quot;b&#39;c&lt;d&gt;e\\\\f", "***"),
    ],
)
def test_scrub(key, text, scrubbed):
    endpoint = make_endpoint(key, "https://x.example", allow_insecure_http=False)
    assert endpoint.scrub(text.encode()).decode() == scrubbed
