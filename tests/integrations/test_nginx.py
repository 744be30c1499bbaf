"""nginx as a reverse proxy in front of the sandbox panel."""

import asyncio
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from tests.helpers import KEY, NO_RETRIES
from tests.integrations.nginx import NGINX, command, free_port
from vairosms_async import (
    Gonderim,
    RetryPolicy,
    VairoSMSClient,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
)
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

HTTP_BLOCK = """
    limit_req_zone $binary_remote_addr zone=all:1m rate=200r/s;
    limit_conn_zone $binary_remote_addr zone=connections:1m;
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 300ms;
            proxy_connect_timeout 300ms;
            {location}
        }}
    }}
"""


@asynccontextmanager
async def run_nginx(folder, upstream, *, server="", location=""):
    """Run nginx in front of a port. Yield the base URL of the panel behind it.

    Args:
        folder: Where nginx keeps its files.
        upstream: The port of the panel.
        server: More directives of the server block.
        location: More directives of the location block.
    """
    port = free_port()
    http = HTTP_BLOCK.format(port=port, upstream=upstream, server=server, location=location)
    child = await asyncio.create_subprocess_exec(*command(folder, http), stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    break
        yield f"http://127.0.0.1:{port}/Panel/api/v1"
    finally:
        child.terminate()
        await child.wait()


@pytest.fixture
async def panel():
    async with SandboxPanel(KEY, settle_time=0.001) as panel:
        yield panel


def port_of(panel):
    return int(panel.base_url.split(":")[2].split("/")[0])


async def test_finds_packets_through_nginx_when_it_closes_connections_often(panel, tmp_path):
    async with run_nginx(tmp_path, port_of(panel), server="keepalive_requests 20;") as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            gonderimler = await client.gather_gonderimler(range(1, 301))
            assert [g.id for g in gonderimler] == list(range(1, 301))
            with pytest.raises(VairoSMSNotFoundError):
                await client.get_gonderim(5000)


async def test_502_and_504_of_nginx_are_server_errors_without_aciklama(panel, tmp_path):
    async with run_nginx(tmp_path, port_of(panel)) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            panel.fail(Fault("hang"))
            with pytest.raises(VairoSMSServerError, match="an HTML page") as caught:
                await client.get_gonderim(52)
            assert caught.value.status == 504
            assert caught.value.aciklama is None
            await panel.stop()
            with pytest.raises(VairoSMSServerError) as caught:
                await client.get_gonderim(52)
            assert caught.value.status == 502
            assert caught.value.aciklama is None


PANEL_PROGRAM = """
import asyncio
import sys

from tests.helpers import KEY
from vairosms_async.sandbox import SandboxPanel

async def main():
    async with SandboxPanel(KEY, port=int(sys.argv[1]), latency=0.01):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def start_panel_process(port):
    """Run a sandbox panel in a child process. Return the process once it serves."""
    command = [sys.executable, "-c", PANEL_PROGRAM, f"{port}"]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert (await child.stdout.readline()).strip() == b"ready"
    return child


async def test_a_bulk_survives_a_restart_of_the_panel(tmp_path):
    """Each id gets one result, even if its lookup fails because the panel is down."""
    port = free_port()
    child = await start_panel_process(port)
    try:
        async with run_nginx(tmp_path, port) as base_url:
            policy = RetryPolicy(attempts=8, initial_delay=0.2, max_delay=1)
            async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
                results_by_id = Counter()
                async for result in client.iter_gonderimler(range(1, 1001)):
                    results_by_id[result.id] += 1
                    if result.error:
                        assert isinstance(result.error, VairoSMSServerError), result.error
                    if len(results_by_id) == 200:
                        child.kill()
                        await child.wait()
                        child = await start_panel_process(port)
                assert results_by_id == Counter(range(1, 1001))
                assert (await client.get_gonderim(52)).id == 52
    finally:
        child.kill()
        await child.wait()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param("limit_req zone=all burst=20 nodelay; limit_req_status {};", id="limit_req"),
        pytest.param("limit_req zone=all burst=20; limit_req_status {};", id="limit_req, delayed"),
        pytest.param("limit_conn connections 8; limit_conn_status {};", id="limit_conn"),
    ],
)
@pytest.mark.slow
async def test_finds_all_packets_behind_a_limit_of_nginx(panel, tmp_path, limit, status):
    """nginx refuses without Retry-After."""
    panel.latency = 0.02
    async with run_nginx(tmp_path, port_of(panel), location=limit.format(status)) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=64) as client:
            gonderimler = await client.gather_gonderimler(range(1, 1001))
            stats = client.stats()
    assert [g.id for g in gonderimler] == list(range(1, 1001))
    assert stats.refusals > 0
    assert stats.requests <= 1.3 * 1000 + 64


@pytest.mark.parametrize(
    ("status", "error"), [(429, VairoSMSRateLimitError), (503, VairoSMSServerError)]
)
async def test_reports_what_limit_req_refuses_without_retries(panel, tmp_path, status, error):
    limit = f"limit_req zone=all burst=5 nodelay; limit_req_status {status};"
    async with run_nginx(tmp_path, port_of(panel), location=limit) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            outcomes = await client.gather_gonderimler(range(1, 61), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Gonderim, error}
