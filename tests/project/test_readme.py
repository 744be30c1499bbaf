"""README, run: each of its Python snippets, its commands, and the Turkish one beside it."""

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

from tests.helpers import KEY, ROOT, assert_no_key
from tests.integrations.company import ForwardProxy, company_ca, forget_proxies
from tests.platforms import posix
from tests.project.readme import README, TURKISH, blocks, snippet_with
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


def sort_of(code):
    """Tell which test runs a snippet."""
    if name := re.match(r"# (\w+\.py)\n", code):
        return name[1]
    for word in ("sentry_sdk", "AioHttpClientInstrumentor", "company.pem", "bulk_check"):
        if word in code:
            return word
    return "program" if re.search(r"^asyncio.run|Runner\(", code, re.MULTILINE) else "fragment"


SNIPPETS = blocks(README, "python")
SORTS = [sort_of(code) for code in SNIPPETS]


def snippets(sort):
    found = [code for code in SNIPPETS if sort_of(code) == sort]
    assert found
    return found


def line_of(code):
    return f"line {README[: README.index(code)].count(chr(10)) + 1}"


@pytest.fixture
def panel(monkeypatch):
    """Run a panel in a thread that the environment names, as a user's would be."""
    with SandboxPanel(KEY, settle_time=0.1) as panel:
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY)
        monkeypatch.setenv("VAIROSMS_BASE_URL", panel.base_url)
        yield panel


def test_no_snippet_is_left_out():
    files = {sort for sort in SORTS if sort.endswith(".py")}
    assert set(SORTS) - files == {
        "AioHttpClientInstrumentor",
        "bulk_check",
        "company.pem",
        "fragment",
        "program",
        "sentry_sdk",  # in test_sentry.py
    }
    assert len(SNIPPETS) == README.count("```python")


@posix
@pytest.mark.parametrize("code", snippets("program"), ids=line_of)
def test_a_program(panel, capsys, code):
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert "SONLANDI" in capsys.readouterr().out
    assert panel.requests_by_id[52]


def frame_of_a_user():
    """A packet twice, a gap, an index with repeats, a column that the panel's records have too."""
    columns = {"paket_id": pd.Series([61, 52, 61, None], dtype="Int64"), "ad": list("xyzw")}
    frame = pd.DataFrame(columns | {"created_at": range(4)})
    return frame.set_index(pd.Index([0, 0, 1, 1]))


