"""A real reverse proxy between: nginx in front of the sandbox panel."""

import asyncio
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from tests.helpers import KEY
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

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed; .ci/run does it")

ONCE = RetryPolicy(attempts=1)

HTTP = """
    limit_req_zone $binary_remote_addr zone=all:1m rate=50r/s;
    server {{
        listen 127.0.0.1:{port};
        {extra}
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
async def nginx(folder, upstream, *, extra="", location=""):
    """Run nginx in front of a port, and give its base URL."""
    port = free_port()
    http = HTTP.format(port=port, upstream=upstream, extra=extra, location=location)
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


async def test_through_nginx(panel, tmp_path):
    async with nginx(tmp_path, port_of(panel), extra="keepalive_requests 20;") as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            gonderimler = await client.gather_gonderimler(range(1, 301))
            assert [g.id for g in gonderimler] == list(range(1, 301))
            with pytest.raises(VairoSMSNotFoundError):
                await client.get_gonderim(5000)


async def test_502_and_504_of_its_own_making(panel, tmp_path):
    async with nginx(tmp_path, port_of(panel)) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=ONCE) as client:
            panel.fail(Fault("hang"))
            with pytest.raises(VairoSMSServerError, match="an HTML page") as caught:
                await client.get_gonderim(52)
            assert caught.value.status == 504
            await panel.stop()
            with pytest.raises(VairoSMSServerError) as caught:
                await client.get_gonderim(52)
            assert caught.value.status == 502
            assert caught.value.aciklama is None


UPSTREAM = """
import asyncio, sys
from tests.helpers import KEY
from vairosms_async.sandbox import SandboxPanel

async def main():
    async with SandboxPanel(KEY, port=int(sys.argv[1]), latency=0.01):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def upstream(port):
    command = [sys.executable, "-c", UPSTREAM, f"{port}"]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert (await child.stdout.readline()).strip() == b"ready"
    return child


async def test_an_upstream_that_is_killed_and_started_again_in_the_middle(tmp_path):
    """Some lookups may fail while it is away; every id has its result, and it goes on after."""
    port = free_port()
    child = await upstream(port)
    try:
        async with nginx(tmp_path, port) as base_url:
            policy = RetryPolicy(attempts=8, initial_delay=0.2, max_delay=1)
            async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
                results = Counter()
                async for result in client.iter_gonderimler(range(1, 1001)):
                    results[result.id] += 1
                    if result.error:
                        assert isinstance(result.error, VairoSMSServerError), result.error
                    if len(results) == 200:
                        child.kill()
                        await child.wait()
                        child = await upstream(port)
                assert results == Counter(range(1, 1001))
                assert (await client.get_gonderim(52)).id == 52
    finally:
        child.kill()
        await child.wait()


@pytest.mark.parametrize("status", [429, 503])
async def test_limit_req(panel, tmp_path, status):
    """It refuses without Retry-After: 429 spaces the lookups, 503 is a panel in trouble."""
    limit = f"limit_req zone=all burst=5 nodelay; limit_req_status {status};"
    async with nginx(tmp_path, port_of(panel), location=limit) as base_url:
        policy = RetryPolicy(attempts=40, initial_delay=0.05, max_delay=0.5)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            outcomes = await client.gather_gonderimler(range(1, 61), return_exceptions=True)
            assert {type(o) for o in outcomes} <= {Gonderim, VairoSMSServerError}
            if status == 429:
                assert {type(o) for o in outcomes} == {Gonderim}
            once = client.with_options(retry=ONCE)
            outcomes = await once.gather_gonderimler(range(1, 61), return_exceptions=True)
            kind = VairoSMSRateLimitError if status == 429 else VairoSMSServerError
            assert kind in {type(o) for o in outcomes}
