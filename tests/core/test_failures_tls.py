"""TLS failures on real sockets: certificates, and handshakes that fail."""

import datetime as dt
import ssl

import aiohttp
import pytest
import trustme

from tests.helpers import (
    KEY,
    answer_body,
    http_response,
    raw_server,
    reset_on_close,
    serve_bytes,
)
from vairosms_async import (
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSTimeoutError,
)

serve_answer = serve_bytes(http_response(answer_body()))


class CountingServer:
    """Counts the connections that a server accepts, after TLS if it uses TLS."""

    def __init__(self, serve):
        self.serve = serve
        self.connections = 0

    async def __call__(self, reader, writer):
        self.connections += 1
        await self.serve(reader, writer)


@pytest.fixture(scope="module")
def ca():
    return trustme.CA()


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def session_that_trusts(ca):
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python accepts older ones
    ca.configure_trust(context)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


async def connection_error(base_url, session=None, timeout=5):
    """Look up packet 52 with up to 4 attempts; return the error."""
    policy = RetryPolicy(attempts=4, initial_delay=0.001)
    async with VairoSMSClient(
        KEY, base_url=base_url, session=session, retry=policy, timeout=timeout
    ) as client:
        with pytest.raises(VairoSMSConnectionError) as caught:
            await client.get_gonderim(52)
    return caught.value


def valid_in(year):
    return {"not_before": dt.datetime(year, 1, 1), "not_after": dt.datetime(year + 1, 1, 1)}


@pytest.mark.parametrize(
    ("dates", "trusted", "why"),
    [
        pytest.param({}, False, "authority", id="unknown authority"),
        pytest.param(valid_in(2020), True, "has expired", id="expired"),
        pytest.param(valid_in(2090), True, "not valid yet", id="not valid yet"),
    ],
)
async def test_the_error_says_why_a_certificate_is_rejected(ca, dates, trusted, why):
    server = CountingServer(serve_answer)
    issuer = ca if trusted else trustme.CA()
    context = server_context(issuer.issue_cert("127.0.0.1", **dates))
    async with session_that_trusts(ca) as session, raw_server(server, ssl=context) as base_url:
        error = await connection_error(base_url, session)
    assert (error.reason, server.connections) == ("tls", 0)
    assert why in str(error)
    assert "the certificate of 127.0.0.1" in str(error)


async def test_rejects_a_certificate_for_another_host(ca):
    server = CountingServer(serve_answer)
    context = server_context(ca.issue_cert("localhost"))
    async with session_that_trusts(ca) as session, raw_server(server, ssl=context) as base_url:
        error = await connection_error(base_url, session)
        assert (error.reason, server.connections) == ("tls", 0)
        assert "another host" in str(error)
        right_host = base_url.replace("127.0.0.1", "localhost")
        async with VairoSMSClient(KEY, base_url=right_host, session=session) as client:
            assert (await client.get_gonderim(52)).id == 52


