"""Kept connections: no lookup gets the answer to another one, and closed ones are replaced."""

import asyncio

import pytest

from tests.core.hostile_panels import HTML
from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import (
    Gonderim,
    RetryPolicy,
    VairoSMSClient,
    VairoSMSError,
    VairoSMSResponseError,
    VairoSMSTimeoutError,
)

WITH_SHORT_DELAY = RetryPolicy(initial_delay=0.001)


async def read_id(reader):
    """Read the next request; return the packet id that it asks for."""
    return requested_id(await read_request_head(reader))


def record_response(gonderim_id):
    return http_response(answer_body({"id": gonderim_id}))


async def test_replaces_a_kept_connection_that_the_server_has_closed():
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        writer.write(record_response(await read_id(reader)))
        await writer.drain()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            for gonderim_id in range(1, 6):
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id
                await asyncio.sleep(0.01)
    assert connections == 5


async def test_retries_if_the_server_closes_a_kept_connection_on_the_next_request():
    async def serve(reader, writer):
        writer.write(record_response(await read_id(reader)))
        await read_request_head(reader)

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=WITH_SHORT_DELAY) as client:
            for gonderim_id in range(1, 6):
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id


@pytest.mark.looptime
async def test_an_answer_after_its_timeout_is_not_used_for_the_next_lookup():
    """The server answers the lookup of packet 1 late: when it gets the next request."""
    unanswered = []

    async def serve(reader, writer):
        while True:
            gonderim_id = await read_id(reader)
            if gonderim_id == 1:
                unanswered.append(writer)
                continue
            for late_writer in unanswered:
                late_writer.write(record_response(1))
            await asyncio.sleep(0.02)
            writer.write(record_response(gonderim_id))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, timeout=1, retry=NO_RETRIES, max_concurrency=1
        ) as client:
            for gonderim_id in (2, 3):
                with pytest.raises(VairoSMSTimeoutError):
                    await client.get_gonderim(1)
                assert (await client.get_gonderim(gonderim_id)).id == gonderim_id


async def test_rejects_swapped_answers():
    requests = []

    async def serve(reader, writer):
        while True:
            requests.append((await read_id(reader), writer))
            if len(requests) == 2:
                (first_id, first_writer), (second_id, second_writer) = requests
                first_writer.write(record_response(second_id))
                second_writer.write(record_response(first_id))
                requests.clear()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=2) as client:
            outcomes = await client.gather_gonderimler([1, 2], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {VairoSMSResponseError}


@pytest.mark.parametrize(
    "surplus",
    [record_response(2), http_response(HTML), b"garbage", b"\r\n\r\n"],
    ids=["record", "HTML", "garbage", "blank lines"],
)
async def test_bytes_after_an_answer_are_not_used_for_the_next_lookup(surplus):
    async def serve(reader, writer):
        while True:
            gonderim_id = await read_id(reader)
            writer.write(record_response(gonderim_id) + (surplus if gonderim_id == 1 else b""))

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, retry=WITH_SHORT_DELAY, max_concurrency=1
        ) as client:
            [first] = await client.gather_gonderimler([1], return_exceptions=True)
            assert isinstance(first, Gonderim | VairoSMSError)
            assert (await client.get_gonderim(3)).id == 3
