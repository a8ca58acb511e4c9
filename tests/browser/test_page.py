"""The page in a real Chromium: sign in, trade, see the push, survive a lost server."""

from __future__ import annotations

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.conftest import text, wait
from tests.running import Up


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(up.api)
    return browser


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


def test_a_position_by_click_is_opened_shown_given_a_stop_and_closed(
    page: webdriver.Chrome,
) -> None:
    sign_in(page, "leveraged@example.com")
    wait(page, lambda: text(page, "#cash") == "10,000.00")
    page.find_element(By.CSS_SELECTOR, "input[value=long]").click()
    wait(page, lambda: "liquidated at" in text(page, "#quote"))

    page.find_element(By.ID, "trade").click()

    wait(page, lambda: text(page, "#answer").startswith("Opened long 1 "))
    wait(page, lambda: "long ×5" in first_position(page))
    assert text(page, "#margin") != "0.00"

    page.find_element(By.CSS_SELECTOR, "#positions .actions button").click()
    page.find_element(By.CSS_SELECTOR, "#stops-form [name=stop_loss]").send_keys("95.50")
    page.find_element(By.CSS_SELECTOR, "#stops-form [type=submit]").click()

    wait(page, lambda: "stop 95.50" in first_position(page))

    page.find_element(By.CSS_SELECTOR, "#positions .close").click()

    wait(page, lambda: "Closed " in text(page, "#notices"))  # in play it has to wait before
    wait(page, lambda: text(page, "#no-positions") == "None open.")
    wait(page, lambda: text(page, "#margin") == "0.00")


def test_a_position_that_is_refused_says_why_and_how_much_would_do(page: webdriver.Chrome) -> None:
    sign_in(page, "greedy@example.com")
    page.find_element(By.CSS_SELECTOR, "input[value=short]").click()
    leverage = page.find_element(By.ID, "leverage")
    leverage.clear()
    leverage.send_keys("99")
    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())

    page.find_element(By.ID, "trade").click()

    wait(page, lambda: "leverage" in text(page, "#answer"))
    assert "(limit " in text(page, "#answer")
    assert text(page, "#no-positions") == "None open."
    page.get_log("browser")  # the refused request itself is reported there


def test_what_happens_to_positions_by_itself_is_told(page: webdriver.Chrome) -> None:
    page.execute_script(
        """
        import("/web/positions.js").then(({ tell }) => {
          const price = { liquidation_price: "90.1351" };
          const position = { symbol: "ARS", side: "long", leverage: 5, ...price };
          tell("margin_call", { position });
          const event = { by: "stop-watcher", reason: "stop_loss", price: "95.9000", pnl: "-42.5" };
          tell("position_closed", { position, event });
          tell("position_closed", { position, event: { ...event, by: "client" } });
        });
        """
    )

    wait(page, lambda: len(page.find_elements(By.CSS_SELECTOR, "#notices p")) == 2)
    call, close = page.find_elements(By.CSS_SELECTOR, "#notices p")
    assert "Margin call: ARS long ×5" in call.text
    assert "closed at 95.9000 (stop loss): -42.50" in close.text
    call.find_element(By.TAG_NAME, "button").click()
    assert len(page.find_elements(By.CSS_SELECTOR, "#notices p")) == 1


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


def test_matches_are_pushed_while_nobody_asks_for_them(page: webdriver.Chrome) -> None:
    sign_in(page, "fan@example.com")
    playing = "#fixtures td.live ~ td:nth-child(3)"
    wait(page, lambda: page.find_elements(By.CSS_SELECTOR, playing))
    page.execute_script(
        "const real = window.fetch; window.fetch = (path, ...rest) =>"
        " String(path).startsWith('/v1/fixtures') ? Promise.reject(new TypeError('no'))"
        " : real(path, ...rest);"
    )
    before = text(page, playing)

    wait(page, lambda: text(page, playing) != before)


