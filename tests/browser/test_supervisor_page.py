"""The supervisor page in a real Chromium: what is wrong and since when, without a reload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up, plain_environment


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(f"{up.api}/supervisor")
    wait(browser, lambda: text(browser, "#headline") == "Ready")
    return browser


@contextmanager
def standing_still(up: Up, program: str) -> Iterator[None]:
    """One of the embedded servers, which are children of `up`, stopped for the while."""
    children = Path(f"/proc/{up.process.pid}/task/{up.process.pid}/children").read_text().split()
    pids = [int(p) for p in children if program in Path(f"/proc/{p}/cmdline").read_text()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert pids


def settled(look: Callable[[], object]) -> Callable[[], object]:
    """*look*, again and again while the page replaces what is looked at."""

    def again() -> object:
        try:
            return look()
        except StaleElementReferenceException:
            return False

    return again


def row(page: webdriver.Chrome, child: str) -> str:
    return text(page, f'tr[data-child="{child}"]')


def click(page: webdriver.Chrome, selector: str) -> None:
    """Click what *selector* finds, once it stays in place for long enough."""
    wait(page, settled(lambda: [page.find_element(By.CSS_SELECTOR, selector).click()]))


def test_every_child_is_shown_under_its_group(page: webdriver.Chrome) -> None:
    wait(page, settled(lambda: "running" in row(page, "sportmonks-scheduler")))

    # All at once: the page replaces its rows, and one that is gone has no text.
    names = page.execute_script(
        "return [...document.querySelectorAll('tr.child td.name')].map((cell) => cell.innerText)"
    )
    assert names.index("market") == names.index("sportmonks-scheduler") - 1
    assert {"heartbeat", "flush", "flusher", "hub-7", "trade-executor"} <= set(names)
    wait(page, lambda: "scheduler" in text(page, "#leases"))


def test_a_redis_that_stands_still_is_seen_with_since_when_and_so_is_its_return(
    up: Up, page: webdriver.Chrome
) -> None:
    page.execute_script("window.loadedOnce = true")

    with standing_still(up, "valkey"):
        wait(page, lambda: text(page, "#headline") == "Not ready")
        wait(page, settled(lambda: "redis" in text(page, "#why")))
        wait(page, settled(lambda: "since" in text(page, "#why li time")))
    wait(page, lambda: text(page, "#headline") == "Ready")

    assert page.execute_script("return window.loadedOnce")
    page.get_log("browser")  # /readyz and the like may have been slow meanwhile


def sign_in(up: Up, page: webdriver.Chrome) -> None:
    """Sign in on the page, as an admin."""
    up.post("/v1/auth/dev-login", {"email": "op@example.com"})
    granted = subprocess.run(
        [
            *(sys.executable, "-m", "touchline", "admin", "grant", "op@example.com"),
            *("--data-dir", str(up.data_dir)),
        ],
        env=plain_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert granted.returncode == 0, granted.stderr
    page.find_element(By.ID, "pass").send_keys("op@example.com")
    page.find_element(By.CSS_SELECTOR, "#sign-in button").click()
    wait(page, lambda: text(page, "#said").startswith("Signed in"))


def test_an_admin_restarts_a_child_by_a_click(up: Up, page: webdriver.Chrome) -> None:
    sign_in(up, page)

    click(page, 'tr[data-child="hub-3"] button')

    wait(page, lambda: text(page, "#said").startswith("Restart of hub-3 ordered"))
    wait(page, settled(lambda: "asked 1" in row(page, "hub-3")))


def test_what_an_error_says_is_shown_to_admins_alone_and_stays_where_it_is_read(
    up: Up, page: webdriver.Chrome
) -> None:
    with standing_still(up, "valkey"):
        wait(page, settled(lambda: "outage" in row(page, "flusher")))
    wait(page, lambda: text(page, "#headline") == "Ready")

    wait(
        page,
        settled(
            lambda: page.find_element(By.CSS_SELECTOR, 'tr[data-child="flusher"]').click() or True
        ),
    )
    assert "for admins" in text(page, "tr[data-key] pre")
    assert "Timeout reading" not in page.page_source
    sign_in(up, page)
    wait(page, settled(lambda: "Traceback" in text(page, "tr[data-key] pre")))
    trace = page.find_element(By.CSS_SELECTOR, "tr[data-key] pre")
    page.execute_script("arguments[0].scrollTop = 40", trace)
    asked = text(page, "#asked")
    wait(page, lambda: text(page, "#asked") != asked)

    assert "Traceback" in trace.text
    assert page.execute_script("return arguments[0].scrollTop", trace) == 40


def test_an_answer_that_is_no_report_is_none_and_the_page_goes_on_asking(
    page: webdriver.Chrome,
) -> None:
    page.execute_script("""
        window.ask = window.fetch;
        window.fetch = async () => Response.json({title: "No room", status: 503}, {status: 503});
    """)
    wait(page, lambda: text(page, "#headline").startswith("No answer since"))

    page.execute_script("window.fetch = window.ask")

    wait(page, lambda: text(page, "#headline") == "Ready")


def test_a_service_that_is_gone_is_said_to_be_gone(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    with Up(tmp_path / "data", "--season", "7") as going:
        browser.get(f"{going.api}/supervisor")
        wait(browser, lambda: text(browser, "#headline") == "Ready")

    wait(browser, lambda: text(browser, "#headline").startswith("No answer since"))
    browser.get_log("browser")  # the refused connections
