"""Positions opened over HTTP: what is answered, replayed and refused."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.domain.halts import Halt, Phase

from tests.api.conftest import Api, Trader
from tests.api.position_cases import ARS, change, opened, pointers, problem

STOPS = {
    "stop_loss": {"price": "96.00"},
    "take_profit": {"price": "106.00"},
    "trailing_stop": {"distance": "2.00"},
}


def test_a_position_is_answered_with_what_it_is_and_what_it_cost(ada: Trader) -> None:
    answer = ada.open(**STOPS, client_order_id="web-1")

    told = answer.get_json()
    assert (answer.status_code, told["status"], told["durable"]) == (201, "filled", "postgres")
    assert told["position"].items() >= {
        "status": "open", "instrument": 17, "symbol": "ARS", "side": "long", "quantity": "10.000",
        "leverage": 5, "entry_price": "100.1501", "margin": "200.3002", "version": 1,
        "liquidation_price": "90.1351", "stop_loss": {"price": "96.0000"},
        "take_profit": {"price": "106.0000"},
    }.items()  # fmt: skip
    assert told["position"]["trailing_stop"]["distance"] == "2.0000"
    assert told["event"].items() >= {
        "kind": "open", "price": "100.1501", "value": "1001.5010", "fee": "1.0016",
        "by": "client", "client_order_id": "web-1", "cash_after": "9798.6982",
        "locked_after": "200.3002", "seq": 1,
    }.items()  # fmt: skip
    assert answer.headers["ETag"] == 'W/"1"'


def test_margin_and_fee_leave_the_cash_and_the_margin_is_locked(api: Api, ada: Trader) -> None:
    opened(ada, side="short", leverage=2)

    wallet = api.deps.hot.wallet(ada.id)
    account = ada.get("/v1/account").get_json()
    assert wallet.cash_e4 + wallet.locked_e4 < 100_000_000
    assert (account["locked"], account["margin_used"]) == ("499.2500", "499.2500")
    assert account["margin_available"] == account["cash"] == "9499.7515"


def test_a_club_may_be_named_by_its_symbol(ada: Trader) -> None:
    assert opened(ada, instrument="LIV")["instrument"] == 18


def test_the_same_request_under_the_same_key_opens_one_position(api: Api, ada: Trader) -> None:
    first = ada.open("one-key", **STOPS)
    cash = api.deps.hot.wallet(ada.id).cash_e4

    again = ada.open("one-key", **STOPS)

    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert api.deps.hot.wallet(ada.id).cash_e4 == cash


@pytest.mark.parametrize("away", [False, True])
def test_a_replay_says_redis_until_postgres_has_it(api: Api, ada: Trader, away: bool) -> None:
    api.executor.ledger_down = True
    ada.open("one-key")
    api.positions.away = away

    assert ada.open("one-key").get_json()["durable"] == "redis"


@pytest.mark.parametrize(
    "other",
    [
        {"quantity": "9"},
        {"side": "short"},
        {"leverage": 4},
        {"price_bound": "200.00"},
        {"stop_loss": {"price": "95.00"}},
        {"take_profit": {"price": "120.00"}},
        {"trailing_stop": {"distance": "3.00"}},
        {"client_order_id": "mine"},
    ],
)
def test_another_position_under_the_same_key_is_refused(
    api: Api, ada: Trader, other: dict[str, object]
) -> None:
    ada.open("one-key")
    before = api.stored()

    answer = ada.open("one-key", **other)

    assert problem(answer) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert pointers(answer) == [("/Idempotency-Key", "header")]
    assert api.stored() == before


def test_the_key_of_an_order_opens_no_position(ada: Trader) -> None:
    ada.order("one-key")

    assert problem(ada.open("one-key")) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_client_order_id_names_one_order_or_position(ada: Trader) -> None:
    ada.order(client_order_id="mine")

    answer = ada.open(client_order_id="mine")

    assert problem(answer) == (422, "CLIENT_ORDER_ID_REUSED")
    assert pointers(answer) == [("/client_order_id", "body")]


@pytest.mark.parametrize(
    ("body", "code", "pointer", "members"),
    [
        ({"leverage": 11}, "LEVERAGE_INVALID", "/leverage", {"limit": 10}),
        ({"leverage": 0}, "LEVERAGE_INVALID", "/leverage", {"limit": 10}),
        ({"leverage": -(10**30)}, "LEVERAGE_INVALID", "/leverage", {"limit": 10}),
        (
            {"price_bound": "100.00"}, "PRICE_BOUND_EXCEEDED", "/price_bound",
            {"quoted_price": "100.1501"},
        ),
        (
            {"stop_loss": {"price": "90.00"}}, "STOP_LOSS_PRICE_INVALID", "/stop_loss/price",
            {"quoted_price": "99.9999", "liquidation_price": "90.1351"},
        ),
        ({"stop_loss": {"price": "101.00"}}, "STOP_LOSS_PRICE_INVALID", "/stop_loss/price", {}),
        (
            {"take_profit": {"price": "99.00"}}, "TAKE_PROFIT_PRICE_INVALID",
            "/take_profit/price", {"quoted_price": "99.9999"},
        ),
        (
            {"trailing_stop": {"distance": "0.40"}}, "STOP_DISTANCE_TOO_SMALL",
            "/trailing_stop/distance", {"limit": "0.4004"},
        ),
        ({"quantity": "50.001"}, "QUANTITY_LIMIT_EXCEEDED", "/quantity", {"limit": "50.000"}),
    ],
)  # fmt: skip
def test_what_the_market_refuses_is_pointed_at_and_changes_nothing(
    api: Api, ada: Trader, body: dict[str, Any], code: str, pointer: str, members: dict[str, Any]
) -> None:
    before = api.stored()

    answer = ada.open(**body)

    assert problem(answer) == (422, code)
    assert pointers(answer) == [(pointer, "body")]
    assert answer.get_json().items() >= members.items()
    assert api.stored() == before


def test_more_margin_than_there_is_cash_says_how_much_is_missing(ada: Trader) -> None:
    for _ in range(2):
        opened(ada, quantity="48", leverage=1)

    answer = ada.open(quantity="10", leverage=1)

    assert problem(answer) == (422, "INSUFFICIENT_MARGIN")
    assert pointers(answer) == [("/quantity", "body")]
    assert answer.get_json().keys() >= {"required", "available"}


def test_the_twenty_first_position_is_one_too_many(ada: Trader) -> None:
    for _ in range(20):
        opened(ada, quantity="0.1")

    answer = ada.open(quantity="0.1")

    assert (problem(answer), answer.get_json()["limit"]) == ((422, "TOO_MANY_POSITIONS"), 20)


def test_in_play_the_leverage_is_halved_and_the_club_says_so(api: Api, ada: Trader) -> None:
    change(api, phase=Phase.LIVE)

    answer = ada.open(leverage=6)

    assert (problem(answer), answer.get_json()["limit"]) == ((422, "LEVERAGE_INVALID"), 5)
    assert ada.get("/v1/instruments/17").get_json()["max_leverage"] == 5
    assert ada.get("/v1/instruments/18").get_json()["max_leverage"] == 10


def test_a_halted_club_is_opened_nothing_in(api: Api, ada: Trader) -> None:
    change(api, halt=Halt.REDUCE_ONLY)

    answer = ada.open()

    assert problem(answer) == (409, "MARKET_HALTED")
    assert answer.get_json()["halt_reasons"] == ["REDUCE_ONLY"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"side": "buy"}, "VALIDATION", "/side"),
        ({"leverage": "5"}, "VALIDATION", "/leverage"),
        ({"leverage": 2.5}, "VALIDATION", "/leverage"),
        ({"leverage": None}, "VALIDATION", "/leverage"),
        ({"quantity": 10}, "VALIDATION", "/quantity"),
        ({"quantity": "0"}, "QUANTITY_INVALID", "/quantity"),
        ({"quantity": "1.0001"}, "QUANTITY_PRECISION_EXCEEDED", "/quantity"),
        ({"price_bound": "100.001"}, "PRICE_PRECISION_EXCEEDED", "/price_bound"),
        ({"stop_loss": "96.00"}, "VALIDATION", "/stop_loss"),
        ({"stop_loss": {}}, "VALIDATION", "/stop_loss/price"),
        ({"stop_loss": {"price": 96}}, "VALIDATION", "/stop_loss/price"),
        ({"stop_loss": {"price": "96.001"}}, "PRICE_PRECISION_EXCEEDED", "/stop_loss/price"),
        ({"take_profit": {"price": "-1"}}, "PRICE_INVALID", "/take_profit/price"),
        ({"take_profit": {"distance": "1"}}, "VALIDATION", "/take_profit/distance"),
        ({"trailing_stop": {"distance": "x"}}, "PRICE_INVALID", "/trailing_stop/distance"),
        ({"notional": "5"}, "VALIDATION", "/notional"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(
    api: Api, ada: Trader, body: dict[str, Any], code: str, pointer: str
) -> None:
    before = api.stored()

    answer = ada.open(**body)

    assert (problem(answer), pointers(answer)) == ((400, code), [(pointer, "body")])
    assert api.stored() == before


def test_an_unknown_club_is_not_found(ada: Trader) -> None:
    assert problem(ada.open(instrument="XYZ")) == (404, "INSTRUMENT_UNKNOWN")


def test_a_position_needs_a_key_and_a_token(api: Api, ada: Trader) -> None:
    body = {"instrument": 17, "side": "long", "quantity": "1", "leverage": 1}

    assert problem(ada.post("/v1/positions", json=body)) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert problem(api.client.post("/v1/positions", json=body)) == (401, "TOKEN_REQUIRED")


def test_an_opening_without_an_outcome_may_be_repeated_under_its_key(api: Api, ada: Trader) -> None:
    api.executor.breaks_off = True
    lost = ada.open("one-key")
    api.executor.breaks_off = False

    again = ada.open("one-key")

    assert (problem(lost), lost.headers["Retry-After"]) == ((503, "OUTCOME_UNKNOWN"), "1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert len(api.deps.hot.positions(ada.id)) == 1


def test_a_full_executor_is_unavailable_and_was_not_tried(api: Api, ada: Trader) -> None:
    api.executor.full = True

    assert problem(ada.open()) == (503, "UNAVAILABLE")


def test_openings_are_counted_like_orders(api: Api, ada: Trader) -> None:
    ada.open("one-key")
    ada.open("one-key")
    ada.open(leverage=50)

    assert api.deps.trades.results == {
        ("filled", ""): 1, ("replayed", ""): 1, ("refused", "LEVERAGE_INVALID"): 1,
    }  # fmt: skip
    assert api.deps.trades.answers.buckets()[-1][1] == 3


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("phase", [Phase.SCHEDULED, Phase.LIVE])
def test_a_quote_is_what_the_position_then_is(
    api: Api, ada: Trader, side: str, phase: Phase
) -> None:
    ada.order(quantity="20")
    change(api, phase=phase)
    path = f"/v1/instruments/ARS/quote?kind=cfd&side={side}&quantity=12.5&leverage=5"
    quote = api.get(path).get_json()

    told = ada.open(side=side, quantity="12.5").get_json()

    position, event = told["position"], told["event"]
    for name in ("entry_price", "margin", "liquidation_price", "side", "quantity", "leverage"):
        assert quote[name] == position[name]
    assert (quote["value"], quote["fee"]) == (event["value"], event["fee"])
    assert quote["max_leverage"] == (5 if phase is Phase.LIVE else 10)
    assert float(quote["total"]) == pytest.approx(float(quote["margin"]) + float(quote["fee"]))
    assert quote["seq"] == 1
    assert api.deps.hot.instrument(ARS) is not None


@pytest.mark.parametrize(
    ("query", "status", "code", "pointer"),
    [
        ("kind=cfd&side=long&quantity=1", 400, "VALIDATION", "/leverage"),
        ("kind=cfd&side=buy&quantity=1&leverage=1", 400, "VALIDATION", "/side"),
        ("kind=spot&side=long&quantity=1", 400, "VALIDATION", "/side"),
        ("side=buy&quantity=1&leverage=1", 400, "VALIDATION", "/leverage"),
        ("kind=option&side=buy&quantity=1", 400, "VALIDATION", "/kind"),
        ("kind=cfd&side=long&quantity=1&leverage=x", 400, "VALIDATION", "/leverage"),
        ("kind=cfd&side=long&quantity=1&leverage=11", 422, "LEVERAGE_INVALID", "/leverage"),
        ("kind=cfd&side=long&quantity=51&leverage=1", 422, "QUANTITY_LIMIT_EXCEEDED", "/quantity"),
    ],
)
def test_a_quote_is_refused_as_the_position_would_be(
    api: Api, query: str, status: int, code: str, pointer: str
) -> None:
    answer = api.get(f"/v1/instruments/17/quote?{query}")

    assert (problem(answer), pointers(answer)) == ((status, code), [(pointer, "query")])


def test_no_position_is_quoted_while_the_club_is_halted(api: Api) -> None:
    change(api, halt=Halt.EVENT)

    answer = api.get("/v1/instruments/17/quote?kind=cfd&side=long&quantity=1&leverage=1")

    assert problem(answer) == (409, "MARKET_HALTED")
