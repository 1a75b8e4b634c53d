"""The page in a real browser: Debian's chromium, without a screen and with a camera that shows a test picture."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 60
"""Seconds after which a condition that has not come is a failure; nothing is expected to take that long."""


class Page:
    """The page as a person has it before them. ``wait`` is how every condition is awaited."""

    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path) -> None:
        self.driver, self.url, self.downloads = driver, url, downloads

    def open(self, width: int = 1440, height: int = 900, **features: str) -> "Page":
        """Load the page anew at a size; ``features`` are media features, such as ``prefers_color_scheme``."""
        wanted = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.cdp("Emulation.setEmulatedMedia", features=wanted)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **metrics)
        self.driver.get(self.url)
        self.wait(lambda: self.all(".sample"))
        return self

    def cdp(self, command: str, **parameters: Any) -> dict[str, Any]:
        """A command of the browser's own protocol."""
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return answer

    def script(self, text: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(text, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        """Every element of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first element of a selector, once it is there."""
        found: WebElement = self.wait(lambda: self.all(selector))[0]
        return found

    def wait(self, condition: Any, seconds: float = PATIENCE) -> Any:
        """What the condition gives, as soon as it is true of the page."""
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: condition())

    def press(self, text: str, within: str = "body") -> None:
        """Press the button with that text, once it can be."""

        def found() -> list[WebElement]:
            buttons = self.all(f"{within} :is(button, summary, label.button)")
            shown = [button for button in buttons if button.is_displayed() and button.is_enabled()]
            return [button for button in shown if button.text.strip() == text]

        self.wait(found)[0].click()

    def type(self, *keys: str) -> None:
        """Press keys, one after another, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def choose(self, *files: Path) -> None:
        """Give files to the page's own input, as its dialog would."""
        self.one("#file").send_keys("\n".join(str(file.resolve()) for file in files))

    def card(self, state: str, number: int = 1) -> WebElement:
        """The first card in a state, once there are ``number`` of them."""
        found: list[WebElement] = self.wait(lambda: self._cards(state, number))
        return found[0]

    def _cards(self, state: str, number: int) -> list[WebElement]:
        cards = self.all(f".card[data-state='{state}']")
        return cards if len(cards) >= number else []

    def downloaded(self, name: str) -> bytes:
        """The bytes of a download, once it is whole."""
        path = self.downloads / name
        self.wait(path.is_file)
        data = path.read_bytes()
        path.unlink()
        return data

    def complaints(self) -> list[str]:
        """What the console has said since the last call."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """The addresses asked for since the last call, by the page itself."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        sent = [message["params"]["request"]["url"] for message in messages if message["method"] == _SENT]
        return [url for url in sent if not url.startswith(("blob:", "data:", "chrome:", "about:"))]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return entries


_SENT = "Network.requestWillBeSent"


@contextmanager
def browser(url: str, downloads: Path) -> Iterator[Page]:
    """A page on a server. Skips the test where there is no chromium or no driver for it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    options = Options()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    options.add_argument("--use-fake-device-for-media-stream")
    options.add_argument("--use-fake-ui-for-media-stream")
    for service in ("disable-background-networking", "disable-component-update", "no-first-run"):
        options.add_argument(f"--{service}")
    downloads.mkdir(parents=True, exist_ok=True)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Page(window, url, downloads)
    finally:
        window.quit()
