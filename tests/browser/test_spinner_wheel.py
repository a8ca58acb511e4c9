"""The weekly spinner on the page: what is promised, and a wheel that stops at each prize."""

from __future__ import annotations

import math
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up

SEGMENTS = [f"{n}.0000" for n in (50, 100, 50, 200, 50, 500, 50, 100, 50, 1000, 100, 200)]


def drawn(*won: tuple[str, int], week: str = "2026-W29") -> dict[str, Any]:
    """The draw of a week as the API tells it: names, and the segments that the wheel stopped at."""
    return {
        "week": week,
        "status": "announced",
        "commit": "c0" * 32,
        "committed_at": "2026-07-06T00:00:00.000Z",
        "draws_at": "2026-07-20T00:05:00.000Z",
        "drawn_at": "2026-07-20T00:05:01.000Z",
        "winners": 10,
        "segments": SEGMENTS,
        "results": [
            {
                "number": number,
                "user_id": number,
                "display_name": name,
                "segment": segment,
                "amount": SEGMENTS[segment],
            }
            for number, (name, segment) in enumerate(won, start=1)
        ],
    }


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(up.api)
    wait(browser, lambda: browser.find_element(By.ID, "promise").is_displayed())
    return browser


def show(page: webdriver.Chrome, draw: dict[str, Any], spun: bool) -> None:
    page.execute_script(
        """
        const [draw, spun] = arguments;
        import("/web/spinner.js").then(async ({ Spinner }) => {
          window.shown = new Spinner();
          await window.shown.show(draw, spun);
          window.done = true;
        });
        """,
        draw,
        spun,
    )


def stopped_at(page: webdriver.Chrome) -> int:
    """The segment under the pointer."""
    a, b = page.execute_script(
        "const m = new DOMMatrix(getComputedStyle(document.getElementById('wheel')).transform);"
        "return [m.a, m.b];"
    )
    return round(-math.degrees(math.atan2(b, a)) / 30) % 12


def winners(page: webdriver.Chrome) -> list[str]:
    return [line.text for line in page.find_elements(By.CSS_SELECTOR, "#winners li")]


def test_a_visitor_sees_what_is_promised_for_this_week(up: Up, page: webdriver.Chrome) -> None:
    told = up.get("/v1/spinner/current")["round"]

    assert text(page, "#promise-week") == told["week"]
    assert text(page, "#promise-commit") == told["commit"]
    assert text(page, "#promise-at").endswith("00:05 UTC")
    assert len(page.find_elements(By.CSS_SELECTOR, "#wheel .slice")) == 12


def test_a_draw_is_shown_with_its_winners_and_the_wheel_where_it_stopped_last(
    page: webdriver.Chrome,
) -> None:
    show(page, drawn(("ann", 5), ("<b>bob</b>", 9)), spun=False)

    wait(page, lambda: winners(page) == ["ann 500.00", "<b>bob</b> 1,000.00"])
    wait(page, lambda: stopped_at(page) == 9)
    assert text(page, "#draw-week") == "2026-W29"
    proof, program = page.find_elements(By.CSS_SELECTOR, "#draw a")
    assert proof.get_attribute("href").endswith("/v1/spinner/2026-W29/proof")
    assert program.get_attribute("href").endswith("/web/verify_spinner.py")


def test_the_wheel_spins_for_one_prize_after_the_other(page: webdriver.Chrome) -> None:
    show(page, drawn(("ann", 5), ("bob", 3)), spun=True)

    wait(page, lambda: text(page, "#draw-week") == "2026-W29")
    wait(page, lambda: winners(page) == ["ann 500.00"])
    wait(page, lambda: winners(page) == ["ann 500.00", "bob 200.00"])
    assert stopped_at(page) == 3


def test_a_week_that_nobody_played_says_so(page: webdriver.Chrome) -> None:
    show(page, drawn(), spun=True)

    wait(page, lambda: text(page, "#draw-none") == "Nobody was on the leaderboard.")
    assert winners(page) == []


def test_a_draw_that_comes_while_one_looks_spins_and_the_one_before_did_not(
    page: webdriver.Chrome,
) -> None:
    first, second = drawn(("ann", 1)), drawn(("bob", 9), week="2026-W30")
    page.execute_script(
        """
        const [first, second] = arguments;
        import("/web/spinner.js").then(({ Spinner }) => {
          const spinner = new Spinner();
          spinner.take({ round: null, last: first });
          window.resting = document.getElementById("winners").textContent;
          spinner.take({ round: null, last: second });
          window.spinning = document.getElementById("winners").textContent;
        });
        """,
        first,
        second,
    )

    wait(page, lambda: winners(page) == ["bob 1,000.00"])
    assert page.execute_script("return [window.resting, window.spinning]") == ["ann 100.00", ""]
    assert stopped_at(page) == 9
