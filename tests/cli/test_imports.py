"""What the command imports, and what it says if a package is missing."""

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import vairosms_command
from tests.cli.helpers import Ran, environment, run_vairosms, wait_for_exit
from tests.platforms import posix
from vairosms_async import __version__, cli


def test_the_command_imports_only_the_public_api():
    """The command uses the library as our users do."""
    public = {"vairosms_async", "vairosms_async.cluster", "vairosms_async.sandbox"}

    def is_ours(module):
        return module in public or module.startswith("vairosms_async.cli.")

    for path in Path(cli.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert node.level <= 1, path
                assert node.level or is_ours(module) or not module.startswith("vairosms"), path
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("vairosms") for name in node.names), path


@pytest.mark.slow
def test_the_library_imports_nothing_of_the_extra():
    code = (
        "import sys, vairosms_async, vairosms_async.sandbox, vairosms_async.cli as cli;"
        "sys.exit(bool(cli.EXTRA & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


RICH_IS_MISSING = "vairosms: the command needs rich: pip install '/path/to/the/clone[cli]'\n"


@pytest.mark.slow
def test_a_missing_extra_says_how_to_install_it(folder):
    Path("sitecustomize.py").write_text("import sys\nsys.modules['rich'] = None\n")
    ran = run_vairosms("demo", settings={"PYTHONPATH": str(folder)})
    assert ran == Ran(2, "", RICH_IS_MISSING)


@pytest.fixture
def command_not_imported(monkeypatch):
    """Let the command import its modules again."""
    for name in [n for n in sys.modules if n.startswith("vairosms_async.cli.")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_missing_extra_says_how_to_install_it_in_this_process(
    command_not_imported, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert cli.main() == 2
    assert capsys.readouterr().err == RICH_IS_MISSING


def test_another_missing_module_is_a_bug(command_not_imported, monkeypatch):
    monkeypatch.setitem(sys.modules, "csv", None)
    with pytest.raises(ModuleNotFoundError, match="csv"):
        cli.main()


INTERRUPTED = Ran(130, "", "Interrupted.\n")
INTERRUPT_AT_AIOHTTP = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "aiohttp":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""


@posix
@pytest.mark.slow
def test_ctrl_c_while_the_script_imports_the_library_is_exit_code_130(folder):
    Path("sitecustomize.py").write_text(INTERRUPT_AT_AIOHTTP)
    script = Path(sys.executable).with_name("vairosms")
    child = subprocess.Popen(
        [script, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(PYTHONPATH=str(folder)),
    )
    assert wait_for_exit(child) == INTERRUPTED


def test_the_script_handles_ctrl_c_during_its_import(monkeypatch, capsys):
    class Interrupting(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "vairosms_async", Interrupting("vairosms_async"))
    assert vairosms_command.main() == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_the_script_runs_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vairosms", "--version"])
    assert vairosms_command.main() == 0
    assert capsys.readouterr().out.startswith(f"vairosms {__version__} ")


def test_ctrl_c_during_the_imports_is_exit_code_130(command_not_imported, monkeypatch, capsys):
    class InterruptingFinder:
        def find_spec(self, name, path, target=None):
            if name == "vairosms_async.cli.app":
                raise KeyboardInterrupt

    monkeypatch.setattr(sys, "meta_path", [InterruptingFinder(), *sys.meta_path])
    assert cli.main() == 130
    assert capsys.readouterr().err == "Interrupted.\n"


@pytest.mark.parametrize("function", ["guard_streams", "use_language"])
def test_ctrl_c_before_the_imports_is_exit_code_130(monkeypatch, capsys, function):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, function, interrupt)
    assert cli.main() == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_ctrl_c_before_the_command_handles_signals_is_exit_code_130(monkeypatch, capsys):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("vairosms_async.cli.app.Signals.__enter__", interrupt)
    assert cli.main() == 130
    assert capsys.readouterr().err == "Interrupted.\n"
