"""The mode of the whole market over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from touchline.domain.ruling import Mode
from touchline.store.market_mode import MarketModes
from touchline.store.rehydrate import rehydrate
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

MODE = "/v1/admin/mode"


def put(operator: Trader, mode: str, version: int = 0, reason: str = "a drill") -> TestResponse:
    headers = operator.auth | {"If-Match": f'W/"{version}"'}
    return operator.api.client.put(MODE, json={"mode": mode, "reason": reason}, headers=headers)


def version(operator: Trader) -> int:
    number: int = operator.get(MODE).get_json()["version"]
    return number


def test_the_market_is_enabled_from_the_beginning(operator: Trader) -> None:
    answer = operator.get(MODE)

    assert answer.get_json() == {"mode": "enabled", "reason": None, "since": None, "version": 0}
    assert answer.headers["ETag"] == 'W/"0"'


def test_a_halted_market_trades_nothing_and_says_so(
    api: Api, operator: Trader, ada: Trader
) -> None:
    ada.order(quantity="2")

    answer = put(operator, "halted")

    assert answer.get_json()["mode"] == "halted"
    said = [ada.order(side=side, quantity="1").get_json() for side in ("buy", "sell")]
    assert [each["code"] for each in said] == ["MARKET_HALTED"] * 2
    assert said[0]["halt_reasons"] == ["ADMIN"]
    status = api.get("/v1/status").get_json()
    assert status["market"] == {"mode": "halted", "note": "a drill"}
    assert [each["halt_reasons"] for each in status["halts"]] == [["ADMIN"], ["ADMIN"]]


def test_in_a_market_that_is_reduced_only_people_sell_and_close(
    operator: Trader, ada: Trader
) -> None:
    ada.order(quantity="2")
    position = ada.open(quantity="1").get_json()["position"]["position_id"]

    put(operator, "reduce_only")

    assert ada.order(quantity="1").get_json()["code"] == "MARKET_HALTED"
    assert ada.open(quantity="1").get_json()["code"] == "MARKET_HALTED"
    assert ada.order(side="sell", quantity="1").status_code == 201
    assert ada.close(position).status_code == 200


def test_of_two_admins_the_second_has_to_look_again(operator: Trader) -> None:
    put(operator, "halted")

    late = put(operator, "enabled")

    assert (late.status_code, late.get_json()["code"]) == (412, "PRECONDITION_FAILED")
    assert late.get_json()["version"] == version(operator)
    assert put(operator, "enabled", version(operator)).status_code == 200


def test_what_was_done_is_written_down(operator: Trader) -> None:
    put(operator, "reduce_only", reason="feed is odd")

    (line,) = operator.audit(action="market.mode")
    assert (line["actor"], line["outcome"]) == (f"user {operator.id}", "done")
    assert line["request"] == {"mode": "reduce_only", "reason": "feed is odd"}
    assert (line["before"]["mode"], line["after"]["mode"]) == ("enabled", "reduce_only")


def test_the_mode_comes_back_after_redis_was_lost(api: Api, operator: Trader) -> None:
    put(operator, "halted")
    known = version(operator)
    keys: Any = api.deps.hot._keys

    api.redis.flushdb()
    rehydrate(api.redis, keys, api.pg)

    assert {each.halt.name for each in api.deps.hot.instruments()} == {"ADMIN"}
    assert api.deps.hot.mode().mode.value == "halted"
    assert version(operator) == known


def test_a_mode_that_did_not_reach_postgres_is_not_in_force_after_a_restart(
    api: Api, operator: Trader
) -> None:
    keys: Any = api.deps.hot._keys
    modes: Any = MarketModes(api.pg, api.redis, keys)
    put(operator, "reduce_only")
    # A process that dies between the script and its commit.
    modes._scripts.mode_set(Mode.HALTED, "", 10**6, 1)
    assert {each.halt.name for each in api.deps.hot.instruments()} == {"ADMIN"}
    with api.pg.transaction() as cursor:
        cursor.execute("SELECT setval('rule_number', 1000000)")

    api.redis.set(keys.meta("run_id"), "the one before")
    rehydrate(api.redis, keys, api.pg)

    assert {each.halt.name for each in api.deps.hot.instruments()} == {"REDUCE_ONLY"}


@pytest.mark.parametrize("mode", ["on", "", 1, None])
def test_there_are_three_modes(operator: Trader, mode: Any) -> None:
    assert put(operator, mode).get_json()["errors"][0]["pointer"] == "/mode"


class Forgetful:
    """An audit that cannot be reached once an act was done."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def settle(self, *_: object) -> None:
        raise psycopg2.OperationalError("away")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_mode_that_was_set_and_not_heard_of_is_found_set_with_what_was_before(
    api: Api, operator: Trader
) -> None:
    audit: Any = Forgetful(api.deps.operators.audit)
    blind = replace(operator, api=api.with_(operators=replace(api.deps.operators, audit=audit)))
    unheard = put(blind, "halted")

    again = put(operator, "halted")

    assert (unheard.status_code, unheard.get_json()["code"]) == (503, "OUTCOME_UNKNOWN")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.headers["ETag"] == f'W/"{version(operator)}"'
    (line,) = operator.audit(action="market.mode")
    assert (line["outcome"], line["before"]["mode"], line["after"]["mode"]) == (
        "done",
        "enabled",
        "halted",
    )


def test_what_was_set_is_not_told_again_once_somebody_has_changed_it(operator: Trader) -> None:
    put(operator, "halted")
    put(operator, "enabled", version(operator))

    late = put(operator, "halted")

    assert (late.status_code, late.get_json()["code"]) == (412, "PRECONDITION_FAILED")
    assert operator.get(MODE).get_json()["mode"] == "enabled"


@pytest.mark.parametrize("field", ["f", "so", "phase", "tid", "own"])
def test_where_one_club_is_broken_the_mode_is_set_for_none(
    api: Api, operator: Trader, field: str
) -> None:
    good = api.redis.hgetall("inst:18")
    if field == "own":
        api.redis.hset("inst:18", field, "x")
    else:
        api.redis.hdel("inst:18", field)
    before = api.redis.hgetall("inst:17"), api.redis.hgetall("mode")

    answer = put(operator, "halted")

    said = answer.get_json()
    assert (answer.status_code, said["code"], said["idx"]) == (409, "INSTRUMENT_UNREADABLE", 18)
    assert (api.redis.hgetall("inst:17"), api.redis.hgetall("mode")) == before
    api.redis.delete("inst:18")
    api.redis.hset("inst:18", mapping=good)
    assert operator.get(MODE).get_json()["version"] == 0
    assert put(operator, "halted").status_code == 200
