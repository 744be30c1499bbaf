"""A session with `trust_env` and a company's authority, behind a company's forward proxy."""

import asyncio
import ssl
import traceback
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    assert_keyless,
    exception_chain,
    raw_server,
    reachable_texts,
    read_request_head,
)
from tests.integrations.company import ForwardProxy, company_ca, forget_proxies
from vairosms_async import VairoSMSClient, VairoSMSConnectionError
from vairosms_async.sandbox import Fault, SandboxPanel


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """Return the path of the company's PEM file, and a server's TLS context."""
    return company_ca(tmp_path_factory.mktemp("company"))


@pytest.fixture
async def panel(company):
    async with SandboxPanel(KEY, ssl_context=company[1]) as panel:
        yield panel


@pytest.fixture
async def proxy():
    async with ForwardProxy() as proxy:
        yield proxy
        # Tunnels carry TLS, so the proxy never sees the key.
        assert b"gizli" not in proxy.received
        assert b"api_key" not in proxy.received


@pytest.fixture
def use_proxy(monkeypatch):
    """Return a function that names a proxy, and more settings, in the environment."""
    forget_proxies(monkeypatch)

    def use_proxy(proxy, credentials="", **settings):
        address = proxy.address if isinstance(proxy, ForwardProxy) else proxy
        monkeypatch.setenv("HTTPS_PROXY", f"http://{credentials}{address}")
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return use_proxy


@pytest.fixture
async def session(company):
    """Open a session as README does."""
    context = ssl.create_default_context()
    context.load_verify_locations(company[0])
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(trust_env=True, connector=connector) as session:
        yield session


def connect_request(panel):
    """Return the request that asks a proxy for a tunnel to a panel."""
    return ("CONNECT", panel.base_url.split("/")[2])


async def failed_lookup(base_url, session, secret=None):
    """Return the error of a lookup. Check that it has neither the key nor the secret."""
    async with VairoSMSClient(KEY, base_url=base_url, session=session, retry=NO_RETRIES) as client:
        with pytest.raises(VairoSMSConnectionError) as caught:
            await client.get_gonderim(52)
    assert session is None or not session.closed
    assert_keyless(caught.value)
    if secret:
        for exc in exception_chain(caught.value):
            frames = [frame for frame, _ in traceback.walk_tb(exc.__traceback__)]
            variables = [
                frame.f_locals
                for frame in frames
                if "tests" not in Path(frame.f_code.co_filename).parts
            ]
            texts = reachable_texts([str(exc), exc.args, vars(exc), *variables])
            assert secret not in "".join(texts)
    return caught.value


async def test_a_lookup_goes_through_the_proxy(panel, proxy, use_proxy, session):
    use_proxy(proxy)
    async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
        assert (await client.get_gonderim(52)).id == 52
    assert proxy.asked == [connect_request(panel)]
    assert panel.requests == 1


async def test_bulks_reuse_tunnels_and_keep_to_max_concurrency(panel, proxy, use_proxy, session):
    use_proxy(proxy)
    panel.latency = (0.001, 0.003)
    async with VairoSMSClient(
        KEY, base_url=panel.base_url, session=session, max_concurrency=4
    ) as client:
        await client.gather_gonderimler(range(1, 101))
        await asyncio.gather(*(client.get_gonderim(i) for i in range(1, 101)))
    assert panel.requests == 200
    assert 1 < panel.peak_in_flight <= 4
    assert len(proxy.asked) == panel.connections <= 4
    async with session.get(panel.base_url) as response:  # the client has not closed the session
        assert response.status == 404
    await session.close()
    async with asyncio.timeout(20):
        while proxy.open_tunnels:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "x.example,127.0.0.1"])
async def test_no_proxy_sends_lookups_past_the_proxy(panel, proxy, use_proxy, session, no_proxy):
    use_proxy(proxy, NO_PROXY=no_proxy)
    async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
        assert (await client.get_gonderim(52)).id == 52
    assert proxy.asked == []


async def test_the_clients_own_session_ignores_proxies_in_the_environment(panel, proxy, use_proxy):
    use_proxy(proxy)
    error = await failed_lookup(panel.base_url, None)
    assert error.reason == "tls"  # it reached the panel, and does not know the authority
    assert proxy.asked == []


async def test_a_lookup_sends_the_proxys_password(panel, use_proxy, session):
    async with ForwardProxy("ayse:parola-52") as proxy:
        use_proxy(proxy, "ayse:parola-52@")
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            assert (await client.get_gonderim(52)).id == 52
        assert proxy.asked == [connect_request(panel)]


@pytest.mark.parametrize(
    "credentials",
    [pytest.param("", id="no password"), pytest.param("ayse:yanlis-parola@", id="wrong password")],
)
async def test_a_proxy_that_refuses_the_password_is_an_error_without_it(
    panel, use_proxy, session, credentials
):
    async with ForwardProxy("ayse:parola-52") as proxy:
        use_proxy(proxy, credentials)
        error = await failed_lookup(panel.base_url, session, secret="yanlis")
    assert error.reason == "proxy"
    assert "the proxy refused a connection to 127.0.0.1" in str(error)
    assert "(HTTP 407)" in str(error)
    assert panel.requests == 0


async def test_a_proxy_that_is_down_is_an_error_without_its_password(panel, use_proxy, session):
    use_proxy("127.0.0.1:1", "ayse:parola-52@")
    error = await failed_lookup(panel.base_url, session, secret="parola")
    assert error.reason == "proxy"
    assert "no connection to the proxy" in str(error)
    assert panel.requests == 0


async def test_a_proxy_that_closes_the_connection_is_an_error_without_its_password(
    panel, use_proxy, session
):
    async def serve(reader, writer):
        await read_request_head(reader)

    async with raw_server(serve) as base_url:
        use_proxy(base_url.removeprefix("http://"), "ayse:parola-52@")
        error = await failed_lookup(panel.base_url, session, secret="parola")
    assert error.reason == "cut"
    assert panel.requests == 0


async def test_a_tunnel_that_closes_during_a_lookup_is_an_error(panel, proxy, use_proxy, session):
    use_proxy(proxy)
    panel.fail(Fault("hang"), times=None)
    lookup = asyncio.ensure_future(failed_lookup(panel.base_url, session))
    async with asyncio.timeout(20):
        while panel.requests < 1:
            await asyncio.sleep(0.001)
        await proxy.close_connections()
        assert (await lookup).reason == "cut"
    assert panel.requests == 1  # aiohttp's own retry is off


async def test_an_unknown_authority_behind_the_proxy_is_a_tls_error(panel, proxy, use_proxy):
    use_proxy(proxy)
    async with aiohttp.ClientSession(trust_env=True) as session:
        error = await failed_lookup(panel.base_url, session)
    assert proxy.asked == [connect_request(panel)]
    assert error.reason == "tls"
    assert "is signed by an unknown authority" in str(error)
    assert panel.requests == 0
