"""The client's session and event loop."""

import asyncio
import gc
import subprocess
import sys

import aiohttp
import pytest

from tests.helpers import KEY, assert_no_key
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


async def test_opens_its_session_at_the_first_lookup_and_closes_it(panel, opened_sessions):
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert opened_sessions == []
        await client.get_gonderim(52)
        await client.get_gonderim(61)
        [session] = opened_sessions
        assert not session.closed
    assert session.closed


async def test_works_without_async_with(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    assert (await client.get_gonderim(52)).id == 52
    await client.close()
    await client.close()


async def test_closes_before_any_lookup(panel):
    await VairoSMSClient(KEY, base_url=panel.base_url).close()


async def test_can_be_created_outside_an_event_loop():
    def run(client):
        async def enter_and_leave():
            async with client:
                pass

        asyncio.run(enter_and_leave())

    await asyncio.to_thread(run, VairoSMSClient(KEY))


async def test_uses_the_callers_session_and_leaves_it_open(panel, opened_sessions):
    async with aiohttp.ClientSession() as session:
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            await client.get_gonderim(52)
            assert opened_sessions == [session]
        assert not session.closed
        with pytest.raises(RuntimeError, match="closed"):
            await client.get_gonderim(52)
        async with VairoSMSClient(KEY, base_url=panel.base_url, session=session) as client:
            await client.get_gonderim(52)


async def test_says_that_the_callers_session_is_closed(panel):
    session = aiohttp.ClientSession()
    client = VairoSMSClient(KEY, base_url=panel.base_url, session=session)
    await client.get_gonderim(52)
    await session.close()
    with pytest.raises(RuntimeError, match="your aiohttp session is closed"):
        await client.get_gonderim(52)
    with pytest.raises(RuntimeError, match="your aiohttp session is closed"):
        await client.gather_gonderimler([52, 61], return_exceptions=True)


async def test_rejects_use_from_another_event_loop(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url, max_concurrency=1)
    await client.get_gonderim(52)

    async def use_in_another_loop():
        for call in (
            client.get_gonderim(52),
            client.gather_gonderimler([52, 61]),
            client.with_options(timeout=1).get_gonderim(52),
            anext(client.iter_gonderimler([52])),
            client.__aenter__(),
            client.close(),
        ):
            with pytest.raises(RuntimeError, match="another event loop"):
                await call

    await asyncio.to_thread(asyncio.run, use_in_another_loop())
    assert (await client.get_gonderim(61)).id == 61
    await client.close()
    assert panel.requests == 2


NEVER_CLOSED = """
import asyncio, gc, sys, threading
from tests.helpers import KEY
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel

clients = []

async def main(how):
    async with SandboxPanel(KEY) as panel:
        clients.append(VairoSMSClient(KEY, base_url=panel.base_url))
        await clients[0].get_gonderim(52)
        if how == "sibling":
            clients[0] = clients[0].with_options(timeout=5)
            gc.collect()
            await clients[0].get_gonderim(61)
            print("the sibling works")
        if how == "cycle":
            clients[0].itself = clients[0]
        if how == "another thread":
            await asyncio.to_thread(clients.clear)
            await asyncio.sleep(0.05)
        if how != "closed loop":
            clients.clear()
            gc.collect()

asyncio.run(main(sys.argv[1]), debug=True)
clients.clear()
"""


@pytest.mark.parametrize("how", ["same loop", "sibling", "cycle", "another thread", "closed loop"])
def test_an_unclosed_client_warns_once_by_its_name_and_without_the_key(how):
    command = [sys.executable, "-X", "dev", "-c", NEVER_CLOSED, how]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stderr.count("ResourceWarning: Unclosed VairoSMSClient") == 1
    assert "Unclosed c" not in done.stderr  # aiohttp's "client session", "connector", "connection"
    assert "Task was destroyed" not in done.stderr
    assert "Traceback" not in done.stderr
    assert ("the sibling works" in done.stdout) is (how == "sibling")
    assert_no_key(done.stdout + done.stderr)


@pytest.mark.parametrize("in_thread", [False, True], ids=["same thread", "another thread"])
async def test_an_unclosed_client_warns_and_closes_its_connections(
    panel, opened_sessions, in_thread
):
    contexts = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    clients = [VairoSMSClient(KEY, base_url=panel.base_url)]
    await clients[0].get_gonderim(52)
    [session] = opened_sessions
    connector = session.connector

    async def drop_the_client():
        if in_thread:
            await asyncio.to_thread(clients.clear)
        else:
            clients.clear()
        gc.collect()
        await asyncio.sleep(0.05)

    with pytest.warns(ResourceWarning, match="Unclosed VairoSMSClient") as caught:
        await drop_the_client()
    assert len(caught) == 1
    [context] = contexts
    assert "Unclosed VairoSMSClient" in context["message"]
    assert context["base_url"] == panel.base_url
    assert session.closed
    assert connector.closed


def test_an_unclosed_client_of_a_closed_event_loop_warns(caplog):
    clients = []

    def drop_the_client():
        clients.clear()
        gc.collect()

    async def look_up(base_url):
        clients.append(VairoSMSClient(KEY, base_url=base_url))
        await clients[0].get_gonderim(52)

    with SandboxPanel(KEY) as panel:
        asyncio.run(look_up(panel.base_url))
        with pytest.warns(ResourceWarning) as caught:
            drop_the_client()
    texts = [str(warning.message) for warning in caught]
    assert len([text for text in texts if "Unclosed VairoSMSClient" in text]) == 1
    assert not [text for text in texts if "Unclosed c" in text]  # aiohttp's own
    assert "Unclosed VairoSMSClient" in caplog.text
    assert_no_key(caplog.text)


async def test_only_a_client_with_an_open_session_of_its_own_warns(panel, recwarn):
    async with aiohttp.ClientSession() as session:
        await VairoSMSClient(KEY, base_url=panel.base_url, session=session).get_gonderim(52)
    VairoSMSClient(KEY, base_url=panel.base_url)
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.get_gonderim(52)
    sibling = client.with_options(timeout=5)
    await client.close()
    del client, sibling
    gc.collect()
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


async def test_the_error_about_another_event_loop_says_what_frameworks_need(panel):
    client = VairoSMSClient(KEY, base_url=panel.base_url)
    await client.get_gonderim(52)
    with pytest.raises(RuntimeError) as caught:
        await asyncio.to_thread(asyncio.run, client.get_gonderim(52))
    await client.close()
    for text in ("another event loop", "Django, Flask and Celery", "one client per call"):
        assert text in str(caught.value)
