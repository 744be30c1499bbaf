"""The API key and the base URL: which are accepted, and which URL the client requests."""

import copy
import pickle
import traceback

import pytest
from yarl import URL

from tests.helpers import KEY, assert_no_key
from vairosms_async import VairoSMSClient
from vairosms_async.sandbox import SandboxPanel


def rejection(*args, **kwargs):
    """Return the message and the local variables of the ValueError that the client raises."""
    with pytest.raises(ValueError) as caught:
        VairoSMSClient(*args, **kwargs)
    printed = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    library_frames = list(printed.stack)[1:]  # the first is this function
    local_variables = [value for frame in library_frames for value in frame.locals.values()]
    return str(caught.value), "".join(local_variables)


def test_the_error_for_a_missing_key_names_both_ways_to_give_one():
    message, _ = rejection()
    assert "api_key" in message
    assert "VAIROSMS_API_KEY" in message


@pytest.mark.parametrize(
    "key",
    ["", "\n", " ", "\r\n", "gizli anahtar", "gizli\tx", "gizli\n\n", "\ngizli", "gizli\x00"]
    + ["gizli\u2028", "gizli\u00a0x", "gizli\ud800", "gizli\x7f", b"gizli", 1234],
    ids=ascii,
)
def test_rejects_an_invalid_key_without_showing_it(key):
    message, local_variables = rejection(key)
    assert "api_key" in message
    assert "gizli" not in message + local_variables
    assert "1234" not in message + local_variables


@pytest.mark.parametrize(
    "invalid",
    [
        {"max_concurrency": 0},
        {"timeout": 0},
        {"base_url": "ftp://x"},
        {"base_url": f"https://vairosms.com/?api_key={KEY}"},
    ],
    ids=["max_concurrency", "timeout", "base_url", "base_url with the key"],
)
def test_errors_for_other_arguments_do_not_show_the_key(invalid):
    message, local_variables = rejection(KEY, **invalid)
    assert_no_key(message + local_variables)


@pytest.mark.parametrize("newline", ["", "\n", "\r\n"], ids=["none", "LF", "CRLF"])
@pytest.mark.parametrize("source", ["argument", "environment"])
async def test_strips_one_trailing_newline_from_the_key(panel, monkeypatch, source, newline):
    if source == "environment":
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY + newline)
    key = KEY + newline if source == "argument" else None
    async with VairoSMSClient(key, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


async def test_arguments_override_the_environment(panel, monkeypatch):
    monkeypatch.setenv("VAIROSMS_API_KEY", "wrong")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://other.example")
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


@pytest.mark.parametrize("key", ["", None], ids=repr)
def test_an_empty_environment_variable_counts_as_unset(monkeypatch, key):
    monkeypatch.setenv("VAIROSMS_API_KEY", "")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "")
    message, _ = rejection(key)
    assert "VAIROSMS_API_KEY" in message
    assert "https://vairosms.com/Panel/api/v1" in repr(VairoSMSClient("key"))


INVALID_BASE_URLS = [
    ("vairosms.com", "http or https"),
    ("/Panel/api/v1", "http or https"),
    ("ftp://vairosms.com", "http or https"),
    ("https://", "http or https"),
    ("https://vairosms.com:port", "not a valid URL"),
    ("https://[::1", "not a valid URL"),
    ("https://user:gizli@vairosms.com", "password"),
    ("https://vairosms.com/?api_key=gizli", "query"),
    ("https://vairosms.com/?", "query"),
    ("https://vairosms.com/#", "fragment"),
    ("https://vairosms.com/#x", "fragment"),
    ("https://xn--", "not a valid URL"),
    ("https://@xn--a", "not a valid URL"),
    ("https://a..b", "not a valid URL"),
    pytest.param(f"https://{'a' * 70}.com", "not a valid URL", id="a label of 70 characters"),
    pytest.param("https://x/a\r\nX-Y: z", "not a valid URL", id="header injection"),
    ("http://panel.localhost/x", "http:// URL of a host that is not loopback"),
    ("http://localhost.", "http:// URL of a host that is not loopback"),
    ("http://vairosms.com/Panel/api/v1", "http:// URL of a host that is not loopback"),
    ("http://10.0.0.1", "http:// URL of a host that is not loopback"),
    ("http://localhost.example.com", "http:// URL of a host that is not loopback"),
    ("http://127.0.0.1.example.com", "http:// URL of a host that is not loopback"),
    (52, "http or https"),
]


@pytest.mark.parametrize(("base_url", "why"), [("", "http or https"), *INVALID_BASE_URLS])
def test_rejects_an_invalid_base_url(base_url, why):
    message, _ = rejection(KEY, base_url=base_url)
    assert "base_url" in message
    assert why in message
    assert "gizli" not in message


@pytest.mark.parametrize(("base_url", "why"), INVALID_BASE_URLS)
def test_rejects_an_invalid_base_url_from_the_environment(monkeypatch, base_url, why):
    monkeypatch.setenv("VAIROSMS_BASE_URL", str(base_url))
    message, _ = rejection(KEY)
    assert "base_url" in message
    assert why in message
    assert "gizli" not in message


@pytest.mark.parametrize(
    "base_url",
    [
        "https://vairosms.com/Panel/api/v1",
        "https://vairosms.com/Panel/api/v1/",
        "https://şube.example/v1",
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://127.9.9.9",
        "http://[::1]:80/v1",
    ],
)
def test_accepts_https_and_loopback_base_urls(base_url):
    client = VairoSMSClient(KEY, base_url=base_url)
    assert repr(str(URL(base_url)).rstrip("/")) in repr(client)
    assert repr(VairoSMSClient(KEY, base_url=f"  {base_url}\n")) == repr(client)


def test_allow_insecure_http_accepts_http_to_other_hosts():
    VairoSMSClient(KEY, base_url="http://10.0.0.1", allow_insecure_http=True)


@pytest.mark.parametrize("slashes", ["", "/", "//"], ids=["no slash", "one slash", "two slashes"])
@pytest.mark.parametrize("path", ["", "/Panel/api/v1", "/a%20b/v1", "/a b/v1", "/ü"], ids=ascii)
async def test_requests_the_packet_below_the_base_url(mocked, path, slashes):
    mocked.get(
        f"https://panel.example{path}/GonderimBilgisi/52?api_key=gizli%2FAnahtar%2B52%26%3D%C5%9F",
        status=404,
    )
    async with VairoSMSClient(KEY, base_url=f"https://panel.example{path}{slashes}") as client:
        [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
    assert outcome.status == 404


def test_the_sandbox_panel_listens_on_loopback_only():
    with pytest.raises(ValueError, match="loopback"):
        SandboxPanel(host="0.0.0.0")


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])
def test_the_error_for_an_invalid_setting_copies_and_pickles(duplicate):
    with pytest.raises(ValueError) as caught:
        VairoSMSClient("two words")
    restored = duplicate(caught.value)
    assert (str(restored), vars(restored)) == (str(caught.value), vars(caught.value))
    assert restored.setting == "api_key"
