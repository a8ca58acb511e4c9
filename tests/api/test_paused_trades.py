"""Over HTTP, while Redis is too full: what is refused and how, and what goes on."""

from __future__ import annotations

import pytest
from touchline.domain.halts import Phase

from tests.api.conftest import Api, Trader, line
from tests.api.position_cases import opened, problem
from tests.api.test_pending_orders import DELAY_MS, feed

PAUSED = (503, "NEW_TRADES_PAUSED")


@pytest.fixture
def paused(api: Api, ada: Trader) -> Trader:
    """Ada, who has bought a share, where new trades pause."""
    ada.order("bought")
    return Trader(api.with_(paused=lambda: True), ada.id, ada.token)


def test_a_purchase_is_refused_for_now_and_may_be_repeated_under_its_key(
    api: Api, ada: Trader, paused: Trader
) -> None:
    before = api.stored()

    answer = paused.order("again")
    after = api.stored()
    later = ada.order("again")

    assert problem(answer) == PAUSED
    assert answer.headers["Retry-After"] == "5"
    assert answer.get_json()["detail"].endswith("nothing was traded")
    assert after == before
    assert (later.status_code, "Idempotent-Replayed" in later.headers) == (201, False)


def test_an_order_for_an_amount_is_refused_as_well(paused: Trader) -> None:
    assert problem(paused.order(notional="50")) == PAUSED


def test_a_purchase_made_before_is_told_again(paused: Trader) -> None:
    again = paused.order("bought")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


def test_in_a_batch_sales_go_through_and_purchases_do_not(paused: Trader) -> None:
    answer = paused.batch(line("1", side="sell"), line("2"), line("bought"))

    sold, bought, before = answer.get_json()["results"]
    assert (sold["status"], sold["order"]["status"]) == (201, "filled")
    assert (bought["status"], bought["problem"]["code"]) == PAUSED
    assert (before["status"], before["replayed"]) == (201, True)
    assert answer.headers["Retry-After"] == "5"


def test_no_position_is_opened(paused: Trader) -> None:
    assert problem(paused.open()) == PAUSED


def test_positions_are_secured_changed_and_closed(ada: Trader, paused: Trader) -> None:
    position = opened(ada)

    answers = [
        paused.margin(position["position_id"], "10"),
        paused.stops(position["position_id"], 2, stop_loss={"price": "96.00"}),
        paused.close(position["position_id"], "another-key"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_in_play_a_purchase_is_not_even_filed_and_a_sale_is(api: Api, paused: Trader) -> None:

    feed(api, phase=Phase.LIVE)
    playing = Trader(paused.api.with_(inplay_delay_ms=DELAY_MS), paused.id, paused.token)

    assert problem(playing.order()) == PAUSED
    assert playing.order(side="sell").status_code == 202
