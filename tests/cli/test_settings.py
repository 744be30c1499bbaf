"""The rate limit and the proxy of the command."""

import asyncio
import os

import pytest

from vairosms_async.cli.settings import proxy_for, rate_limiter
from vairosms_async.cli.signals import CommandError


async def seconds_for(limiter, requests):
    """Enter a rate limiter for each request. Return how long it took."""
    began = asyncio.get_running_loop().time()
    for _ in range(requests):
        async with limiter:
            pass
    return asyncio.get_running_loop().time() - began


def test_no_rate_is_no_rate_limiter():
    assert rate_limiter(None) is None


@pytest.mark.parametrize(("rate", "requests"), [(20.0, 5), (100.0, 25)])
async def test_requests_are_spread_evenly(rate, requests):
    """At most 1/20 s of requests, or one request, start at once. The rest takes 0.2 s."""
    assert 0.19 <= await seconds_for(rate_limiter(rate), requests) < 5


async def test_the_first_request_is_not_delayed():
    """At this rate, the second request starts after 20 seconds."""
    assert await seconds_for(rate_limiter(0.05), 1) < 5


PROXY = "http://p:1"
URL = "https://vairosms.com"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        pytest.param(URL, {}, None, id="no proxy"),
        pytest.param(URL, {"HTTPS_PROXY": PROXY}, PROXY, id="HTTPS_PROXY"),
        pytest.param(URL, {"https_proxy": PROXY}, PROXY, id="https_proxy"),
        pytest.param(URL, {"HTTPS_PROXY": "p:1"}, PROXY, id="proxy without a scheme"),
        pytest.param(URL, {"HTTPS_PROXY": "https://p:1"}, "https://p:1", id="proxy with https"),
        pytest.param(URL, {"HTTPS_PROXY": ""}, None, id="empty HTTPS_PROXY"),
        pytest.param("http://127.0.0.1:1", {"HTTPS_PROXY": PROXY}, None, id="plain http"),
        pytest.param("http://127.0.0.1:1", {"http_proxy": PROXY}, None, id="http_proxy"),
    ],
)
def test_https_urls_use_the_proxy_of_the_environment(monkeypatch, url, environ, proxy):
    for variable in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxy"),
    [
        pytest.param(f"{URL}/Panel", "x.example, vairosms.com", None, id="host"),
        pytest.param("https://api.vairosms.com", ".vairosms.com", None, id="domain"),
        pytest.param("https://notvairosms.com", ".,vairosms.com", PROXY, id="other domain"),
        pytest.param(f"{URL}:8443", "vairosms.com:8443", None, id="port"),
        pytest.param(URL, "vairosms.com:8443", PROXY, id="other port"),
        pytest.param("https://10.1.2.3", "x.example 10.0.0.0/8", None, id="network"),
        pytest.param("https://[fd00::1]", "fd00::1", None, id="IPv6 address"),
        pytest.param(URL, "*", None, id="all hosts"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_lists_hosts_to_reach_directly(monkeypatch, url, no_proxy, proxy, name):
    for variable in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv(name, no_proxy)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    "proxy", ["socks5://p:1", "http://", "http://[x", "ftp://u:gizli@p", "http://u:%C5%9Fgizli@p:1"]
)
def test_rejects_an_unusable_proxy(monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(CommandError, match="HTTPS_PROXY must be like http") as caught:
        proxy_for("https://vairosms.com")
    assert "gizli" not in str(caught.value)


def test_get_reports_an_unreachable_proxy(vairosms, monkeypatch):
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://panel.example")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    ran = vairosms("get", "52")
    assert (ran.code, "no connection to the proxy" in ran.out) == (1, True)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        pytest.param('"gizli"', "is in quotes", id="double quotes"),
        pytest.param("'gizli'", "is in quotes", id="single quotes"),
        pytest.param("“gizli”", "is in quotes", id="typographic quotes"),
        pytest.param("VAIROSMS_API_KEY=gizli", "contains VAIROSMS_API_KEY=", id="line of .env"),
        pytest.param(
            'export VAIROSMS_API_KEY="gizli"', "contains VAIROSMS_API_KEY=", id="line of a shell"
        ),
    ],
)
@pytest.mark.parametrize("source", ["VAIROSMS_API_KEY", "key.txt"])
def test_hints_at_a_key_that_is_more_than_the_key(vairosms, folder, monkeypatch, key, hint, source):
    """The runner checks that no output contains the key."""
    options = ()
    if source == "key.txt":
        folder.joinpath("key.txt").write_text(f"{key}\n", "utf-8")
        options = ("--api-key-file", "key.txt")
    else:
        monkeypatch.setenv("VAIROSMS_API_KEY", key)
    ran = vairosms("get", "52", *options)
    assert ran.code in {2, 3}
    assert f"warning: the API key in {source} {hint}" in ran.err


def test_a_usual_key_gets_no_hint(vairosms):
    assert vairosms("get", "52").err == ""


def test_reports_a_missing_ssl_cert_file(vairosms, folder, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "no-such.pem")
    assert vairosms("get", "52").err == ""  # plain http needs no certificate
    monkeypatch.setenv("VAIROSMS_BASE_URL", "https://127.0.0.1:1")
    warning = "warning: SSL_CERT_FILE names no-such.pem, which cannot be read: No such file"
    assert warning in vairosms("get", "52").err
    folder.joinpath("no-such.pem").touch()
    assert warning not in vairosms("get", "52").err
