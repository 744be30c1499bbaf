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
}
ATTRIBUTES_AND_BASES = {
    VairoSMSError: ({}, (Exception,)),
    VairoSMSInvalidIdError: ({}, (VairoSMSError, ValueError)),
    VairoSMSConnectionError: ({"reason": "dns"}, (VairoSMSError, ConnectionError)),
    VairoSMSTimeoutError: (
        {"reason": "timeout", "last": "kayıt"},
        (VairoSMSConnectionError, TimeoutError),
    ),
    VairoSMSResponseError: ({"status": 200, "excerpt": "<html>"}, (VairoSMSError,)),
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
        assert vars(duplicate) == attributes | {"__notes__": ["a note"]}


@pytest.mark.parametrize("cls", ATTRIBUTES_AND_BASES)
def test_error_needs_no_argument(cls):
    assert str(cls("olmadı")) == "olmadı"
    assert str(cls()) == ""
    assert cls().gonderim_id is None


def test_attributes_have_defaults():
    assert VairoSMSConnectionError().reason == "other"
    assert (VairoSMSTimeoutError().reason, VairoSMSTimeoutError().last) == ("timeout", None)
    assert (VairoSMSResponseError().status, VairoSMSResponseError().excerpt) == (None, "")
    assert VairoSMSAPIError().status == 0


def test_builtin_exception_classes_catch_the_errors():
    with pytest.raises(TimeoutError):
        raise VairoSMSTimeoutError("geç")
    with pytest.raises(OSError, match="yok"):
        raise VairoSMSConnectionError("yok")
