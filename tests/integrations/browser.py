"""A headless Chromium, for the page of the FastAPI example."""

import shutil
from contextlib import contextmanager

from selenium import webdriver

# Debian names it chromium, Google google-chrome.
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = CHROMIUM and shutil.which("chromedriver")

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # Chromium's sandbox does not work for root, and CI runs as root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=tr",
)


@contextmanager
def open_browser(width=1000, height=760):
    """Run a browser with a window of this size. Yield its Selenium driver."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"--window-size={width},{height}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()
