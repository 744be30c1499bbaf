"""The faults that tests order from the sandbox panel."""

import pytest

from tests.helpers import KEY
from vairosms_async import RetryPolicy, VairoSMSClient
from vairosms_async.sandbox import Fault, SandboxPanel


async def test_requests_get_the_faults_in_order(panel, fetch_answer):
    panel.fail(Fault(status=500), Fault(status=502, retry_after=3), times=2)
    panel.fail(Fault(status=418, aciklama="çaydanlık", retry_after="yarın"), id=61)
    answers = [await fetch_answer(i) for i in (52, 52, 61, 52, 61, 52)]
    assert [status for status, _, _ in answers] == [500, 500, 502, 502, 418, 200]
    assert answers[2][2]["Retry-After"] == "3"


async def test_a_fault_without_limit_lasts_until_it_is_cleared(panel, fetch_answer):
    panel.fail(Fault(status=418, aciklama="çaydanlık", retry_after="yarın"), id=61, times=None)
    assert [(await fetch_answer(i))[0] for i in (52, 61, 61, 7)] == [200, 418, 418, 200]
    _, answer, headers = await fetch_answer(61)
    assert answer["aciklama"] == "çaydanlık"
    assert headers["Retry-After"] == "yarın"
    panel.clear_faults()
    assert (await fetch_answer(61))[0] == 200


async def test_the_fault_rate_makes_a_share_of_requests_fail():
    async with SandboxPanel(KEY, fault_rate=0.3) as panel:
        policy = RetryPolicy(attempts=30, initial_delay=0)
        async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
            assert len(await client.gather_gonderimler(range(1, 201))) == 200
        assert 230 < panel.requests < 400


def test_rejects_an_unknown_kind():
    with pytest.raises(ValueError, match="kind"):
        Fault("bozuk")


def test_rejects_a_fault_of_another_type():
    with pytest.raises(TypeError, match="Fault"):
        SandboxPanel().fail("html")


@pytest.mark.parametrize("times", [0, 1.5, True])
def test_rejects_times_that_are_not_a_count(times):
    with pytest.raises(ValueError, match="times must be a whole number, 1 or more"):
        SandboxPanel().fail(Fault(), times=times)
