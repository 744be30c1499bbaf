"""Take README's picture of the FastAPI example's page anew: python -m tests.integrations.screenshot."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cli.helpers import until
from tests.helpers import EXAMPLES
from tests.integrations.browser import browser
from tests.integrations.services import service_process

if __name__ == "__main__":
    ids = [52, 61, 100, 101, 104, 107, 113, 9999999, *range(200, 260)]
    with (
        service_process("fastapi_service", VAIROSMS_API_KEY="") as (_, url),
        browser(1000, 860) as it,
    ):
        it.get(url)
        it.find_element(By.ID, "ids").send_keys(" ".join(map(str, ids)), Keys.CONTROL, Keys.ENTER)
        until(lambda: len(it.find_elements(By.CSS_SELECTOR, "tbody tr")) > 20)
        it.save_screenshot(EXAMPLES / "fastapi_page.png")
