"""Positions of others: what a replay finds and tells, and a close by an admin."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import UserId
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.api.position_cases import change, move, opened, problem

NOBODYS = "0192aaaa-0000-7000-8000-000000000000"
WHY = {"reason": "ticket 12"}


def replay(operator: Trader, what: str, name: object) -> TestResponse:
    """Have the positions of somebody looked at."""
    return operator.act(f"/v1/admin/replay/{what}/{name}", WHY)


def close(operator: Trader, name: object, key: str | None = None) -> TestResponse:
    """Close a position of somebody."""
    return operator.act(f"/v1/admin/positions/{name}/close", WHY, key)


def traces(answer: TestResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.data
    found: list[dict[str, Any]] = answer.get_json()["positions"]
    return found


def test_a_replay_closes_what_a_tick_had_closed_and_tells_which(
    api: Api, operator: Trader, ada: Trader
) -> None:
    stopped = opened(ada, stop_loss={"price": "98.00"})["position_id"]
    calm = opened(ada)["position_id"]
    for price in (99, 97, 99):
        move(api, price)

    found = {
        each["position"]["position_id"]: each for each in traces(replay(operator, "users", ada.id))
    }

    closed, still = found[stopped], found[calm]
    assert (closed["close"]["reason"], closed["close"]["by"]) == ("stop_loss", "admin")
    assert closed["to_tick"] == closed["close"]["trigger"]["tick"]
    # The other's opening is a tick as well, and nothing behind the one that closes is looked at.
    assert (closed["ticks"], still["ticks"]) == (3, 3)
    assert (still["close"], still["unsettled"], still["missing"]) == (None, False, False)
    assert still["quotes"]["low"] < "98.00" < still["quotes"]["high"]
    assert ada.get(f"/v1/positions/{stopped}").get_json()["status"] == "closed"
    assert operator.audit()[0]["before"] == {"open": sorted([stopped, calm])}
    assert operator.audit()[0]["after"] == {"open": [calm], "closed": [stopped]}


def test_a_replay_of_one_position_leaves_the_others_alone(
    api: Api, operator: Trader, ada: Trader
) -> None:
    one, other = (opened(ada, stop_loss={"price": "98.00"})["position_id"] for _ in range(2))
    move(api, 97)

    (found,) = traces(replay(operator, "positions", one))

    assert found["close"]["reason"] == "stop_loss"
    held = api.deps.hot.position(other)
    assert held is not None
    assert held.qty > 0


def test_a_second_replay_tells_the_same(api: Api, operator: Trader, ada: Trader) -> None:
    opened(ada)
    move(api, 99)

    first, again = (traces(replay(operator, "users", ada.id)) for _ in range(2))

    assert first == again
    assert first[0]["ticks"] == 1


def test_before_any_tick_there_is_nothing_to_look_at(operator: Trader, ada: Trader) -> None:
    opened(ada)

    (found,) = traces(replay(operator, "users", ada.id))

    assert (found["ticks"], found["quotes"], found["marks"]) == (0, None, None)
    assert found["from_tick"] == found["to_tick"]


def test_a_replay_tells_why_a_tick_did_not_close(api: Api, operator: Trader, ada: Trader) -> None:
    """The price was there for a moment; when somebody looks, the profit cannot be had."""
    opened(ada, take_profit={"price": "101.00"})
    move(api, 102)
    change(api, inventory=-9_000_000)

    (found,) = traces(replay(operator, "users", ada.id))

    assert found["close"] is None
    assert [each["code"] for each in found["refused"]] == ["TAKE_PROFIT_NOT_REACHABLE"]
    assert found["refused"][0]["tick"]


def test_ticks_in_a_halt_are_counted_and_close_nothing(
    api: Api, operator: Trader, ada: Trader
) -> None:
    opened(ada, stop_loss={"price": "98.00"})
    change(api, halt=Halt.ADMIN)
    move(api, 97)

    (found,) = traces(replay(operator, "users", ada.id))

    assert (found["close"], found["ticks"], found["halted"]) == (None, 1, 1)
    assert found["quotes"] is None


def test_who_has_nothing_open_has_no_trace(operator: Trader, ada: Trader) -> None:
    assert traces(replay(operator, "users", ada.id)) == []


def test_what_is_closed_is_not_replayed(operator: Trader, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    ada.close(position_id)

    assert problem(replay(operator, "positions", position_id)) == (409, "POSITION_CLOSED")


@pytest.mark.parametrize("name", [NOBODYS, "none", "%00"])
def test_what_does_not_exist_is_not_found(operator: Trader, name: str) -> None:
    assert problem(replay(operator, "positions", name)) == (404, "POSITION_UNKNOWN")
    assert problem(close(operator, name)) == (404, "POSITION_UNKNOWN")


def test_who_does_not_exist_has_nothing_to_replay(operator: Trader) -> None:
    assert problem(replay(operator, "users", 10**9)) == (404, "USER_UNKNOWN")


def test_an_admin_closes_a_position_at_the_price_of_now(
    api: Api, operator: Trader, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    move(api, 102)

    answer = close(operator, position_id)

    told = answer.get_json()
    assert (answer.status_code, told["status"], told["durable"]) == (200, "filled", "postgres")
    assert (told["position"]["status"], told["position"]["reason"]) == ("closed", "admin")
    assert (told["event"]["by"], told["event"]["reason"]) == ("admin", "admin")
    assert api.deps.hot.wallet(ada.id).locked_e4 == 0
    own = ada.get(f"/v1/positions/{position_id}").get_json()
    assert (own["reason"], own["close"]["by"]) == ("admin", "admin")
    (line,) = operator.audit()
    assert (line["target"], line["after"]["event"]) == (
        f"position {position_id}",
        told["event"]["event_id"],
    )
    assert (line["before"]["status"], line["after"]["status"]) == ("open", "closed")


def test_a_close_sent_again_is_answered_as_before(operator: Trader, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]

    first, again = (close(operator, position_id, "once") for _ in range(2))

    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_close_of_which_nobody_heard_is_found_again(
    api: Api, operator: Trader, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    api.executor.breaks_off = True
    unknown = close(operator, position_id, "once")
    api.executor.breaks_off = False

    found = close(operator, position_id, "once")

    assert problem(unknown) == (503, "OUTCOME_UNKNOWN")
    assert found.status_code == 200
    assert found.get_json()["event"]["by"] == "admin"
    assert [line["outcome"] for line in operator.audit()] == ["done"]


def test_what_a_tick_has_closed_is_not_closed_again(
    api: Api, operator: Trader, ada: Trader
) -> None:
    position_id = opened(ada, stop_loss={"price": "98.00"})["position_id"]
    move(api, 97)

    answer = close(operator, position_id)

    assert problem(answer) == (409, "POSITION_CLOSED")
    assert answer.get_json()["reason"] == "stop_loss"
    assert operator.audit()[0]["outcome"] == "POSITION_CLOSED"


def test_a_halted_market_closes_nothing_for_admins_either(
    api: Api, operator: Trader, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    change(api, halt=Halt.ADMIN)

    assert problem(close(operator, position_id)) == (409, "MARKET_HALTED")


def test_in_play_an_admin_does_not_wait(api: Api, operator: Trader, ada: Trader) -> None:
    position_id = opened(ada)["position_id"]
    change(api, phase=Phase.LIVE)
    playing = api.with_(inplay_delay_ms=3_000)
    admin = Trader(playing, UserId(operator.id), operator.token)

    assert close(admin, position_id).status_code == 200


@pytest.mark.parametrize("forgotten", ["the key", "the position as well"])
def test_a_close_of_which_nobody_heard_for_days_is_found_in_the_ledger(
    api: Api, operator: Trader, ada: Trader, forgotten: str
) -> None:
    """Redis remembers the key of a close for a day, and the position for a week."""
    position_id, other = (opened(ada)["position_id"] for _ in range(2))
    first = close(operator, position_id, "once").get_json()
    with api.pg.transaction() as cursor:
        cursor.execute(
            "UPDATE audit_log SET outcome = NULL, done_at = NULL, answer = NULL, tried_at = NULL"
        )
    for key in api.redis.keys("idem:*audit:*"):
        api.redis.delete(key)
    if forgotten != "the key":
        api.deps.operators.drain.everything()
        api.redis.delete(f"pos:{position_id}")

    again = close(operator, position_id, "once")

    told = again.get_json()
    assert (again.status_code, told["event"]) == (200, first["event"])
    assert told["durable"] == "postgres"
    (line,) = operator.audit()
    assert (line["outcome"], line["after"]["event"]) == ("done", first["event"]["event_id"])
    assert line["before"]["quantity"] == first["position"]["quantity_opened"]
    held = api.deps.hot.position(other)
    assert held is not None
    assert held.qty > 0


def test_a_close_that_somebody_else_made_is_nobody_elses(
    api: Api, operator: Trader, ada: Trader
) -> None:
    position_id = opened(ada)["position_id"]
    close(operator, position_id, "one")

    assert problem(close(operator, position_id, "two")) == (409, "POSITION_CLOSED")
