"""What a suspension does to orders that wait in play."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Phase
from touchline.domain.orders import OrderStatus
from touchline.store.withdrawals import Withdrawals

from tests.api.conftest import Api, Trader
from tests.api.position_cases import opened
from tests.api.test_admin_people import change, code
from tests.api.test_pending_orders import DELAY_MS, feed, release


@pytest.fixture
def playing(api: Api) -> Api:
    """Where Arsenal are to play, and orders wait once they do."""
    return api.with_(inplay_delay_ms=DELAY_MS)


def waiting(playing: Api, email: str = "ada@example.com") -> Trader:
    """Somebody of whom a purchase, an opening and a close wait."""
    trader = playing.sign_in(email)
    position = opened(trader, quantity="1")["position_id"]
    feed(playing, phase=Phase.LIVE)
    terms = {"instrument": 17, "side": "short", "quantity": "1", "leverage": 2}
    placed = (
        trader.order(quantity="1"),
        trader.act("/v1/positions", terms, "open"),
        trader.act(f"/v1/positions/{position}/close", {}, "close"),
    )
    assert [each.status_code for each in placed] == [202] * 3, [each.json for each in placed]
    feed(playing, phase=Phase.SCHEDULED)
    return trader


def orders(trader: Trader) -> list[OrderStatus]:
    """What became of those of *trader*, the oldest first."""
    listed: list[dict[str, Any]] = trader.get("/v1/orders").get_json()["data"]
    return [OrderStatus(each["status"]) for each in reversed(listed)]


def test_what_waits_of_who_is_suspended_is_rejected_and_of_nobody_else(
    playing: Api, operator: Trader
) -> None:
    ada, bob = waiting(playing), waiting(playing, "bob@example.com")
    owned = playing.deps.hot.portfolio(ada.id)
    assert owned.wallet.reserved_e4 > 0

    change(operator, ada.id, status="suspended")
    playing.clock.advance(DELAY_MS / 1000)
    release(playing)

    after = playing.deps.hot.portfolio(ada.id)
    assert (after.wallet.reserved_e4, after.wallet.cash_e4) == (0, owned.wallet.cash_e4)
    assert (after.lines, len(after.positions)) == (owned.lines, 1)
    assert orders(bob) == [OrderStatus.FILLED] * 3


def test_who_is_brought_back_sees_why(playing: Api, operator: Trader) -> None:
    ada = waiting(playing)
    change(operator, ada.id, status="suspended")
    change(operator, ada.id, status="active")
    playing.deps.operators.drain.everything()

    ada = playing.sign_in()

    told = ada.get("/v1/orders?status=rejected").get_json()["data"]
    assert {each["kind"] for each in told} == {"close", "open", "trade"}
    assert [each["problem"] for each in told] == [{"code": "ACCOUNT_SUSPENDED"}] * 3


def test_another_role_takes_nothing_back(playing: Api, operator: Trader) -> None:
    ada = waiting(playing)

    change(operator, ada.id, role="admin")

    assert orders(playing.sign_in()) == [OrderStatus.PENDING] * 3


class Silent(Withdrawals):
    """Withdrawals while Redis is away."""

    def __init__(self) -> None:
        pass

    def withdraw(self, *asked: object) -> int:
        raise redis_module.ConnectionError("away")


def test_what_redis_could_not_take_back_the_same_again_does(playing: Api, operator: Trader) -> None:
    ada = waiting(playing)
    blind = operator.api.with_(operators=replace(playing.deps.operators, withdrawals=Silent()))

    first = change(replace(operator, api=blind), ada.id, 0, status="suspended")
    kept = playing.deps.hot.wallet(ada.id).reserved_e4
    again = change(operator, ada.id, 0, status="suspended")

    assert (code(first), again.status_code) == ((503, "OUTCOME_UNKNOWN"), 200)
    assert kept > 0
    assert playing.deps.hot.wallet(ada.id).reserved_e4 == 0
    (line,) = operator.audit()
    assert (line["outcome"], line["before"]["status"]) == ("done", "active")