async def test_rejects_a_self_signed_certificate(ca):
    """The certificate of a CA is signed with its own key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other_ca = trustme.CA()
    with other_ca.cert_pem.tempfile() as cert, other_ca.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    server = CountingServer(serve_bytes(b""))
    async with session_that_trusts(ca) as session, raw_server(server, ssl=context) as base_url:
        error = await connection_error(base_url, session)
    assert (error.reason, server.connections) == ("tls", 0)
    assert "self-signed" in str(error)
    assert "SSL_CERT_FILE" in str(error)


def no_file(folder):
    return folder / "ca.pem"


def a_folder(folder):
    return folder


def empty_file(folder):
    path = folder / "ca.pem"
    path.write_bytes(b"")
    return path


def text_file(folder):
    path = folder / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nbozuk\n-----END CERTIFICATE-----\n")
    return path


def another_authority(folder):
    path = folder / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest.mark.parametrize(
    ("make_file", "why"),
    [
        pytest.param(None, "set SSL_CERT_FILE to its certificate file", id="unset"),
        pytest.param(no_file, "SSL_CERT_FILE names {path}, which does not exist", id="no file"),
        pytest.param(a_folder, "SSL_CERT_FILE names {path}, which cannot be read", id="unreadable"),
        pytest.param(
            empty_file, "SSL_CERT_FILE names {path}, which contains no certificate", id="empty"
        ),
        pytest.param(
            text_file, "SSL_CERT_FILE names {path}, which contains no certificate", id="no PEM"
        ),
        pytest.param(
            another_authority,
            "{path}, which SSL_CERT_FILE names, does not contain it",
            id="another authority",
        ),
    ],
)
async def test_the_certificate_error_says_what_ssl_cert_file_names(
    ca, tmp_path, monkeypatch, make_file, why
):
    path = make_file and make_file(tmp_path)
    if path is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = server_context(ca.issue_cert("127.0.0.1"))
    async with raw_server(serve_answer, ssl=context) as base_url:
        error = await connection_error(base_url)
    assert error.reason == "tls"
    assert not error.retryable
    assert "is signed by an unknown authority" in str(error)
    assert why.format(path=path) in str(error)


async def test_only_an_error_about_an_authority_mentions_ssl_cert_file(ca):
    context = server_context(ca.issue_cert("127.0.0.1", **valid_in(2020)))
    async with (
        session_that_trusts(ca) as session,
        raw_server(serve_answer, ssl=context) as base_url,
    ):
        error = await connection_error(base_url, session)
    assert "SSL_CERT_FILE" not in str(error)


async def test_rejects_a_certificate_other_than_the_pinned_one(ca):
    context = server_context(ca.issue_cert("127.0.0.1"))
    connector = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes(32)))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        raw_server(serve_answer, ssl=context) as base_url,
    ):
        error = await connection_error(base_url, session)
    assert error.reason == "tls"
    assert "pinned" in str(error)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        pytest.param(http_response(b"", "400 Bad Request"), "does not speak TLS", id="plain HTTP"),
        pytest.param(
            bytes.fromhex("15030100020246"), "must offer TLS 1.2", id="alert: only TLS 1.0"
        ),
        pytest.param(
            bytes.fromhex("15030300020228"), "the handshake failed (", id="alert: handshake failure"
        ),
        pytest.param(bytes(range(64)), "TLS connection", id="garbage"),
    ],
)
async def test_a_failed_handshake_is_not_retried(reply, why):
    async def serve(reader, writer):
        await reader.read(1)
        writer.write(reply)
        await writer.drain()

    server = CountingServer(serve)
    async with raw_server(server) as base_url:
        error = await connection_error(base_url.replace("http:", "https:"))
    assert (error.reason, server.connections) == ("tls", 1)
    assert why in str(error)


async def test_rejects_a_server_that_offers_only_old_tls_versions(ca):
    context = server_context(ca.issue_cert("127.0.0.1"))
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    async def send_alert(reader, writer):
        """Begin the handshake and send the alert. asyncio's TLS servers may close without it."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(await reader.read(65_536))
        with pytest.raises(ssl.SSLError):
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        writer.write(outgoing.read())
        await writer.drain()

    server = CountingServer(send_alert)
    async with session_that_trusts(ca) as session, raw_server(server) as base_url:
        error = await connection_error(base_url.replace("http:", "https:"), session)
    assert (error.reason, server.connections) == ("tls", 1)
    assert "must offer TLS 1.2" in str(error)


async def test_a_reset_during_the_handshake_is_retried():
    async def serve(reader, writer):
        await reader.read(1)
        reset_on_close(writer)

    server = CountingServer(serve)
    async with raw_server(server) as base_url:
        error = await connection_error(base_url.replace("http:", "https:"))
    assert (error.reason, server.connections) == ("connect", 4)


async def test_a_connection_closed_during_the_handshake_is_a_connect_error():
    async def serve(reader, writer):
        await reader.read(1)

    async with raw_server(serve) as base_url:
        error = await connection_error(base_url.replace("http:", "https:"))
    assert error.reason == "connect"


async def test_a_server_that_does_not_answer_the_handshake_is_a_timeout():
    async def serve(reader, writer):
        await reader.read()

    async with raw_server(serve) as base_url:
        error = await connection_error(base_url.replace("http:", "https:"), timeout=0.05)
    assert type(error) is VairoSMSTimeoutError
