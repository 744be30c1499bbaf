"""README and all pages: every code block runs, every link and anchor exists."""

import re

import click
import pytest
from packaging.requirements import Requirement

from tests.helpers import EXAMPLES, ROOT
from tests.platforms import posix
from tests.project.documents import (
    Block,
    code_blocks,
    document_name,
    documents,
    headings,
    link_targets,
    without_code,
)
from tests.project.github import GITHUB
from tests.project.snippets import DocumentRun, assert_same_output, starts_a_process
from vairosms_async.cli.app import cli

PATHS = documents()
TEXTS = {document_name(path): path.read_text("utf-8") for path in PATHS}


def speed(name):
    """Return the mark of a document that starts child processes."""
    return pytest.mark.slow if any(map(starts_a_process, code_blocks(TEXTS[name]))) else ()


@pytest.fixture
def run_of(panel_in_environment, tmp_path, monkeypatch):
    """Return a function that makes the `DocumentRun` of a document, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_of(name):
        monkeypatch.setenv("VAIROSMS_LANG", "tr" if re.search(r"\btr\b", name) else "en")
        return DocumentRun(name, tmp_path)

    return run_of


@posix
@pytest.mark.parametrize("name", [pytest.param(name, marks=speed(name)) for name in TEXTS])
def test_every_block_of_a_document_runs(run_of, name):
    with run_of(name) as run:
        for block in code_blocks(TEXTS[name]):
            run.run(block)
        run.check_that_tests_have_run()


@pytest.mark.parametrize("name", TEXTS)
def test_no_block_is_overlooked(name):
    """A block with another indentation or fence would not run."""
    text = TEXTS[name]
    fences = len(re.findall(r"^ *(?:`{3,}|~{3,})", text, re.MULTILINE))
    directives = len(re.findall(r"^```\{[\w-]+\}.*\n(?:.*\n)*?```$", text, re.MULTILINE))
    visible = [block for block in code_blocks(text) if not block.hidden]
    assert fences == 2 * (len(visible) + directives)
    marks = re.findall(r"^ *<!-- (?:not run|python\b|sh\b)", text, re.MULTILINE)
    assert len(marks) == sum(block.hidden or bool(block.not_run) for block in code_blocks(text))


@pytest.mark.parametrize("name", TEXTS)
def test_options_of_the_command_exist(name):
    text = re.sub(r"[\\^`]\n\s*", " ", TEXTS[name])  # commands on several lines
    for subcommand, rest in re.findall(r"\bvairosms(?:\.exe)? (\w+)([^`\n|;&]*)", text):
        command = cli.get_command(click.Context(cli), subcommand)
        if command is not None:  # "the vairosms command"
            options = {option for parameter in command.params for option in parameter.opts}
            options |= {"-h", "--help"}
            assert set(re.findall(r"(?<!\S)--?[a-z][\w-]*", rest)) <= options


def anchor(title):
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", [*TEXTS, "CHANGELOG.md", *map(document_name, GITHUB.glob("*.md"))])
def test_links_have_a_target(name):
    for target in link_targets((ROOT / name).read_text("utf-8")):
        if target.startswith(("https://", "mailto:")):
            continue
        file, _, fragment = target.partition("#")
        linked = (ROOT / name).parent / file if file else ROOT / name
        assert linked.exists(), target
        assert linked.resolve().is_relative_to(ROOT)
        if fragment:
            titles = [title for _, title in headings(linked.read_text("utf-8"))]
            assert fragment in map(anchor, titles), target


def test_pages_link_each_example():
    targets = {target for text in TEXTS.values() for target in link_targets(text)}
    for path in EXAMPLES.iterdir():
        if path.is_file():
            assert f"../../{document_name(path)}" in targets


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_installs_a_name_that_is_not_published(name):
    assert not re.search(
        r"(pip|uv|pipx|poetry|uvx)\b.*\bvairosms[-_]async(?!.*(@|\.whl))", TEXTS[name]
    )


def test_the_requirement_lines_are_valid():
    lines = [line for text in TEXTS.values() for line in re.findall(r"`(\S+ @ git[^`]+)`", text)]
    assert len(lines) >= 3
    for line in lines:
        assert Requirement(line).url


def test_pages_link_with_inline_links_only():
    """The check of the links reads no other form."""
    for text in TEXTS.values():
        assert not re.search(r"^\[[^\]]+\]: ", without_code(text), re.MULTILINE)


SAMPLE = """\
```python
# greeting.py
greeting = "merhaba"
```

