"""`RetryPolicy`: which errors are retried, how often, and after how long."""

import pytest

from tests.helpers import KEY
from vairosms_async import (
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSClient,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._retry import FailedAttempts, RetryBudget, retry_delay
from vairosms_async.sandbox import Fault

TEMPORARY = [
    VairoSMSTimeoutError(),
    *(VairoSMSConnectionError(reason=r) for r in ("dns", "connect", "proxy", "cut", "other")),
    VairoSMSAPIError(status=408),
    VairoSMSRateLimitError(status=429),
    *(VairoSMSServerError(status=s) for s in (500, 502, 503, 504, 599)),
]
LASTING = [
    VairoSMSInvalidIdError(),
    VairoSMSConnectionError(reason="tls"),
    VairoSMSResponseError(status=200),
    VairoSMSResponseError(status=302),
    VairoSMSAPIError(status=200),
    VairoSMSAPIError(status=400),
    VairoSMSAuthError(status=401),
    VairoSMSNotFoundError(status=404),
]


def error_name(error):
    """Return the class with the status or reason, such as "VairoSMSServerError 502"."""
    detail = getattr(error, "status", None) or getattr(error, "reason", None)
    return f"{type(error).__name__} {detail}" if detail else type(error).__name__


def test_defaults_are_as_documented():
    assert RetryPolicy() == RetryPolicy(
        attempts=4, initial_delay=0.25, max_delay=8.0, max_retry_after=60.0, max_overload=60.0
    )


def test_a_policy_is_frozen():
    with pytest.raises(AttributeError):
        RetryPolicy().attempts = 5


@pytest.mark.parametrize("error", TEMPORARY, ids=error_name)
def test_retries_temporary_errors(error):
    assert retry_delay(RetryPolicy(), error, 1) is not None


@pytest.mark.parametrize("error", LASTING, ids=error_name)
def test_does_not_retry_lasting_errors(error):
    assert retry_delay(RetryPolicy(), error, 1) is None


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_retries_until_the_last_attempt(attempts):
    error, policy = VairoSMSServerError(status=500), RetryPolicy(attempts=attempts)
    retried = [n for n in range(1, 10) if retry_delay(policy, error, n) is not None]
    assert retried == list(range(1, attempts))


def test_all_delays_may_be_zero():
    policy = RetryPolicy(initial_delay=0, max_delay=0, max_retry_after=0)
    assert retry_delay(policy, VairoSMSTimeoutError(), 1) == 0
    assert retry_delay(policy, VairoSMSRateLimitError(status=429, retry_after=0.0), 1) == 0
    assert retry_delay(policy, VairoSMSRateLimitError(status=429, retry_after=0.1), 1) is None


@pytest.mark.parametrize(
    ("attempt", "upper_bound"),
    [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 6), (6, 6), (100, 6), (4999, 6)],
)
def test_back_off_doubles_up_to_max_delay_with_full_jitter(attempt, upper_bound):
    policy = RetryPolicy(attempts=5000, initial_delay=0.5, max_delay=6.0)
    delays = [retry_delay(policy, VairoSMSTimeoutError(), attempt) for _ in range(400)]
    assert 0 <= min(delays) < upper_bound * 0.1
    assert upper_bound * 0.9 < max(delays) <= upper_bound


@pytest.mark.parametrize("retry_after", [0.0, 3.0, 60.0])
def test_waits_at_least_as_long_as_retry_after(retry_after):
    policy = RetryPolicy(initial_delay=0.25)
    error = VairoSMSRateLimitError(status=429, retry_after=retry_after)
    assert retry_after <= retry_delay(policy, error, 1) <= retry_after + 0.25


@pytest.mark.parametrize("retry_after", [60.001, 1e17])
def test_does_not_retry_if_retry_after_exceeds_the_limit(retry_after):
    error = VairoSMSServerError(status=503, retry_after=retry_after)
    assert retry_delay(RetryPolicy(), error, 1) is None


