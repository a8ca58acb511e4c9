"""The page in a real Chromium: sign in, trade, see the push, survive a lost server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.running import Up

WAIT_S = 30
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("page") / "data", "--season", "7", "--speed", "30") as running:
        yield running


@pytest.fixture
def page(up: Up, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}/profile"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver")
    driver = webdriver.Chrome(options=options, service=service)
    driver.get(up.api)
    yield driver
    complaints = [
        entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"
    ]
    if shots := os.environ.get("TOUCHLINE_TEST_SCREENSHOTS"):
        driver.save_screenshot(f"{shots}/{os.getpid()}-{tmp_path.name}.png")
    driver.quit()
    assert complaints == []


def text(page: webdriver.Chrome, selector: str) -> str:
    return page.find_element(By.CSS_SELECTOR, selector).text


def wait(page: webdriver.Chrome, condition: Callable[[], object]) -> None:
    WebDriverWait(page, WAIT_S, poll_frequency=0.05).until(lambda _: condition())


def sign_in(page: webdriver.Chrome, email: str) -> None:
    page.find_element(By.ID, "email").send_keys(email)
    page.find_element(By.CSS_SELECTOR, "#sign-in button").click()
    wait(page, lambda: text(page, "#connection") == "live")


def test_a_visitor_sees_clubs_prices_and_matches(page: webdriver.Chrome) -> None:
    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#clubs tr")) == 20)
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, "#fixtures tr"))

    assert float(text(page, "#clubs tr td:nth-child(2)")) > 0
    assert not page.find_element(By.ID, "trade").is_enabled()


def test_a_trade_by_click_is_filled_and_pushed_back(page: webdriver.Chrome) -> None:
    sign_in(page, "clicker@example.com")
    wait(page, lambda: text(page, "#cash") == "10,000.00")
    club = page.find_elements(By.CSS_SELECTOR, "#clubs tr")[3]
    club.click()
    quantity = page.find_element(By.ID, "quantity")
    quantity.clear()
    quantity.send_keys("2.5")

    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())
    page.find_element(By.ID, "trade").click()

    wait(page, lambda: text(page, "#answer").startswith("Bought 2.5"))
    wait(page, lambda: text(page, "#cash") != "10,000.00")
    assert text(page, "#holdings tr td:nth-child(2)") == "2.5"


def test_a_refusal_is_shown_in_words(page: webdriver.Chrome) -> None:
    sign_in(page, "refused@example.com")
    page.find_element(By.CSS_SELECTOR, "input[value=sell]").click()
    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())
    page.find_element(By.ID, "trade").click()

    wait(page, lambda: "refused" in page.find_element(By.ID, "answer").get_attribute("class"))

    assert text(page, "#answer")
    page.get_log("browser")  # the refused request itself is reported there


def test_a_reload_keeps_the_session_and_the_holdings(page: webdriver.Chrome) -> None:
    sign_in(page, "clicker@example.com")

    page.refresh()

    wait(page, lambda: text(page, "#connection") == "live")
    wait(page, lambda: text(page, "#holdings tr td:nth-child(2)") == "2.5")
