"""Answers in which the panel, or a server in front of it, refuses: which error, with which text."""

import json

import pytest

from tests.helpers import answer_body, error_from
from vairosms_async import (
    VairoSMSAPIError,
    VairoSMSAuthError,
    VairoSMSNotFoundError,
    VairoSMSRateLimitError,
    VairoSMSServerError,
)
from vairosms_async._wire import API_KEY_HATALI, KODLAR

HTML = b"<!DOCTYPE html><html><body><h1>Bak\xc4\xb1m</h1></body></html>"


def refusal_body(aciklama: object) -> bytes:
    return json.dumps({"durum": False, "aciklama": aciklama}).encode()


@pytest.mark.parametrize("kod", sorted(KODLAR))
def test_kod_is_a_documented_error_code(kod):
    error = error_from(refusal_body(kod), 400)
    assert type(error) is VairoSMSAPIError
    assert (error.status, error.aciklama, error.kod) == (400, kod, kod)
    assert str(error) == f"gonderim 52: HTTP 400: {kod}"


def test_kod_is_none_for_other_explanations():
    error = error_from(refusal_body("Bakiye\nyetersiz"), 200)
    assert type(error) is VairoSMSAPIError
    assert (error.status, error.aciklama, error.kod) == (200, "Bakiye\nyetersiz", None)
    assert str(error) == "gonderim 52: HTTP 200: Bakiye yetersiz"


@pytest.mark.parametrize("aciklama", [None, "", [], {}], ids=repr)
def test_the_message_says_that_the_panel_gives_no_reason(aciklama):
    error = error_from(refusal_body(aciklama), 400)
    assert error.aciklama in (None, "")
    assert str(error) == "gonderim 52: HTTP 400: the panel gives no reason"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(HTML, " (an HTML page)", id="HTML"),
        pytest.param(b"", " (the body is empty)", id="empty"),
        pytest.param(answer_body(), "", id="record"),
    ],
)
def test_the_message_says_why_the_body_gives_no_reason(body, why):
    expected = f"gonderim 52: HTTP 503: the panel gives no reason{why}"
    assert str(error_from(body, 503)) == expected


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(HTML, "an HTML page", id="HTML"),
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b"404 page not found", "not JSON", id="text"),
        pytest.param(b'{"message": "Not Found"}', "durum: missing", id="Laravel's JSON"),
    ],
)
def test_a_404_that_is_not_the_panels_says_that_base_url_may_be_wrong(body, why):
    assert str(error_from(body, 404)) == (
        f"gonderim 52: HTTP 404: not a valid answer of the panel: {why}. "
        "base_url may be wrong: check it"
    )


@pytest.mark.parametrize("status", [401, 404, 408, 429, 500])
def test_a_refusal_says_whether_it_is_the_panels_json(status):
    assert error_from(refusal_body("yok"), status).from_panel
    assert error_from(refusal_body(None), status).from_panel
    assert not error_from(HTML, status).from_panel


def test_a_404_of_the_panel_does_not_mention_base_url():
    assert str(error_from(refusal_body("yok"), 404)) == "gonderim 52: HTTP 404: yok"
    assert "base_url" not in str(error_from(refusal_body(None), 404))


@pytest.mark.parametrize(
    ("body", "status", "retryable"),
    [
        pytest.param(HTML, 200, True, id="maintenance page"),
        pytest.param(HTML, 403, True, id="page of a firewall"),
        pytest.param(HTML, 302, True, id="redirect"),
        pytest.param(b"", 200, True, id="empty"),
        pytest.param(answer_body()[:-9], 200, True, id="truncated JSON"),
        pytest.param(b'{"message": "Server Error"}', 200, True, id="other JSON"),
        pytest.param(answer_body(without="paket_durum"), 200, False, id="no state"),
        pytest.param(answer_body({"paket_durum": "x"}), 200, False, id="unreadable state"),
        pytest.param(answer_body(without="id"), 200, False, id="no id"),
        pytest.param(answer_body({"id": 61}), 200, False, id="another id"),
        pytest.param(answer_body(aciklama=None), 200, True, id="no record"),
        pytest.param(answer_body(aciklama=[{}, {}]), 200, True, id="two records"),
        pytest.param(answer_body(), 201, False, id="record under 201"),
        pytest.param(refusal_body("olmaz"), 200, False, id="refusal"),
        pytest.param(HTML, 401, False, id="401"),
        pytest.param(HTML, 404, False, id="404"),
        pytest.param(HTML, 503, True, id="503"),
        pytest.param(refusal_body(API_KEY_HATALI), 503, False, id="wrong key under 503"),
    ],
)
def test_a_page_is_retryable_and_a_wrong_record_or_refusal_is_not(body, status, retryable):
    assert error_from(body, status).retryable is retryable


def test_an_aciklama_that_is_an_object_is_kept_as_json():
    assert error_from(refusal_body({"id": ["geçersiz"]}), 422).aciklama == '{"id": ["geçersiz"]}'


def test_aciklama_replaces_half_a_surrogate_pair():
    assert error_from(b'{"durum": false, "aciklama": "yar\\ud83dm"}').aciklama == "yar?m"


def test_a_long_aciklama_is_truncated():
    error = error_from(refusal_body("uzun " * 1000), 400)
    assert len(error.aciklama) == 500
    assert len(str(error)) < 250


def assert_error(error, cls, status, aciklama):
    assert type(error) is cls
    assert error.status == status
    assert error.gonderim_id == 52
    assert error.aciklama == aciklama


@pytest.mark.parametrize(
    ("body", "aciklama"),
    [(refusal_body("olmaz"), "olmaz"), (HTML, None), (b"", None), (answer_body(), None)],
    ids=["refusal", "HTML", "empty", "record"],
)
@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (401, VairoSMSAuthError),
        (404, VairoSMSNotFoundError),
        (408, VairoSMSAPIError),
        (429, VairoSMSRateLimitError),
        *((status, VairoSMSServerError) for status in (500, 501, 502, 503, 504, 520, 599)),
    ],
)
def test_the_status_decides_the_error_class_with_any_body(status, cls, body, aciklama):
    assert_error(error_from(body, status), cls, status, aciklama)


@pytest.mark.parametrize(("status", "cls"), [(403, VairoSMSAuthError), (422, VairoSMSAPIError)])
def test_a_refusal_with_403_is_an_auth_error_and_with_422_an_api_error(status, cls):
    assert_error(error_from(refusal_body("olmaz"), status), cls, status, "olmaz")


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_the_panels_message_about_a_wrong_key_is_an_auth_error_under_any_status(status):
    error = error_from(refusal_body(API_KEY_HATALI), status)
    assert type(error) is VairoSMSAuthError
    assert error.aciklama == API_KEY_HATALI
