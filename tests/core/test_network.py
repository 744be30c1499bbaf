"""The ways of a network to give no answer, on real sockets, and what the message says of each."""

import asyncio
import datetime as dt
import gc
import socket
import ssl

import aiohttp
import pytest
import trustme

from tests.helpers import (
    KEY,
    answer_body,
    assert_no_key,
    http_response,
    raw_server,
    read_request_head,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)
from vairosms_async._failures import explain
from vairosms_async.sandbox import SandboxPanel

NOW = RetryPolicy(initial_delay=0.001)
OPENSSL_LINGER = b"\1\0\0\0\0\0\0\0"


@pytest.fixture(scope="module")
def ca():
    return trustme.CA()


def server_side(cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def trusting_session(ca):
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


async def fails(base_url, requests, session=None, **options):
    """Look packet 52 up in vain; give the error, and how many requests there were for it."""
    options = {"retry": NOW, "timeout": 5} | options
    async with VairoSMSClient(KEY, base_url=base_url, session=session, **options) as client:
        with pytest.raises(VairoSMSConnectionError) as caught:
            await client.get_gonderim(52)
    return caught.value, len(requests)


def counting(serve, connections):
    async def counted(reader, writer):
        connections.append(writer)
        await serve(reader, writer)

    return counted


def dated(year):
    return {
        "not_before": dt.datetime(year, 1, 1),
        "not_after": dt.datetime(year + 1, 1, 1),
    }


CERTIFICATES = {
    "unknown authority": ({}, False, "authority is not known here"),
    "expired": (dated(2020), True, "has expired"),
    "not yet valid": (dated(2090), True, "not valid yet"),
}


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_certificates(ca, name):
    dates, trusted, why = CERTIFICATES[name]
    requests = []
    serve = counting(serve_bytes(http_response(answer_body())), requests)
    issuer = ca if trusted else trustme.CA()
    async with (
        trusting_session(ca) as session,
        raw_server(serve, ssl=server_side(issuer.issue_cert("127.0.0.1", **dates))) as base_url,
    ):
        error, count = await fails(base_url, requests, session)
    assert (error.reason, count) == ("tls", 0)
    assert why in str(error)
    assert "the certificate of 127.0.0.1" in str(error)


async def test_a_certificate_of_another_host(ca):
    requests = []
    serve = counting(serve_bytes(http_response(answer_body())), requests)
    context = server_side(ca.issue_cert("localhost"))
    async with trusting_session(ca) as session, raw_server(serve, ssl=context) as base_url:
        error, count = await fails(base_url, requests, session)
        assert (error.reason, count) == ("tls", 0)
        assert "another host's" in str(error)
        named = base_url.replace("127.0.0.1", "localhost")
        async with VairoSMSClient(KEY, base_url=named, session=session) as client:
            assert (await client.get_gonderim(52)).id == 52


async def test_a_self_signed_certificate(ca):
    """A CA's own certificate is signed with its own key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own = trustme.CA()
    with own.cert_pem.tempfile() as cert, own.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    requests = []
    async with (
        trusting_session(ca) as session,
        raw_server(counting(serve_bytes(b""), requests), ssl=context) as base_url,
    ):
        error, count = await fails(base_url, requests, session)
    assert (error.reason, count) == ("tls", 0)
    assert "self-signed" in str(error)
    assert "SSL_CERT_FILE" in str(error)


async def test_ssl_cert_file_is_what_the_message_says_it_is(ca, tmp_path, monkeypatch):
    bundle = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    context = server_side(ca.issue_cert("127.0.0.1"))
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        raw_server(serve_bytes(http_response(answer_body())), ssl=context) as base_url,
        VairoSMSClient(KEY, base_url=base_url, session=session) as client,
    ):
        assert (await client.get_gonderim(52)).id == 52


async def says(first):
    async def serve(reader, writer):
        await reader.read(1)
        writer.write(first)
        await writer.drain()

    return serve


NOT_TLS = {
    "plain HTTP": (http_response(b"", "400 Bad Request"), "does not speak TLS"),
    "an alert: TLS 1.0 only": (bytes.fromhex("15030100020246"), "must offer TLS 1.2"),
    "an alert: handshake failure": (bytes.fromhex("15030300020228"), "the handshake failed ("),
    "garbage": (bytes(range(64)), "TLS connection"),
}


@pytest.mark.parametrize("name", NOT_TLS)
async def test_what_is_no_tls_is_not_asked_again(name):
    first, why = NOT_TLS[name]
    connections = []
    serve = counting(await says(first), connections)
    async with raw_server(serve) as base_url:
        error, count = await fails(base_url.replace("http:", "https:"), connections)
    assert (error.reason, count) == ("tls", 1)
    assert why in str(error)


async def test_a_server_of_old_protocols_alone(ca):
    context = server_side(ca.issue_cert("127.0.0.1"))
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with (
        trusting_session(ca) as session,
        raw_server(serve_bytes(http_response(answer_body())), ssl=context) as base_url,
    ):
        error, _ = await fails(base_url, [], session)
    assert error.reason in ("tls", "connect")  # asyncio's own server hangs up without an alert


async def test_reset_in_the_handshake_is_tried_again():
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, OPENSSL_LINGER)

    async with raw_server(serve) as base_url:
        error, count = await fails(base_url.replace("http:", "https:"), connections)
    assert (error.reason, count) == ("connect", 4)


async def test_closed_in_the_handshake():
    async def serve(reader, writer):
        await reader.read(1)

    async with raw_server(serve) as base_url:
        error, _ = await fails(base_url.replace("http:", "https:"), [])
    assert error.reason == "connect"


async def test_silence_in_the_handshake():
    async def serve(reader, writer):
        await reader.read()

    async with raw_server(serve) as base_url:
        error, _ = await fails(base_url.replace("http:", "https:"), [], timeout=0.05)
    assert type(error) is VairoSMSTimeoutError


async def test_a_listener_whose_backlog_is_full():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        error, _ = await fails(f"http://127.0.0.1:{full.getsockname()[1]}", [], timeout=0.1)
        for filler in fillers:
            filler.close()
    assert type(error) is VairoSMSTimeoutError
    assert "within 0.1 s" in str(error)


async def test_refused_and_then_there():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        error, _ = await fails(f"http://127.0.0.1:{port}", [])
    assert error.reason == "connect"
    assert f"no connection to 127.0.0.1:{port}: " in str(error)

    policy = RetryPolicy(attempts=20, initial_delay=0.05, max_delay=0.05)
    async with VairoSMSClient(
        KEY, base_url=f"http://127.0.0.1:{port}/Panel/api/v1", retry=policy
    ) as c:
        lookup = asyncio.ensure_future(c.get_gonderim(52))
        await asyncio.sleep(0.05)
        async with SandboxPanel(KEY, port=port):
            assert (await lookup).id == 52


class Names(aiohttp.abc.AbstractResolver):
    """Names that are found at the third try."""

    tries = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.tries += 1
        if self.tries < 3:
            raise OSError(-2, "Name or service not known")
        return [
            {"hostname": host, "host": "127.0.0.1", "port": port}
            | {"family": socket.AF_INET, "proto": 0, "flags": 0}
        ]

    async def close(self):
        pass


async def test_a_name_that_is_found_later():
    names = Names()
    connector = aiohttp.TCPConnector(resolver=names)
    async with (
        SandboxPanel(KEY) as panel,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        url = panel.base_url.replace("127.0.0.1", "localhost")
        async with VairoSMSClient(KEY, base_url=url, session=session, retry=NOW) as client:
            assert (await client.get_gonderim(52)).id == 52
            assert names.tries == 3
            names.tries = -100
            connector.clear_dns_cache()
        await connector.close()
    error = explain(
        aiohttp.ClientConnectorDNSError(None, OSError(-2, "x")), 52, "https://yok.invalid:8443/", 5
    )
    assert str(error) == "gonderim 52: the name of yok.invalid:8443 was not found"


async def test_a_name_that_is_none_really():
    """With the machine's own resolver; ``.invalid`` is none by RFC 6761."""
    error, _ = await fails("https://yok.invalid/v1", [])
    assert error.reason == "dns"


async def test_ipv6_loopback():
    async with SandboxPanel(KEY, host="::1") as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            assert (await client.get_gonderim(52)).id == 52
        base_url = panel.base_url
    error, _ = await fails(base_url, [])
    assert "no connection to [::1]:" in str(error)


async def test_a_switch_of_protocols_leaves_nothing_open(caplog):
    """aiohttp leaves a 101's connection to its caller, and tells of its URL if nobody takes it."""
    asyncio.get_running_loop().set_debug(True)
    hung_up = asyncio.Event()

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
        )
        await reader.read()
        hung_up.set()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSResponseError, match="HTTP 101"):
                await client.get_gonderim(52)
            async with asyncio.timeout(5):
                await hung_up.wait()
    gc.collect()
    assert_no_key(caplog.text)
    assert "Unclosed" not in caplog.text
