"""Positions as their owner reads them: lists, one of them, account and portfolio."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, Trader
from tests.api.position_cases import move, opened, problem


def listed(trader: Trader, query: str = "") -> list[str]:
    """Ids in all pages of a list."""
    seen: list[str] = []
    cursor = ""
    while True:
        page = trader.get(f"/v1/positions?limit=2{query}{cursor}").get_json()
        seen += [row["position_id"] for row in page["data"]]
        if not page["has_more"]:
            return seen
        cursor = f"&cursor={page['next_cursor']}"


def test_an_open_position_shows_what_it_has_gained_at_the_price_of_the_moment(
    api: Api, ada: Trader
) -> None:
    position = opened(ada)
    move(api, 102)

    answer = ada.get(f"/v1/positions/{position['position_id']}")

    shown = answer.get_json()
    club = ada.get("/v1/instruments/17").get_json()
    assert position.items() <= shown.items()
    assert (shown["mark"], shown["closing_quote"]) == (club["mark"], club["bid"])
    gained = (float(club["bid"]) - float(position["entry_price"])) * 10
    assert float(shown["unrealized_pnl"]) == pytest.approx(gained, abs=0.001)
    assert answer.headers["ETag"] == 'W/"1"'


def test_a_closed_position_explains_its_close(ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    told = ada.close(position_id).get_json()

    shown = ada.get(f"/v1/positions/{position_id}").get_json()

    assert shown == told["position"] | {"close": told["event"]}


@pytest.mark.parametrize("away", [False, True])
def test_a_close_that_postgres_lacks_as_yet_is_explained_all_the_same(
    api: Api, ada: Trader, away: bool
) -> None:
    bob, position_id = api.sign_in("bob@example.com"), opened(ada)["position_id"]
    api.executor.ledger_down = True
    told = ada.close(position_id).get_json()
    api.positions.away = away

    shown = ada.get(f"/v1/positions/{position_id}").get_json()

    assert told["durable"] == "redis"
    assert shown == told["position"] | {"close": told["event"]}
    assert problem(bob.get(f"/v1/positions/{position_id}")) == (404, "POSITION_UNKNOWN")


def test_open_positions_are_read_while_postgres_is_away_and_closed_ones_are_not(
    api: Api, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    api.positions.away = True

    assert ada.get(f"/v1/positions/{position_id}").status_code == 200
    assert listed(ada) == [position_id]
    assert problem(ada.get("/v1/positions?status=closed")) == (503, "UNAVAILABLE")


def test_lists_come_newest_first_in_pages_without_gap_or_repeat(api: Api, ada: Trader) -> None:
    made = []
    for number in range(7):
        made.append(opened(ada, quantity="1")["position_id"])
        api.clock.advance(0 if number % 2 else 0.4)  # two in one millisecond now and then
    closed = made[1], made[5], made[0]
    for position_id in closed:
        ada.close(position_id)
        api.clock.advance(0.4)

    still_open = [each for each in reversed(made) if each not in closed]
    assert sorted(listed(ada)) == sorted(still_open)
    assert listed(ada)[-1] == made[2]
    assert listed(ada, "&status=open") == listed(ada)
    assert listed(ada, "&status=closed") == list(reversed(closed))


def test_a_list_can_be_of_one_club(ada: Trader) -> None:
    arsenal, liverpool = opened(ada), opened(ada, instrument="LIV")
    ada.close(opened(ada)["position_id"])

    assert listed(ada, "&instrument=LIV") == [liverpool["position_id"]]
    assert listed(ada, "&instrument=17") == [arsenal["position_id"]]
    assert listed(ada, "&instrument=18&status=closed") == []
    assert problem(ada.get("/v1/positions?instrument=XYZ")) == (404, "INSTRUMENT_UNKNOWN")


def test_closed_positions_are_listed_with_their_closes(ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    told = ada.close(position_id).get_json()

    [row] = ada.get("/v1/positions?status=closed").get_json()["data"]

    assert row == told["position"] | {"close": told["event"]}


def test_a_cursor_is_of_one_list_and_one_user(api: Api, ada: Trader) -> None:
    for _ in range(2):
        opened(ada)
    cursor = ada.get("/v1/positions?limit=1").get_json()["next_cursor"]
    bob = api.sign_in("bob@example.com")

    for answer in (
        ada.get(f"/v1/positions?status=closed&cursor={cursor}"),
        bob.get(f"/v1/positions?cursor={cursor}"),
    ):
        assert problem(answer) == (400, "CURSOR_INVALID")


@pytest.mark.parametrize("query", ["status=all", "limit=0", "limit=201", "side=long"])
def test_what_a_list_does_not_know_is_refused(ada: Trader, query: str) -> None:
    assert problem(ada.get(f"/v1/positions?{query}")) == (400, "VALIDATION")


def test_nobody_sees_anybody_elses(api: Api, ada: Trader) -> None:
    opened(ada)
    bob = api.sign_in("bob@example.com")

    assert listed(bob) == []
    assert bob.get("/v1/portfolio").get_json()["positions"] == []


def test_account_and_portfolio_count_positions_by_what_they_gained(api: Api, ada: Trader) -> None:
    ada.order(quantity="3")
    long, short = opened(ada), opened(ada, side="short", instrument="LIV")
    move(api, 104)

    portfolio = ada.get("/v1/portfolio").get_json()
    account = ada.get("/v1/account").get_json()

    assert account.items() >= portfolio["account"].items()
    held = portfolio["positions"]
    assert {each["position_id"] for each in held} == {long["position_id"], short["position_id"]}
    unrealized = sum(float(each["unrealized_pnl"]) for each in held)
    used = sum(float(each["margin"]) for each in held)
    shares = sum(float(each["value"]) for each in portfolio["holdings"])
    assert float(account["unrealized_pnl"]) == pytest.approx(unrealized)
    assert float(account["margin_used"]) == pytest.approx(used)
    equity = float(account["cash"]) + shares + used + unrealized
    assert float(account["equity"]) == pytest.approx(equity)
    level = 100 * float(account["equity"]) / used
    assert float(account["margin_level_pct"]) == pytest.approx(level, abs=0.01)


def test_without_a_position_there_is_no_margin_level(ada: Trader) -> None:
    account = ada.get("/v1/account").get_json()

    assert (account["margin_level_pct"], account["margin_used"]) == (None, "0.0000")
