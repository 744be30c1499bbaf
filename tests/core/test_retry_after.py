"""``Retry-After`` over sockets: while the panel asks to wait, the client sends nothing."""

import asyncio
from collections import Counter
from email.utils import formatdate

import pytest

from tests.helpers import (
    KEY,
    NO_RETRIES,
    answer_body,
    http_response,
    raw_server,
    read_request_head,
    requested_id,
)
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSRateLimitError
from vairosms_async.sandbox import SandboxPanel


class FirstRequestRefused:
    """A server that refuses the first request and records when each request arrives."""

    def __init__(self, status=429, header="Retry-After: 1"):
        self.status, self.header = status, header
        self.times = []
        self.refused_at = None

    async def __call__(self, reader, writer):
        loop = asyncio.get_running_loop()
        while True:
            head = await read_request_head(reader)
            first = not self.times
            self.times.append(loop.time())
            await asyncio.sleep(0.01)
            if first:
                self.refused_at = loop.time()
                writer.write(
                    http_response(b"", f"{self.status} No", self.header, "Content-Type: x/y")
                )
            else:
                gonderim_id = requested_id(head)
                writer.write(http_response(answer_body({"id": gonderim_id})))
            await writer.drain()


@pytest.mark.looptime
@pytest.mark.parametrize("status", [429, 503])
async def test_sends_nothing_during_a_pause(status, caplog):
    server = FirstRequestRefused(status)
    async with raw_server(server) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=4) as client:
            gonderimler = await client.gather_gonderimler(range(1, 101))
    assert [gonderim.id for gonderim in gonderimler] == list(range(1, 101))

    # Only requests that were in flight when the refusal was written may arrive during the pause.
    before = [time for time in server.times if time <= server.refused_at]
    during = [time for time in server.times if server.refused_at < time < server.refused_at + 1]
    assert len(during) <= 3
    assert len(before) + len(during) <= 4

    after = sorted(time for time in server.times if time >= server.refused_at + 1)
    assert len(set(after[:4])) == 4  # spread out, not all at the same instant
    assert after[3] - after[0] > 0.001
    assert after[0] < server.refused_at + 1.3
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"the panel answered HTTP {status}: pausing for 1.00 s"
    ]


@pytest.mark.looptime
async def test_the_first_answer_does_not_shorten_a_wait_that_the_panel_asks_for():
    server = FirstRequestRefused(status=502, header="Retry-After: 5")
    async with raw_server(server) as base_url, VairoSMSClient(KEY, base_url=base_url) as client:
        await client.gather_gonderimler([52, 61])
    assert server.times[2] >= server.refused_at + 5


@pytest.mark.looptime
async def test_a_pause_applies_to_all_lookups_of_the_client_and_its_siblings():
    server = FirstRequestRefused(header="Retry-After: 50")
    async with raw_server(server) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, max_concurrency=1) as client:
            sibling = client.with_options(retry=NO_RETRIES)
            lookups = [asyncio.ensure_future(client.get_gonderim(i)) for i in range(1, 6)]
            lookups += [asyncio.ensure_future(sibling.get_gonderim(i)) for i in range(6, 9)]
            await asyncio.sleep(1)
            lookups.append(asyncio.ensure_future(sibling.get_gonderim(9)))
            assert client.stats().in_flight == 0  # a paused lookup holds no slot
            gonderimler = await asyncio.gather(*lookups)
    assert [gonderim.id for gonderim in gonderimler] == list(range(1, 10))
    assert server.times[1] >= server.refused_at + 50