@pytest.mark.parametrize("code", snippets("fragment"), ids=line_of)
async def test_a_fragment(panel, code):
    """With the names that it takes for granted, and its `await`s in a coroutine."""
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
            "frame": frame_of_a_user(),
        }
        if "VairoSMSClient(" in code:
            del names["client"]
        else:
            exec("from contextlib import aclosing", names)  # a snippet above has it
        run = compile(code, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(run, names)
        if inspect.iscoroutine(result):
            await result
    if "save(" in code:
        assert sorted(saved) == [52, 61]
    if "frame" in code:
        assert list(names["frame"]["panel_paket_durum"].dropna()) == [-1, 1, -1]
        assert list(names["frame"]["ad"]) == ["x", "y", "z", "w"]
    assert panel.requests or "max_concurrency=16" in code  # which only makes a client


def test_the_service_and_its_tests(pytester, monkeypatch):
    """Saved under the names they say, and run as a user would run them."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for code, sort in zip(SNIPPETS, SORTS, strict=True):
        if sort.endswith(".py"):
            pytester.path.joinpath(sort).write_text(code, "utf-8")
    assert len(list(pytester.path.glob("*.py"))) == 5
    settings = ["-o", "asyncio_default_fixture_loop_scope=function", "--strict-markers"]
    result = pytester.runpytest_subprocess("-p", "pytest_asyncio.plugin", *settings)
    result.assert_outcomes(passed=3)


@pytest.mark.slow
def test_the_cluster(panel, tmp_path):
    code = snippet_with("bulk_check")
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


async def test_behind_a_companys_proxy(monkeypatch, tmp_path, capsys):
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
        exec(snippet_with("company.pem"), names)
        await names["main"]()
    assert "SONLANDI" in capsys.readouterr().out
    assert [method for method, _ in proxy.asked] == ["CONNECT"]
    assert b"api_key" not in proxy.received


async def test_opentelemetry(panel, monkeypatch):
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    instrument = partialmethod(AioHttpClientInstrumentor.instrument, tracer_provider=tracers)
    monkeypatch.setattr(AioHttpClientInstrumentor, "instrument", instrument)
    try:
        exec(snippet_with("AioHttpClientInstrumentor"), {})
        async with VairoSMSClient() as client:
            await client.get_gonderim(52)
    finally:
        AioHttpClientInstrumentor().uninstrument()
        tracers.shutdown()
    [span] = exporter.get_finished_spans()
    assert "api_key=***" in span.to_json()
    assert_no_key(span.to_json())


# ---- commands ------------------------------------------------------------------------------------


def commands():
    """Give the command lines that README shows, but for those with a test of their own."""
    shown = [
        line
        for block in blocks(README, "console")
        for line in re.findall(r"^\$ (.*)", block, re.MULTILINE)
    ]
    shown += re.findall(r"`(vairosms [^`]+)`", README)
    return [
        line
        for line in shown
        if line.startswith("vairosms ") and not re.search("sandbox|--scheduler|demo", line)
    ]


@pytest.fixture
def shell(panel, tmp_path):
    """Run a line of shell in a folder that has the files README speaks of."""
    tmp_path.joinpath("ids.txt").write_text("52\n61\n9999\n")
    tmp_path.joinpath("export.csv").write_text("ad;paket_id\nx;52\ny;61\n")
    scripts = Path(sys.executable).parent

    def run(line):
        return subprocess.run(
            ["bash", "-c", f'PATH="{scripts}:$PATH"; {line}'],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
            encoding="utf-8",
        )

    return run


@posix
@pytest.mark.slow
@pytest.mark.parametrize("line", commands())
def test_a_command(shell, line):
    ran = shell(line)
    assert ran.returncode in {0, 1}, ran.stderr
    assert_no_key(ran.stdout + ran.stderr)


@posix
@pytest.mark.slow
def test_the_summary_is_like_the_one_shown(shell):
    [shown] = [block for block in blocks(README, "console") if "vairosms bulk" in block]
    ran = shell("vairosms bulk ids.txt -o results.jsonl")
    said = re.sub(r"\s+", " ", ran.stdout + ran.stderr)
    heads = re.findall(
        r"^(?:Checked|Credits charged:|HATALI, by reason|Errors|Results:)", shown, re.MULTILINE
    )
    assert len(heads) == 5
    for head in [*heads, "INVALID_SOURCE_ADDRESS", "VairoSMSNotFoundError 404", "e.g. 9999"]:
        assert head in shown
        assert head in said


# ---- two languages -------------------------------------------------------------------------------


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def headings(text):
    return re.findall(r"^(#+) (.+)$", without_code(text), re.MULTILINE)


def code_of(block):
    """Give a block without its comments, which each language has in its own."""
    return [re.sub(r"(^|\s+)#.*", "", line) for line in block.splitlines()]


def links(text):
    """Give what a text links to, but for its own headings, and the pictures."""
    return sorted(link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("#"))


def test_each_readme_links_the_other_first():
    assert README.startswith("[Türkçe](README.tr.md)\n")
    assert TURKISH.startswith("[English](README.md)\n")


def test_the_turkish_readme_has_the_same_sections():
    ours, theirs = headings(README), headings(TURKISH)
    assert [level for level, _ in ours] == [level for level, _ in theirs]
    # Names of things may be the same; sentences are not.
    assert sum(a == b for a, b in zip(ours, theirs, strict=True)) <= 2


def test_the_turkish_readme_has_the_same_code():
    ours, theirs = blocks(README), blocks(TURKISH)
    assert [code_of(block) for block in ours] == [code_of(block) for block in theirs]
    assert len(ours) >= 20


@pytest.mark.parametrize("part", [r"^\|", r"^- ", r"^!\["], ids=["rows", "points", "pictures"])
def test_the_turkish_readme_is_as_long(part):
    count = [len(re.findall(part, text, re.MULTILINE)) for text in (README, TURKISH)]
    assert count[0] == count[1] > 0


def test_the_turkish_readme_names_the_same_things():
    """Whatever stands in backquotes in one stands in the other: names, options, values."""
    ours, theirs = (
        set(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", without_code(text))) for text in (README, TURKISH)
    )
    assert ours == theirs


def test_the_turkish_readme_links_to_the_same():
    ours = [link.replace("README.tr.md", "README.md") for link in links(README)]
    assert ours == [link.replace("README.tr.md", "README.md") for link in links(TURKISH)]


@pytest.mark.parametrize("text", [README, TURKISH], ids=["English", "Turkish"])
def test_links_within_the_project_lead_somewhere(text):
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(text)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors
        elif not link.startswith("https://"):
            assert (ROOT / link.partition("#")[0]).exists(), link
