"""Runs a document's code blocks as a reader does: in order, in one folder, with a panel.

- ``python`` that names a file in its first line (``# service.py``) becomes that file.
- ``python`` that starts an event loop is a program and runs in a process. If it uses a panel of its
  own, it gets no API key.
- Other ``python`` runs here, as the body of one coroutine that all these blocks of the document
  share, with the name `client` (of the panel).
- ``console``: each line that begins with ``$`` runs in a shell, and prints the lines below it.
- ``sh``: the block runs in a shell and succeeds.
- ``text`` is what the block above it has printed.
- Others, and blocks below ``<!-- not run: REASON -->``, are parsed.
- ``<!-- python`` and ``<!-- sh`` hide code from readers: preparations and checks.

The folder contains `.venv`, the environment of the tests, and a `pytest.ini`.
"""

import ast
import asyncio
import configparser
import contextlib
import doctest
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Self

import yaml

from tests.helpers import assert_no_key, without_slow_callbacks
from tests.project.documents import Block
from vairosms_async import VairoSMSClient

_FILE = re.compile(r"# ([\w.]+\.py)\n")
_PROGRAM = re.compile(r"^(asyncio\.run\(|with asyncio\.Runner|if __name__ == )", re.MULTILINE)
_SETTINGS = ("VAIROSMS_API_KEY", "VAIROSMS_BASE_URL")

# pytest has the plugin that the pages name, without the other plugins of our tests.
_PYTEST_INI = """\
[pytest]
addopts = -p pytest_asyncio.plugin
asyncio_default_fixture_loop_scope = function
"""

# Times and rates, which differ from run to run.
_VARYING = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([+-]\d\d:\d\d)?": "DATE",
    r"\b\d+(:\d\d){1,2}\b": "TIME",
    r"[\d.,]+/sn?\b": "N/s",
    r"\bin \d+\.\d+s\b": "in N s",
}


def starts_a_process(block: Block) -> bool:
    """Whether the block runs outside this process."""
    if block.not_run:
        return False
    is_program = block.language == "python" and _PROGRAM.search(block.code)
    return block.language in {"console", "sh"} or bool(is_program)


class DocumentRun:
    """Runs the blocks of one document. Use it as a context manager.

    Args:
        name: The name of the document in error messages.
        folder: The folder that the blocks run in, which is the current folder.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._printed: str | None = None
        self._untested_files: set[str] = set()
        self._runner = asyncio.Runner()
        folder.joinpath(".venv").symlink_to(sys.prefix)
        folder.joinpath("pytest.ini").write_text(_PYTEST_INI)

    def __enter__(self) -> Self:
        self._client = VairoSMSClient()
        self._names = {"__name__": self._name, "client": self._client}
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def run(self, block: Block) -> None:
        """Run or parse a block. An exception has a note that says where the block is."""
        try:
            if block.not_run:
                PARSERS[block.language](block.code)
            elif block.language == "text":
                self._compare(block.code)
            elif block.language in {"python", "console", "sh"}:
                self._printed = getattr(self, f"_run_{block.language}")(block)
            else:
                PARSERS[block.language](block.code)
        except Exception as exc:
            exc.add_note(f"in the block at {self._name}:{block.line}")
            raise

    def check_that_tests_have_run(self) -> None:
        """Assert that each test file of the document was given to pytest."""
        assert not self._untested_files, "the document must show or hide a command with pytest"

    def _run_python(self, block: Block) -> str:
        if file := _FILE.match(block.code):
            compile(block.code, file[1], "exec")
            self._folder.joinpath(file[1]).write_text(block.code, "utf-8")
            if file[1].startswith("test_"):
                self._untested_files.add(file[1])
            return ""
        if _PROGRAM.search(block.code):
            return self._run_program(block.code)
        # Empty lines above the code give tracebacks the document's line numbers.
        lines_above = "\n" * (block.line - 1)
        code = compile(lines_above + block.code, self._name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self._runner.run(self._evaluate(code))
        return printed.getvalue()

    async def _evaluate(self, code: object) -> None:
        result = eval(code, self._names)
        if inspect.iscoroutine(result):
            await result

    def _run_program(self, code: str) -> str:
        self._folder.joinpath("program.py").write_text(code, "utf-8")
        unset = _SETTINGS if "SandboxPanel(" in code else ()
        return self._run_process([sys.executable, "-X", "dev", "-W", "error", "program.py"], unset)

    def _run_sh(self, block: Block) -> str:
        return self._run_in_shell(f"set -e\n{block.code}")

    def _run_console(self, block: Block) -> str:
        printed = ""
        for command, shown in console_commands(block.code):
            # The command `vairosms bulk` exits with 1 if it did not find a packet.
            printed = self._run_in_shell(command, success=(0, 1) if "vairosms" in command else (0,))
            if shown:
                assert_same_output(shown, printed)
        return printed

    def _run_in_shell(self, script: str, success: tuple[int, ...] = (0,)) -> str:
        if "pytest" in script:
            self._untested_files.clear()
        return self._run_process(["bash", "-c", script], success=success)

    def _run_process(
        self, command: list[str], unset: tuple[str, ...] = (), success: tuple[int, ...] = (0,)
    ) -> str:
        environment = {name: value for name, value in os.environ.items() if name not in unset}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTHONIOENCODING"] = "utf-8"
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        ran = subprocess.run(
            command,
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        output = without_slow_callbacks(ran.stdout.decode())
        assert ran.returncode in success, f"exit code {ran.returncode}:\n{output}"
        assert_no_key(output)
        return output

    def _compare(self, shown: str) -> None:
        assert self._printed is not None, "no block above has printed this"
        assert_same_output(shown, self._printed)


def console_commands(code: str) -> list[tuple[str, str]]:
    """Return each command of a console block, without its prompt, and the output below it."""
    assert code.startswith("$ ")
    commands = []
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = f"{command}\n{more}"
        commands.append((command, output))
    return commands


def assert_same_output(shown: str, printed: str) -> None:
    """Assert that a text was printed. Times and rates may differ; "..." stands for any text."""
    shown, printed = (_without_varying_parts(text) for text in (shown, printed))
    if not doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS):
        raise AssertionError(f"The document shows:\n{shown}\nThe code printed:\n{printed}")


def _without_varying_parts(text: str) -> str:
    for pattern, replacement in _VARYING.items():
        text = re.sub(pattern, replacement, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def _parse_python(code: str) -> None:
    compile(code, "document", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _parse_shell(code: str) -> None:
    subprocess.run(["bash", "-n"], input=code.encode(), check=True)


def _parse_console(code: str) -> None:
    for command, _ in console_commands(code):
        _parse_shell(command)


def _parse_ini(code: str) -> None:
    configparser.ConfigParser(interpolation=None).read_string(code)


def _parse_dockerfile(code: str) -> None:
    for line in re.sub(r"\\\n", " ", code).splitlines():
        assert re.match(r"(FROM|RUN|COPY|WORKDIR|ENV|USER|VOLUME|ENTRYPOINT|CMD) \S|#|$", line), (
            line
        )


def _parse_command_lines(code: str) -> None:
    """Accept any text: test_documents checks the options of each `vairosms` command in it."""
    assert "vairosms" in code


PARSERS: dict[str, Callable[[str], object]] = {
    "bat": _parse_command_lines,
    "console": _parse_console,
    "docker": _parse_dockerfile,
    "html": str,
    "ini": _parse_ini,
    "json": json.loads,
    "powershell": _parse_command_lines,
    "python": _parse_python,
    "sh": _parse_shell,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
