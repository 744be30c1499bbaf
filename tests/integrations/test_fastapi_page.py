"""The page of the FastAPI example, in a real browser."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cli.helpers import Panel, until
from tests.helpers import KEY, assert_no_key, example_packet
from tests.integrations.browser import DRIVER, browser
from tests.integrations.services import service_process
from vairosms_async.sandbox import Fault

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DRIVER, reason="needs Debian's chromium and chromium-driver"),
]


class Page:
    """What a person sees and does."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector
        )

    def run(self, script, *args):
        return self.driver.execute_script(script, *args)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def status(self):
        return self.find("#status").text

    @property
    def rows(self):
        """The table, as a dict of dicts: by packet, then by the column's name."""
        cells = self.run(
            "return [...document.querySelectorAll('tbody tr')].map(tr =>"
            " [...tr.cells].map(td => [td.dataset.label, td.innerText]))"
        )
        return {dict(row)["Paket"]: dict(row) for row in cells}


@pytest.fixture(scope="module")
def panel():
    with Panel(packets=1000, settle_time=0.0) as panel:
        yield panel


@pytest.fixture(scope="module")
def service(panel):
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process("fastapi_service", **settings) as (_, url):
        yield url


@pytest.fixture(scope="module")
def driver():
    with browser() as driver:
        yield driver


@pytest.fixture
def page(driver, service, panel):
    """Open the page anew; look afterwards that the browser had nothing to complain of."""
    panel.fresh().latency = (0.0, 0.0)
    driver.get(service)
    yield Page(driver)
    assert driver.get_log("browser") == []
    assert_no_key(driver.page_source)
    until(lambda: panel.in_flight == 0)


def ask(page, text):
    page.find("#ids").send_keys(text)
    page.find("form button").click()


def paste(page, text):
    """Ask what would take a browser's driver long to type."""
    page.run("document.querySelector('#ids').value = arguments[0]", text)
    page.find("form button").click()


def test_a_table_of_all_states(page):
    ask(page, "52, 61\n9999999;abc")
    until(lambda: page.status == "Bitti: 4 paket sorgulandı.")
    rows = page.rows
    assert rows["52"] == {
        "Paket": "52",
        "Durum": "Sonlandı",
        "Başlık": "08505326480",
        "Numara": "2",
        "Kredi": "2",
        "Sonlanma zamanı": "2016-07-22 14:40:16",
        "Açıklama": "",
    }
    assert rows["61"]["Durum"] == "Hatalı"
    assert "INVALID_SOURCE_ADDRESS" in rows["61"]["Açıklama"]
    assert rows["9999999"]["Açıklama"] == "Böyle bir paket yok."
    assert rows["abc"]["Açıklama"] == "Bu bir paket numarası değil."
    assert page.texts("#counts li") == ["Sonlandı: 1", "Hatalı: 1", "Sorgulanamadı: 2"]
    colours = page.run(
        "return [...document.querySelectorAll('tbody .state')].map(e => getComputedStyle(e).color)"
    )
    assert len(set(colours)) == 3  # and words beside them, above


def test_it_fills_while_answers_come(page, panel):
    """Half the answers are held back: the other half is on the screen, and the bar half full."""
    panel.fail(Fault("hang"), times=None, id=200)
    ask(page, " ".join(map(str, [*range(100, 104), 200])))
    until(lambda: page.status == "4 / 5 paket sorgulandı…")
    assert len(page.rows) == 4
    bar = page.find("progress")
    assert (bar.get_property("value"), bar.get_property("max")) == (4, 5)
    assert panel.in_flight == 1
    page.find("#stop").click()
    until(lambda: page.status == "Durduruldu: 4 paket sorgulandı.")
    until(lambda: panel.in_flight == 0)  # the service has heard of it
    assert not page.find("#stop").is_enabled()


def test_a_thousand_packets(page, panel):
    paste(page, " ".join(map(str, range(1, 1001))))
    until(lambda: page.status == "Bitti: 1.000 paket sorgulandı.")
    assert len(page.rows) == 1000
    assert (
        sum(int(text.split(": ")[1].replace(".", "")) for text in page.texts("#counts li")) == 1000
    )
    assert panel.requests == 1000


