"""What callers give, and how it is refused: before any request, without showing the key."""

import copy
import pickle
import traceback
from contextlib import AsyncExitStack

import numpy as np
import pytest
from aioresponses import aioresponses
from yarl import URL

from tests.helpers import KEY, assert_no_key
from vairosms_async import RetryPolicy, VairoSMSClient, VairoSMSInvalidIdError
from vairosms_async.sandbox import SandboxPanel


class Index:
    def __index__(self):
        return 52


class Weird:
    def __index__(self):
        raise ZeroDivisionError


class Shy:
    def __repr__(self):
        raise ZeroDivisionError


IDS = [52, "52", "052", "0" * 5000 + "52", np.int64(52), np.uint8(52), Index()]
NO_IDS = [
    True,
    np.bool_(True),
    52.0,
    np.float64(52),
    0,
    -1,
    2**64,
    "0",
    "",
    " 52",
    "52\n",
    "+52",
    "-52",
    "5_2",
    "0x34",
    "52/../61",
    "52?x=1",
    "52%2e",
    "５２",
    "٥٢",
    "²",
    "1" * 21,
    "9" * 5000,
    str(2**64),
    b"52",
    None,
    [52],
    "\ud800",
    10**5000,
    Weird(),
    Shy(),
]


@pytest.mark.parametrize("given", IDS, ids=lambda given: f"{type(given).__name__} {given!s:.9}")
async def test_ids(client, given):
    assert (await client.get_gonderim(given)).id == 52
    assert [g.id for g in await client.gather_gonderimler([given, 61])] == [52, 61]
    results = [result async for result in client.iter_gonderimler([given])]
    assert [(result.id, type(result.id)) for result in results] == [(52, int)]


async def test_the_largest_id(client, panel):
    panel.add_gonderim((await panel_packet(client)) | {"id": 2**64 - 1})
    assert (await client.get_gonderim(2**64 - 1)).id == 2**64 - 1
    assert (await client.get_gonderim(str(2**64 - 1))).id == 2**64 - 1


async def panel_packet(client):
    from vairosms_async import gonderim_to_dict

    return gonderim_to_dict(await client.get_gonderim(52))


@pytest.mark.parametrize("given", NO_IDS, ids=range(len(NO_IDS)))
async def test_what_is_no_id_is_refused_before_any_request(client, panel, given):
    with pytest.raises(VairoSMSInvalidIdError, match="not a packet id") as caught:
        await client.get_gonderim(given)
    assert caught.value.gonderim_id is None
    assert len(str(caught.value)) < 200
    with pytest.raises(VairoSMSInvalidIdError):
        await client.gather_gonderimler([52, 61, given])
    assert panel.requests == 0

    found, refused = await client.gather_gonderimler([52, given], return_exceptions=True)
    assert found.id == 52
    assert isinstance(refused, VairoSMSInvalidIdError)
    results = [result async for result in client.iter_gonderimler([given, 52])]
    assert sorted(result.ok for result in results) == [False, True]
    shown = next(r.id for r in results if not r.ok)
    assert shown is given if isinstance(given, int | str) else isinstance(shown, str)
    assert panel.requests == 2


@pytest.mark.parametrize("given", [KEY, KEY.encode(), [KEY], "x" * 30 + KEY])
async def test_a_key_given_as_an_id_is_not_shown(client, given):
    with pytest.raises(VairoSMSInvalidIdError) as caught:
        await client.get_gonderim(given)
    assert_no_key(str(caught.value))
    [result] = [result async for result in client.iter_gonderimler([given])]
    assert_no_key(repr(result))


@pytest.mark.parametrize("ids", ["5261", b"52", 52, None, VairoSMSClient], ids=repr)
async def test_what_is_no_iterable_of_ids(client, panel, ids):
    with pytest.raises(TypeError, match="iterable of ids"):
        await client.gather_gonderimler(ids)
    with pytest.raises(TypeError, match="iterable of ids"):
        client.iter_gonderimler(ids)
    assert panel.requests == 0


