"""The library behind a company's proxy, and with a company's own certificate authority."""

import asyncio
import os
import ssl
import subprocess
import sys
import traceback
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    assert_keyless,
    exception_chain,
    raw_server,
    reachable_texts,
    read_request_head,
)
from tests.integrations.company import ForwardProxy, company_ca, forget_proxies
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError
from vairosms_async.sandbox import Fault, SandboxPanel

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return company_ca(tmp_path_factory.mktemp("company"))


@pytest.fixture
def bundle(company):
    return company[0]


@pytest.fixture
async def panel(company):
    async with SandboxPanel(KEY, ssl_context=company[1]) as panel:
        yield panel


@pytest.fixture
async def proxy():
    async with ForwardProxy() as proxy:
        yield proxy
        # The key was in none of its bytes; what is in a tunnel is encrypted.
        assert b"gizli" not in proxy.heard
        assert b"api_key" not in proxy.heard


@pytest.fixture
def through(monkeypatch):
    """Give what names a proxy in the environment."""
    forget_proxies(monkeypatch)

    def name(proxy, user="", **settings):
        address = proxy.address if isinstance(proxy, ForwardProxy) else proxy
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{address}")
        for setting, value in settings.items():
            monkeypatch.setenv(setting, value)

    return name


@pytest.fixture
async def session(bundle):
    """The session that README proposes."""
    context = ssl.create_default_context()
    context.load_verify_locations(bundle)
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(trust_env=True, connector=connector) as session:
        yield session


def target(panel):
    return panel.base_url.split("/")[2]


async def fails(base_url, session, secret=None):
    """Look a packet up in vain; give the error, which is to hold no secret."""
    async with VairoSMSClient(KEY, base_url=base_url, session=session, retry=ONCE) as client:
        with pytest.raises(VairoSMSConnectionError) as caught:
            await client.get_gonderim(52)
    assert session is None or not session.closed
    assert_keyless(caught.value)
    if secret:
        for one in exception_chain(caught.value):
            frames = [frame for frame, _ in traceback.walk_tb(one.__traceback__)]
            ours = [f.f_locals for f in frames if "tests" not in Path(f.f_code.co_filename).parts]
            assert secret not in "".join(reachable_texts([str(one), one.args, vars(one), *ours]))
    return caught.value


async def test_a_lookup_through_a_proxy(panel, proxy, through, session):
    through(proxy)
    async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
        assert (await client.get_gonderim(52)).id == 52
    assert proxy.asked == [("CONNECT", target(panel))]
    assert panel.requests == 1


async def test_a_bulk_keeps_to_its_cap_and_its_connections(panel, proxy, through, session):
    through(proxy)
    panel.latency = (0.001, 0.003)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, session=session, max_concurrency=4
    ) as client:
        await client.gather_gonderimler(range(1, 101))
        await asyncio.gather(*(client.get_gonderim(i) for i in range(1, 101)))
    assert panel.requests == 200
    assert 1 < panel.peak_in_flight <= 4
    assert len(proxy.asked) == panel.connections <= 4
    async with session.get(panel.base_url) as response:  # it serves its caller still
        assert response.status == 404
    await session.close()
    async with asyncio.timeout(20):
        while proxy.tunnels:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "x.example,127.0.0.1"])
async def test_past_the_proxy(panel, proxy, through, session, no_proxy):
    through(proxy, NO_PROXY=no_proxy)
    async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
        assert (await client.get_gonderim(52)).id == 52
    assert proxy.asked == []


async def test_the_clients_own_session_reads_no_proxy_from_the_environment(panel, proxy, through):
    through(proxy)
    error = await fails(panel.base_url, None)
    assert error.reason == "tls"  # it went to the panel, whose authority it does not know
    assert proxy.asked == []


async def test_a_proxy_with_a_password(panel, through, session):
    async with ForwardProxy("ayse:parola-52") as proxy:
        through(proxy, "ayse:parola-52@")
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            assert (await client.get_gonderim(52)).id == 52
        assert proxy.asked == [("CONNECT", target(panel))]


@pytest.mark.parametrize("user", ["", "ayse:yanlis-parola@"])
async def test_a_proxy_that_refuses_the_password(panel, through, session, user):
    async with ForwardProxy("ayse:parola-52") as proxy:
        through(proxy, user)
        error = await fails(panel.base_url, session, secret="yanlis")
    assert error.reason == "proxy"
    assert "the proxy refused the way to 127.0.0.1" in str(error)
    assert "(HTTP 407)" in str(error)
    assert panel.requests == 0


async def test_a_proxy_that_is_not_there(panel, through, session):
    through("127.0.0.1:1", "ayse:parola-52@")
    error = await fails(panel.base_url, session, secret="parola")
    assert error.reason == "proxy"
    assert "no connection to the proxy" in str(error)
    assert panel.requests == 0


async def test_a_proxy_that_hangs_up_when_asked(panel, through, session):
    async def serve(reader, writer):
        await read_request_head(reader)

    async with raw_server(serve) as base_url:
        through(base_url.removeprefix("http://"), "ayse:parola-52@")
        error = await fails(panel.base_url, session, secret="parola")
    assert error.reason == "cut"
    assert panel.requests == 0


async def test_a_proxy_that_cuts_a_lookup_off(panel, proxy, through, session):
    through(proxy)
    panel.fail(Fault("hang"), times=None)
    failing = asyncio.ensure_future(fails(panel.base_url, session))
    async with asyncio.timeout(20):
        while panel.requests < 1:
            await asyncio.sleep(0.001)
        await proxy.hang_up()
        assert (await failing).reason == "cut"
    assert panel.requests == 1  # aiohttp would send it again by itself


async def test_an_unknown_authority_behind_the_proxy(panel, proxy, through):
    through(proxy)
    async with aiohttp.ClientSession(trust_env=True) as session:
        error = await fails(panel.base_url, session)
    assert proxy.asked == [("CONNECT", target(panel))]
    assert error.reason == "tls"
    assert "its authority is not known here" in str(error)
    assert panel.requests == 0


# ---- a private authority, and nothing else -----------------------------------------------------

PROGRAM = """
import asyncio
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSConnectionError

async def main():
    async with VairoSMSClient(retry=RetryPolicy(attempts=1)) as client:
        try:
            print((await client.get_gonderim(52)).id)
        except VairoSMSConnectionError as exc:
            print(exc.reason)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("is_set", "said"), [(True, "52\n"), (False, "tls\n")])
async def test_ssl_cert_file_is_all_that_the_clients_own_session_needs(
    panel, bundle, monkeypatch, is_set, said
):
    """In a process of its own: aiohttp reads it once, when it is imported."""
    forget_proxies(monkeypatch)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    settings |= {"SSL_CERT_FILE": bundle} if is_set else {}
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM],
        env={k: v for k, v in os.environ.items() if k != "SSL_CERT_FILE"} | settings,
        capture_output=True,
        check=False,
        timeout=60,
        text=True,
    )
    assert (ran.stdout, ran.stderr) == (said, "")
    assert panel.requests == is_set
