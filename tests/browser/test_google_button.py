"""The page's Google button, by way of the issuer: in, trade, reload, out, and nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up, plain_environment

#: Keeps the access token that the page sends, as somebody who looks over its shoulder would.
LOOK = """
const real = window.fetch;
window.fetch = (path, options = {}) => {
  window.seen = options.headers?.Authorization ?? window.seen;
  return real(path, options);
};
"""


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(up.api)
    return browser


def shown(page: webdriver.Chrome, element: str) -> bool:
    return page.find_element(By.ID, element).is_displayed()


def suspend(up: Up, user: int) -> None:
    """Have an admin suspend *user*."""
    up.post("/v1/auth/dev-login", {"email": "op@example.com"})
    subprocess.run(
        [
            *(sys.executable, "-m", "touchline", "admin", "grant", "op@example.com"),
            *("--data-dir", str(up.data_dir)),
        ],
        env=plain_environment(),
        check=True,
        capture_output=True,
    )
    admin = up.post("/v1/auth/dev-login", {"email": "op@example.com"})["access_token"]
    asked = urllib.request.Request(
        f"{up.api}/v1/admin/users/{user}",
        json.dumps({"status": "suspended", "reason": "a test"}).encode(),
        {
            "Authorization": f"Bearer {admin}",
            "Content-Type": "application/json",
            "If-Match": 'W/"0"',
        },
        method="PATCH",
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 200


def sign_in(page: webdriver.Chrome, email: str) -> None:
    wait(page, lambda: shown(page, "google"))
    page.find_element(By.ID, "google").click()
    wait(page, lambda: page.find_elements(By.ID, "agree"))
    page.find_element(By.ID, "email").send_keys(email)
    page.find_element(By.ID, "agree").click()
    wait(page, lambda: page.find_elements(By.ID, "connection"))
    wait(page, lambda: text(page, "#connection") == "live")


def token(page: webdriver.Chrome) -> str:
    page.execute_script(LOOK)
    wait(page, lambda: page.execute_script("return window.seen"))
    return str(page.execute_script("return window.seen")).removeprefix("Bearer ")


def refused(ask: Callable[[], Any]) -> int:
    with pytest.raises(urllib.error.HTTPError) as answer:
        ask()
    return answer.value.code


def test_somebody_with_only_the_button_signs_in_trades_sees_it_live_and_signs_out(
    up: Up, page: webdriver.Chrome
) -> None:
    sign_in(page, "button@example.com")
    assert page.current_url.rstrip("/") == up.api
    wait(page, lambda: text(page, "#cash") == "10,000.00")

    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())
    page.find_element(By.ID, "trade").click()
    wait(page, lambda: text(page, "#cash") != "10,000.00")
    old = token(page)
    assert up.get("/v1/me", old)["email"] == "button@example.com"

    page.refresh()
    wait(page, lambda: text(page, "#connection") == "live")
    assert text(page, "#who-name") == "button"
    newer = token(page)

    page.find_element(By.ID, "sign-out").click()

    wait(page, lambda: shown(page, "google"))
    assert {refused(lambda each=each: up.get("/v1/me", each)) for each in (old, newer)} == {401}
    assert refused(lambda: up.post("/v1/ws-token", {}, newer)) == 401
    assert page.get_cookies() == []
    page.refresh()
    wait(page, lambda: shown(page, "google"))
    assert not shown(page, "who")


def test_no_token_is_where_a_script_could_read_it(page: webdriver.Chrome) -> None:
    sign_in(page, "careful@example.com")

    kept = page.execute_script(
        "return JSON.stringify("
        "[document.cookie, {...localStorage}, {...sessionStorage}, location.href])"
    )

    assert "tlr_" not in kept
    assert "eyJ" not in kept


def test_who_is_signed_out_elsewhere_is_out_here_at_once(up: Up, page: webdriver.Chrome) -> None:
    sign_in(page, "elsewhere@example.com")
    access = token(page)
    [session] = up.get("/v1/sessions", access)["data"]

    up.request("DELETE", f"/v1/sessions/{session['id']}", token=access)

    wait(page, lambda: shown(page, "google"))
    page.get_log("browser")  # the page met refusals, as it should


def test_who_changes_their_mind_is_back_where_they_were(page: webdriver.Chrome) -> None:
    wait(page, lambda: shown(page, "google"))
    page.find_element(By.ID, "google").click()
    wait(page, lambda: page.find_elements(By.NAME, "deny"))

    page.find_element(By.NAME, "deny").click()

    wait(page, lambda: page.find_elements(By.ID, "google") and shown(page, "google"))
    assert not shown(page, "who")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/auth/google/callback?state=x&code=y", "that sign-in did not begin in this browser"),
        ("/#sign-in=ACCOUNT_SUSPENDED", "your account is suspended"),
        ("/#sign-in=%3Cb%3EPay%20here", "please try again"),
        ("/#sign-in=constructor", "please try again"),
    ],
)
def test_who_is_not_let_in_reads_why_in_words(
    up: Up, browser: webdriver.Chrome, path: str, words: str
) -> None:
    browser.get(up.api + path)

    wait(browser, lambda: text(browser, "#answer").startswith(f"Not signed in: {words}"))
    assert "Pay" not in text(browser, "body")
    assert browser.current_url.rstrip("/") == up.api
    assert not shown(browser, "who")


def test_somebody_suspended_is_told_so_when_google_sends_them_back(
    up: Up, page: webdriver.Chrome
) -> None:
    sign_in(page, "gone@example.com")
    user = up.get("/v1/me", token(page))["id"]
    page.find_element(By.ID, "sign-out").click()
    wait(page, lambda: shown(page, "google"))
    suspend(up, user)

    page.find_element(By.ID, "google").click()
    wait(page, lambda: page.find_elements(By.ID, "agree"))
    page.find_element(By.ID, "email").send_keys("gone@example.com")
    page.find_element(By.ID, "agree").click()

    wait(page, lambda: page.find_elements(By.ID, "connection"))
    wait(page, lambda: text(page, "#answer") == "Not signed in: your account is suspended.")
