"""Take README's picture of the FastAPI example's page.

python -m tests.integrations.take_readme_screenshot
"""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.cli.helpers import wait_until
from tests.helpers import EXAMPLES
from tests.integrations.browser import open_browser
from tests.integrations.services import service_process

IDS = [52, 61, 100, 101, 104, 107, 113, 9999999, *range(200, 260)]

if __name__ == "__main__":
    with (
        service_process("fastapi_service", VAIROSMS_API_KEY="") as (_, url),
        open_browser(1000, 860) as driver,
    ):
        driver.get(url)
        textarea = driver.find_element(By.ID, "ids")
        textarea.send_keys(" ".join(map(str, IDS)), Keys.CONTROL, Keys.ENTER)
        wait_until(lambda: len(driver.find_elements(By.CSS_SELECTOR, "tbody tr")) > 20)
        driver.save_screenshot(EXAMPLES / "fastapi_page.png")
