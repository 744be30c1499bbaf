"""`vairosms demo` and `vairosms sandbox`."""

import json
import os
import re
import signal
import subprocess
import sys
import types
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.helpers import environment, run_vairosms, start_vairosms, wait_for_exit
from tests.helpers import example_packet
from tests.platforms import posix


@pytest.mark.slow
def test_demo_needs_no_key_and_ignores_https_proxy():
    ran = run_vairosms(
        "demo", settings={"VAIROSMS_API_KEY": None, "HTTPS_PROXY": "http://127.0.0.1:1"}
    )
    assert ran.code == 0
    assert "Checked 1,000 packets (of the sandbox panel) in 0:0" in ran.out
    counts = re.findall(r"^  ([A-Z_]+) +([\d,]+) +[\d.]+%", ran.out, re.MULTILINE)[:3]
    assert [name for name, _ in counts] == ["SONLANDI", "DEVAM_EDIYOR", "HATALI"]
    assert sum(int(count.replace(",", "")) for _, count in counts) == 1000
    assert run_vairosms("demo", "--packets", "60", "-q").err == ""


@posix
@pytest.mark.slow
def test_sandbox_prints_lines_that_can_be_pasted():
    """Without a comment or a label: zsh runs a pasted comment as a command."""
    child = start_vairosms(
        "sandbox", "--port", "0", "--packets", "3", "--latency", "0.01-0.02", bufsize=0
    )
    lines = [child.stdout.readline().decode() for _ in range(4)]
    *shown, curl = lines
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = environment(PATH=path, VAIROSMS_API_KEY=None)
    pasted = ["sh", "-euc", "".join(shown)]
    out = subprocess.run(pasted, capture_output=True, check=True, env=env).stdout
    assert "08505326480" in out.decode()
    url = re.fullmatch(r"curl '(http://127\.0\.0\.1:\d+/.*)'\n", curl)[1]
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer)["aciklama"] == example_packet(52)
    taken = run_vairosms("sandbox", "--port", urlsplit(url).port)
    assert taken.code == 2
    assert "Address already in use: give another --port" in taken.err
    child.send_signal(signal.SIGTERM)
    ran = wait_for_exit(child)
    assert (ran.code, ran.out) == (143, "")
    assert ran.err.endswith("Ctrl-C stops the panel.\nInterrupted.\n")


@pytest.mark.slow
def test_sandbox_applies_its_rate_limit():
    child = start_vairosms(
        "sandbox", "--port", "0", "--rate-limit", "1", "--faults", "0", bufsize=0
    )
    settings = {"VAIROSMS_BASE_URL": child.stdout.readline().decode().partition("=")[2].strip()}
    settings |= {"VAIROSMS_API_KEY": "sandbox-api-key"}
    ran = run_vairosms("bulk", "-", "-o", "-", given=b"52\n61\n1\n", settings=settings)
    assert ran.code == 0
    assert "the panel answered HTTP 429" in ran.err
    child.terminate()
    wait_for_exit(child)


@pytest.mark.parametrize("latency", ["x", "1-", "2-1", "-1", "inf", "nan"])
def test_rejects_an_invalid_latency(vairosms, latency):
    ran = vairosms("sandbox", f"--latency={latency}")
    assert ran.code == 2
    assert "is not like 0.2 or 0.05-0.3" in ran.err


def all_is_printed():
    """Whether `vairosms sandbox` has printed its last line to the file that is stdout."""
    return b"/GonderimBilgisi/52" in os.pread(1, 10_000, 0)


@posix
@pytest.mark.parametrize("latency", ["0.5", "0-0.25"])
def test_sandbox_serves_until_a_signal(vairosms, latency):
    args = ("sandbox", "--port", "0", "--latency", latency)
    ran = vairosms(*args, terminate_when=all_is_printed)
    assert ran.code == 143
    assert re.match(r"export VAIROSMS_BASE_URL=http://127\.0\.0\.1:\d+/Panel/api/v1\n", ran.out)
    assert ran.err.endswith("Interrupted.\n")


@posix
def test_sandbox_prints_lines_for_powershell_on_windows(vairosms, monkeypatch):
    monkeypatch.setattr("vairosms_async.cli.demo.os", types.SimpleNamespace(name="nt"))
    ran = vairosms("sandbox", "--port", "0", terminate_when=all_is_printed)
    lines = ran.out.splitlines()
    assert re.fullmatch(
        r'\$env:VAIROSMS_BASE_URL = "http://127\.0\.0\.1:\d+/Panel/api/v1"', lines[0]
    )
    assert lines[1:3] == ['$env:VAIROSMS_API_KEY = "sandbox-api-key"', "vairosms get 52"]
    assert lines[3].startswith("curl.exe 'http://127.0.0.1:")
