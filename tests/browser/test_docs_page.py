"""The page of the API's document in a real Chromium."""

from __future__ import annotations

import json

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(f"{up.api}/docs#place_order")
    wait(browser, lambda: browser.find_elements(By.ID, "place_order"))
    return browser


def test_every_operation_of_the_document_is_shown(up: Up, page: webdriver.Chrome) -> None:
    paths = up.get("/openapi.json")["paths"]
    named = {one["operationId"] for path in paths.values() for one in path.values()}

    shown = page.execute_script(
        "return [...document.querySelectorAll('#operations details')].map((each) => each.id)"
    )

    assert set(shown) == named
    assert len(shown) == len(named)


def test_the_operation_in_the_address_is_open_with_its_parameters_and_codes(
    page: webdriver.Chrome,
) -> None:
    assert page.find_element(By.ID, "place_order").get_attribute("open")

    shown = text(page, "#place_order")

    for part in ("post", "/v1/orders", "Idempotency-Key", "INSUFFICIENT_FUNDS", "OrderFilled"):
        assert part in shown.replace("POST", "post")


def test_a_type_is_shown_by_a_click_on_its_name(page: webdriver.Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "#place_order a[href='#type-OrderFilled']").click()

    wait(page, lambda: "average_price" in text(page, "#type-OrderFilled"))


def test_the_filter_leaves_what_has_its_text(page: webdriver.Chrome) -> None:
    page.find_element(By.ID, "filter").send_keys("leverage_invalid")

    wait(page, lambda: not page.find_element(By.ID, "own_trades").is_displayed())
    assert page.find_element(By.ID, "open_position").is_displayed()


def test_nothing_is_fetched_from_anywhere_else(up: Up, page: webdriver.Chrome) -> None:
    fetched = json.loads(
        page.execute_script(
            "return JSON.stringify(performance.getEntriesByType('resource').map((one) => one.name))"
        )
    )

    assert {f"{up.api}/openapi.json", f"{up.api}/web/docs.js"} <= set(fetched)
    assert not [address for address in fetched if not address.startswith(f"{up.api}/")]
