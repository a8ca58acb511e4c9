"""Positions closed and changed over HTTP, and what a tick nobody has looked at does to that."""

from __future__ import annotations

from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Halt

from tests.api.conftest import Api, Trader
from tests.api.position_cases import change, move, opened, pointers, problem

NOBODYS = "0192aaaa-0000-7000-8000-000000000000"


def test_a_close_is_answered_with_its_price_and_what_was_paid_out(api: Api, ada: Trader) -> None:
    position = opened(ada)
    move(api, 102)

    answer = ada.close(position["position_id"], price_bound="101.00")

    told = answer.get_json()
    assert (answer.status_code, told["status"], told["durable"]) == (200, "filled", "postgres")
    assert told["position"].items() >= {
        "status": "closed", "quantity": "0.000", "margin": "0.0000", "reason": "client",
        "version": 2,
    }.items()  # fmt: skip
    event = told["event"]
    assert event.items() >= {
        "kind": "close", "quantity": "10.000", "by": "client", "reason": "client",
        "trigger": None, "shortfall": "0.0000", "margin": "-200.3002", "locked_after": "0.0000",
    }.items()  # fmt: skip
    paid = 200.3002 + float(event["pnl"]) - float(event["fee"])
    assert float(event["payout"]) == pytest.approx(paid)
    assert answer.headers["ETag"] == 'W/"2"'
    assert api.deps.hot.wallet(ada.id).locked_e4 == 0


def test_a_part_may_be_closed_and_the_rest_stays(ada: Trader) -> None:
    position_id = opened(ada)["position_id"]

    told = ada.close(position_id, quantity="4.000", expected_version=1).get_json()

    assert told["position"].items() >= {
        "status": "open", "quantity": "6.000", "quantity_opened": "10.000", "margin": "120.1802",
        "version": 2, "reason": None,
    }.items()  # fmt: skip
    assert told["event"].items() >= {"quantity": "4.000", "margin": "-80.1200"}.items()


