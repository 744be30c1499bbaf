"""Tracers, error reporters and loggers that a service has on: the key is in none of them."""

import asyncio
import json
import logging
import socket
import ssl
from contextlib import AsyncExitStack, suppress

import aiohttp
import pytest
import trustme
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.helpers import (
    KEY,
    answer_body,
    assert_no_key,
    http_response,
    raw_server,
    reachable_texts,
    read_request_head,
    serve_bytes,
)
from vairosms_async import RetryPolicy, VairoSMSAuthError, VairoSMSClient, redact_url
from vairosms_async.sandbox import Fault, SandboxPanel

ONCE = RetryPolicy(attempts=1)


class Telemetry:
    """What OpenTelemetry exports, as text."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider(metric_readers=[self._reader])

    def spans(self):
        return self._exporter.get_finished_spans()

    def text(self):
        """Give all of it, not escaped."""
        spans = [json.loads(span.to_json()) for span in self.spans()]
        data = self._reader.get_metrics_data()
        metrics = json.loads(data.to_json()) if data else None
        return json.dumps([spans, metrics], ensure_ascii=False)

    def instrument(self, **options):
        AioHttpClientInstrumentor().instrument(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )


@pytest.fixture(params=["", "http", "http/dup"], ids=lambda mode: mode or "old")
def conventions(request, monkeypatch):
    """Set which names OpenTelemetry uses. It reads them once a process, so it is told to again."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
    stability = _OpenTelemetrySemanticConventionStability
    monkeypatch.setattr(stability, "_initialized", False)
    monkeypatch.setattr(stability, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {})
    return {"": {"http.url"}, "http": {"url.full"}, "http/dup": {"http.url", "url.full"}}[
        request.param
    ]


@pytest.fixture
def telemetry(conventions):
    telemetry = Telemetry()
    yield telemetry
    AioHttpClientInstrumentor().uninstrument()
    telemetry.meters.shutdown()
    telemetry.tracers.shutdown()


# ---- what can become of a lookup ---------------------------------------------------------------


def fault(*args, **options):
    async def scene(stack):
        panel = await stack.enter_async_context(SandboxPanel(KEY))
        panel.fail(Fault(*args, **options), times=None)
        return panel.base_url

    return scene


async def good(stack):
    return (await stack.enter_async_context(SandboxPanel(KEY))).base_url


async def wrong_key(stack):
    return (await stack.enter_async_context(SandboxPanel("another"))).base_url


def raw(data):
    async def scene(stack):
        return await stack.enter_async_context(raw_server(serve_bytes(data)))

    return scene


async def refused(stack):
    sock = stack.enter_context(socket.socket())
    sock.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


async def no_such_name(stack):
    return "https://yok.invalid/v1"


async def untrusted(stack):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return await stack.enter_async_context(
        raw_server(serve_bytes(http_response(answer_body())), ssl=context)
    )


async def silent(stack):
    async def serve(reader, writer):
        await read_request_head(reader)
        await reader.read()

    return await stack.enter_async_context(raw_server(serve))


async def silent_in_the_body(stack):
    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(http_response(answer_body())[:-5])
        await reader.read()

    return await stack.enter_async_context(raw_server(serve))


ECHO = f"https://x/52?api_key={KEY}".encode()

# What happens, and what a span must say of it: an HTTP status, or the type of an exception.
SCENES = {
    "good": (good, 200),
    "401": (wrong_key, 401),
    "404": (fault(status=404), 404),
    "429": (fault(status=429, retry_after=0), 429),
    "5xx, a page": (fault("html", 503), 503),
    "refused": (refused, "ClientConnectorError"),
    "no such name": (no_such_name, "ClientConnectorDNSError"),
    "TLS": (untrusted, "ClientConnectorCertificateError"),
    "reset": (fault("reset"), None),
    "no HTTP": (raw(b"HTTP/1.1 " + ECHO + b"\r\n\r\n"), "ClientResponseError"),
    "a header too long": (
        raw(b"HTTP/1.1 200 OK\r\nX: " + ECHO * 500 + b"\r\n\r\n"),
        "ClientResponseError",
    ),
    "cut in a header": (
        raw(b"HTTP/1.1 302 Found\r\nLocation: " + ECHO + b"\r\n"),
        "ClientConnectionError",
    ),
    "a hang": (silent, "CancelledError"),
    "a hang in the body": (silent_in_the_body, None),
}
# A caller's session with limits of its own, which the client's `timeout` replaces.
TIGHT = aiohttp.ClientTimeout(connect=0.001, sock_connect=0.001, sock_read=0.001)


