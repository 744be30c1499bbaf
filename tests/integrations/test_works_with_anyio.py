"""The library with anyio: its groups and scopes, and its pytest plugin."""

import asyncio
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.helpers import (
    KEY,
    answer_body,
    assert_keyless,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
)
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSServerError
from vairosms_async.sandbox import Fault

ONCE = RetryPolicy(attempts=1)


async def lookup(client):
    await client.get_gonderim(52)


async def gather(client):
    await client.gather_gonderimler(range(1, 51))


async def iterate(client):
    async with aclosing(client.iter_gonderimler(range(1, 51))) as results:
        async for _ in results:
            pass


class Lingering:
    """A rate limiter that is not left at once."""

    async def __aenter__(self):
        pass

    async def __aexit__(self, *exc):
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.mark.parametrize("where", ["headers", "body"])
@pytest.mark.parametrize("work", [lookup, gather, iterate])
async def test_an_anyio_scope_that_ends_leaves_nothing_running(work, where):
    """anyio cancels again at each await, until the scope has been left."""
    arrived = anyio.Event()

    async def hang(reader, writer):
        await read_request_head(reader)
        if where == "body":
            writer.write(http_response(answer_body())[:-5])
        arrived.set()
        await reader.read()

    async with (
        raw_server(hang) as base_url,
        VairoSMSClient(
            KEY, base_url=base_url, max_concurrency=4, rate_limiter=Lingering()
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
        assert not client._shared.interruptible


async def test_an_error_out_of_an_anyio_group_has_no_key(panel, client):
    panel.fail(Fault(status=503), id=52, times=None)
    panel.fail(Fault("hang"), id=61, times=None)
    client = client.with_options(retry=ONCE)
    with pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as group:
            group.start_soon(client.get_gonderim, 61)
            group.start_soon(client.get_gonderim, 52)
    assert caught.group_contains(VairoSMSServerError)
    assert_keyless(caught.value)


ANYIO_TEST = """
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
def test_a_users_test_with_anyios_plugin(tmp_path):
    """Beside pytest-asyncio's, in its strict mode: in "auto" it would take anyio's fixtures."""
    Path(tmp_path, "test_service.py").write_text(ANYIO_TEST)
    settings = "[pytest]\nasyncio_mode=strict\nasyncio_default_fixture_loop_scope=function\n"
    Path(tmp_path, "pytest.ini").write_text(settings)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-m", "pytest", "-W", "error", "-v"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
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
