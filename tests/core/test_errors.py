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

API = {"status": 400, "aciklama": "MISSING_MESSAGE", "kod": "MISSING_MESSAGE", "retry_after": 2.5}
CLASSES = {
    VairoSMSError: ({}, (Exception,)),
    VairoSMSInvalidIdError: ({}, (VairoSMSError, ValueError)),
    VairoSMSConnectionError: ({"reason": "dns"}, (VairoSMSError, ConnectionError)),
    VairoSMSTimeoutError: (
        {"reason": "timeout", "last": "kayıt"},
        (VairoSMSConnectionError, TimeoutError),
    ),
    VairoSMSResponseError: ({"status": 200, "excerpt": "<html>"}, (VairoSMSError,)),
    VairoSMSAPIError: (API, (VairoSMSError,)),
    VairoSMSAuthError: (API, (VairoSMSAPIError,)),
    VairoSMSNotFoundError: (API, (VairoSMSAPIError,)),
    VairoSMSRateLimitError: (API, (VairoSMSAPIError,)),
    VairoSMSServerError: (API, (VairoSMSAPIError,)),
}


def test_every_public_error_is_in_the_table():
    public = {getattr(vairosms_async, name) for name in vairosms_async.__all__}
    assert set(CLASSES) == {
        thing for thing in public if isinstance(thing, type) and issubclass(thing, BaseException)
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_place_in_the_tree_and_public_name(cls):
    assert cls.__bases__ == CLASSES[cls][1]
    assert cls.__module__ == "vairosms_async"
    assert getattr(vairosms_async, cls.__name__) is cls


@pytest.mark.parametrize("cls", CLASSES)
def test_pickles_and_copies_without_loss(cls):
    attributes = CLASSES[cls][0] | {"gonderim_id": 52}
    error = cls("gonderim 52: olmadı", **attributes)
    error.add_note("a note")
    copies = [pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]
    for again in (error, copy.copy(error), copy.deepcopy(error), *copies):
        assert type(again) is cls
        assert str(again) == "gonderim 52: olmadı"
        assert again.args == error.args
        assert vars(again) == attributes | {"__notes__": ["a note"]}


@pytest.mark.parametrize("cls", CLASSES)
def test_the_message_alone_makes_one(cls):
    assert str(cls("olmadı")) == "olmadı"
    assert str(cls()) == ""
    assert cls().gonderim_id is None


def test_what_is_not_told():
    assert VairoSMSConnectionError().reason == "other"
    assert (VairoSMSTimeoutError().reason, VairoSMSTimeoutError().last) == ("timeout", None)
    assert (VairoSMSResponseError().status, VairoSMSResponseError().excerpt) == (None, "")
    assert VairoSMSAPIError().status == 0


def test_builtin_names_catch_them():
    with pytest.raises(TimeoutError):
        raise VairoSMSTimeoutError("geç")
    with pytest.raises(OSError, match="yok"):
        raise VairoSMSConnectionError("yok")
