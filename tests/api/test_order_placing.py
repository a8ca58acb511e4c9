"""Orders over HTTP: fills, replays, refusals, and what the answer says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.refusals import Refusal
from touchline.http.codes import CODES
from touchline.store.hashes import instrument_hash
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

ARS = InstrumentIdx(17)
#: Refusals that only our own commands meet, the feed's and those that check positions.
NOT_FOR_CLIENTS = {
    Refusal.FENCED,
    Refusal.SETTLED,
    Refusal.SCAN_FIRST,
    Refusal.NOT_BREACHED,
    Refusal.TICK_CHECKED,
    Refusal.TICK_TRIMMED,
    Refusal.TAKE_PROFIT_NOT_REACHABLE,
    Refusal.OVERTAKEN,
    Refusal.LISTING,
    Refusal.UNREADABLE,
    Refusal.LIMIT_UNFIT,
    Refusal.BASE_MOVED,
    Refusal.BOTS_STOPPED,
}


def code(answer: TestResponse) -> tuple[int, str]:
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["code"]


def change(api: Api, **fields: object) -> None:
    """Make the club on sale what a test needs."""
    instrument = api.deps.hot.instrument(ARS)
    assert instrument is not None
    api.redis.hset("inst:17", mapping=instrument_hash(replace(instrument, **fields)))


def test_a_purchase_is_answered_with_its_fill(api: Api, ada: Trader) -> None:
    answer = ada.order(quantity="12.500", client_order_id="web-8841")

    fill = answer.get_json()
    assert answer.status_code == 201
    assert {
        name: fill[name] for name in ("status", "instrument", "symbol", "side", "quantity")
    } == {
        "status": "filled",
        "instrument": 17,
        "symbol": "ARS",
        "side": "buy",
        "quantity": "12.500",
    }
    assert (fill["durable"], fill["client_order_id"]) == ("postgres", "web-8841")
    assert (fill["position_after"], fill["seq"]) == ("12.500", 1)
    spent = 10_000 - float(fill["cash_after"])
    assert spent == pytest.approx(float(fill["value"]) + float(fill["fee"]))


def test_a_club_may_be_named_by_its_symbol_or_its_number_as_text(ada: Trader) -> None:
    assert ada.order(instrument="ARS").get_json()["instrument"] == 17
    assert ada.order(instrument="17").get_json()["instrument"] == 17


def test_what_was_bought_can_be_sold(ada: Trader) -> None:
    ada.order(quantity="2")

    answer = ada.order(side="sell", quantity="2")

    assert answer.status_code == 201
    assert answer.get_json()["position_after"] == "0.000"
    assert ada.get("/v1/holdings").get_json() == {"data": []}


def test_the_same_order_under_the_same_key_is_answered_and_not_repeated(
    api: Api, ada: Trader
) -> None:
    first = ada.order("one-key", quantity="3")
    cash = api.deps.hot.wallet(ada.id).cash_e4

    again = ada.order("one-key", quantity="3")

    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert api.deps.hot.wallet(ada.id).cash_e4 == cash


def test_the_same_order_written_otherwise_is_still_the_same(ada: Trader) -> None:
    ada.order("one-key")
    body = b'{ "quantity" : "1.000",\n"client_order_id":null, "side":"buy", "instrument":17 }'
    headers = {"Idempotency-Key": "one-key", "Content-Type": "application/json; charset=utf-8"}

    again = ada.post("/v1/orders", data=body, headers=headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "2"},
        {"side": "sell"},
        {"instrument": 18},
        {"price_bound": "200.00"},
        {"notional": "100.00"},
        {"client_order_id": "mine"},
    ],
)
def test_another_order_under_the_same_key_is_refused(
    api: Api, ada: Trader, other: dict[str, object]
) -> None:
    ada.order("one-key")
    before = api.stored()

    answer = ada.order("one-key", **other)

    assert code(answer) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert answer.get_json()["errors"][0]["pointer"] == "/Idempotency-Key"
    assert api.stored() == before


def test_two_people_may_use_the_same_key(api: Api, ada: Trader) -> None:
    bob = api.sign_in("bob@example.com")

    answers = [ada.order("one-key"), bob.order("one-key")]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert "Idempotent-Replayed" not in answers[1].headers


def test_a_refused_order_may_be_repeated_under_its_key_when_it_can_be_filled(
    api: Api, ada: Trader
) -> None:
    change(api, halt=Halt.EVENT)
    refused = ada.order("one-key")
    change(api, halt=Halt(0))

    assert code(refused) == (409, "MARKET_HALTED")
    assert ada.order("one-key").status_code == 201


def test_a_replay_tells_that_postgres_has_the_trade_by_now_or_not_yet(
    api: Api, ada: Trader
) -> None:
    api.executor.ledger_down = True
    first = ada.order("one-key")
    again = ada.order("one-key")

    assert (first.get_json()["durable"], again.get_json()["durable"]) == ("redis", "redis")


def test_one_client_order_id_names_one_order(api: Api, ada: Trader) -> None:
    ada.order(client_order_id="mine")
    before = api.stored()

    answer = ada.order(client_order_id="mine")

    assert code(answer) == (422, "CLIENT_ORDER_ID_REUSED")
    assert answer.get_json()["errors"][0]["pointer"] == "/client_order_id"
    assert api.stored() == before


def test_a_halted_club_is_not_traded_and_the_reasons_are_given(api: Api, ada: Trader) -> None:
    change(api, halt=Halt.EVENT | Halt.FEED_STALE)

    answer = ada.order()

    assert code(answer) == (409, "MARKET_HALTED")
    assert answer.get_json()["halt_reasons"] == ["FEED_STALE", "EVENT"]


@pytest.mark.parametrize(
    ("fields", "order", "expected", "members"),
    [
        ({}, {"quantity": "50.001"}, "QUANTITY_LIMIT_EXCEEDED", {"limit": "50.000"}),
        (
            {"phase": Phase.LIVE},
            {"quantity": "12.501"},
            "QUANTITY_LIMIT_EXCEEDED",
            {"limit": "12.500"},
        ),
        ({"user_cap": 500}, {}, "POSITION_LIMIT_EXCEEDED", {"limit": "0.500", "held": "0.000"}),
        ({"qcap": 900}, {}, "LIQUIDITY_EXHAUSTED", {"available": "0.900"}),
        ({}, {"price_bound": "100.00"}, "PRICE_BOUND_EXCEEDED", {"quoted_price": "100.1051"}),
        ({}, {"side": "sell"}, "INSUFFICIENT_SHARES", {"available": "0.000"}),
        (
            {"index_px": 9_000_000, "bid_px": 1, "ask_px": 1},
            {"quantity": "20"},
            "INSUFFICIENT_FUNDS",
            {"available": "10000.0000"},
        ),
    ],
)
def test_what_the_market_refuses_is_said_with_numbers_and_changes_nothing(
    api: Api,
    ada: Trader,
    fields: dict[str, object],
    order: dict[str, object],
    expected: str,
    members: dict[str, str],
) -> None:
    change(api, **fields)
    before = api.stored()

    answer = ada.order(**order)

    assert code(answer) == (422, expected)
    assert answer.get_json().items() >= members.items()
    assert answer.get_json()["errors"][0]["pointer"] in ("/quantity", "/price_bound")
    assert api.stored() == before


def test_an_order_whose_outcome_is_unknown_asks_for_the_same_again(api: Api, ada: Trader) -> None:
    api.executor.down = True

    answer = ada.order()

    assert code(answer) == (503, "OUTCOME_UNKNOWN")
    assert answer.headers["Retry-After"] == "1"
    assert "same Idempotency-Key" in answer.get_json()["detail"]


def test_an_order_that_found_no_room_was_surely_not_carried_out(api: Api, ada: Trader) -> None:
    before = api.stored()
    api.executor.full = True

    answer = ada.order()

    assert code(answer) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"
    assert api.stored() == before


def test_every_refusal_a_client_can_meet_has_a_status_and_a_title() -> None:
    assert {code.value for code in set(Refusal) - NOT_FOR_CLIENTS} <= CODES.keys()


def test_an_order_is_found_by_its_id_by_its_owner_alone(api: Api, ada: Trader) -> None:
    fill = ada.order().get_json()
    path = f"/v1/orders/{fill['order_id']}"

    found = ada.get(path).get_json()

    assert found.items() <= fill.items()
    assert code(api.sign_in("bob@example.com").get(path)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["1", "x" * 500, "0192aaaa-0000-7000-8000-000000000000", "%00"])
def test_an_order_that_is_not_there_is_not_found(ada: Trader, name: str) -> None:
    assert code(ada.get(f"/v1/orders/{name}")) == (404, "NOT_FOUND")


def test_own_trades_come_newest_first_in_pages_without_gap_or_repeat(api: Api, ada: Trader) -> None:
    made = []
    for _ in range(5):
        made.append(ada.order().get_json()["order_id"])
        api.clock.advance(0.4)

    seen: list[str] = []
    cursor = ""
    while True:
        page = ada.get(f"/v1/trades?limit=2{cursor}").get_json()
        seen += [trade["order_id"] for trade in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == made[::-1]
    assert page["next_cursor"] is None


def test_trades_can_be_asked_for_one_club(ada: Trader) -> None:
    ada.order(instrument=17)
    ada.order(instrument=18)

    page = ada.get("/v1/trades?instrument=LIV").get_json()

    assert [trade["symbol"] for trade in page["data"]] == ["LIV"]


def test_a_cursor_of_somebody_elses_trades_is_refused(api: Api, ada: Trader) -> None:
    for _ in range(2):
        ada.order()
    cursor = ada.get("/v1/trades?limit=1").get_json()["next_cursor"]

    answer = api.sign_in("bob@example.com").get(f"/v1/trades?cursor={cursor}")

    assert code(answer) == (400, "CURSOR_INVALID")


def test_a_portfolio_shows_money_shares_and_the_number_of_its_last_push(ada: Trader) -> None:
    fill = ada.order(quantity="2.5").get_json()

    portfolio = ada.get("/v1/portfolio").get_json()
    holdings = ada.get("/v1/holdings").get_json()["data"]
    account = ada.get("/v1/account").get_json()

    assert account == portfolio["account"] | {"realized_pnl_week": "0.0000"}
    assert portfolio["holdings"] == holdings
    assert (holdings[0]["symbol"], holdings[0]["quantity"]) == ("ARS", "2.500")
    assert account["cash"] == fill["cash_after"]
    assert portfolio["seq"] == 2  # the grant and the fill
