"""Recipes of the guides do what they promise. test_documents only runs them."""

from functools import partialmethod

from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.helpers import KEY, assert_no_key
from tests.integrations.company import ForwardProxy, company_ca, forget_proxies
from tests.project.documents import block_with, page
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


async def test_the_proxy_recipe_goes_through_a_proxy_with_a_password(monkeypatch, tmp_path, capsys):
    _, context = company_ca(tmp_path)  # writes company.pem
    monkeypatch.chdir(tmp_path)
    forget_proxies(monkeypatch)
    async with (
        ForwardProxy("user:password") as proxy,
        SandboxPanel(KEY, ssl_context=context) as panel,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:password@{proxy.address}")
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
        monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
        names = {}
        exec(block_with(page("guides/proxies.md"), "company.pem"), names)
        await names["main"]()
    assert "SONLANDI" in capsys.readouterr().out
    assert [method for method, _ in proxy.asked] == ["CONNECT"]
    assert b"api_key" not in proxy.received


async def test_the_opentelemetry_recipe_keeps_the_key_out_of_spans(
    panel_in_environment, monkeypatch
):
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    instrument = partialmethod(AioHttpClientInstrumentor.instrument, tracer_provider=tracers)
    monkeypatch.setattr(AioHttpClientInstrumentor, "instrument", instrument)
    try:
        exec(block_with(page("guides/observability.md"), "AioHttpClientInstrumentor()"), {})
        async with VairoSMSClient() as client:
            await client.get_gonderim(52)
    finally:
        AioHttpClientInstrumentor().uninstrument()
        tracers.shutdown()
    [span] = exporter.get_finished_spans()
    assert "api_key=***" in span.to_json()
    assert_no_key(span.to_json())
