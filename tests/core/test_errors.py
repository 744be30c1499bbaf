"""The exception tree: bases, attributes, pickling."""

import copy
import pickle

import pytest

import vairosms_async
from vairosms_async import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSConnectionError,
    VairoSMSError,
    VairoSMSInvalidIdError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSResponseError,
    VairoSMSServerError,
    VairoSMSTimeoutError,
)

API_ATTRIBUTES = {
    "status": 400,
    "aciklama": "MISSING_MESSAGE",
    "kod": "MISSING_MESSAGE",
    "retry_after": 2.5,
    "from_panel": False,
}
LAST_ERROR = VairoSMSServerError("gonderim 52: HTTP 503", gonderim_id=52, status=503)
ATTRIBUTES_AND_BASES = {
    VairoSMSError: ({"retryable": True}, (Exception,)),
    VairoSMSInvalidIdError: ({}, (VairoSMSError, ValueError)),
    VairoSMSConnectionError: ({"reason": "dns"}, (VairoSMSError, ConnectionError)),
    VairoSMSTimeoutError: (
        {"reason": "timeout", "last": "kayıt"},
        (VairoSMSConnectionError, TimeoutError),
    ),
    VairoSMSResponseError: (
        {"status": 200, "excerpt": "<html>", "retryable": True},
        (VairoSMSError,),
    ),
    VairoSMSAPIError: (API_ATTRIBUTES, (VairoSMSError,)),
    VairoSMSAuthError: (API_ATTRIBUTES, (VairoSMSAPIError,)),
    VairoSMSNotFoundError: (API_ATTRIBUTES, (VairoSMSAPIError,)),
    VairoSMSRateLimitError: (API_ATTRIBUTES, (VairoSMSAPIError,)),
    VairoSMSServerError: (API_ATTRIBUTES, (VairoSMSAPIError,)),
}


def test_the_table_lists_every_public_error():
    public = {getattr(vairosms_async, name) for name in vairosms_async.__all__}
    assert set(ATTRIBUTES_AND_BASES) == {
        value for value in public if isinstance(value, type) and issubclass(value, BaseException)
    }


@pytest.mark.parametrize("cls", ATTRIBUTES_AND_BASES)
def test_error_has_its_documented_bases_and_public_module(cls):
    _, bases = ATTRIBUTES_AND_BASES[cls]
    assert cls.__bases__ == bases
    assert cls.__module__ == "vairosms_async"
    assert getattr(vairosms_async, cls.__name__) is cls


@pytest.mark.parametrize("cls", ATTRIBUTES_AND_BASES)
def test_error_pickles_and_copies_without_loss(cls):
    attributes = ATTRIBUTES_AND_BASES[cls][0] | {"gonderim_id": 52}
    error = cls("gonderim 52: olmadı", **attributes)
    error.add_note("a note")
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    pickled = [pickle.loads(pickle.dumps(error, protocol)) for protocol in protocols]
    for duplicate in (error, copy.copy(error), copy.deepcopy(error), *pickled):
        assert type(duplicate) is cls
        assert str(duplicate) == "gonderim 52: olmadı"
        assert duplicate.args == error.args
        assert vars(duplicate).items() >= attributes.items()
        assert vars(duplicate) == vars(error)
        assert duplicate.__notes__ == ["a note"]


def test_a_timeout_keeps_the_error_of_the_last_poll_in_pickles_and_deep_copies():
    error = VairoSMSTimeoutError("geç", last_error=LAST_ERROR)
    for duplicate in (copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(duplicate.last_error) is VairoSMSServerError
        assert vars(duplicate.last_error) == vars(LAST_ERROR)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        pytest.param(VairoSMSError(), False, id="base class"),
        pytest.param(VairoSMSInvalidIdError(), False, id="invalid id"),
        pytest.param(VairoSMSConnectionError(reason="dns"), True, id="dns"),
        pytest.param(VairoSMSConnectionError(reason="cut"), True, id="cut"),
        pytest.param(VairoSMSConnectionError(reason="tls"), False, id="TLS"),
        pytest.param(VairoSMSTimeoutError(), True, id="timeout"),
        pytest.param(VairoSMSResponseError(), False, id="response"),
        pytest.param(VairoSMSAPIError(status=400), False, id="400"),
        pytest.param(VairoSMSAPIError(status=200), False, id="refusal under 200"),
        pytest.param(VairoSMSAPIError(status=408), True, id="408"),
        pytest.param(VairoSMSRateLimitError(status=429), True, id="429"),
        pytest.param(VairoSMSServerError(status=500), True, id="500"),
        pytest.param(VairoSMSServerError(status=599), True, id="599"),
        pytest.param(VairoSMSAPIError(status=600), False, id="600"),
        pytest.param(VairoSMSNotFoundError(status=404), False, id="404"),
        pytest.param(VairoSMSAuthError(status=401), False, id="401"),
        pytest.param(VairoSMSAuthError(status=500), False, id="wrong key under 500"),
    ],
)
def test_retryable_says_whether_the_lookup_is_worth_another_try_later(error, retryable):
    assert error.retryable is retryable
    for duplicate in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert duplicate.retryable is retryable


@pytest.mark.parametrize("cls", ATTRIBUTES_AND_BASES)
def test_error_needs_no_argument(cls):
    assert str(cls("olmadı")) == "olmadı"
    assert str(cls()) == ""
    assert cls().gonderim_id is None


def test_attributes_have_defaults():
    assert VairoSMSConnectionError().reason == "other"
    assert (VairoSMSTimeoutError().reason, VairoSMSTimeoutError().last) == ("timeout", None)
    assert VairoSMSTimeoutError().last_error is None
    assert (VairoSMSResponseError().status, VairoSMSResponseError().excerpt) == (None, "")
    assert VairoSMSAPIError().status == 0


def test_builtin_exception_classes_catch_the_errors():
    with pytest.raises(TimeoutError):
        raise VairoSMSTimeoutError("geç")
    with pytest.raises(OSError, match="yok"):
        raise VairoSMSConnectionError("yok")
