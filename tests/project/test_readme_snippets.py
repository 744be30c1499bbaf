"""Every Python snippet in README.md runs."""

import ast
import inspect
import logging
import re
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import pandas as pd
import pytest
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.helpers import KEY, assert_no_key
from tests.integrations.company import ForwardProxy, company_ca, forget_proxies
from tests.platforms import posix
from tests.project.documents import README, block_with, blocks
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


def kind_of(code):
    """Return what decides which test runs a snippet.

    A file name if the snippet names one, a word if it has a test to itself, ``"program"`` if it
    runs an event loop, otherwise ``"fragment"``.
    """
    if name := re.match(r"# (\w+\.py)\n", code):
        return name[1]
    for word in ("sentry_sdk", "AioHttpClientInstrumentor", "company.pem", "bulk_check"):
        if word in code:
            return word
    return "program" if re.search(r"^asyncio.run|Runner\(", code, re.MULTILINE) else "fragment"


SNIPPETS = blocks(README, "python")
KINDS = [kind_of(code) for code in SNIPPETS]


def snippets_of(kind):
    found = [code for code in SNIPPETS if kind_of(code) == kind]
    assert found
    return found


def line_in_readme(code):
    return f"line {README[: README.index(code)].count(chr(10)) + 1}"


def test_each_snippet_has_a_test():
    files = {kind for kind in KINDS if kind.endswith(".py")}
    assert set(KINDS) - files == {
        "AioHttpClientInstrumentor",
        "bulk_check",
        "company.pem",
        "fragment",
        "program",
        "sentry_sdk",  # in tests/integrations/test_sentry.py
    }
    assert len(SNIPPETS) == README.count("```python")


@posix
@pytest.mark.parametrize("code", snippets_of("program"), ids=line_in_readme)
def test_programs_run(panel_in_environment, capsys, code):
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert "SONLANDI" in capsys.readouterr().out
    assert panel_in_environment.requests_by_id[52]


def users_frame():
    """Return a frame with a repeated id, a gap, repeated index values and a column of the panel."""
    columns = {"paket_id": pd.Series([61, 52, 61, None], dtype="Int64"), "ad": list("xyzw")}
    frame = pd.DataFrame(columns | {"created_at": range(4)})
    return frame.set_index(pd.Index([0, 0, 1, 1]))


@pytest.mark.parametrize("code", snippets_of("fragment"), ids=line_in_readme)
async def test_fragments_run(panel_in_environment, code):
    """A fragment runs as the body of a coroutine, with the names that README assumes."""
    saved = []

    async def save(gonderim):
        saved.append(gonderim.id)

    async def ids_from_database():
        for gonderim_id in (52, 61, 9999):
            yield gonderim_id

    async with VairoSMSClient() as client:
        names = {
            "client": client,
            "ids": [52, 61],
            "ids_from_database": ids_from_database,
            "save": save,
            "log": logging.getLogger("test"),
            "frame": users_frame(),
        }
        if "VairoSMSClient(" in code:
            del names["client"]
        else:
            exec("from contextlib import aclosing", names)  # an earlier snippet imports it
        compiled = compile(code, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(compiled, names)
        if inspect.iscoroutine(result):
            await result
    if "save(" in code:
        assert sorted(saved) == [52, 61]
    if "frame" in code:
        assert list(names["frame"]["panel_paket_durum"].dropna()) == [-1, 1, -1]
        assert list(names["frame"]["ad"]) == ["x", "y", "z", "w"]
    # One snippet only creates a client.
    assert panel_in_environment.requests or "max_concurrency=16" in code


def test_the_service_and_its_tests_pass_as_files(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for code, kind in zip(SNIPPETS, KINDS, strict=True):
        if kind.endswith(".py"):
            pytester.path.joinpath(kind).write_text(code, "utf-8")
    assert len(list(pytester.path.glob("*.py"))) == 5
    settings = ["-o", "asyncio_default_fixture_loop_scope=function", "--strict-markers"]
    result = pytester.runpytest_subprocess("-p", "pytest_asyncio.plugin", *settings)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_cluster_snippet_runs_on_a_local_cluster(panel_in_environment, tmp_path):
    code = block_with(README, "bulk_check")
    assert 'scheduler="tls://10.0.0.5:8786"' in code
    tmp_path.joinpath("ids.txt").write_text("52\n61\n")
    tmp_path.joinpath("check.py").write_text(
        code.replace('"tls://10.0.0.5:8786"', '"local"'), "utf-8"
    )
    ran = subprocess.run(
        [sys.executable, "check.py"], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    assert set(ran.stdout.decode().splitlines()) == {"52 True", "61 True"}
    assert_no_key((ran.stdout + ran.stderr).decode())


async def test_the_proxy_snippet_goes_through_a_proxy_with_a_password(
    monkeypatch, tmp_path, capsys
):
    bundle, context = company_ca(tmp_path)
    assert Path(bundle).name == "company.pem"
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
        exec(block_with(README, "company.pem"), names)
        await names["main"]()
    assert "SONLANDI" in capsys.readouterr().out
    assert [method for method, _ in proxy.asked] == ["CONNECT"]
    assert b"api_key" not in proxy.received


async def test_the_opentelemetry_snippet_keeps_the_key_out_of_spans(
    panel_in_environment, monkeypatch
):
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    instrument = partialmethod(AioHttpClientInstrumentor.instrument, tracer_provider=tracers)
    monkeypatch.setattr(AioHttpClientInstrumentor, "instrument", instrument)
    try:
        exec(block_with(README, "AioHttpClientInstrumentor"), {})
        async with VairoSMSClient() as client:
            await client.get_gonderim(52)
    finally:
        AioHttpClientInstrumentor().uninstrument()
        tracers.shutdown()
    [span] = exporter.get_finished_spans()
    assert "api_key=***" in span.to_json()
    assert_no_key(span.to_json())
