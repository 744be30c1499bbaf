"""The command behind a company's proxy, and with a company's own certificate authority."""

from pathlib import Path

import pytest

from tests.cli.helpers import Panel, check_complete, run
from tests.integrations.company import ForwardProxy, company_ca

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A panel with a certificate of a private authority, and that authority's file."""
    bundle, context = company_ca(tmp_path_factory.mktemp("ca"))
    with Panel(packets=300, ssl_context=context) as panel:
        panel.bundle = bundle
        yield panel


@pytest.fixture
def panel(company):
    company.reset_counters()
    return company


@pytest.fixture
def proxy():
    with ForwardProxy() as proxy:
        yield proxy


def get(panel, **settings):
    settings = {"SSL_CERT_FILE": panel.bundle} | settings
    return run("get", "52", panel=panel, settings=settings)


def test_a_private_authority(panel):
    assert get(panel).code == 0
    ran = get(panel, SSL_CERT_FILE=None)
    assert ran.code == 1
    assert "is signed by an unknown authority" in ran.out
    assert "SSL_CERT_FILE" in ran.out


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_through_a_proxy(panel, proxy, name):
    target = panel.base_url.split("/")[2]
    assert get(panel, **{name: f"http://{proxy.address}"}).code == 0
    assert proxy.asked == [("CONNECT", target)]
    assert panel.requests == 1


def test_a_bulk_through_a_proxy(panel, proxy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("ids").write_text("".join(f"{i}\n" for i in range(1, 301)))
    settings = {"SSL_CERT_FILE": panel.bundle, "HTTPS_PROXY": proxy.address}
    ran = run("bulk", "ids", "-o", "out", panel=panel, settings=settings)
    assert ran.code == 0
    check_complete("out", range(1, 301))
    assert 1 <= len(proxy.asked) <= 16


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "x.example,127.0.0.1"])
def test_past_the_proxy(panel, proxy, no_proxy):
    ran = get(panel, HTTPS_PROXY=f"http://{proxy.address}", NO_PROXY=no_proxy)
    assert ran.code == 0
    assert proxy.asked == []


def test_a_proxy_with_a_password(panel):
    with ForwardProxy("ayse:parola") as proxy:
        assert get(panel, HTTPS_PROXY=f"http://ayse:parola@{proxy.address}").code == 0
        ran = get(panel, HTTPS_PROXY=f"http://ayse:yanlis-parola@{proxy.address}")
        assert ran.code == 1
        assert "the proxy refused a connection to 127.0.0.1" in ran.out
        assert "yanlis" not in ran.out + ran.err


def test_a_proxy_that_is_not_there(panel):
    ran = get(panel, HTTPS_PROXY="http://127.0.0.1:1")
    assert ran.code == 1
    assert "no connection to the proxy" in ran.out
    assert panel.requests == 0


def test_a_panel_of_plain_http_is_asked_past_the_proxy(proxy):
    """Its key is no proxy's business: such a panel is on this machine."""
    with Panel() as panel:
        settings = {f"{s}_PROXY": f"http://{proxy.address}" for s in ("HTTP", "HTTPS", "ALL")}
        settings |= {name.lower(): value for name, value in settings.items()}
        assert run("get", "52", panel=panel, settings=settings).code == 0
    assert proxy.asked == []