def test_the_same_close_under_the_same_key_closes_once(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    first = ada.close(position_id, "one-key", quantity="4")
    cash = api.deps.hot.wallet(ada.id).cash_e4

    again = ada.close(position_id, "one-key", quantity="4")

    assert (again.status_code, again.get_json()) == (200, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.deps.hot.wallet(ada.id).cash_e4 == cash


def test_commands_are_answered_as_before_when_redis_has_forgotten_the_closed_position(
    api: Api, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    added = ada.margin(position_id, "1", "margin-key").get_json()
    closed = ada.close(position_id, "close-key").get_json()
    api.redis.delete(f"pos:{position_id}")

    margin_again = ada.margin(position_id, "1", "margin-key")
    close_again = ada.close(position_id, "close-key")
    another = ada.close(position_id, "other-key")

    assert (margin_again.status_code, margin_again.get_json()) == (200, added)
    assert (close_again.status_code, close_again.get_json()) == (200, closed)
    assert problem(another) == (409, "POSITION_CLOSED")
    assert another.get_json()["close"] == closed["event"]
    assert problem(ada.stops(position_id, 3, take_profit=None)) == (409, "POSITION_CLOSED")


def test_a_key_belongs_to_one_position_and_one_command(ada: Trader) -> None:
    one, other = opened(ada)["position_id"], opened(ada)["position_id"]
    ada.close(one, "one-key")

    assert problem(ada.close(other, "one-key")) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert problem(ada.margin(one, "1", "one-key")) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("body", "code", "pointer", "members"),
    [
        (
            {"quantity": "10.001"}, (422, "QUANTITY_LIMIT_EXCEEDED"), "/quantity",
            {"limit": "10.000"},
        ),
        ({"expected_version": 7}, (409, "VERSION_MISMATCH"), "/expected_version", {"version": 1}),
        (
            {"price_bound": "100.00"}, (422, "PRICE_BOUND_EXCEEDED"), "/price_bound",
            {"quoted_price": "99.9499"},
        ),
        ({"quantity": "0"}, (400, "QUANTITY_INVALID"), "/quantity", {}),
        ({"quantity": 1}, (400, "VALIDATION"), "/quantity", {}),
        ({"expected_version": "1"}, (400, "VALIDATION"), "/expected_version", {}),
        ({"amount": "1"}, (400, "VALIDATION"), "/amount", {}),
    ],
)  # fmt: skip
def test_a_close_that_is_refused_changes_nothing(
    api: Api, ada: Trader, body: dict[str, Any], code: object, pointer: str, members: dict[str, Any]
) -> None:
    position_id = opened(ada)["position_id"]
    before = api.stored()

    answer = ada.close(position_id, **body)

    assert (problem(answer), pointers(answer)) == (code, [(pointer, "body")])
    assert all(answer.get_json()[name] == value for name, value in members.items())
    assert api.stored() == before


def test_a_closed_position_is_not_closed_again_and_says_how_it_was(ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    close = ada.close(position_id).get_json()["event"]

    answer = ada.close(position_id)

    assert problem(answer) == (409, "POSITION_CLOSED")
    assert (answer.get_json()["reason"], answer.get_json()["close"]) == ("client", close)


def test_what_closed_a_position_is_left_out_while_postgres_is_away(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    ada.close(position_id)
    api.redis.delete("position_outbox")  # Postgres has it
    api.positions.away = True

    answer = ada.close(position_id)

    assert problem(answer) == (409, "POSITION_CLOSED")
    assert (answer.get_json()["reason"], answer.get_json()["close"]) == ("client", None)


def test_a_position_whose_hash_has_expired_is_closed_all_the_same(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    close = ada.close(position_id).get_json()["event"]
    api.redis.delete(f"pos:{position_id}")

    answer = ada.margin(position_id, "1")

    assert problem(answer) == (409, "POSITION_CLOSED")
    assert answer.get_json()["close"] == close


def test_margin_is_added_and_taken_back(api: Api, ada: Trader) -> None:
    position = opened(ada)
    more = ada.margin(position["position_id"], "50.00")
    less = ada.margin(position["position_id"], "-20.00")

    told = [answer.get_json() for answer in (more, less)]
    assert [answer.status_code for answer in (more, less)] == [200, 200]
    assert [each["status"] for each in told] == ["changed", "changed"]
    assert [each["position"]["margin"] for each in told] == ["250.3002", "230.3002"]
    assert [each["event"]["margin"] for each in told] == ["50.0000", "-20.0000"]
    liquidations = [each["position"]["liquidation_price"] for each in told]
    assert float(liquidations[0]) < float(liquidations[1]) < float(position["liquidation_price"])
    assert api.deps.hot.wallet(ada.id).locked_e4 == 2_303_002


def test_the_same_change_of_margin_under_the_same_key_happens_once(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    first = ada.margin(position_id, "50.00", "one-key")

    again = ada.margin(position_id, "50.00", "one-key")

    assert (again.get_json(), again.headers["Idempotent-Replayed"]) == (first.get_json(), "true")
    assert api.deps.hot.wallet(ada.id).locked_e4 == 2_503_002


@pytest.mark.parametrize(
    ("amount", "code", "members"),
    [
        ("-0.01", (422, "MARGIN_LIMIT_EXCEEDED"), {"limit": "0.0000"}),
        ("900.00", (422, "MARGIN_LIMIT_EXCEEDED"), {"limit": "801.2008"}),
        ("0", (400, "QUANTITY_INVALID"), {}),
        ("-0", (400, "QUANTITY_INVALID"), {}),
        ("--1", (400, "QUANTITY_INVALID"), {}),
        ("+1", (400, "QUANTITY_INVALID"), {}),
        ("1.00001", (400, "QUANTITY_PRECISION_EXCEEDED"), {}),
        (1, (400, "VALIDATION"), {}),
    ],
)
def test_a_change_of_margin_that_is_refused_changes_nothing(
    api: Api, ada: Trader, amount: Any, code: object, members: dict[str, Any]
) -> None:
    position_id = opened(ada)["position_id"]
    before = api.stored()

    answer = ada.margin(position_id, amount)

    assert (problem(answer), pointers(answer)) == (code, [("/amount", "body")])
    assert answer.get_json().items() >= members.items() or not members
    assert api.stored() == before


def test_margin_is_not_taken_back_from_under_a_stop(ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    ada.margin(position_id, "200.00")
    ada.stops(position_id, 2, stop_loss={"price": "85.00"})

    answer = ada.margin(position_id, "-200.00")

    assert problem(answer) == (422, "STOP_LOSS_PRICE_INVALID")
    assert pointers(answer) == [("/amount", "body")]
    assert answer.get_json()["liquidation_price"] == "90.1351"


def test_stops_are_set_moved_and_taken_away_and_what_is_absent_stays(ada: Trader) -> None:
    position_id = opened(ada, take_profit={"price": "106.00"})["position_id"]

    first = ada.stops(position_id, 1, stop_loss={"price": "96.00"})
    second = ada.stops(position_id, 2, take_profit=None, trailing_stop={"distance": "2.50"})

    assert [answer.status_code for answer in (first, second)] == [200, 200]
    kept, last = first.get_json()["position"], second.get_json()["position"]
    assert (kept["stop_loss"], kept["take_profit"]) == (
        {"price": "96.0000"},
        {"price": "106.0000"},
    )
    assert (last["stop_loss"], last["take_profit"]) == ({"price": "96.0000"}, None)
    assert last["trailing_stop"]["distance"] == "2.5000"
    assert (second.headers["ETag"], second.get_json()["status"]) == ('W/"3"', "changed")


def test_stops_are_changed_from_the_version_that_is_named_or_not_at_all(
    api: Api, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    ada.margin(position_id, "1.00")
    before = api.stored()

    answer = ada.stops(position_id, 1, stop_loss={"price": "96.00"})

    assert problem(answer) == (412, "PRECONDITION_FAILED")
    assert (answer.get_json()["version"], pointers(answer)) == (2, [("/If-Match", "header")])
    assert api.stored() == before


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, (428, "PRECONDITION_REQUIRED")),
        ("*", (400, "VALIDATION")),
        ("1", (400, "VALIDATION")),
        ('W/"x"', (400, "VALIDATION")),
        ('W/"1", W/"2"', (400, "VALIDATION")),
    ],
)
def test_a_change_of_stops_names_one_version(
    api: Api, ada: Trader, header: str | None, code: object
) -> None:
    position_id = opened(ada)["position_id"]
    headers = ada.auth | ({} if header is None else {"If-Match": header})

    answer = api.client.patch(
        f"/v1/positions/{position_id}", json={"stop_loss": None}, headers=headers
    )

    assert (problem(answer), pointers(answer)) == (code, [("/If-Match", "header")])


def test_the_etag_of_a_position_is_what_if_match_takes(ada: Trader) -> None:
    path = f"/v1/positions/{opened(ada)['position_id']}"
    etag = ada.get(path).headers["ETag"]

    answer = ada.api.client.patch(
        path, json={"stop_loss": {"price": "96.00"}}, headers=ada.auth | {"If-Match": etag}
    )

    assert (etag, answer.status_code) == ('W/"1"', 200)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, (400, "VALIDATION"), ""),
        ({"stop_loss": "96"}, (400, "VALIDATION"), "/stop_loss"),
        ({"leverage": 3}, (400, "VALIDATION"), "/leverage"),
        ({"stop_loss": {"price": "101"}}, (422, "STOP_LOSS_PRICE_INVALID"), "/stop_loss/price"),
        (
            {"take_profit": {"price": "99"}}, (422, "TAKE_PROFIT_PRICE_INVALID"),
            "/take_profit/price",
        ),
        (
            {"trailing_stop": {"distance": "0.01"}}, (422, "STOP_DISTANCE_TOO_SMALL"),
            "/trailing_stop/distance",
        ),
    ],
)  # fmt: skip
def test_stops_that_are_refused_change_nothing(
    api: Api, ada: Trader, body: dict[str, Any], code: object, pointer: str
) -> None:
    position_id = opened(ada)["position_id"]
    before = api.stored()

    answer = ada.stops(position_id, 1, **body)

    assert (problem(answer), pointers(answer)) == (code, [(pointer, "body")])
    assert api.stored() == before


def test_no_stop_is_pulled_while_closing_is_halted(api: Api, ada: Trader) -> None:
    position_id = opened(ada, stop_loss={"price": "96.00"})["position_id"]
    change(api, halt=Halt.EVENT)

    for answer in (
        ada.stops(position_id, 1, stop_loss=None),
        ada.close(position_id),
        ada.margin(position_id, "1"),
    ):
        assert problem(answer) == (409, "MARKET_HALTED")
        assert answer.get_json()["halt_reasons"] == ["EVENT"]


def commands(ada: Trader, position_id: str) -> list[Any]:
    return [
        lambda: ada.stops(position_id, 1, stop_loss=None),
        lambda: ada.close(position_id),
        lambda: ada.margin(position_id, "100.00"),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_stop_that_was_hit_is_carried_out_before_anything_is_changed(
    api: Api, ada: Trader, which: int
) -> None:
    position_id = opened(ada, stop_loss={"price": "96.00"})["position_id"]
    move(api, 95)
    tick = ada.get("/v1/instruments/17/ticks?limit=1").get_json()["data"][0]["tick"]
    move(api, 103)

    answer = commands(ada, position_id)[which]()

    told = answer.get_json()
    assert (problem(answer), told["reason"]) == ((409, "POSITION_CLOSED"), "stop_loss")
    assert told["close"].items() >= {"by": "check", "reason": "stop_loss"}.items()
    assert told["close"]["trigger"].items() >= {
        "tick": tick, "level": "96.0000", "index": "95.0000", "approximate": False,
    }.items()  # fmt: skip
    assert float(told["close"]["price"]) < 95
    assert api.deps.hot.positions(ada.id) == ()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_tick_that_only_moved_something_is_checked_and_the_command_carried_out(
    api: Api, ada: Trader, which: int
) -> None:
    position_id = opened(ada, trailing_stop={"distance": "3.00"})["position_id"]
    move(api, 104)

    answer = commands(ada, position_id)[which]()

    assert (answer.status_code, api.scanner.checks) == (200, 1)
    assert api.deps.trades.results["filled", ""] == 2  # the opening, and this


def test_a_position_that_cannot_be_brought_up_to_now_is_to_be_tried_again(
    api: Api, ada: Trader
) -> None:
    position_id = opened(ada, trailing_stop={"distance": "3.00"})["position_id"]
    move(api, 104)
    api.scanner.blind = True

    answer = ada.close(position_id)

    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "UNAVAILABLE"), "1")
    assert api.scanner.checks == 3
    assert len(api.deps.hot.positions(ada.id)) == 1


def test_a_check_that_meets_an_outage_leaves_the_position_alone(api: Api, ada: Trader) -> None:
    position_id = opened(ada, trailing_stop={"distance": "3.00"})["position_id"]
    move(api, 104)
    api.scanner.outage = redis_module.exceptions.ConnectionError("away")

    assert problem(ada.close(position_id)) == (503, "UNAVAILABLE")
    assert len(api.deps.hot.positions(ada.id)) == 1


def test_a_change_of_stops_without_an_outcome_asks_to_look_first(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    api.executor.breaks_off = True

    answer = ada.stops(position_id, 1, stop_loss={"price": "96.00"})

    assert problem(answer) == (503, "OUTCOME_UNKNOWN")
    assert "read the position" in answer.get_json()["detail"]


@pytest.mark.parametrize("name", [NOBODYS, "1", "x" * 300, "%00"])
def test_a_position_that_is_not_there_is_unknown(ada: Trader, name: str) -> None:
    for answer in (
        ada.get(f"/v1/positions/{name}"),
        ada.close(name),
        ada.margin(name, "1"),
        ada.stops(name, 1, stop_loss=None),
    ):
        assert problem(answer) == (404, "POSITION_UNKNOWN")


def test_somebody_elses_position_is_unknown(api: Api, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    bob = api.sign_in("bob@example.com")
    before = api.stored()

    nothing = bob.get(f"/v1/positions/{NOBODYS}").get_json()
    for answer in (
        bob.get(f"/v1/positions/{position_id}"),
        bob.close(position_id),
        bob.margin(position_id, "1"),
        bob.stops(position_id, 1, stop_loss=None),
    ):
        assert problem(answer) == (404, "POSITION_UNKNOWN")
        assert answer.get_json()["detail"] == nothing["detail"]  # or it would tell that it exists
    assert api.stored() == before


def test_commands_need_a_token_and_their_keys(api: Api, ada: Trader) -> None:
    path = f"/v1/positions/{opened(ada)['position_id']}"

    assert problem(ada.post(f"{path}/close", json={})) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert problem(ada.post(f"{path}/margin", json={"amount": "1"})) == (
        400,
        "IDEMPOTENCY_KEY_REQUIRED",
    )
    for answer in (
        api.get(path),
        api.get("/v1/positions"),
        api.client.post(f"{path}/close", json={}),
        api.client.post(f"{path}/margin", json={"amount": "1"}),
        api.client.patch(path, json={"stop_loss": None}),
    ):
        assert problem(answer) == (401, "TOKEN_REQUIRED")
