"""The command behind a company's proxy, and with a company's certificate authority."""

import pytest

from tests.cli.helpers import Panel, run_vairosms, write_ids
from tests.cli.results import check_complete
from tests.integrations.company import ForwardProxy, company_ca

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def module_panel(tmp_path_factory):
    """A panel whose certificate is from a private authority; `bundle` is that authority's file."""
    bundle, context = company_ca(tmp_path_factory.mktemp("ca"))
    with Panel(packets=300, ssl_context=context) as panel:
        panel.bundle = bundle
        yield panel


@pytest.fixture
def proxy():
    with ForwardProxy() as proxy:
        yield proxy


def run_get(panel, **settings):
    """Run `vairosms get 52` with the certificate authority of the panel."""
    settings = {"SSL_CERT_FILE": panel.bundle} | settings
    return run_vairosms("get", "52", panel=panel, settings=settings)


def test_ssl_cert_file_adds_a_private_authority(panel):
    assert run_get(panel).code == 0
    ran = run_get(panel, SSL_CERT_FILE=None)
    assert ran.code == 1
    assert "is signed by an unknown authority" in ran.out
    assert "SSL_CERT_FILE" in ran.out


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_get_goes_through_https_proxy(panel, proxy, name):
    target = panel.base_url.split("/")[2]
    assert run_get(panel, **{name: f"http://{proxy.address}"}).code == 0
    assert proxy.asked == [("CONNECT", target)]
    assert panel.requests == 1


def test_bulk_goes_through_https_proxy(panel, proxy, folder):
    write_ids(range(1, 301))
    settings = {"SSL_CERT_FILE": panel.bundle, "HTTPS_PROXY": proxy.address}
    ran = run_vairosms("bulk", "ids", "-o", "out.csv", panel=panel, settings=settings)
    assert ran.code == 0
    check_complete("out.csv", range(1, 301))
    assert 1 <= len(proxy.asked) <= 16


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "x.example,127.0.0.1"])
def test_no_proxy_bypasses_the_proxy(panel, proxy, no_proxy):
    ran = run_get(panel, HTTPS_PROXY=f"http://{proxy.address}", NO_PROXY=no_proxy)
    assert ran.code == 0
    assert proxy.asked == []


def test_sends_the_password_to_the_proxy_and_never_shows_it(panel):
    with ForwardProxy("ayse:parola") as proxy:
        assert run_get(panel, HTTPS_PROXY=f"http://ayse:parola@{proxy.address}").code == 0
        ran = run_get(panel, HTTPS_PROXY=f"http://ayse:yanlis-parola@{proxy.address}")
        assert ran.code == 1
        assert "the proxy refused a connection to 127.0.0.1" in ran.out
        assert "yanlis" not in ran.out + ran.err


def test_an_unreachable_proxy_is_reported(panel):
    ran = run_get(panel, HTTPS_PROXY="http://127.0.0.1:1")
    assert ran.code == 1
    assert "no connection to the proxy" in ran.out
    assert panel.requests == 0


def test_plain_http_bypasses_the_proxy(proxy):
    """Such a panel is on this machine, and no proxy needs to see its key."""
    with Panel() as panel:
        settings = {f"{s}_PROXY": f"http://{proxy.address}" for s in ("HTTP", "HTTPS", "ALL")}
        settings |= {name.lower(): value for name, value in settings.items()}
        assert run_vairosms("get", "52", panel=panel, settings=settings).code == 0
    assert proxy.asked == []
