"""`GonderimResult`: the outcome of one lookup, a record or an error."""

import pytest

from tests.helpers import example_packet
from vairosms_async import GonderimResult, VairoSMSNotFoundError, gonderim_from_dict


def test_unwrap_returns_the_record():
    gonderim = gonderim_from_dict(example_packet(52))
    result = GonderimResult(52, gonderim)
    assert result.ok
    assert result.unwrap() is gonderim


def test_unwrap_raises_the_error():
    error = VairoSMSNotFoundError("yok", gonderim_id=53, status=404)
    result = GonderimResult(53, error=error)
    assert not result.ok
    with pytest.raises(VairoSMSNotFoundError) as caught:
        result.unwrap()
    assert caught.value is error


def test_unwrap_rejects_a_result_without_record_and_error():
    with pytest.raises(ValueError, match="neither"):
        GonderimResult(1).unwrap()
