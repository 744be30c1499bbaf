"""Recipes of the guides do what they promise. test_documents only runs them."""

from functools import partialmethod

from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.helpers import (
    KEY,
    answer_body,
    assert_no_key,
    http_response,
    raw_server,
    read_request_head,
)
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


async def test_the_proxy_recipe_sends_no_credentials_of_netrc(monkeypatch, tmp_path):
    _, context = company_ca(tmp_path)
    monkeypatch.chdir(tmp_path)
    forget_proxies(monkeypatch)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    heads = []

    async def serve(reader, writer):
        heads.append(await read_request_head(reader))
        writer.write(http_response(answer_body()))
        await writer.drain()

    async with raw_server(serve, ssl=context) as base_url:
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
        monkeypatch.setenv("VAIROSMS_BASE_URL", base_url)
        names = {}
        exec(block_with(page("guides/proxies.md"), "company.pem"), names)
        await names["main"]()
    assert len(heads) == 1
    assert b"authorization" not in heads[0].lower()


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
