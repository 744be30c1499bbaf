"""The header ``Retry-After`` of an answer: seconds, or an HTTP date."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from multidict import CIMultiDict

from tests.helpers import error_from

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("99999999999", 99999999999),
        (http_date(NOON + timedelta(seconds=90)), 90),
        (http_date(NOON - timedelta(seconds=90)), 0),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 15:00:30 +0300", 30),
        ("", None),
        ("-5", None),
        ("1e3", None),
        ("soon", None),
        ("9" * 30, None),
        ("Tue, 99 Nov 2026 12:00:30 GMT", None),
        ("Tue, 24 Nov 999999999999 12:00:30 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_seconds_or_a_date_relative_to_the_date_header(status, value, seconds):
    exact_case = {"Retry-After": value, "Date": http_date(NOON)}
    assert error_from(b"", status, exact_case).retry_after == seconds
    other_case = CIMultiDict({"retry-after": value, "date": http_date(NOON)})
    assert error_from(b"", status, other_case).retry_after == seconds


def test_a_date_is_relative_to_the_clock_without_a_date_header():
    later = http_date(datetime.now(UTC) + timedelta(seconds=60))
    assert 55 < error_from(b"", 429, {"Retry-After": later}).retry_after <= 60


def test_retry_after_is_none_without_the_header():
    assert error_from(b"", 429).retry_after is None