def test_another_clubs_line_is_never_shown_while_the_server_is_away(page: webdriver.Chrome) -> None:
    sign_in(page, "offline@example.com")
    first, other = page.find_elements(By.CSS_SELECTOR, "#clubs tr")[:2]
    for club in (other, first):
        club.click()
        buy(page)
        wait(page, lambda: chart(page).startswith("Price chart"))
    page.set_network_conditions(offline=True, latency=0, throughput=0)

    other.click()

    wait(page, lambda: chart(page) == "No price history yet.")
    page.delete_network_conditions()
    wait(page, lambda: chart(page).startswith("Price chart"))
    page.get_log("browser")  # what could not be fetched is reported there


def test_an_order_whose_answer_was_lost_is_repeated_and_not_traded_twice(
    page: webdriver.Chrome,
) -> None:
    sign_in(page, "unlucky@example.com")
    lose_the_next_answer(page)
    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())
    page.find_element(By.ID, "trade").click()
    wait(page, lambda: "may have been carried out" in text(page, "#answer"))

    page.find_element(By.ID, "trade").click()

    wait(page, lambda: text(page, "#answer").startswith("Bought 1 "))
    buy(page)
    wait(page, lambda: shares(page) == "2")


#: Has the page send an access token that is none, so many times.
SPOIL = """
const real = window.fetch;
let left = arguments[0];
window.fetch = (path, options = {}) => {
  if (options.headers?.Authorization && left-- > 0) options.headers.Authorization = "Bearer x";
  return real(path, options);
};
"""


def test_a_token_that_is_over_is_followed_by_the_next_and_nobody_notices(
    page: webdriver.Chrome,
) -> None:
    sign_in(page, "patient@example.com")
    wait(page, lambda: text(page, "#cash") == "10,000.00")
    page.execute_script(SPOIL, 1)

    buy(page)

    assert text(page, "#who-name") == "patient"
    page.get_log("browser")  # the refused request itself is reported there


def test_a_session_that_is_over_leads_back_to_the_sign_in(page: webdriver.Chrome) -> None:
    sign_in(page, "late@example.com")
    page.execute_cdp_cmd("Network.clearBrowserCookies", {})
    page.execute_script(SPOIL, 1_000)
    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())

    page.find_element(By.ID, "trade").click()

    wait(page, lambda: page.find_element(By.ID, "sign-in").is_displayed())
    wait(page, lambda: text(page, "#connection") == "prices by poll")
    assert "sign in" in text(page, "#answer")
    assert not page.find_element(By.ID, "trade").is_enabled()
    page.get_log("browser")  # the refused request itself is reported there


def buy(page: webdriver.Chrome) -> None:
    """Buy one share and wait for the answer and the push."""
    cash = text(page, "#cash")
    wait(page, lambda: page.find_element(By.ID, "trade").is_enabled())
    page.find_element(By.ID, "trade").click()
    wait(page, lambda: text(page, "#answer").startswith("Bought 1 "))
    wait(page, lambda: text(page, "#cash") != cash)


def shares(page: webdriver.Chrome) -> str:
    """Shares in the first holding; in one step, because every price paints the rows anew."""
    shown: str = page.execute_script(
        "return document.querySelector('#holdings tr td:nth-child(2)').textContent"
    )
    return shown


def first_position(page: webdriver.Chrome) -> str:
    """The first position's row."""
    rows = page.find_elements(By.CSS_SELECTOR, "#positions tr")
    return rows[0].text if rows else ""


def chart(page: webdriver.Chrome) -> str:
    """What the chart says of itself to those who cannot see it."""
    return page.find_element(By.ID, "chart").get_attribute("aria-label") or ""


def lose_the_next_answer(page: webdriver.Chrome) -> None:
    """The next order arrives and is carried out, and its answer is lost on the way back."""
    page.execute_script(
        """
        const { fetch } = window;
        window.fetch = async (path, request) => {
          const answer = await fetch(path, request);
          if (path !== "/v1/orders") return answer;
          window.fetch = fetch;
          throw new TypeError("Failed to fetch");
        };
        """
    )
