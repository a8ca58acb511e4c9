"""The leaderboard on the page: the first of each board, and where oneself is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up

OPEN = "/v1/instruments?limit=200"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data: Path = tmp_path_factory.mktemp("board") / "data"
    with Up(data, "--season", "7", "--speed", "30", "--bots") as running:
        yield running


def sign_in(page: webdriver.Chrome, email: str) -> None:
    page.find_element(By.ID, "email").send_keys(email)
    page.find_element(By.CSS_SELECTOR, "#sign-in button").click()
    wait(page, lambda: text(page, "#connection") == "live")


def trade_three_times(up: Up, email: str) -> str:
    """As often as it takes to be ranked; the trader's name."""
    session = up.post("/v1/auth/dev-login", {"email": email})
    club = next(each for each in up.get(OPEN)["data"] if not each["order_delay_ms"])
    for number in range(3):
        order = {"instrument": club["idx"], "side": "buy", "quantity": "1.000"}
        up.post("/v1/orders", order, session["access_token"], f"ranked-{number}")
    return str(session["user"]["display_name"])


def shown(page: webdriver.Chrome) -> list[str]:
    """The names on the board that is shown."""
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, "#ranks td:nth-child(2)")]


def names(up: Up, path: str) -> list[str]:
    return [each["display_name"] for each in up.get(f"/v1/leaderboards/{path}")["ranks"]]


def choose(page: webdriver.Chrome, board: str) -> None:
    page.find_element(By.CSS_SELECTOR, f"#boards [data-board={board}]").click()


def test_who_has_traded_finds_themselves_on_the_board_and_bots_on_another(
    up: Up, browser: webdriver.Chrome
) -> None:
    ann = trade_three_times(up, "ann@example.com")
    browser.get(up.api)
    wait(browser, lambda: names(up, "week") == [ann])
    browser.refresh()

    wait(browser, lambda: shown(browser) == [ann])
    assert not browser.find_element(By.ID, "own-rank").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, "#ranks [aria-current]") == []

    sign_in(browser, "ann@example.com")
    wait(browser, lambda: text(browser, "#own-rank") == "You are number 1 of 1.")
    assert text(browser, "#ranks [aria-current] td:nth-child(2)") == ann

    choose(browser, "all")
    wait(browser, lambda: shown(browser) == names(up, "all"))

    wait(browser, lambda: "bot:noise-1" in names(up, "week?board=bots"))
    choose(browser, "bots")
    wait(browser, lambda: "bot:noise-1" in shown(browser))
    assert all(name.startswith("bot:") for name in shown(browser))
    assert not browser.find_element(By.ID, "own-rank").is_displayed()

    choose(browser, "week")
    browser.find_element(By.ID, "sign-out").click()
    wait(browser, lambda: not browser.find_element(By.ID, "own-rank").is_displayed())
    wait(browser, lambda: browser.find_elements(By.CSS_SELECTOR, "#ranks [aria-current]") == [])


def test_who_has_not_traded_is_told_what_it_takes(up: Up, browser: webdriver.Chrome) -> None:
    browser.get(up.api)
    sign_in(browser, "idle@example.com")

    wait(browser, lambda: text(browser, "#own-rank").startswith("You are not ranked"))


def board(first: int, last: int, players: int = 212) -> dict[str, Any]:
    """A part of a board, as the API tells it."""
    return {
        "board": "people",
        "players": players,
        "ranks": [
            {"rank": n, "user_id": n, "display_name": f"<b>{n}</b>", "score": f"{100 - n}.0000"}
            for n in range(first, last + 1)
        ],
    }


def show(page: webdriver.Chrome, *told: object) -> list[str]:
    """The rows of a board that is told, as they are shown, and what it says of oneself."""
    page.execute_script(
        """
        const told = arguments;
        window.rows = null;
        import("/web/leaderboard.js").then(({ Leaderboard }) => {
          new Leaderboard().show(...told);
          window.rows = [...document.querySelectorAll("#ranks tr")].map((row) => row.innerText);
          window.rows.push(document.getElementById("own-rank").innerText);
        });
        """,
        *told,
    )
    wait(page, lambda: page.execute_script("return window.rows") is not None)
    *rows, own = page.execute_script("return window.rows")
    return [*("|".join(row.split()) for row in rows), own]


def test_who_is_far_down_is_shown_below_the_first_with_their_neighbours(
    up: Up, browser: webdriver.Chrome
) -> None:
    browser.get(up.api)

    rows = show(browser, board(1, 10), board(17, 19), {"id": 18})

    assert rows[0] == "1|<b>1</b>|99.00"
    assert rows[9:] == [
        "10|<b>10</b>|90.00",
        "…",
        *(f"{n}|<b>{n}</b>|{100 - n}.00" for n in (17, 18, 19)),
        "You are number 18 of 212.",
    ]


def test_neighbours_who_are_among_the_first_are_there_once(
    up: Up, browser: webdriver.Chrome
) -> None:
    browser.get(up.api)

    rows = show(browser, board(1, 10), board(10, 12), {"id": 11})

    assert [row.partition("|")[0] for row in rows[:-1]] == [str(n) for n in range(1, 13)]
