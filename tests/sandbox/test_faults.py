"""The faults that tests inject into the sandbox panel."""

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


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param(
            "timeout",
            "'timeout' is not a kind of fault. Kinds: status, html, reset, hang, cut.",
            id="typo",
        ),
        pytest.param(
            503,
            "503 is not a kind of fault. Kinds: status, html, reset, hang, cut. "
            "For an HTTP status, use Fault(status=503).",
            id="HTTP-status",
        ),
        pytest.param(
            None, "None is not a kind of fault. Kinds: status, html, reset, hang, cut.", id="None"
        ),
    ],
)
def test_an_unknown_kind_is_an_error_that_lists_the_kinds(kind, message):
    with pytest.raises(ValueError, match="kind of fault") as caught:
        Fault(kind)
    assert str(caught.value) == message


def test_rejects_a_fault_of_another_type():
    with pytest.raises(TypeError, match="Fault"):
        SandboxPanel().fail("html")


@pytest.mark.parametrize("times", [0, 1.5, True])
def test_rejects_times_that_are_not_a_count(times):
    with pytest.raises(ValueError, match="times must be a whole number, 1 or more"):
        SandboxPanel().fail(Fault(), times=times)