async def run_scene(scene, session_of=None, **options):
    """Look two packets up, in two ways, and let come what may."""
    async with AsyncExitStack() as stack:
        base_url = await scene(stack)
        session = await stack.enter_async_context(session_of()) if session_of else None
        async with VairoSMSClient(
            KEY, base_url=base_url, session=session, retry=ONCE, **options
        ) as client:
            await client.gather_gonderimler([52], return_exceptions=True)
            with suppress(VairoSMSAuthError):
                async for _ in client.iter_gonderimler([61]):
                    pass


async def run_cancelled(**options):
    """Look packets up of a silent panel, under a time-out that ends once the panel was asked."""
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url, **options) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(None) as within:
                    lookup = asyncio.ensure_future(client.gather_gonderimler([52, 61]))
                    while panel.in_flight < 2:
                        await asyncio.sleep(0.001)
                    within.reschedule(asyncio.get_running_loop().time())
                    await lookup


SESSIONS = {
    "own": None,
    "injected": aiohttp.ClientSession,
    "tight": lambda: aiohttp.ClientSession(timeout=TIGHT, raise_for_status=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("name", SCENES)
async def test_opentelemetry_has_no_key(telemetry, conventions, name, session):
    telemetry.instrument(url_filter=redact_url)
    scene, said = SCENES[name]
    timeout = 0.1 if "hang" in name else 10
    await run_scene(scene, SESSIONS[session], timeout=timeout)
    spans = telemetry.spans()
    assert len(spans) == 2
    for span in spans:
        assert conventions <= set(span.attributes)
        for attribute in conventions:
            assert span.attributes[attribute].endswith("?api_key=***")
        if isinstance(said, int):
            status = {"http.status_code", "http.response.status_code"}
            assert {span.attributes.get(n) for n in status} - {None} == {said}
        elif said:
            assert span.status.description == said
            [event] = span.events
            assert "Traceback" in event.attributes["exception.stacktrace"]
    assert_no_key(telemetry.text())
    assert ".duration" in telemetry.text()


async def test_opentelemetry_has_no_key_of_what_its_caller_cancels(telemetry, conventions):
    telemetry.instrument(url_filter=redact_url)
    await run_cancelled()
    assert [span.status.description for span in telemetry.spans()] == ["CancelledError"] * 2
    for span in telemetry.spans():
        assert conventions <= set(span.attributes)
    assert_no_key(telemetry.text())


async def test_opentelemetry_has_the_key_without_the_filter(telemetry):
    telemetry.instrument()
    await run_scene(good)
    assert "gizli%2FAnahtar%2B52%26%3D%C5%9F" in telemetry.text()


# ---- logs --------------------------------------------------------------------------------------


class Listener(logging.Handler):
    """Keeps all that a record holds, as text, and as a formatter writes it."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        self.texts += [self.format(record), *reachable_texts(vars(record), depth=2)]


@pytest.fixture
def listener(monkeypatch):
    """Listen to each logger there is, at DEBUG, whatever its own settings are."""
    listener = Listener()
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.DEBUG)
        monkeypatch.setattr(logger, "disabled", False)
        monkeypatch.setattr(logger, "handlers", [listener])
        monkeypatch.setattr(logger, "propagate", False)
        logger._cache.clear()
    yield listener
    for logger in loggers:
        logger._cache.clear()


async def test_no_logger_of_any_library_has_the_key(listener):
    """With asyncio's debug mode, which prints each handle and task that it ran."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    for name, (scene, _) in SCENES.items():
        await run_scene(scene, timeout=0.1 if "hang" in name else 10)
    await run_scene(good, SESSIONS["tight"])
    await run_cancelled()
    loop.set_debug(False)
    said = "\n".join(listener.texts)
    assert "Executing <Task " in said
    assert "Executing <Handle " in said
    assert "GET gonderim 52, attempt 1: 200" in said
    assert "the panel refused the API key" in said
    assert "Get address info yok.invalid:443" in said  # asyncio's own debug line, of the resolver
    assert_no_key(said)