@pytest.mark.looptime
async def test_a_refused_last_attempt_pauses_the_next_lookup():
    server = FirstRequestRefused(header="Retry-After: 20")
    async with raw_server(server) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url, retry=NO_RETRIES) as client:
            with pytest.raises(VairoSMSRateLimitError) as caught:
                await client.get_gonderim(52)
            assert caught.value.retry_after == 20
            assert (await client.get_gonderim(52)).id == 52
    assert server.times[1] >= server.refused_at + 20


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("header", "wait"),
    [
        pytest.param("Retry-After: 30", 30, id="seconds"),
        pytest.param("Retry-After: 0", 0, id="0 seconds"),
        pytest.param("Retry-After: -5", 0, id="negative seconds"),
        pytest.param("Retry-After: ", 0, id="empty"),
        pytest.param("Retry-After: soon", 0, id="a word"),
        pytest.param("X-Nothing: 1", 0, id="no header"),
        pytest.param(
            "Retry-After: Tue, 24 Nov 2026 12:00:30 GMT\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT",
            30,
            id="a date after Date",
        ),
        pytest.param(
            "Retry-After: Tue, 24 Nov 2016 12:00:30 GMT\r\nDate: Tue, 24 Nov 2016 12:00:00 GMT",
            30,
            id="a date after Date, both in the past",
        ),
        pytest.param(
            "Retry-After: Tue, 24 Nov 2026 11:59:30 GMT\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT",
            0,
            id="a date before Date",
        ),
        pytest.param(
            f"Retry-After: {formatdate(0, usegmt=True)}", 0, id="a date in the past without Date"
        ),
    ],
)
async def test_waits_as_long_as_retry_after_says(header, wait):
    server = FirstRequestRefused(header=header)
    async with raw_server(server) as base_url:
        policy = RetryPolicy(initial_delay=0.25)
        async with VairoSMSClient(KEY, base_url=base_url, retry=policy) as client:
            assert (await client.get_gonderim(52)).id == 52
    back_off, spread = 0.25, min(1, wait / 4)
    assert wait <= server.times[1] - server.refused_at <= wait + back_off + spread + 0.01


@pytest.mark.looptime
@pytest.mark.parametrize("value", ["61", "99999999999999999"])
async def test_a_retry_after_above_the_limit_fails_the_lookup_and_starts_no_pause(value):
    server = FirstRequestRefused(header=f"Retry-After: {value}")
    async with raw_server(server) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSRateLimitError) as caught:
                await client.get_gonderim(52)
            assert caught.value.retry_after == float(value)
            assert (await client.get_gonderim(61)).id == 61
    assert server.times[1] - server.refused_at < 1


@pytest.mark.looptime
async def test_a_lookup_that_waits_for_the_rate_limiter_sees_a_pause_that_begins_meanwhile():
    class OncePerSecond:
        last = -1.0

        async def __aenter__(self):
            loop = asyncio.get_running_loop()
            self.last = at = max(self.last + 1, loop.time())
            await asyncio.sleep(at - loop.time())

        async def __aexit__(self, *exc):
            pass

    server = FirstRequestRefused(header="Retry-After: 10")
    async with raw_server(server) as base_url:
        async with VairoSMSClient(
            KEY, base_url=base_url, max_concurrency=4, rate_limiter=OncePerSecond()
        ) as client:
            await client.gather_gonderimler(range(1, 9))
    assert all(time >= server.refused_at + 10 for time in server.times[1:])


@pytest.mark.looptime
async def test_a_rate_limited_panel_gets_fewer_than_three_requests_per_id():
    async with SandboxPanel(KEY, rate_limit=(10, 5)) as panel:
        policy = RetryPolicy(attempts=50)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            gonderimler = await client.gather_gonderimler(range(1, 101))
            assert len(gonderimler) == 100
        assert panel.requests < 300


async def test_closing_the_client_ends_a_pause():
    server = FirstRequestRefused(header="Retry-After: 50")
    async with raw_server(server) as base_url:
        client = VairoSMSClient(KEY, base_url=base_url, max_concurrency=2)
        lookups = [asyncio.ensure_future(client.get_gonderim(i)) for i in range(1, 9)]
        while server.refused_at is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await client.close()
            outcomes = await asyncio.gather(*lookups, return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) >= Counter({RuntimeError: 7})
