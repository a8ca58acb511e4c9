"""Halts, limits and new instruments over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx
from touchline.store.rehydrate import rehydrate
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

ARS = "/v1/admin/instruments/17"
NEW = "/v1/admin/instruments"
STANDARD = {
    "depth": "10000.000",
    "qcap": "5000.000",
    "user_cap": "200.000",
    "order_max": "50.000",
    "half_spread_ppm": 1_000,
    "fee_ppm": 1_000,
    "mark_clamp_ppm": 5_000,
    "max_leverage": 10,
}


def patch(operator: Trader, version: int = 0, **limits: object) -> TestResponse:
    headers = operator.auth | {"If-Match": f'W/"{version}"'}
    body = {"reason": "calmer"} | limits
    return operator.api.client.patch(ARS, json=body, headers=headers)


def shown(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/v1/instruments/17").get_json()
    return found


def lose_redis(api: Api) -> None:
    keys: Any = api.deps.hot._keys
    api.redis.flushdb()
    rehydrate(api.redis, keys, api.pg)


def test_an_instrument_is_halted_and_everybody_sees_it(api: Api, operator: Trader) -> None:
    answer = operator.act(f"{ARS}/halt", {"reason": "odd prices"})

    assert (answer.status_code, answer.get_json()["mode"]) == (200, "halted")
    assert (shown(api)["status"], shown(api)["halt_reasons"]) == ("halted", ["ADMIN"])
    (halted,) = api.get("/v1/status").get_json()["halts"]
    assert halted == {
        "idx": 17,
        "symbol": "ARS",
        "halt_reasons": ["ADMIN"],
        "note": "odd prices",
    }


def test_a_halt_ends_with_its_resumption_and_leaves_the_feeds(api: Api, operator: Trader) -> None:
    operator.act(f"{ARS}/halt", {"reason": "odd prices"})
    api.redis.hset("inst:17", "halt", int(Halt.ADMIN | Halt.EVENT))

    answer = operator.act(f"{ARS}/resume", {"reason": "looked at"})

    assert (answer.get_json()["mode"], answer.get_json()["reason"]) == ("enabled", None)
    assert shown(api)["halt_reasons"] == ["EVENT"]
    reasons = [line["request"]["reason"] for line in operator.audit(target="instrument 17")]
    assert reasons == ["looked at", "odd prices"]


def test_an_instrument_may_be_reduced_only(operator: Trader, ada: Trader) -> None:
    ada.order(quantity="2")

    operator.act(f"{ARS}/halt", {"reason": "r", "kind": "reduce_only"})

    assert ada.order(quantity="1").get_json()["halt_reasons"] == ["REDUCE_ONLY"]
    assert ada.order(side="sell", quantity="1").status_code == 201
    assert ada.order(instrument=18, quantity="1").status_code == 201


def test_a_halt_comes_back_after_redis_was_lost(api: Api, operator: Trader) -> None:
    operator.act(f"{ARS}/halt", {"reason": "odd prices"})

    lose_redis(api)

    halts = {each.idx: each.halt for each in api.deps.hot.instruments()}
    assert halts == {17: Halt.ADMIN, 18: Halt(0)}
    assert api.deps.hot.notes([InstrumentIdx(17)]) == {17: "odd prices"}
    operator.act(f"{ARS}/resume", {"reason": "r"})
    assert shown(api)["status"] == "open"


def test_the_same_key_halts_once(api: Api, operator: Trader) -> None:
    first = operator.act(f"{ARS}/halt", {"reason": "r"}, key="one")
    operator.act(f"{ARS}/resume", {"reason": "r"})

    again = operator.act(f"{ARS}/halt", {"reason": "r"}, key="one")

    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    assert shown(api)["status"] == "open"


@pytest.mark.parametrize("path", ["/halt", "/resume"])
def test_what_is_not_listed_cannot_be_halted(operator: Trader, path: str) -> None:
    answer = operator.act(f"/v1/admin/instruments/19{path}", {"reason": "r"})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "INSTRUMENT_UNKNOWN")


def test_an_admin_reads_limits_with_their_version(operator: Trader) -> None:
    answer = operator.get("/v1/admin/instruments/ARS")

    assert answer.get_json() == {
        "idx": 17,
        "symbol": "ARS",
        "name": "Arsenal",
        "team_id": 17,
        "mode": "enabled",
        "reason": None,
        "limits": STANDARD,
        "version": 0,
    }
    assert answer.headers["ETag"] == 'W/"0"'


def test_other_limits_are_in_force_at_once(api: Api, operator: Trader, ada: Trader) -> None:
    answer = patch(operator, order_max="1.500", half_spread_ppm=2_000, max_leverage=4)

    changed = {"order_max": "1.500", "half_spread_ppm": 2_000, "max_leverage": 4}
    assert answer.get_json()["limits"] == STANDARD | changed
    assert shown(api)["bid"] == "99.8000"
    refused = ada.order(quantity="1.501").get_json()
    assert (refused["code"], refused["limit"]) == ("QUANTITY_LIMIT_EXCEEDED", "1.500")
    assert ada.open(quantity="1", leverage=5).get_json()["code"] == "LEVERAGE_INVALID"


def test_of_two_changes_the_second_has_to_look_again(operator: Trader) -> None:
    version = patch(operator, fee_ppm=2_000).get_json()["version"]

    late = patch(operator, fee_ppm=3_000)

    assert (late.status_code, late.get_json()["version"]) == (412, version)
    assert patch(operator, version, fee_ppm=3_000).get_json()["limits"]["fee_ppm"] == 3_000


def test_limits_come_back_after_redis_was_lost(api: Api, operator: Trader) -> None:
    patch(operator, depth="20000", qcap="6000", fee_ppm=2_000)
    before = api.deps.hot.instrument(InstrumentIdx(17))

    lose_redis(api)

    after = api.deps.hot.instrument(InstrumentIdx(17))
    assert before is not None
    assert after is not None
    assert (after.depth, after.qcap, after.fee_ppm) == (20_000_000, 6_000_000, 2_000)
    assert (after.bid_px, after.ask_px) == (before.bid_px, before.ask_px)


@pytest.mark.parametrize(
    ("limits", "field", "least", "most"),
    [
        ({"depth": "999.999"}, "depth", "1000.000", "100000.000"),
        ({"qcap": "5000.001"}, "qcap", "0.001", "5000.000"),
        ({"user_cap": "5000.001"}, "user_cap", "0.001", "5000.000"),
        ({"order_max": "10000.001"}, "order_max", "0.004", "10000.000"),
        ({"half_spread_ppm": 10_001}, "half_spread_ppm", 0, 10_000),
        ({"fee_ppm": 10_001}, "fee_ppm", 0, 10_000),
        ({"mark_clamp_ppm": 50_001}, "mark_clamp_ppm", 0, 50_000),
        ({"max_leverage": 25}, "max_leverage", 1, 24),
    ],
)
def test_the_limit_that_cannot_be_is_named_with_its_bounds(
    api: Api, operator: Trader, limits: Any, field: str, least: object, most: object
) -> None:
    before = api.redis.hgetall("inst:17")

    answer = patch(operator, **limits)

    refused = answer.get_json()
    assert (answer.status_code, refused["code"]) == (422, "LIMIT_INVALID")
    assert refused["errors"][0]["pointer"] == f"/{field}"
    assert (refused["least"], refused["most"]) == (least, most)
    assert api.redis.hgetall("inst:17") == before
    assert operator.audit(action="instrument.limits")[0]["outcome"] == "LIMIT_INVALID"


def test_what_is_open_has_to_fit(api: Api, operator: Trader, ada: Trader) -> None:
    ada.open(quantity="10")

    refused = patch(operator, qcap="9", user_cap="9").get_json()

    assert (refused["code"], refused["least"]) == ("LIMIT_INVALID", "10.000")
    assert patch(operator, depth="9999", qcap="4999").get_json()["errors"][0]["pointer"] == "/depth"
    assert operator.get(ARS).get_json()["version"] == 0


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("depth", "1.0001", "QUANTITY_PRECISION_EXCEEDED"),
        ("depth", 10, "VALIDATION"),
        ("fee_ppm", "10", "VALIDATION"),
        ("fee_ppm", -1, "VALIDATION"),
        ("fees", 1, "VALIDATION"),
    ],
)
def test_a_limit_that_cannot_be_read_is_named(
    operator: Trader, field: str, value: object, code: str
) -> None:
    refused = patch(operator, **{field: value}).get_json()

    assert (refused["code"], refused["errors"][0]["pointer"]) == (code, f"/{field}")


FULHAM = {
    "reason": "promoted",
    "symbol": "FUL",
    "name": "Fulham",
    "team_id": 11,
    "base_price": "80.50",
    "depth": "20000",
}


def test_a_new_instrument_can_be_traded_at_once(api: Api, operator: Trader, ada: Trader) -> None:
    answer = operator.act(NEW, FULHAM)

    made = answer.get_json()
    assert (answer.status_code, made["idx"], made["team_id"]) == (201, 19, 11)
    assert made["limits"] == STANDARD | {"depth": "20000.000"}
    assert api.get("/v1/instruments/FUL").get_json()["mid"] == "80.5000"
    assert ada.order(instrument="FUL", quantity="1").status_code == 201


def test_a_new_instrument_comes_back_as_it_was_listed(api: Api, operator: Trader) -> None:
    operator.act(NEW, FULHAM)
    before = api.deps.hot.instrument(InstrumentIdx(19))

    lose_redis(api)

    after = api.deps.hot.instrument(InstrumentIdx(19))
    assert before is not None
    assert after is not None
    assert (after.base_px, after.depth, after.bid_px) == (805_000, 20_000_000, before.bid_px)


def test_the_same_key_lists_one_instrument(api: Api, operator: Trader) -> None:
    first = operator.act(NEW, FULHAM, key="one").get_json()

    again = operator.act(NEW, FULHAM, key="one")

    assert (again.get_json(), again.status_code) == (first, 201)
    assert len(api.deps.hot.instruments()) == 3


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"symbol": "ARS"}, "/symbol", "INSTRUMENT_EXISTS"),
        ({"team_id": 17}, "/team_id", "INSTRUMENT_EXISTS"),
        ({"symbol": "1860"}, "/symbol", "VALIDATION"),
        ({"symbol": "ful"}, "/symbol", "VALIDATION"),
        ({"name": ""}, "/name", "VALIDATION"),
        ({"team_id": 0}, "/team_id", "VALIDATION"),
        ({"base_price": "0.49"}, "/base_price", "VALIDATION"),
        ({"base_price": "1000.01"}, "/base_price", "VALIDATION"),
        ({"base_price": "80.505"}, "/base_price", "PRICE_PRECISION_EXCEEDED"),
        ({"qcap": "10000.001"}, "/qcap", "LIMIT_INVALID"),
    ],
)
def test_an_instrument_that_cannot_be_listed_says_why(
    api: Api, operator: Trader, changes: Any, pointer: str, code: str
) -> None:
    refused = operator.act(NEW, FULHAM | changes).get_json()

    assert (refused["code"], refused["errors"][0]["pointer"]) == (code, pointer)
    assert len(api.deps.hot.instruments()) == 2
