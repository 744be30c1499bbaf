"""The option ``rate_limiter``: an async context manager around each request."""

import pytest

from tests.helpers import answer_body
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSInvalidIdError

URL = "https://vairosms.com/Panel/api/v1/GonderimBilgisi/52?api_key=test-key"


class RecordingLimiter:
    """Records each entry and exit."""

    def __init__(self):
        self.events = []

    async def __aenter__(self):
        self.events.append("in")

    async def __aexit__(self, *exc):
        self.events.append("out")


class FailingLimiter:
    """Raises an error of the caller's own on entry."""

    async def __aenter__(self):
        raise LookupError("kota")

    async def __aexit__(self, *exc):
        raise AssertionError


async def test_the_rate_limiter_is_entered_once_per_request(mocked):
    limiter = RecordingLimiter()
    policy = RetryPolicy(initial_delay=0)
    async with VairoSMSClient("test-key", rate_limiter=limiter, retry=policy) as client:
        mocked.get(URL, status=500, repeat=2)
        mocked.get(URL, body=answer_body())
        await client.get_gonderim(52)
        assert limiter.events == ["in", "out"] * 3


async def test_an_invalid_id_does_not_enter_the_rate_limiter():
    limiter = RecordingLimiter()
    async with VairoSMSClient("test-key", rate_limiter=limiter) as client:
        with pytest.raises(VairoSMSInvalidIdError):
            await client.get_gonderim(0)
    assert limiter.events == []


async def test_an_error_of_the_rate_limiter_reaches_the_caller_unchanged(mocked):
    async with VairoSMSClient("test-key", rate_limiter=FailingLimiter()) as client:
        with pytest.raises(LookupError, match="kota"):
            await client.get_gonderim(52)
        with pytest.raises(LookupError, match="kota"):
            await client.gather_gonderimler(range(1, 50), return_exceptions=True)
        with pytest.raises(LookupError, match="kota"):
            [_ async for _ in client.iter_gonderimler(range(1, 50))]
    assert not mocked.requests
