"""Cancelled lookups: the caller's exception shows neither the key nor the frames of aiohttp."""

import asyncio
import gc
import re
import traceback

import pytest

from tests.helpers import (
    KEY,
    answer_body,
    assert_keyless,
    exception_chain,
    http_response,
    raw_server,
    read_request_head,
)
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


async def lookup(client):
    await client.get_gonderim(52)


async def gather(client):
    await client.gather_gonderimler(range(1, 50))


async def iterate(client):
    async for _ in client.iter_gonderimler(range(1, 50)):
        pass


async def end_by_timeout(work):
    async with asyncio.timeout(0.05):
        await work


async def end_by_wait_for(work):
    await asyncio.wait_for(work, 0.05)


async def end_by_cancel(work):
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.05)
    task.cancel("yeter artık")
    await task


async def end_by_failing_sibling(work):
    async def fail():
        await asyncio.sleep(0.05)
        raise LookupError("kardeş")

    async with asyncio.TaskGroup() as group:
        group.create_task(work)
        group.create_task(fail())


async def end_by_failing_sibling_caught(work):
    try:
        await end_by_failing_sibling(work)
    except* LookupError as group:
        raise TimeoutError from group


async def hang_in_the_body(reader, writer):
    await read_request_head(reader)
    writer.write(http_response(answer_body())[:-5])
    await asyncio.sleep(10)


@pytest.mark.parametrize("method", [lookup, gather, iterate])
@pytest.mark.parametrize(
    "end",
    [
        end_by_timeout,
        end_by_wait_for,
        end_by_cancel,
        end_by_failing_sibling,
        end_by_failing_sibling_caught,
    ],
)
@pytest.mark.parametrize("waits_for", ["headers", "body", "back-off", "slot"])
async def test_a_cancelled_lookup_does_not_show_the_key(method, end, waits_for):
    async with SandboxPanel(KEY) as panel, raw_server(hang_in_the_body) as raw_url:
        base_url = raw_url if waits_for == "body" else panel.base_url
        panel.fail(Fault(retry_after=30) if waits_for == "back-off" else Fault("hang"), times=None)
        cap = 1 if waits_for == "slot" else 4
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=cap) as client:
            slot_holder = None
            if waits_for == "slot":
                slot_holder = asyncio.ensure_future(client.get_gonderim(1))
            await asyncio.sleep(0)
            with pytest.raises((TimeoutError, asyncio.CancelledError, ExceptionGroup)) as caught:
                await end(method(client))
            if slot_holder:
                slot_holder.cancel()
            assert_keyless(caught.value)
            assert_no_frame_of_aiohttp(caught.value)
            if end is end_by_cancel and method is lookup:
                assert str(caught.value) == "yeter artık"
            if end in (end_by_timeout, end_by_wait_for):
                chain = [type(exc) for exc in exception_chain(caught.value)]
                assert chain[:2] == [TimeoutError, asyncio.CancelledError]
            if slot_holder:
                with pytest.raises(asyncio.CancelledError):
                    await slot_holder


def assert_no_frame_of_aiohttp(exc):
    printed = traceback.TracebackException.from_exception(exc, capture_locals=True)
    path_parts = {part for line in printed.format() for part in re.split(r"[/\\]", line)}
    assert "aiohttp" not in path_parts


@pytest.fixture
async def hanging_client():
    """Open a client of a panel that never answers."""
    async with SandboxPanel(KEY) as panel:
        panel.fail(Fault("hang"), times=None)
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            yield client


async def test_a_cancellation_is_counted_once_and_keeps_its_message(hanging_client):
    task = asyncio.ensure_future(hanging_client.get_gonderim(52))
    await asyncio.sleep(0.05)
    task.cancel("bitti")
    assert task.cancelling() == 1
    await asyncio.wait([task])
    assert task.cancelled()
    assert task.cancelling() == 1
    with pytest.raises(asyncio.CancelledError, match="bitti"):
        await task


async def test_a_cancelled_lookup_leaves_no_reference_cycle(hanging_client):
    """The exception refers to the frame of `Transport.exchange`, so this frame must not keep it."""
    gc.collect()
    gc.disable()
    try:
        task = asyncio.ensure_future(hanging_client.get_gonderim(52))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        frames = [frame for frame, _ in traceback.walk_tb(caught.tb)]
        exchange_frames = [frame for frame in frames if frame.f_code.co_name == "exchange"]
        assert exchange_frames
        for frame in exchange_frames:
            assert not any(value is caught.value for value in frame.f_locals.values())
    finally:
        gc.enable()


async def test_a_cancellation_keeps_the_callers_own_context(hanging_client):
    with pytest.raises(TimeoutError) as caught:
        try:
            raise LookupError("önce")
        except LookupError:
            async with asyncio.timeout(0.05):
                await hanging_client.get_gonderim(52)
    # It is a cause of the TimeoutError, or its context before Python 3.11.4.
    chain = exception_chain(caught.value)
    [cancelled] = [exc for exc in chain if type(exc) is asyncio.CancelledError]
    assert isinstance(cancelled.__context__, LookupError)
