import pytest

from vairosms_async import (
    RetryPolicy,
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)
from vairosms_async._retry import retry_delay

PASSING = [
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


def test_defaults_are_the_documented_ones():
    assert RetryPolicy() == RetryPolicy(
        attempts=4, initial_delay=0.25, max_delay=8.0, max_retry_after=60.0
    )
    with pytest.raises(AttributeError):
        RetryPolicy().attempts = 5


@pytest.mark.parametrize("error", PASSING, ids=lambda e: f"{type(e).__name__} {vars(e)}")
def test_what_may_pass_is_tried_again(error):
    assert retry_delay(RetryPolicy(), error, 1) is not None


@pytest.mark.parametrize("error", LASTING, ids=lambda e: f"{type(e).__name__} {vars(e)}")
def test_what_lasts_is_not(error):
    assert retry_delay(RetryPolicy(), error, 1) is None


def test_attempts_are_counted():
    error = VairoSMSServerError(status=500)
    for attempts in (1, 2, 5):
        policy = RetryPolicy(attempts=attempts)
        tried = [n for n in range(1, 10) if retry_delay(policy, error, n) is not None]
        assert tried == list(range(1, attempts))


def test_no_delay_at_all():
    policy = RetryPolicy(initial_delay=0, max_delay=0, max_retry_after=0)
    assert retry_delay(policy, VairoSMSTimeoutError(), 1) == 0
    assert retry_delay(policy, VairoSMSRateLimitError(status=429, retry_after=0.0), 1) == 0
    assert retry_delay(policy, VairoSMSRateLimitError(status=429, retry_after=0.1), 1) is None


def test_back_off_doubles_to_its_bound_with_full_jitter():
    policy = RetryPolicy(attempts=5000, initial_delay=0.5, max_delay=6.0)
    error = VairoSMSTimeoutError()
    for attempt, bound in [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 6), (6, 6), (100, 6), (4999, 6)]:
        delays = [retry_delay(policy, error, attempt) for _ in range(400)]
        assert 0 <= min(delays) < bound * 0.1
        assert bound * 0.9 < max(delays) <= bound


def test_retry_after_is_the_least_wait():
    policy = RetryPolicy(initial_delay=0.25)
    for asked in (0.0, 3.0, 60.0):
        error = VairoSMSRateLimitError(status=429, retry_after=asked)
        assert asked <= retry_delay(policy, error, 1) <= asked + 0.25


def test_a_longer_retry_after_than_the_policy_allows_ends_the_lookup():
    for asked in (60.001, 1e17):
        assert (
            retry_delay(RetryPolicy(), VairoSMSServerError(status=503, retry_after=asked), 1)
            is None
        )


@pytest.mark.parametrize(
    "wrong",
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
def test_values_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)