def test_the_keyboard_is_enough(page, panel):
    panel.fail(Fault("hang"), times=None, id=200)
    page.press(Keys.TAB)
    page.press("52 200", Keys.CONTROL, Keys.ENTER)
    until(lambda: page.status == "1 / 2 paket sorgulandı…")
    page.press(Keys.TAB)
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Durdur"
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press(Keys.ENTER)
    until(lambda: page.status.startswith("Durduruldu"))
    assert page.driver.switch_to.active_element.text == "Sorgula"


def test_a_second_question_replaces_the_first(page, panel):
    panel.fail(Fault("hang"), times=None, id=200)
    ask(page, "200 300")
    until(lambda: page.status == "1 / 2 paket sorgulandı…")
    page.find("#ids").clear()
    ask(page, "52")
    until(lambda: page.status == "Bitti: 1 paket sorgulandı.")
    assert list(page.rows) == ["52"]


def test_what_is_read_out(page):
    """Names and roles for those who do not see the page."""
    assert page.find("#ids").accessible_name == "Paket numaraları"
    assert page.find("progress").accessible_name == "Sorgulanan paketler"
    assert page.find("#said").aria_role == "status"
    assert page.find("table").accessible_name == "Paketlerin durumu"
    assert page.find("#counts").aria_role == "list"
    assert page.run("return document.documentElement.lang") == "tr"


@pytest.mark.parametrize("width", [320, 360, 768])
def test_on_a_phone(page, width):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        ask(page, "52 61 9999999")
        until(lambda: page.status.startswith("Bitti"))
        assert page.run("return document.documentElement.scrollWidth") <= width
        for button in page.driver.find_elements(By.TAG_NAME, "button"):
            assert button.size["height"] >= 44
        assert (
            page.run("return getComputedStyle(document.querySelector('tbody tr')).display")
            == "block"
        )
        labels = page.run(
            "return [...document.querySelectorAll('tbody tr:first-child td')]"
            ".map(td => getComputedStyle(td, '::before').content)"
        )
        assert labels[:2] == ['"Paket"', '"Durum"']
        # Shown as cards, it is still a table to a screen reader.
        assert page.find("tbody tr td").aria_role == "cell"
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_progress_is_not_read_out_all_the_time(page):
    """Only the start, the end, and now and then between."""
    page.run(
        "window.told = [];"
        "new MutationObserver(() => told.push(document.querySelector('#said').textContent))"
        ".observe(document.querySelector('#said'), {childList: true})"
    )
    paste(page, "52 " * 500)
    until(lambda: page.status.startswith("Bitti"))
    assert page.run("return told") == [
        "0 / 500 paket sorgulandı…",
        "Bitti: 500 paket sorgulandı.",
    ]


def test_what_the_panel_says_is_no_markup(page, panel):
    title = "<img src=x onerror=alert(1)>"
    panel.add_gonderim(example_packet(52) | {"id": 7000, "sms_baslik": title})
    ask(page, "7000")
    until(lambda: page.status.startswith("Bitti"))
    assert page.rows["7000"]["Başlık"] == title
    assert page.run("return document.images.length") == 0


def test_a_refused_key_and_too_many_ids(page, panel):
    panel.fail(Fault("status", 401), times=None)
    ask(page, "52")
    until(lambda: page.status == "Durdu: Panel, servisin API anahtarını kabul etmedi.")
    panel.clear_faults()
    paste(page, "1 " * 10_001)
    until(lambda: page.status == "Sorgulanamadı: HTTP 422. Girilen numara sayısı: 10.001.")
    assert [entry["level"] for entry in page.driver.get_log("browser")] == ["SEVERE"]  # the 422


def test_a_service_that_dies(driver, panel):
    panel.fresh().fail(Fault("hang"), times=None, id=200)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process("fastapi_service", **settings) as (child, url):
        driver.get(url)
        page = Page(driver)
        ask(page, "52 200")
        until(lambda: page.status == "1 / 2 paket sorgulandı…")
        child.kill()
        until(lambda: page.status == "Bağlantı koptu; 1 paketin yanıtı gelmedi.")
