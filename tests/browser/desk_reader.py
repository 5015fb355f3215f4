"""Somebody who reads the desk in a real chromium, with a mouse, a keyboard alone, or on a phone.

Everything is found as people find it: by its role and its name. Nothing here knows a class or an id of the pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from desk_stand import Served
from real_browser import AXE

PHONE, TABLE = 360, 1200
"""The narrowest screen and a usual one; CSS pixels."""
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
LONGEST_WAIT = 20
MOST_STOPS = 80
"""No page wants more presses of Tab than that."""


@cache
def axe() -> str:
    return AXE.read_text(encoding="utf-8")


@contextmanager
def started() -> Iterator[Reader]:
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    driver = Chrome(options, ChromeService("/usr/bin/chromedriver"))
    try:
        yield Reader(driver)
    finally:
        driver.quit()


@dataclass
class Reader:
    driver: Chrome
    url: str = ""
    by_keyboard: bool = False

    def begin(self) -> None:
        self.by_keyboard = False
        self.scripts(on=True)
        self.screen(TABLE)

    def sign_in(self, desk: Served) -> None:
        """Opens a link as it is printed, and presses the button of the page behind it."""
        self.url = desk.url
        self.driver.get(f"{desk.url}/enter/{desk.link()}")
        self.press("Open the desk")

    # What the browser is ------------------------------------------------------------------------------------------

    def screen(self, width: int, height: int = 800) -> None:
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)

    def scripts(self, *, on: bool) -> None:
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not on})

    def dark(self, *, on: bool) -> None:
        told = [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": told})

    # Reading ------------------------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.url)

    @property
    def text(self) -> str:
        """What stands on the page, on one line."""
        return " ".join(self.driver.find_element(By.TAG_NAME, "main").text.split())

    @property
    def everything(self) -> str:
        """The same of a page that is no page of the desk."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def framed(self) -> str:
        """What stands in the one frame of the page."""
        self.driver.switch_to.frame(0)
        try:
            return self.everything
        finally:
            self.driver.switch_to.default_content()

    def hidden(self, name: str) -> str:
        """What a form sends along unseen."""
        found = self.driver.find_element(By.CSS_SELECTOR, f"input[type=hidden][name={name}]")
        return found.get_attribute("value") or ""

    def width(self) -> int:
        """How wide the page is; more than the screen means that somebody must scroll sideways."""
        return int(self.driver.execute_script("return document.documentElement.scrollWidth"))

    def barriers(self) -> list[str]:
        """What axe calls serious or critical, with where."""
        self.driver.execute_script(axe())
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run({resultTypes: ['violations']}).then(found => done(found.violations), error => done(String(error)))"
        )
        assert isinstance(found, list), found
        return [
            f"{one['id']}: {node['html']} {node['failureSummary']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    def loaded(self) -> list[str]:
        """What the page fetched besides itself."""
        return list(self.driver.execute_script("return performance.getEntriesByType('resource').map(one => one.name)"))

    # Doing --------------------------------------------------------------------------------------------------------

    def press(self, name: str) -> None:
        """A link or a button by its name; each of them leads to another page, which is waited for."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        wanted = self._named("a[href], button", name)
        if self.by_keyboard:
            self._tab_to(wanted)
            wanted.send_keys(Keys.ENTER)
        else:
            wanted.click()
        WebDriverWait(self.driver, LONGEST_WAIT, poll_frequency=0.01).until(staleness_of(page))

    def write(self, name: str, text: str) -> None:
        wanted = self._named("input:not([type=radio]):not([type=hidden]), textarea", name)
        if self.by_keyboard:
            self._tab_to(wanted)
        wanted.clear()
        wanted.send_keys(text)

    def choose(self, name: str) -> None:
        """One of the choices of a question. With the keyboard, Tab leads into them and the arrows along them."""
        wanted = self._named("input[type=radio]", name)
        if not self.by_keyboard:
            wanted.click()
            return
        self._tab_to(lambda focused: focused.get_attribute("name") == wanted.get_attribute("name"))
        self._focused().send_keys(Keys.SPACE)
        for _ in self.choices():
            if not wanted.is_selected():
                self._focused().send_keys(Keys.ARROW_DOWN)
        assert wanted.is_selected()

    def choices(self) -> list[str]:
        return [each.accessible_name for each in self.driver.find_elements(By.CSS_SELECTOR, "input[type=radio]")]

    def decide(self, choice: str, note: str = "") -> None:
        """Gives the answer whose name begins so."""
        self.choose(choice)
        self.write("Note", note)
        self.press("Answer")

    def walk(self) -> list[str]:
        """The names of all that Tab stops at, in order; each must show that it is there."""
        names: list[str] = []
        self.driver.execute_script("document.activeElement.blur()")
        for _ in range(MOST_STOPS):
            focused = self._next()
            if focused.tag_name == "body":
                return names
            assert focused.value_of_css_property("outline-style") == "solid", names
            names.append(focused.accessible_name)
        raise AssertionError(f"Tab never comes to an end: {names}")

    def skip(self) -> list[str]:
        """The names of the next three stops behind the first link of the page, once it was followed."""
        self._next().send_keys(Keys.ENTER)
        return [self._next().accessible_name for _ in range(3)]

    def unfold(self) -> None:
        """Opens whatever the page has folded up."""
        for each in self.driver.find_elements(By.TAG_NAME, "summary"):
            each.click()

    def _named(self, css: str, name: str) -> WebElement:
        """The first of these whose name begins so."""
        others: list[str] = []
        for each in self.driver.find_elements(By.CSS_SELECTOR, css):
            if re.match(name, own := each.accessible_name):
                return each
            others.append(own)
        raise AssertionError(f"{self.path} has no {name!r}, only {others}")

    def _tab_to(self, wanted: WebElement | Callable[[WebElement], bool]) -> None:
        is_there = wanted if callable(wanted) else wanted.__eq__
        for _ in range(MOST_STOPS):
            if is_there(self._next()):
                return
        raise AssertionError(f"Tab does not lead there: {self.path}")

    def _next(self) -> WebElement:
        self._focused().send_keys(Keys.TAB)
        return self._focused()

    def _focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def picture(self, path: Path, tallest: int) -> None:
        """The page from its top as a PNG."""
        size: dict[str, Any] = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        width = int(self.driver.execute_script("return window.innerWidth"))
        self.screen(width, min(int(size["height"]), tallest))
        self.driver.save_screenshot(str(path))
        self.screen(width)
