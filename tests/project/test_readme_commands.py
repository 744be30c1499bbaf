"""The `vairosms` command lines in README.md run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import assert_no_key
from tests.platforms import posix
from tests.project.documents import README, blocks

pytestmark = [posix, pytest.mark.slow]


def shown_commands():
    """Return README's command lines, without those that have tests elsewhere."""
    lines = [
        line
        for block in blocks(README, "console")
        for line in re.findall(r"^\$ (.*)", block, re.MULTILINE)
    ]
    lines += re.findall(r"`(vairosms [^`]+)`", README)
    return [
        line
        for line in lines
        if line.startswith("vairosms ") and not re.search("sandbox|--scheduler|demo", line)
    ]


@pytest.fixture
def run_in_shell(panel_in_environment, tmp_path):
    """Return a function that runs a command line in a folder with README's input files."""
    tmp_path.joinpath("ids.txt").write_text("52\n61\n9999\n")
    tmp_path.joinpath("export.csv").write_text("ad;paket_id\nx;52\ny;61\n")
    scripts = Path(sys.executable).parent

    def run_in_shell(line):
        return subprocess.run(
            ["bash", "-c", f'PATH="{scripts}:$PATH"; {line}'],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
            encoding="utf-8",
        )

    return run_in_shell


@pytest.mark.parametrize("line", shown_commands())
def test_commands_run(run_in_shell, line):
    ran = run_in_shell(line)
    assert ran.returncode in {0, 1}, ran.stderr
    assert_no_key(ran.stdout + ran.stderr)


def test_the_summary_looks_like_the_one_in_readme(run_in_shell):
    [shown] = [block for block in blocks(README, "console") if "vairosms bulk" in block]
    ran = run_in_shell("vairosms bulk ids.txt -o results.jsonl")
    output = re.sub(r"\s+", " ", ran.stdout + ran.stderr)
    headings = re.findall(
        r"^(?:Checked|Credits charged:|HATALI, by reason|Errors|Results:)", shown, re.MULTILINE
    )
    assert len(headings) == 5
    for text in [*headings, "INVALID_SOURCE_ADDRESS", "VairoSMSNotFoundError", "e.g. 9999"]:
        assert text in shown
        assert text in output
