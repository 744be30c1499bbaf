"""aiohttp without its C extensions, as on platforms without a wheel: the same outcomes."""

import os
import subprocess
import sys

import pytest

from tests.helpers import ROOT

RUN_PYTEST = """
import sys
import pytest
from aiohttp import http_parser
assert http_parser.HttpResponseParser is http_parser.HttpResponseParserPy
sys.exit(pytest.main(sys.argv[1:]))
"""
SUITES = ("test_hostile", "test_callers_session_bodies")


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_passes_without_the_c_extensions_of_aiohttp(suite):
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", RUN_PYTEST]
    options = ["-q", "-p", "no:cacheprovider", f"tests/core/{suite}.py"]
    env = os.environ | {"AIOHTTP_NO_EXTENSIONS": "1"}
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
