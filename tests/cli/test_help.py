"""`--help`, `--version` and shell completion."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import run_vairosms
from tests.helpers import ROOT
from vairosms_async import __version__

COMMANDS = ["demo", "get", "bulk", "wait", "sandbox"]


def test_no_summary_of_a_command_is_truncated(vairosms):
    assert "..." not in vairosms("--help").out.split("Commands:")[1]


def test_help_lists_commands_and_exit_codes(vairosms):
    ran = vairosms("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", ran.out, re.MULTILINE)
    assert "Exit codes: 0 all found, 1 some failed" in ran.out


def test_help_of_wait_says_what_a_timeout_exits_with(vairosms):
    text = " ".join(vairosms("wait", "--help").out.split())
    assert "Exit codes: 0 all final, 1 some failed or were not final after --timeout, 2 not" in text


def test_help_names_a_guide_that_exists(vairosms):
    [guide] = re.findall(r"docs/\S+\.md", vairosms("--help").out)
    assert ROOT.joinpath(guide).read_text("utf-8").startswith("# The command\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example_and_fits_the_width(vairosms, command):
    ran = vairosms(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: vairosms {command} ")
    assert re.search(rf"Examples?:\n  +vairosms {command}", ran.out)
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    if command not in {"demo", "sandbox"}:
        assert "VAIROSMS_API_KEY" in ran.out
        assert "--api-key-file" in ran.out


@pytest.mark.slow
def test_version_names_the_version_of_aiohttp():
    ran = run_vairosms("--version")
    assert ran.out.startswith(f"vairosms {__version__} (aiohttp ")


@pytest.mark.slow
def test_the_script_runs_the_module():
    script = shutil.which("vairosms", path=Path(sys.executable).parent)
    out = subprocess.run([script, "--version"], capture_output=True, check=True).stdout.decode()
    assert out == run_vairosms("--version").out


def test_python_m_runs_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["vairosms", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("vairosms_async", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"vairosms {__version__} ")


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_completes_options(shell):
    ran = run_vairosms(settings={"_VAIROSMS_COMPLETE": f"{shell}_source"})
    assert ran.code == 0
    assert "_VAIROSMS_COMPLETE" in ran.out
    settings = {"_VAIROSMS_COMPLETE": "bash_complete", "COMP_WORDS": "vairosms bulk --off"}
    ran = run_vairosms(settings=settings | {"COMP_CWORD": "2"})
    assert ran.out == "plain,--offline\n"
