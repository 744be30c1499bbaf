"""The example programs, run as a user runs them."""

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.helpers import EXAMPLES, KEY, assert_no_key, without_slow_callbacks
from tests.platforms import posix
from vairosms_async.sandbox import Fault, SandboxPanel


async def run_example(name, *args, **settings):
    """Run an example with extra environment variables. Return its exit code, stdout and stderr."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "dev",
        "-W",
        "error",
        EXAMPLES / name,
        *args,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | settings,
    )
    async with asyncio.timeout(60):
        out, err = (stream.decode() for stream in await child.communicate())
    assert_no_key(out + err)
    assert "Traceback" not in err
    err = without_slow_callbacks(err)
    return child.returncode, out, err


@pytest.fixture
def settings(panel):
    """Return the environment variables that point an example at the test's panel."""
    return {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}


@pytest.fixture
def ids_file(tmp_path):
    path = tmp_path / "ids"
    path.write_text("52\n61\n")
    return path


def check_counts(out, total):
    counts = dict(re.findall(r"^  (\w+) +([\d,]+)$", out, re.MULTILINE))
    assert counts.keys() == {"SONLANDI", "DEVAM_EDIYOR", "HATALI"}
    assert sum(int(count.replace(",", "")) for count in counts.values()) == total


async def test_single_shows_packets_of_the_sandbox_panel():
    code, out, err = await run_example("single.py")
    assert (code, err) == (0, "")
    assert "Gönderim 52 (08505326480): SONLANDI" in out
    code, out, _ = await run_example("single.py", "61")
    assert "INVALID_SOURCE_ADDRESS" in out


async def test_single_asks_the_panel_in_the_environment(panel, settings):
    code, out, _ = await run_example("single.py", "7", **settings)
    assert code == 0
    assert "Gönderim 7" in out
    assert panel.requests == 1


async def test_single_without_a_key_ignores_the_base_url_in_the_environment():
    async with SandboxPanel("other") as panel:
        await run_example("single.py", VAIROSMS_BASE_URL=panel.base_url)
        assert panel.requests == 0


@pytest.mark.parametrize(
    ("args", "setting", "code", "message"),
    [
        pytest.param(["9999"], {}, 1, "no packet 9999", id="unknown id"),
        pytest.param(["52a"], {}, 1, "not a packet id", id="invalid id"),
        pytest.param(
            ["52"], {"VAIROSMS_API_KEY": "wrong-key"}, 3, "refused the API key", id="wrong key"
        ),
        pytest.param(
            ["52"], {"VAIROSMS_API_KEY": "two words"}, 2, "contains whitespace", id="invalid key"
        ),
        pytest.param(
            ["52"],
            {"VAIROSMS_BASE_URL": "http://127.0.0.1:1"},
            1,
            "no connection to 127.0.0.1:1",
            id="panel is down",
        ),
    ],
)
async def test_single_explains_a_failure(settings, args, setting, code, message):
    exit_code, _, err = await run_example("single.py", *args, **(settings | setting))
    assert exit_code == code
    assert message in err


async def test_bulk_check_counts_packets_of_the_sandbox_panel():
    code, out, err = await run_example("bulk_check.py")
    assert code == 0
    assert "Checked 1,000 packets of the sandbox panel:" in out
    check_counts(out, 1000)
    assert "1,000 checked" in err


async def test_bulk_check_reads_ids_from_a_file(panel, settings, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("\ufeff52\n\n61\n9999\nabc\n", "utf-8")
    code, out, err = await run_example("bulk_check.py", str(ids), **settings)
    assert code == 1
    assert "Checked 4 packets:" in out
    assert "abc: not a packet id: 'abc'" in err
    assert "9999: gonderim 9999: HTTP 404" in err
    for line in ("SONLANDI", "HATALI", "VairoSMSNotFoundError", "VairoSMSInvalidIdError"):
        assert re.search(rf"^  {line} +1$", out, re.MULTILINE)
    assert panel.requests == 3


@pytest.mark.parametrize(
    ("args", "setting", "code", "message"),
    [
        pytest.param([], {}, 2, "Usage: ", id="no file given"),
        pytest.param(["no-such-file.txt"], {}, 2, "no-such-file.txt", id="file not found"),
        pytest.param(
            ["ids"], {"VAIROSMS_API_KEY": "wrong-key"}, 3, "refused the API key", id="wrong key"
        ),
        pytest.param(
            ["ids"], {"VAIROSMS_API_KEY": "two words"}, 2, "contains whitespace", id="invalid key"
        ),
    ],
)
@pytest.mark.parametrize(
    "name", ["bulk_check.py", pytest.param("dask_bulk.py", marks=pytest.mark.slow)]
)
async def test_bulk_examples_explain_a_failure(
    settings, ids_file, name, args, setting, code, message
):
    args = [str(ids_file) if arg == "ids" else arg for arg in args]
    exit_code, _, err = await run_example(name, *args, **(settings | setting))
    assert exit_code == code
    assert message in err


@posix
@pytest.mark.parametrize("name", ["bulk_check.py", "single.py"])
async def test_ctrl_c_ends_an_example_without_a_traceback(panel, settings, ids_file, name):
    panel.fail(Fault("hang"), times=None)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / name,
        ids_file if name == "bulk_check.py" else "52",
        stderr=subprocess.PIPE,
        env=os.environ | settings,
    )
    async with asyncio.timeout(10):
        while not panel.in_flight:
            await asyncio.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, err = await child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in err.decode()


@pytest.mark.slow
async def test_prometheus_metrics_prints_the_figures_of_its_client():
    code, out, err = await run_example("prometheus_metrics.py")
    assert (code, err) == (0, "")
    assert "\nvairosms_requests_total 100.0\n" in out


@pytest.mark.slow
async def test_dask_bulk_counts_packets_of_the_sandbox_panel():
    code, out, _ = await run_example("dask_bulk.py")
    assert code == 0
    assert "Checked 4,000 packets:" in out
    check_counts(out, 4_000)


@pytest.mark.slow
async def test_dask_bulk_rejects_an_invalid_scheduler_address(settings, ids_file):
    code, _, err = await run_example("dask_bulk.py", str(ids_file), "nonsense://x", **settings)
    assert code == 2
    assert "unknown address scheme" in err


@posix
@pytest.mark.slow
async def test_ctrl_c_ends_dask_bulk_with_one_line(panel, settings, ids_file):
    """As in a terminal, each process of the group gets the signal. Only one of them reports it."""
    panel.fail(Fault("hang"), times=None)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / "dask_bulk.py",
        ids_file,
        stderr=subprocess.PIPE,
        env=os.environ | settings,
        start_new_session=True,
    )
    async with asyncio.timeout(20):
        while not panel.in_flight:
            await asyncio.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        _, err = await child.communicate()
    assert child.returncode == 130
    assert err.decode() == "\nInterrupted.\n"
