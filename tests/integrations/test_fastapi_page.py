"""The page of the FastAPI example, in a headless Chromium."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cli.helpers import wait_until
from tests.helpers import KEY, assert_no_key, example_packet
from tests.integrations.browser import CHROMEDRIVER, open_browser
from tests.integrations.services import service_process
from vairosms_async.sandbox import Fault, SandboxPanel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMEDRIVER, reason="needs Chromium and chromedriver"),
]


class Page:
    """What a person sees on the page and does with it."""

    def __init__(self, driver):
        self.driver = driver

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.run_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector
        )

    def run_script(self, script, *args):
        return self.driver.execute_script(script, *args)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def type_ids(self, text):
        """Type ids and click on the button that looks them up."""
        self.find("#ids").send_keys(text)
        self.find("form button").click()

    def paste_ids(self, text):
        """Set the ids by script, because typing them is slow."""
        self.run_script("document.querySelector('#ids').value = arguments[0]", text)
        self.find("form button").click()

    @property
    def status(self):
        return self.find("#status").text

    @property
    def rows(self):
        """The rows of the table by packet. Each row is a dict of texts by column."""
        cells = self.run_script(
            "return [...document.querySelectorAll('tbody tr')].map(tr =>"
            " [...tr.cells].map(td => [td.dataset.label, td.innerText]))"
        )
        return {dict(row)["Paket"]: dict(row) for row in cells}


@pytest.fixture(scope="module")
def panel():
    with SandboxPanel(KEY, packets=1000, settle_time=0.0) as panel:
        yield panel


@pytest.fixture(scope="module")
def service(panel):
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process("fastapi_service", **settings) as (_, url):
        yield url


@pytest.fixture(scope="module")
def driver():
    with open_browser() as driver:
        yield driver


def reset(panel):
    """Reset the counters, faults and latency of the panel, which all tests share."""
    panel.reset_counters()
    panel.clear_faults()
    panel.latency = 0.0


@pytest.fixture
def page(driver, service, panel):
    """Open the page. Check at the end that the browser has logged no errors."""
    reset(panel)
    driver.get(service)
    yield Page(driver)
    assert driver.get_log("browser") == []
    assert_no_key(driver.page_source)
    wait_until(lambda: panel.in_flight == 0)


def test_shows_each_state_and_error_in_words_and_in_its_own_color(page):
    page.type_ids("52, 61\n9999999;abc")
    wait_until(lambda: page.status == "Bitti: 4 paket sorgulandı.")
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
    colors = page.run_script(
        "return [...document.querySelectorAll('tbody .state')].map(e => getComputedStyle(e).color)"
    )
    assert len(set(colors)) == 3


def test_shows_results_while_others_are_in_flight_until_the_user_stops_it(page, panel):
    panel.fail(Fault("hang"), times=None, id=200)
    page.type_ids(" ".join(map(str, [*range(100, 104), 200])))
    wait_until(lambda: page.status == "4 / 5 paket sorgulandı…")
    assert len(page.rows) == 4
    bar = page.find("progress")
    assert (bar.get_property("value"), bar.get_property("max")) == (4, 5)
    assert panel.in_flight == 1
    page.find("#stop").click()
    wait_until(lambda: page.status == "Durduruldu: 4 paket sorgulandı.")
    wait_until(lambda: panel.in_flight == 0)  # the service has cancelled the lookup
    assert not page.find("#stop").is_enabled()


def test_shows_a_thousand_packets(page, panel):
    page.paste_ids(" ".join(map(str, range(1, 1001))))
    wait_until(lambda: page.status == "Bitti: 1.000 paket sorgulandı.")
    assert len(page.rows) == 1000
    counts = [int(text.split(": ")[1].replace(".", "")) for text in page.texts("#counts li")]
    assert sum(counts) == 1000
    assert panel.requests == 1000


def test_works_with_the_keyboard_only(page, panel):
    panel.fail(Fault("hang"), times=None, id=200)
    page.press(Keys.TAB)
    page.press("52 200", Keys.CONTROL, Keys.ENTER)
    wait_until(lambda: page.status == "1 / 2 paket sorgulandı…")
    page.press(Keys.TAB)
    page.press(Keys.TAB)
    assert page.driver.switch_to.active_element.text == "Durdur"
    assert page.run_script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press(Keys.ENTER)
    wait_until(lambda: page.status.startswith("Durduruldu"))
    assert page.driver.switch_to.active_element.text == "Sorgula"


def test_a_second_bulk_replaces_the_first(page, panel):
    panel.fail(Fault("hang"), times=None, id=200)
    page.type_ids("200 300")
    wait_until(lambda: page.status == "1 / 2 paket sorgulandı…")
    page.find("#ids").clear()
    page.type_ids("52")
    wait_until(lambda: page.status == "Bitti: 1 paket sorgulandı.")
    assert list(page.rows) == ["52"]


def test_has_names_and_roles_for_screen_readers(page):
    assert page.find("#ids").accessible_name == "Paket numaraları"
    assert page.find("progress").accessible_name == "Sorgulanan paketler"
    assert page.find("#announcement").aria_role == "status"
    assert page.find("table").accessible_name == "Paketlerin durumu"
    assert page.find("#counts").aria_role == "list"
    assert page.run_script("return document.documentElement.lang") == "tr"


@pytest.mark.parametrize("width", [320, 360, 768])
def test_fits_on_a_narrow_screen_and_shows_rows_as_cards(page, width):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        page.type_ids("52 61 9999999")
        wait_until(lambda: page.status.startswith("Bitti"))
        assert page.run_script("return document.documentElement.scrollWidth") <= width
        for button in page.driver.find_elements(By.TAG_NAME, "button"):
            assert button.size["height"] >= 44
        assert (
            page.run_script("return getComputedStyle(document.querySelector('tbody tr')).display")
            == "block"
        )
        labels = page.run_script(
            "return [...document.querySelectorAll('tbody tr:first-child td')]"
            ".map(td => getComputedStyle(td, '::before').content)"
        )
        assert labels[:2] == ['"Paket"', '"Durum"']
        # For a screen reader it is still a table.
        assert page.find("tbody tr td").aria_role == "cell"
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_screen_readers_get_only_the_start_and_the_end_of_a_short_bulk(page):
    page.run_script(
        "window.announcements = [];"
        "const region = document.querySelector('#announcement');"
        "new MutationObserver(() => announcements.push(region.textContent))"
        ".observe(region, {childList: true})"
    )
    page.paste_ids("52 " * 500)
    wait_until(lambda: page.status.startswith("Bitti"))
    assert page.run_script("return announcements") == [
        "0 / 500 paket sorgulandı…",
        "Bitti: 500 paket sorgulandı.",
    ]


def test_shows_the_panels_text_as_text_and_not_as_html(page, panel):
    title = "<img src=x onerror=alert(1)>"
    panel.add_gonderim(example_packet(52) | {"id": 7000, "sms_baslik": title})
    page.type_ids("7000")
    wait_until(lambda: page.status.startswith("Bitti"))
    assert page.rows["7000"]["Başlık"] == title
    assert page.run_script("return document.images.length") == 0


def test_says_when_the_panel_refuses_the_key(page, panel):
    panel.fail(Fault("status", 401), times=None)
    page.type_ids("52")
    wait_until(lambda: page.status == "Durdu: Panel, servisin API anahtarını kabul etmedi.")


def test_says_how_many_ids_were_too_many(page):
    page.paste_ids("1 " * 10_001)
    wait_until(lambda: page.status == "Sorgulanamadı: HTTP 422. Girilen numara sayısı: 10.001.")
    # The browser logs the 422. Reading the log empties it, so the fixture finds no more.
    assert [entry["level"] for entry in page.driver.get_log("browser")] == ["SEVERE"]


def test_says_how_many_results_are_missing_when_the_service_dies(driver, panel):
    reset(panel)
    panel.fail(Fault("hang"), times=None, id=200)
    settings = {"VAIROSMS_API_KEY": KEY, "VAIROSMS_BASE_URL": panel.base_url}
    with service_process("fastapi_service", **settings) as (child, url):
        driver.get(url)
        page = Page(driver)
        page.type_ids("52 200")
        wait_until(lambda: page.status == "1 / 2 paket sorgulandı…")
        child.kill()
        wait_until(lambda: page.status == "Bağlantı koptu; 1 paketin yanıtı gelmedi.")