@pytest.mark.parametrize(
    "invalid",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 1.5},
        {"initial_delay": -0.1},
        {"max_delay": float("inf")},
        {"max_delay": True},
        {"max_retry_after": float("nan")},
        {"initial_delay": "1"},
        {"max_delay": None},
    ],
    ids=repr,
)
def test_names_the_invalid_field(invalid):
    with pytest.raises(ValueError, match=f"^{next(iter(invalid))} "):
        RetryPolicy(**invalid)


@pytest.mark.parametrize("kind", ["reset", "cut", "html", "status"])
async def test_a_client_works_again_after_faults(panel, kind):
    policy = RetryPolicy(initial_delay=0.001)
    async with VairoSMSClient(KEY, base_url=panel.base_url, retry=policy) as client:
        panel.fail(Fault(kind, status=500), times=3)
        assert (await client.get_gonderim(52)).id == 52
        assert panel.requests == 4
        panel.fail(Fault(kind, status=500), times=4)
        with pytest.raises(VairoSMSError):
            await client.get_gonderim(61)
        assert panel.requests == 8
        assert (await client.get_gonderim(61)).id == 61


def test_sends_a_refused_lookup_again_until_max_overload():
    failures = FailedAttempts(RetryPolicy(max_overload=10), RetryBudget(), adaptive=True)
    refusal = VairoSMSServerError(status=503)
    delays = [failures.requeue_delay(refusal, 0.3, 0.5)]
    while delays[-1] is not None:
        delays.append(failures.requeue_delay(refusal, 0.3, 0.5))
    # The delays and the requests count, except the request that was refused first.
    seconds = sum(delays[:-1]) + 0.3 * (len(delays) - 1)
    assert 10 <= seconds < 12.3


def test_a_max_overload_of_0_sends_no_refused_lookup_again():
    failures = FailedAttempts(RetryPolicy(max_overload=0), RetryBudget(), adaptive=True)
    assert failures.requeue_delay(VairoSMSServerError(status=503), 0.3, 0.5) is None


def test_a_failed_attempt_between_refusals_restarts_max_overload():
    failures = FailedAttempts(RetryPolicy(max_overload=10), RetryBudget(), adaptive=True)
    refusal = VairoSMSServerError(status=503)
    failures.requeue_delay(refusal, 9.0, 0.0)
    assert failures.retry_delay(VairoSMSConnectionError(reason="cut")) is not None
    assert failures.requeue_delay(refusal, 9.0, 0.0) is not None
    assert failures.requeue_delay(refusal, 9.0, 0.0) is not None
    assert failures.requeue_delay(refusal, 9.0, 0.0) is None


@pytest.mark.parametrize("retry_after", [None, 3.0])
def test_the_delay_of_a_refused_lookup_doubles_from_the_answer_time_to_2_seconds(retry_after):
    refusal = VairoSMSServerError(status=503, retry_after=retry_after)
    delays = []
    for _ in range(400):
        failures = FailedAttempts(RetryPolicy(), RetryBudget(), adaptive=True)
        delays.append([failures.requeue_delay(refusal, 0.0, 0.5) for _ in range(5)])
    for nth_delays, upper_bound in zip(zip(*delays, strict=True), (0.5, 1, 2, 2, 2), strict=True):
        seconds = [delay - (retry_after or 0.0) for delay in nth_delays]
        assert 0 <= min(seconds) < upper_bound * 0.1
        assert upper_bound * 0.9 < max(seconds) <= upper_bound + 1e-9


