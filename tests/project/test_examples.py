"""The examples, run as a user runs them."""

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


async def run(name, *args, **settings):
    """Run an example; give its exit code, stdout and stderr."""
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
    return {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}


async def test_single():
    code, out, err = await run("single.py")
    assert (code, err) == (0, "")
    assert "Gönderim 52 (08505326480): SONLANDI" in out
    code, out, _ = await run("single.py", "61")
    assert "INVALID_SOURCE_ADDRESS" in out


async def test_single_against_a_panel(panel, settings):
    code, out, _ = await run("single.py", "7", **settings)
    assert code == 0
    assert "Gönderim 7" in out
    assert panel.requests == 1


@pytest.mark.parametrize(
    ("args", "setting", "code", "why"),
    [
        (["9999"], {}, 1, "no packet 9999"),
        (["52a"], {}, 1, "not a packet id"),
        (["52"], {"VAIROSMS_API_KEY": "wrong-key"}, 3, "refused the key"),
        (["52"], {"VAIROSMS_API_KEY": "two words"}, 2, "holds a blank"),
        (["52"], {"VAIROSMS_BASE_URL": "http://127.0.0.1:1"}, 1, "no connection to 127.0.0.1:1"),
    ],
)
async def test_single_in_trouble(settings, args, setting, code, why):
    result = await run("single.py", *args, **(settings | setting))
    assert result[0] == code
    assert why in result[2]


def check_counts(out, total):
    counts = dict(re.findall(r"^  (\w+) +([\d,]+)$", out, re.MULTILINE))
    assert counts.keys() == {"SONLANDI", "DEVAM_EDIYOR", "HATALI"}
    assert sum(int(count.replace(",", "")) for count in counts.values()) == total


async def test_bulk_check_of_the_sandbox():
    code, out, err = await run("bulk_check.py")
    assert code == 0
    assert "Checked 1,000 packets (of the sandbox panel):" in out
    check_counts(out, 1000)
    assert "1,000 checked" in err


async def test_bulk_check_of_a_file(panel, settings, tmp_path):
    ids = tmp_path / "ids.txt"
    ids.write_text("\ufeff52\n\n61\n9999\nabc\n", "utf-8")
    code, out, err = await run("bulk_check.py", str(ids), **settings)
    assert code == 1
    assert "Checked 4 packets:" in out
    assert "abc: not a packet id: 'abc'" in err
    assert "9999: gonderim 9999: HTTP 404" in err
    for line in ("SONLANDI", "HATALI", "VairoSMSNotFoundError", "VairoSMSInvalidIdError"):
        assert re.search(rf"^  {line} +1$", out, re.MULTILINE)
    assert panel.requests == 3


@pytest.mark.parametrize(
    ("args", "setting", "code", "why"),
    [
        ([], {}, 2, "Give a file"),
        (["no-such-file.txt"], {}, 2, "no-such-file.txt"),
        (["ids"], {"VAIROSMS_API_KEY": "wrong-key"}, 3, "refused the key"),
        (["ids"], {"VAIROSMS_API_KEY": "two words"}, 2, "holds a blank"),
    ],
)
@pytest.mark.parametrize(
    "name", ["bulk_check.py", pytest.param("dask_bulk.py", marks=pytest.mark.slow)]
)
async def test_bulk_in_trouble(settings, tmp_path, name, args, setting, code, why):
    ids = tmp_path / "ids"
    ids.write_text("52\n61\n")
    args = [str(ids) if arg == "ids" else arg for arg in args]
    result = await run(name, *args, **(settings | setting))
    assert result[0] == code
    assert why in result[2]


@posix
@pytest.mark.parametrize("name", ["bulk_check.py", "single.py"])
async def test_interrupted(panel, settings, tmp_path, name):
    panel.fail(Fault("hang"), times=None)
    ids = tmp_path / "ids"
    ids.write_text("52\n61\n")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / name,
        ids if name == "bulk_check.py" else "52",
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


async def test_the_panels_are_not_mixed_up():
    async with SandboxPanel("other") as panel:
        await run("single.py", VAIROSMS_BASE_URL=panel.base_url)
        assert panel.requests == 0


@pytest.mark.slow
async def test_dask_bulk_of_the_sandbox():
    code, out, _ = await run("dask_bulk.py")
    assert code == 0
    assert "Checked 4,000 packets:" in out
    check_counts(out, 4_000)


@pytest.mark.slow
async def test_dask_bulk_without_a_scheduler(settings, tmp_path):
    ids = tmp_path / "ids"
    ids.write_text("52\n61\n")
    code, _, err = await run("dask_bulk.py", str(ids), "nonsense://x", **settings)
    assert code == 2
    assert "unknown address scheme" in err


@posix
@pytest.mark.slow
async def test_dask_bulk_interrupted(panel, settings, tmp_path):
    """As in a terminal: every process of the group gets the signal, and one answers it."""
    panel.fail(Fault("hang"), times=None)
    ids = tmp_path / "ids"
    ids.write_text("52\n61\n")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        EXAMPLES / "dask_bulk.py",
        ids,
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