async def test_gather_takes_no_async_iterable(client):
    async def ids():
        yield 52

    with pytest.raises(TypeError, match="iter_gonderimler"):
        await client.gather_gonderimler(ids())


CAPS = [0, -1, 1.5, "8", True, None]


@pytest.mark.parametrize("cap", CAPS, ids=repr)
async def test_caps_out_of_range(client, cap):
    with pytest.raises(ValueError, match="max_concurrency must be a whole number"):
        VairoSMSClient(KEY, max_concurrency=cap)
    if cap is not None:
        with pytest.raises(ValueError, match="max_concurrency"):
            await client.gather_gonderimler([52], max_concurrency=cap)
        with pytest.raises(ValueError, match="max_concurrency"):
            client.iter_gonderimler([52], max_concurrency=cap)


@pytest.mark.parametrize(
    "timeout", [0, -1, float("inf"), float("nan"), "30", True, 10**400], ids=range(7)
)
def test_timeouts_out_of_range(timeout):
    with pytest.raises(ValueError, match="timeout must be seconds"):
        VairoSMSClient(KEY, timeout=timeout)
    with pytest.raises(ValueError, match="timeout must be seconds"):
        VairoSMSClient(KEY).with_options(timeout=timeout)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ({"retry": None}, "attempts=1 means no retry"),
        ({"retry": 3}, "must be a RetryPolicy, not 3"),
        ({"tz": "Europe/Istanbul"}, "ZoneInfo"),
        ({"rate_limiter": 50}, "async context manager, not 50"),
    ],
)
def test_options_of_other_types(option, why):
    with pytest.raises(TypeError, match=why):
        VairoSMSClient(KEY, **option)
    with pytest.raises(TypeError, match=why):
        VairoSMSClient(KEY).with_options(**option)


def test_a_session_of_another_type():
    with pytest.raises(TypeError, match="must be an aiohttp"):
        VairoSMSClient(KEY, session="x")


async def test_a_float_hears_what_to_do(client):
    with pytest.raises(VairoSMSInvalidIdError, match="take the id as an int"):
        await client.get_gonderim(np.float64(52))


# ---- the key -----------------------------------------------------------------------------------


def refusal(*args, **kwargs):
    """Make a client in vain; give the message and the traceback with locals."""
    with pytest.raises(ValueError) as caught:
        VairoSMSClient(*args, **kwargs)
    printed = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    return str(caught.value), "".join(
        line for frame in list(printed.stack)[1:] for line in map(str, frame.locals.values())
    )


def test_no_key_says_both_ways_to_give_one():
    message, _ = refusal()
    assert "api_key" in message
    assert "VAIROSMS_API_KEY" in message


@pytest.mark.parametrize(
    "key",
    ["", "\n", " ", "\r\n", "gizli anahtar", "gizli\tx", "gizli\n\n", "\ngizli", "gizli\x00"]
    + ["gizli\u2028", "gizli\u00a0x", "gizli\ud800", "gizli\x7f", b"gizli", 1234],
    ids=ascii,
)
def test_keys_that_are_none_are_refused_without_showing_them(key):
    message, printed = refusal(key)
    assert "api_key" in message
    assert "gizli" not in message + printed
    assert "1234" not in message + printed


def test_other_refusals_do_not_show_the_key_either():
    for wrong in (
        {"max_concurrency": 0},
        {"timeout": 0},
        {"base_url": "ftp://x"},
        {"base_url": f"https://vairosms.com/?api_key={KEY}"},
    ):
        message, printed = refusal(KEY, **wrong)
        assert_no_key(message + printed)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=ascii)