@pytest.mark.parametrize(
    ("adaptive", "retry_after", "tokens"),
    [
        pytest.param(False, None, 100.0, id="fixed"),
        pytest.param(False, 3.0, 100.0, id="fixed, Retry-After"),
        pytest.param(True, None, 99.0, id="adaptive"),
        pytest.param(True, 3.0, 100.0, id="adaptive, Retry-After"),
    ],
)
def test_a_retry_after_429_needs_no_token_if_the_429_pauses_the_client(
    adaptive, retry_after, tokens
):
    budget = RetryBudget()
    failures = FailedAttempts(RetryPolicy(), budget, adaptive=adaptive)
    error = VairoSMSRateLimitError(status=429, retry_after=retry_after)
    assert failures.retry_delay(error) is not None
    assert budget.tokens == tokens


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        pytest.param(RetryPolicy(attempts=1), VairoSMSServerError(status=503), id="attempts=1"),
        pytest.param(
            RetryPolicy(),
            VairoSMSServerError(status=503, retry_after=61.0),
            id="a wait that is too long",
        ),
    ],
)
def test_does_not_send_a_refused_lookup_again(policy, error):
    failures = FailedAttempts(policy, RetryBudget(), adaptive=True)
    assert failures.requeue_delay(error, 0.0, 0.5) is None


def loans(budget, count, *, at):
    """Return how many of the loans the budget grants at this time."""
    return sum(budget.lend(at) for _ in range(count))


def test_a_panel_that_is_down_takes_the_tokens_of_its_loans():
    budget = RetryBudget()
    budget.collect()
    assert budget.tokens == 100.0
    assert loans(budget, 30, at=1.0) == 30
    budget.deposit(retried=True)
    budget.collect()
    assert budget.tokens == 100.0
    assert loans(budget, 30, at=1.0) == 30
    budget.collect()
    assert budget.tokens == 70.0


def test_lends_the_last_20_tokens_one_each_half_second():
    budget = RetryBudget()
    assert loans(budget, 200, at=1.0) == 80
    assert [loans(budget, 2, at=1.0 + seconds) for seconds in (0.4, 0.5, 0.9, 1.0)] == [0, 1, 0, 1]
    assert sum(loans(budget, 2, at=at) for at in range(3, 60)) == 18
    # One answer cancels all loans.
    budget.deposit(retried=True)
    assert loans(budget, 200, at=60.0) == 80
    budget.deposit(retried=False)
    assert budget.can_lend(60.0)


def test_lends_20_tokens_after_an_answer_although_the_budget_is_spent():
    budget = RetryBudget()
    while budget.withdraw():
        pass
    assert budget.is_spent
    assert not budget.lend(1.0)  # the panel may still be down
    budget.deposit(retried=True)
    budget.withdraw()
    budget.deposit(retried=True)
    assert not budget.is_spent
    assert sum(loans(budget, 2, at=at) for at in range(30)) == 20
    assert not budget.withdraw()
    budget.collect()
    assert budget.tokens == 0.0
    assert budget.is_spent
    assert not budget.lend(99.0)
    budget.deposit(retried=False)
    assert budget.lend(99.0)


def test_lends_each_token_that_is_left_once_the_panel_is_down():
    budget = RetryBudget()
    while budget.tokens > 2.5:
        budget.withdraw()
    budget.collect()
    assert sum(loans(budget, 2, at=at) for at in range(30)) == 2


def test_a_token_on_loan_cannot_be_withdrawn():
    budget = RetryBudget()
    assert loans(budget, 80, at=1.0) == 80
    assert sum(budget.withdraw() for _ in range(50)) == 20
    assert budget.tokens == 80.0
    budget.deposit(retried=False)
    assert budget.withdraw()


def test_a_budget_with_one_token_is_not_spent(caplog):
    budget = RetryBudget()
    assert all(budget.withdraw() for _ in range(99))
    assert budget.tokens == 1.0
    assert not budget.is_spent
    assert budget.lend(1.0)
    assert not budget.withdraw()
    assert caplog.records == []
    budget.collect()
    assert budget.is_spent


def test_lends_no_more_than_its_tokens_if_it_has_more_than_20():
    budget = RetryBudget()
    assert all(budget.withdraw() for _ in range(50))
    budget.deposit(retried=False)
    assert sum(loans(budget, 99, at=at) for at in range(60)) == 50