```python
from greeting import greeting
```

Words.

```python
print(greeting, (await client.get_gonderim(52)).id)
```

```text
merhaba 52
```

```console
$ echo one; echo two
one
two
$ cat \\
    greeting.py
...
greeting = "merhaba"
```

<!-- python
assert greeting == "merhaba"
-->

```python
import asyncio
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

async def main():
    async with SandboxPanel("own") as panel:
        async with VairoSMSClient("own", base_url=panel.base_url) as client:
            print(await client.get_gonderim(61))

asyncio.run(main())
```

```text
Gonderim(id=61...
```

<!-- not run: needs Docker -->
```sh
docker build .
```
"""


def run_sample(run_of, monkeypatch, text):
    monkeypatch.syspath_prepend(".")
    with run_of("sample.md") as run:
        for block in code_blocks(text):
            run.run(block)
        run.check_that_tests_have_run()


@posix
@pytest.mark.slow
def test_a_document_runs_from_top_to_bottom(run_of, monkeypatch):
    assert len(code_blocks(SAMPLE)) == 9
    run_sample(run_of, monkeypatch, SAMPLE)


FAULTS = {
    "wrong output": ("```python\nprint(1)\n```\n\n```text\n2\n```\n", 6),
    "output of nothing": ("```text\n2\n```\n", 2),
    "exception": ("\n\n```python\nawait client.get_gonderim(9999)\n```\n", 4),
    "wrong output in a shell": ("```console\n$ echo 1\n2\n```\n", 2),
    "failed command": ("```sh\nfalse\ntrue\n```\n", 2),
    "failed command with a prompt": ("```console\n$ false\n```\n", 2),
    "failed check": ("<!-- python\nassert not 52\n-->\n", 2),
    "syntax of a block that is not run": ("<!-- not run: x -->\n```sh\nif\n```\n", 3),
    "syntax of Python that is not run": ("<!-- not run: x -->\n```python\nif\n```\n", 3),
    "syntax of another language": ("```json\n{\n```\n", 2),
    "unknown language": ("```cobol\nSTOP RUN\n```\n", 2),
    "failed program": ("```python\nasyncio.run(main())\n```\n", 2),
}


@posix
@pytest.mark.parametrize(("text", "line"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_block_is_reported_with_its_line(run_of, monkeypatch, text, line):
    with pytest.raises(Exception) as caught:
        run_sample(run_of, monkeypatch, text)
    assert f"in the block at sample.md:{line}" in caught.value.__notes__


def test_test_files_that_do_not_run_are_reported(run_of, monkeypatch):
    with pytest.raises(AssertionError, match="pytest"):
        run_sample(run_of, monkeypatch, "```python\n# test_x.py\n```\n")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        pytest.param("Checked 3 rows in 12:40, 1,316/s", "Checked 3 rows in 0:00, 74/s", id="rate"),
        pytest.param("2 passed in 0.05s", "2 passed in 1.52s", id="pytest"),
        pytest.param("a ... c", "a b c", id="ellipsis"),
        pytest.param("12:00:01 52", "15:30:00 52", id="time of day"),
    ],
)
def test_times_and_rates_may_differ(shown, printed):
    assert_same_output(shown, printed)


def test_counts_may_not_differ():
    with pytest.raises(AssertionError):
        assert_same_output("Checked 3 rows", "Checked 4 rows")


def test_a_mark_belongs_to_the_next_block():
    text = "<!-- not run: needs Docker -->\n\n```sh\na\n```\n\n```sh\nb\n```\n"
    assert code_blocks(text) == [
        Block("sh", "a\n", 4, "needs Docker", hidden=False),
        Block("sh", "b\n", 8, None, hidden=False),
    ]
