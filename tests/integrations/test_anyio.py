"""The client in anyio's task groups and cancel scopes, and in tests with anyio's pytest plugin."""

import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    ROOT,
    SlowExitLimiter,
    answer_body,
    assert_keyless,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
)
from vairosms_async import VairoSMSClient, VairoSMSServerError
from vairosms_async.sandbox import Fault


async def look_up_one(client):
    await client.get_gonderim(52)


async def gather_many(client):
    await client.gather_gonderimler(range(1, 51))


async def iterate_over_many(client):
    async with aclosing(client.iter_gonderimler(range(1, 51))) as results:
        async for _ in results:
            pass


@pytest.mark.parametrize("hang_in", ["headers", "body"])
@pytest.mark.parametrize("work", [look_up_one, gather_many, iterate_over_many])
async def test_a_cancelled_scope_leaves_nothing_running(work, hang_in):
    """anyio cancels a task again at each await until the task has left the scope."""
    arrived = anyio.Event()

    async def hang(reader, writer):
        await read_request_head(reader)
        if hang_in == "body":
            writer.write(http_response(answer_body())[:-5])
        arrived.set()
        await reader.read()

    async with (
        raw_server(hang) as base_url,
        VairoSMSClient(
            KEY, base_url=base_url, max_concurrency=4, rate_limiter=SlowExitLimiter()
        ) as client,
    ):
        async with anyio.create_task_group() as group:
            with anyio.move_on_after(60) as scope:
                group.start_soon(work, client)
                await arrived.wait()
                scope.deadline = anyio.current_time()
                await work(client)
            assert scope.cancelled_caught
            group.cancel_scope.cancel()
        assert not library_tasks()
        assert client.stats().in_flight == 0


async def test_an_error_from_a_task_group_has_no_key(panel, client):
    panel.fail(Fault(status=503), id=52, times=None)
    panel.fail(Fault("hang"), id=61, times=None)
    client = client.with_options(retry=NO_RETRIES)
    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            group.start_soon(client.get_gonderim, 61)
            group.start_soon(client.get_gonderim, 52)
    assert caught.group_contains(VairoSMSServerError)
    assert_keyless(caught.value)


USERS_TEST = """
import anyio
import pytest
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.fixture
async def client():
    async with SandboxPanel() as panel:
        async with VairoSMSClient(panel.api_key, base_url=panel.base_url) as client:
            yield client

async def test_my_service(client):
    with anyio.fail_after(20):
        assert (await client.get_gonderim(52)).is_final
        assert len(await client.gather_gonderimler([52, 61])) == 2
"""


@pytest.mark.slow
def test_a_users_test_passes_with_anyios_pytest_plugin(tmp_path):
    """pytest-asyncio is active too. In its mode "auto" it would run anyio's fixtures."""
    Path(tmp_path, "test_service.py").write_text(USERS_TEST)
    settings = "[pytest]\nasyncio_mode=strict\nasyncio_default_fixture_loop_scope=function\n"
    Path(tmp_path, "pytest.ini").write_text(settings)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-W", "error", "-v"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
    assert "plugins: " in ran.stdout
    plugins = ran.stdout.split("plugins: ")[1].splitlines()[0]
    assert "anyio" in plugins
    assert "asyncio" in plugins
