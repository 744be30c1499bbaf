"""The `Pause` class: how long a pause lasts, and which errors start it."""

import logging

import pytest

from vairosms_async import (
    RetryPolicy,
    VairoSMSConnectionError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
)
from vairosms_async._pace import Pause, requested_pause


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_lookups_restart_spread_out_after_a_pause(caplog):
    pause = Pause()
    assert pause.remaining(5.0) == 0.0
    assert not pause.has_begun
    pause.begin(100.0, 2.0, 429)
    assert pause.has_begun
    seconds_left = [pause.remaining(101.0) for _ in range(500)]
    assert 1.0 <= min(seconds_left) < 1.05
    assert 1.45 < max(seconds_left) <= 1.5
    assert pause.remaining(101.999) > 0
    assert pause.remaining(102.0) == 0.0
    assert warnings(caplog) == ["the panel answered HTTP 429: pausing for 2.00 s"]


def test_lookups_restart_within_one_second_after_a_long_pause():
    pause = Pause()
    pause.begin(0.0, 60.0, 503)
    assert 60.9 < max(pause.remaining(0.0) for _ in range(500)) <= 61.0


def test_a_second_refusal_extends_the_pause_but_never_shortens_it(caplog):
    pause = Pause()
    pause.begin(0.0, 10.0, 429)
    for seconds in (0.0, 3.0, 9.0):
        pause.begin(1.0, seconds, 429)
    assert pause.remaining(9.9) > 0
    assert pause.remaining(10.0) == 0
    pause.begin(5.0, 10.0, 503)
    assert pause.remaining(14.9) > 0
    assert pause.remaining(15.0) == 0
    assert len(warnings(caplog)) == 1
    pause.begin(15.0, 1.0, 503)
    assert len(warnings(caplog)) == 2


def test_counts_the_seconds_of_overlapping_pauses_once():
    pause = Pause()
    total = []
    for now, seconds in ((100.0, 10.0), (105.0, 10.0), (106.0, 1.0), (120.0, 2.0)):
        pause.begin(now, seconds, 503)
        total.append(pause.seconds)
    assert total == [10.0, 15.0, 15.0, 17.0]


def test_zero_and_negative_seconds_neither_pause_nor_warn(caplog):
    caplog.set_level(logging.DEBUG)
    pause = Pause()
    for seconds in (0.0, -1.0):
        pause.begin(0.0, seconds, 429)
        pause.begin(50.0, seconds, 429)
    assert pause.remaining(0.0) == 0.0
    assert not pause.has_begun
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "delay", "seconds"),
    [
        pytest.param(
            VairoSMSRateLimitError(status=429, retry_after=7.0), 8.0, 7.0, id="429, before a retry"
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429, retry_after=7.0), None, 7.0, id="429, last attempt"
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429, retry_after=0.0), 0.2, 0.0, id="429, 0 seconds"
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429), 0.2, 0.2, id="429 without Retry-After: the back-off"
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429),
            None,
            0.0,
            id="429 without Retry-After, last attempt",
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429, retry_after=60.0),
            None,
            60.0,
            id="429, the longest allowed",
        ),
        pytest.param(
            VairoSMSRateLimitError(status=429, retry_after=60.1), None, 0.0, id="429, too long"
        ),
        pytest.param(VairoSMSServerError(status=503, retry_after=7.0), 8.0, 7.0, id="503"),
        pytest.param(VairoSMSServerError(status=503), 0.2, 0.0, id="503 without Retry-After"),
        pytest.param(
            VairoSMSServerError(status=503, retry_after=1e9), None, 0.0, id="503, too long"
        ),
        pytest.param(
            VairoSMSServerError(status=500, retry_after=7.0), 8.0, 0.0, id="500 with Retry-After"
        ),
        pytest.param(VairoSMSConnectionError(), 0.2, 0.0, id="no connection"),
    ],
)
def test_only_429_and_503_pause_the_client(error, delay, seconds):
    assert requested_pause(RetryPolicy(), error, delay, adaptive=False) == seconds


def test_a_429_without_retry_after_does_not_pause_an_adaptive_client():
    error = VairoSMSRateLimitError(status=429)
    assert requested_pause(RetryPolicy(), error, 0.2, adaptive=True) == 0.0