@pytest.mark.parametrize("way", ["argument", "environment"])
async def test_one_newline_at_the_keys_end_is_taken_off(panel, monkeypatch, way, end):
    if way == "environment":
        monkeypatch.setenv("VAIROSMS_API_KEY", KEY + end)
    key = KEY + end if way == "argument" else None
    async with VairoSMSClient(key, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


async def test_an_argument_goes_before_the_environment(panel, monkeypatch):
    monkeypatch.setenv("VAIROSMS_API_KEY", "wrong")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://other.example")
    async with VairoSMSClient(KEY, base_url=panel.base_url) as client:
        assert (await client.get_gonderim(52)).id == 52


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_setting_counts_as_none(monkeypatch, value):
    monkeypatch.setenv("VAIROSMS_API_KEY", "")
    monkeypatch.setenv("VAIROSMS_BASE_URL", "")
    assert "VAIROSMS_API_KEY" in refusal(value)[0]
    assert "https://vairosms.com/Panel/api/v1" in repr(VairoSMSClient("key"))


# ---- base_url ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("", "http or https"),
        ("vairosms.com", "http or https"),
        ("/Panel/api/v1", "http or https"),
        ("ftp://vairosms.com", "http or https"),
        ("https://", "http or https"),
        ("https://vairosms.com:port", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://user:gizli@vairosms.com", "user or password"),
        ("https://vairosms.com/?api_key=gizli", "query"),
        ("https://vairosms.com/?", "query"),
        ("https://vairosms.com/#", "fragment"),
        ("https://xn--", "not a URL"),
        ("https://@xn--a", "not a URL"),
        ("https://a..b", "not a URL"),
        (f"https://{'a' * 70}.com", "not a URL"),
        ("https://x/a\r\nX-Y: z", "not a URL"),
        ("http://panel.localhost/x", "clear text"),
        ("http://localhost.", "clear text"),
        ("https://vairosms.com/#x", "fragment"),
        (52, "http or https"),
        ("http://vairosms.com/Panel/api/v1", "clear text"),
        ("http://10.0.0.1", "clear text"),
        ("http://localhost.example.com", "clear text"),
        ("http://127.0.0.1.example.com", "clear text"),
    ],
)
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_base_urls_that_are_refused(monkeypatch, base_url, why, way):
    if way == "environment":
        if not base_url:
            return  # an empty setting is none
        monkeypatch.setenv("VAIROSMS_BASE_URL", str(base_url))
    message, _ = refusal(KEY, base_url=base_url if way == "argument" else None)
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
def test_base_urls_that_are_taken(base_url):
    client = VairoSMSClient(KEY, base_url=base_url)
    assert repr(str(URL(base_url)).rstrip("/")) in repr(client)
    assert repr(VairoSMSClient(KEY, base_url=f"  {base_url}\n")) == repr(client)


def test_clear_text_can_be_insisted_on():
    VairoSMSClient(KEY, base_url="http://10.0.0.1", allow_insecure_http=True)


@pytest.mark.parametrize("end", ["", "/", "//"])
@pytest.mark.parametrize("path", ["", "/Panel/api/v1", "/a%20b/v1", "/a b/v1", "/ü"])
async def test_the_url_that_is_asked(path, end):
    async with VairoSMSClient(KEY, base_url=f"https://panel.example{path}{end}") as client:
        with aioresponses() as mocked:
            mocked.get(
                f"https://panel.example{path}/GonderimBilgisi/52"
                "?api_key=gizli%2FAnahtar%2B52%26%3D%C5%9F",
                status=404,
            )
            [outcome] = await client.gather_gonderimler([52], return_exceptions=True)
    assert outcome.status == 404


# ---- what a client shows of itself -------------------------------------------------------------


async def test_a_client_shows_its_limits_and_not_its_key(panel):
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(VairoSMSClient(KEY, base_url=panel.base_url))
        await client.get_gonderim(52)
        for one in (client, client.with_options(timeout=5)):
            assert panel.base_url in repr(one)
            assert "max_concurrency=16" in repr(one)
            assert_no_key(repr(one) + repr(vars(one)))
            assert_no_key("".join(f"{v!r}" for v in vars(one).values()))
        assert "timeout=5.0" in repr(one)
        assert "closed" not in repr(one)
    assert "closed" in repr(client)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_client_is_not_copied(how):
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        how(VairoSMSClient(KEY))


def test_the_sandbox_listens_on_loopback_only():
    with pytest.raises(ValueError, match="loopback"):
        SandboxPanel(host="0.0.0.0")


def test_retry_attempts_show():
    assert "attempts=2" in repr(VairoSMSClient(KEY, retry=RetryPolicy(attempts=2)))
