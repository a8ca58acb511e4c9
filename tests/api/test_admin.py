"""The operators' side: who may, and where an order goes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from touchline.http.health_report import Heard
from touchline.store.fleet import Fleet, Identity, Member, Order, Roll

from tests.api.conftest import Api, Trader
from tests.fakes.failing import Away

WS = Identity("ws-server", "host-b", "0.1.0", ("ws-server",))
REPORT = json.dumps(
    {"tree": {"name": "root", "children": [{"name": "hub", "children": [{"name": "hub-3"}]}]}}
)
RESTART = "/v1/admin/actors/{}/restart"


def heard_of(api: Api, silent_s: float = 1.0) -> None:
    roll = Roll((Member(WS, "ready", silent_s, REPORT),), {})
    api.health.last_roll = Heard(roll, 0.5)


def orders(api: Api) -> tuple[Order, ...]:
    return Fleet(api.redis, api.deps.fleet._keys, WS, ()).beat("ready", "{}")[1]


def test_an_admin_has_a_child_of_this_replica_restarted(api: Api, operator: Trader) -> None:
    answer = operator.act(RESTART.format("trade-executor"))

    assert answer.status_code == 202
    assert answer.get_json() == {
        "child": "trade-executor",
        "replica": "replica-1",
        "status": "ordered",
    }
    assert api.health.restarted == [("trade-executor", f"user {operator.id}")]


def test_an_order_for_another_replica_reaches_that_one(api: Api, operator: Trader) -> None:
    heard_of(api)

    answer = operator.act(RESTART.format("hub-3"), {"replica": "host-b"})

    assert (answer.status_code, answer.get_json()["replica"]) == (202, "host-b")
    assert api.health.restarted == []
    assert orders(api) == (Order("hub-3", f"user {operator.id}"),)


def test_the_own_replica_may_be_named(api: Api, operator: Trader) -> None:
    answer = operator.act(RESTART.format("flusher"), {"replica": "replica-1"})

    assert answer.status_code == 202
    assert [child for child, _ in api.health.restarted] == ["flusher"]


def test_a_trader_may_not(api: Api, ada: Trader) -> None:
    answer = ada.post(RESTART.format("trade-executor"))

    assert (answer.status_code, answer.get_json()["code"]) == (403, "FORBIDDEN")
    assert api.health.restarted == []


def test_nobody_without_a_token_may(api: Api) -> None:
    answer = api.client.post(RESTART.format("trade-executor"))

    assert (answer.status_code, answer.get_json()["code"]) == (401, "TOKEN_REQUIRED")


@pytest.mark.parametrize(
    ("child", "body", "code"),
    [
        ("nobody", {}, "CHILD_UNKNOWN"),
        ("trade-executor", {"replica": "host-b"}, "CHILD_UNKNOWN"),
        ("hub-3", {"replica": "host-c"}, "REPLICA_UNKNOWN"),
        ("hub-3", {"replica": 7}, "VALIDATION"),
        ("hub-3", {"host": "host-b"}, "VALIDATION"),
    ],
)
def test_what_does_not_exist_is_named(
    api: Api, operator: Trader, child: str, body: dict[str, object], code: str
) -> None:
    heard_of(api)

    answer = operator.act(RESTART.format(child), body)

    assert answer.get_json()["code"] == code
    assert answer.get_json()["errors"]
    assert orders(api) == ()


def test_a_replica_that_has_fallen_silent_takes_no_orders(api: Api, operator: Trader) -> None:
    heard_of(api, silent_s=11.0)

    answer = operator.act(RESTART.format("hub-3"), {"replica": "host-b"})

    assert answer.get_json()["code"] == "REPLICA_UNKNOWN"
    assert orders(api) == ()


def test_a_report_without_a_tree_has_no_child_to_order_about(api: Api, operator: Trader) -> None:
    api.health.last_roll = Heard(Roll((Member(WS, "ready", 1.0, "{}"),), {}), 0.5)

    answer = operator.act(RESTART.format("hub-3"), {"replica": "host-b"})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "CHILD_UNKNOWN")


def test_before_anything_was_heard_only_the_own_replica_is_known(
    api: Api, operator: Trader
) -> None:
    answer = operator.act(RESTART.format("hub-3"), {"replica": "host-b"})

    assert answer.get_json()["code"] == "REPLICA_UNKNOWN"


def test_a_restart_is_written_down(api: Api, operator: Trader) -> None:
    operator.act(RESTART.format("flusher"))

    (line,) = operator.audit(action="child.restart")
    assert (line["actor"], line["target"], line["outcome"]) == (
        f"user {operator.id}",
        "replica-1/flusher",
        "done",
    )


def test_a_restart_sent_again_is_ordered_once(api: Api, operator: Trader) -> None:
    first, again = (operator.act(RESTART.format("flusher"), key="once") for _ in range(2))

    assert (again.status_code, again.get_json()) == (202, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [child for child, _ in api.health.restarted] == ["flusher"]


def test_a_child_is_restarted_also_while_postgres_is_away(api: Api, operator: Trader) -> None:
    away: Any = Away(api.deps.operators.audit, psycopg2.OperationalError("away"))
    away.away = True
    blind = api.with_(operators=replace(api.deps.operators, audit=away))

    answer = replace(operator, api=blind).act(RESTART.format("flusher"))

    assert answer.status_code == 202
    assert [child for child, _ in api.health.restarted] == ["flusher"]
    assert operator.audit() == []
