"""OpenTelemetry's instrumentation of aiohttp: with `redact_url`, no span or metric has the key."""

import json

import pytest
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.helpers import assert_no_key
from tests.integrations.scenarios import SCENARIOS, SESSIONS, cancel_two_lookups, run_scenario
from vairosms_async import redact_url

# OTEL_SEMCONV_STABILITY_OPT_IN, and the attributes that then hold the URL.
URL_ATTRIBUTES = {"": {"http.url"}, "http": {"url.full"}, "http/dup": {"http.url", "url.full"}}
STATUS_ATTRIBUTES = {"http.status_code", "http.response.status_code"}


class Telemetry:
    """Everything that OpenTelemetry exports."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider(metric_readers=[self._reader])

    def instrument(self, **options):
        AioHttpClientInstrumentor().instrument(
            tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    def spans(self):
        return self._exporter.get_finished_spans()

    def text(self):
        """Return all spans and metrics as JSON, without escapes."""
        spans = [json.loads(span.to_json()) for span in self.spans()]
        data = self._reader.get_metrics_data()
        metrics = json.loads(data.to_json()) if data else None
        return json.dumps([spans, metrics], ensure_ascii=False)


@pytest.fixture(params=URL_ATTRIBUTES, ids=lambda opt_in: opt_in or "old")
def url_attributes(request, monkeypatch):
    """Select OpenTelemetry's attribute names. Return those that hold the URL."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", request.param)
    # OpenTelemetry reads the variable once per process. Make it read it again.
    stability = _OpenTelemetrySemanticConventionStability
    monkeypatch.setattr(stability, "_initialized", False)
    monkeypatch.setattr(stability, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {})
    return URL_ATTRIBUTES[request.param]


@pytest.fixture
def telemetry(url_attributes):
    telemetry = Telemetry()
    yield telemetry
    AioHttpClientInstrumentor().uninstrument()
    telemetry.meters.shutdown()
    telemetry.tracers.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("open_session", SESSIONS.values(), ids=SESSIONS)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
async def test_spans_report_the_outcome_without_the_key(
    telemetry, url_attributes, scenario, open_session
):
    telemetry.instrument(url_filter=redact_url)
    await run_scenario(scenario, open_session)
    spans = telemetry.spans()
    assert len(spans) == 2
    for span in spans:
        assert url_attributes <= set(span.attributes)
        for attribute in url_attributes:
            assert span.attributes[attribute].endswith("?api_key=***")
        if scenario.status:
            statuses = {span.attributes.get(name) for name in STATUS_ATTRIBUTES} - {None}
            assert statuses == {scenario.status}
        elif scenario.exception:
            assert span.status.description == scenario.exception
            [event] = span.events
            assert "Traceback" in event.attributes["exception.stacktrace"]
    assert_no_key(telemetry.text())
    assert ".duration" in telemetry.text()


async def test_spans_of_cancelled_lookups_have_no_key(telemetry, url_attributes):
    telemetry.instrument(url_filter=redact_url)
    await cancel_two_lookups()
    assert [span.status.description for span in telemetry.spans()] == ["CancelledError"] * 2
    for span in telemetry.spans():
        assert url_attributes <= set(span.attributes)
    assert_no_key(telemetry.text())


async def test_spans_have_the_key_without_redact_url(telemetry):
    """This shows that the tests above look in the right places."""
    telemetry.instrument()
    await run_scenario(SCENARIOS["200"])
    assert "gizli%2FAnahtar%2B52%26%3D%C5%9F" in telemetry.text()
