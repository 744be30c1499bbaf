"""Hostile panels on raw sockets: each answer has the right outcome, and the client still works.

The answers are in `tests.core.hostile_panels`.
"""

import tracemalloc

import pytest

from tests.core.hostile_panels import CASES, gzipped
from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    http_response,
    library_tasks,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import (
    Gonderim,
    GonderimResult,
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._transport import MAX_BODY


def test_there_are_90_cases_and_one_for_each_kind_of_outcome():
    assert len(CASES) >= 90
    assert {cls for _, cls in CASES.values()} >= {
        Gonderim,
        VairoSMSAPIError,
        VairoSMSAuthError,
        VairoSMSConnectionError,
        VairoSMSNotFoundError,
        VairoSMSRateLimitError,
        VairoSMSResponseError,
        VairoSMSServerError,
        VairoSMSTimeoutError,
    }


async def get(client):
    try:
        return await client.get_gonderim(52)
    except VairoSMSError as exc:
        return exc


async def gather(client):
    [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
    return outcome


async def iterate(client):
    try:
        [result] = [result async for result in client.iter_gonderimler([52])]
    except VairoSMSAuthError as exc:
        return exc
    assert isinstance(result, GonderimResult)
    return result.gonderim or result.error


class HostilePanel:
    """Gives a hostile answer to lookups of packet 52 while `hostile`, else the packet's record."""

    def __init__(self, answer):
        self.answer = answer
        self.hostile = True

    async def __call__(self, reader, writer):
        while b"/52?" not in (head := await read_request_head(reader)) or not self.hostile:
            writer.write(http_response(answer_body({"id": requested_id(head)})))
        if isinstance(self.answer, bytes):
            writer.write(self.answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        else:
            await self.answer(reader, writer)


@pytest.mark.parametrize("lookup", [get, gather, iterate])
@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_answer_has_its_outcome_and_leaves_the_client_usable(name, lookup):
    answer, cls = CASES[name]
    panel = HostilePanel(answer)
    timeout = 0.15 if cls is VairoSMSTimeoutError else 10
    async with raw_server(panel) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, timeout=timeout, retry=NO_RETRIES
        ) as client:
            outcome = await lookup(client)
            if cls is VairoSMSError:
                assert isinstance(outcome, VairoSMSResponseError | VairoSMSConnectionError)
            else:
                assert type(outcome) is cls, outcome
            if isinstance(outcome, VairoSMSError):
                assert outcome.gonderim_id == 52
            assert not library_tasks()
            assert client.stats().in_flight == 0

            panel.hostile = False
            patient = client.with_options(timeout=10, retry=RetryPolicy(initial_delay=0.001))
            assert [g.id for g in await patient.gather_gonderimler([61, 52])] == [61, 52]


async def test_eight_gzip_bombs_at_once_use_no_more_memory_than_their_limits():
    bomb = gzipped(bytes(256 * MAX_BODY))

    async def serve(reader, writer):
        await read_request_head(reader)
        writer.write(bomb)
        await writer.drain()

    async with raw_server(serve) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            tracemalloc.start()
            try:
                outcomes = await client.gather_gonderimler(range(1, 9), return_exceptions=True)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert {type(outcome) for outcome in outcomes} == {VairoSMSResponseError}
    assert peak < 8 * 4 * MAX_BODY
