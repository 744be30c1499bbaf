"""The client with aiolimiter's AsyncLimiter as its rate limiter.

Times are those of the loop's clock, which looptime moves forward without waiting.
"""

import pytest
from aiolimiter import AsyncLimiter

from tests.helpers import KEY
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = pytest.mark.looptime


async def test_no_second_has_more_requests_than_the_limiter_allows_with_retries():
    """AsyncLimiter(8, 1) sends 8 at once, then 8 per second: at most 16 in any second.

    A rate whose inverse is not an exact float makes aiolimiter wait for a rounding error on a
    clock that does not move.
    """
    async with SandboxPanel(KEY, rate_limit=(17, 1)) as panel:
        panel.fail(Fault(), id=7, times=3)
        policy = RetryPolicy(initial_delay=0)
        async with VairoSMSClient(
            KEY, base_url=panel.base_url, rate_limiter=AsyncLimiter(8, 1), retry=policy
        ) as client:
            records = await client.gather_gonderimler(range(1, 101))
    times = sorted(request.time for request in panel.request_log)
    assert len(records) == 100
    assert len(times) == 103
    assert 429 not in {request.status for request in panel.request_log}
    for start in times:
        assert sum(start <= time < start + 1 for time in times) <= 16
    assert times[-1] - times[0] >= (103 - 8) / 8 - 0.1


async def test_the_same_panel_answers_429_without_a_limiter():
    async with SandboxPanel(KEY, rate_limit=(17, 1)) as panel:
        async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
            await client.gather_gonderimler(range(1, 101))
    assert panel.requests > 100
    assert 429 in {request.status for request in panel.request_log}
