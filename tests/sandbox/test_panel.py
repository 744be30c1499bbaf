"""The sandbox panel as a server: keys, start and stop, logging, TLS."""

import asyncio
import errno
import logging
import ssl
from urllib.parse import urlsplit

import aiohttp
import pytest
import trustme

from tests.helpers import KEY, NO_RETRIES, wait_until
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("wrong", id="another"),
        pytest.param("", id="empty"),
        pytest.param(None, id="missing"),
        pytest.param(KEY + "x", id="one-character-too-many"),
    ],
)
async def test_a_wrong_key_gets_401_with_the_documented_text(fetch_answer, key):
    status, answer, _ = await fetch_answer(52, key)
    assert status == 401
    assert answer == {
        "durum": False,
        "aciklama": "Gönderilen api_key bilgisi hatalı, lütfen kontrol edin.",
    }


@pytest.mark.parametrize(
    "gonderim_id",
    [
        pytest.param(0, id="zero"),
        pytest.param(1001, id="above-the-generated-packets"),
        pytest.param(10**30, id="above-2**64"),
        pytest.param("9" * 5000, id="5000-digits"),
        pytest.param("abc", id="letters"),
        pytest.param("-1", id="negative"),
        pytest.param("%D9%A5%D9%A2", id="arabic-digits"),
    ],
)
async def test_an_unknown_id_gets_404(fetch_answer, gonderim_id):
    status, answer, _ = await fetch_answer(gonderim_id)
    assert status == 404
    assert answer == {"durum": False, "aciklama": "Gönderim bulunamadı."}


async def test_stops_while_a_request_hangs():
    panel = SandboxPanel(KEY)
    await panel.start()
    panel.fail(Fault("hang"), times=None)
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=NO_RETRIES) as client:
        lookup = asyncio.ensure_future(client.get_gonderim(52))
        await wait_until(lambda: panel.in_flight)
        async with asyncio.timeout(2):
            await panel.stop()
        with pytest.raises(ConnectionError):
            await lookup
    assert panel.in_flight == 0


async def test_can_be_started_again():
    panel = SandboxPanel(KEY)
    await panel.stop()
    for _ in range(2):
        async with panel, VairoSMSClient(KEY, base_url=panel.base_url) as client:
            await client.get_gonderim(52)
        with pytest.raises(RuntimeError, match="not running"):
            _ = panel.base_url
    assert panel.requests == 2


async def test_a_second_start_raises(panel):
    with pytest.raises(RuntimeError, match="already running"):
        await panel.start()


async def test_a_start_on_a_port_in_use_raises(panel):
    other = SandboxPanel(KEY, port=urlsplit(panel.base_url).port)
    with pytest.raises(OSError, match=r".") as caught:
        await other.start()
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(RuntimeError, match="not running"):
        _ = other.base_url


async def test_logs_an_invalid_request_without_the_key(panel, caplog):
    port = urlsplit(panel.base_url).port
    for path in ("/a b?api_key=gizli", "/\x00?api_key=gizli"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert {record.name for record in caplog.records} == {"vairosms_async.sandbox"}
    assert "gizli" not in caplog.text
    assert "api_key" not in caplog.text.replace("api_key=***", "")


def test_redacts_the_key_in_log_messages_and_tracebacks(caplog):
    logger = logging.getLogger("vairosms_async.sandbox")
    logger.warning("no way: %s", "/x?api_key=gizli&y=1")
    try:
        raise ValueError("GET /x?api_key=gizli")
    except ValueError:
        logger.exception("error in %s", "a handler")
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "no way: /x?api_key=***&y=1"
    assert second.startswith("error in a handler\nTraceback")
    assert "GET /x?api_key=***" in second
    assert "gizli" not in caplog.text


async def test_serves_https_with_an_ssl_context():
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with (
        SandboxPanel(KEY, ssl_context=context) as panel,
        aiohttp.ClientSession(connector=connector) as session,
        VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client,
    ):
        assert panel.base_url.startswith("https://")
        assert (await client.get_gonderim(52)).id == 52


async def test_serves_on_ipv6_loopback():
    async with SandboxPanel(KEY, host="::1") as panel:
        assert panel.base_url.startswith("http://[::1]:")
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            assert (await client.get_gonderim(52)).id == 52
