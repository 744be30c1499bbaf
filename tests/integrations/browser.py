"""A headless Chromium, for the page of the FastAPI example."""

import shutil
from contextlib import contextmanager

from selenium import webdriver

# Debian's and Google's, which are the same program.
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = CHROMIUM and shutil.which("chromedriver")

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # which refuses to work for root, as CI is
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=tr",
)


@contextmanager
def browser(width=1000, height=760):
    """Run a browser with a window of this size."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"--window-size={width},{height}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()
