"""Waits whose polls fail: warnings, and the last error in the timeout. In simulated time."""

import asyncio
import itertools
import logging
from contextlib import aclosing

import pytest

from tests.core.polling_panel import PollingPanel, now
from tests.helpers import KEY, NO_RETRIES, answer_body, http_response, raw_server, serve_bytes
from vairosms_async import (
    PaketDurum,
    RetryPolicy,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async.sandbox import Fault

pytestmark = pytest.mark.looptime

FAIL, SUCCEED = "fail", "succeed again"


@pytest.fixture
async def panel():
    async with PollingPanel() as panel:
        yield panel


@pytest.fixture
async def client(panel):
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=NO_RETRIES) as client:
        yield client


class WarningTimes(logging.Handler):
    """Keeps the warnings about the polls of waits, with the loop's time."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        message = record.getMessage()
        if message.startswith("polling "):
            self.records.append((now(), FAIL if "failed" in message else SUCCEED, message))

    @property
    def kinds(self):
        return [kind for _, kind, _ in self.records]


@pytest.fixture
def warnings():
    handler = WarningTimes()
    logger = logging.getLogger("vairosms_async")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def test_warns_when_polls_begin_to_fail_and_when_they_succeed_again(panel, client, warnings):
    panel.add_packet(7, final_after=None)
    panel.fail(Fault("html", 503), times=None)
    waiting = asyncio.ensure_future(client.wait_gonderim(7, max_poll_interval=10))
    await asyncio.sleep(600)
    [(_, kind, message)] = warnings.records
    assert kind == FAIL
    assert message.endswith(
        "and the wait continues: gonderim 7: HTTP 503: the panel gives no reason (an HTML page)"
    )
    panel.clear_faults()
    await asyncio.sleep(600)
    assert warnings.kinds == [FAIL, SUCCEED]
    panel.fail(Fault("reset"), times=None)
    await asyncio.sleep(600)
    assert warnings.kinds == [FAIL, SUCCEED, FAIL]
    panel.clear_faults()
    panel.add_packet(7, final_after=0)
    assert (await waiting).is_final
    assert warnings.kinds == [FAIL, SUCCEED, FAIL, SUCCEED]


async def test_does_not_warn_if_every_poll_succeeds(panel, client, warnings):
    panel.add_packet(7, final_after=600)
    await client.wait_gonderim(7)
    assert warnings.records == []


async def test_does_not_warn_if_a_retry_of_the_poll_succeeds(panel, client, warnings):
    patient = client.with_options(retry=RetryPolicy())
    panel.add_packet(7, final_after=600)
    panel.fail(Fault("reset"), times=2)
    await patient.wait_gonderim(7)
    assert warnings.records == []


async def test_warns_at_most_once_per_minute_if_every_second_poll_fails(panel, client, warnings):
    panel.add_packet(7, final_after=None)
    waiting = asyncio.ensure_future(client.wait_gonderim(7, max_poll_interval=5))
    for _ in range(200):
        panel.fail(Fault("reset"), times=1)
        await asyncio.sleep(10)
    waiting.cancel()
    times = [time for time, _, _ in warnings.records]
    assert 10 < len(times) <= 34
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(times))


async def test_one_id_that_keeps_failing_is_one_warning(panel, client, warnings):
    for gonderim_id in range(1, 20):
        panel.add_packet(gonderim_id, final_after=None)
    panel.fail(Fault("html", 200), id=7, times=None)
    async with aclosing(client.wait_gonderimler(range(1, 20), timeout=3600)) as results:
        async for result in results:
            assert isinstance(result.error, VairoSMSTimeoutError)
    assert warnings.kinds == [FAIL]


async def test_each_wait_warns(panel, client, warnings):
    panel.fail(Fault("reset"), times=None)
    waits = [client.wait_gonderim(gonderim_id, timeout=600) for gonderim_id in (52, 61)]
    errors = await asyncio.gather(*waits, return_exceptions=True)
    assert {type(error) for error in errors} == {VairoSMSTimeoutError}
    assert warnings.kinds == [FAIL, FAIL]


async def test_a_timeout_names_the_error_of_the_last_poll(panel, client):
    panel.fail(Fault("html", 503), times=None)
    with pytest.raises(VairoSMSTimeoutError) as caught:
        await client.wait_gonderim(52, timeout=6)
    assert str(caught.value) == (
        "gonderim 52: not final within 6 s; the last poll failed: "
        "HTTP 503: the panel gives no reason (an HTML page)"
    )
    assert type(caught.value.last_error) is VairoSMSServerError
    assert caught.value.last_error.gonderim_id == 52
    assert caught.value.last is None
    assert caught.value.retryable


async def test_a_timeout_carries_the_last_record_and_the_last_error(panel, client):
    panel.add_packet(7, final_after=None)
    waiting = asyncio.ensure_future(client.wait_gonderim(7, timeout=90))
    await asyncio.sleep(1)
    panel.fail(Fault("reset"), times=None)
    with pytest.raises(VairoSMSTimeoutError, match=r"the last poll failed: .*; last DEVAM") as c:
        await waiting
    assert c.value.last.paket_durum is PaketDurum.DEVAM_EDIYOR
    assert type(c.value.last_error) is VairoSMSConnectionError


async def test_a_timeout_after_a_successful_poll_has_no_last_error(panel, client):
    panel.add_packet(7, final_after=None)
    panel.fail(Fault("reset"), times=1)
    with pytest.raises(VairoSMSTimeoutError, match="not final within 90 s; last DEVAM") as caught:
        await client.wait_gonderim(7, timeout=90)
    assert caught.value.last_error is None


async def test_a_timeout_while_a_poll_is_retried_names_the_error_of_its_attempt(panel, client):
    patient = client.with_options(retry=RetryPolicy())
    panel.fail(Fault(status=429, retry_after=50), times=None)
    with pytest.raises(VairoSMSTimeoutError, match="the last poll failed: HTTP 429") as caught:
        await patient.wait_gonderim(52, timeout=10)
    assert type(caught.value.last_error) is VairoSMSRateLimitError


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(answer_body(without="paket_durum"), "paket_durum", id="no state"),
        pytest.param(answer_body({"paket_durum": "bitti"}), "paket_durum", id="unreadable state"),
        pytest.param(answer_body({"id": 61}), "aciklama.id", id="another id"),
    ],
)
async def test_a_record_without_a_readable_state_or_of_another_id_ends_the_wait(
    warnings, body, field
):
    async with raw_server(serve_bytes(http_response(body))) as base_url:
        async with VairoSMSClient(KEY, base_url=base_url) as client:
            with pytest.raises(VairoSMSResponseError, match=field):
                await client.wait_gonderim(52)
    assert warnings.records == []


async def test_a_page_that_is_no_record_is_reported_and_does_not_end_the_wait(
    panel, client, warnings
):
    panel.add_packet(7, final_after=100)
    panel.fail(Fault("html", 200), times=5)
    assert (await client.wait_gonderim(7)).is_final
    assert warnings.kinds[0] == FAIL
    assert "an HTML page" in warnings.records[0][2]


async def test_a_lasting_error_is_no_warning(panel, client, warnings):
    with pytest.raises(VairoSMSNotFoundError):
        await client.wait_gonderim(5000)
    assert warnings.records == []
