"""What admins look at is in the log: who, where, and whom they saw."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from structlog.testing import capture_logs
from touchline.store.ledger import Ledger

from tests.api.conftest import Api, Trader, path_of
from tests.fakes.facts import trade_entry

Line = MutableMapping[str, Any]


def reads(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["event"] == "admin read"]


def looked(trader: Trader, path: str) -> Line:
    """The line of *trader*'s look at *path*."""
    with capture_logs() as lines:
        trader.get(path)
    (line,) = reads(lines)
    return line


def test_every_read_of_an_admin_is_in_the_log(api: Api, operator: Trader) -> None:
    paths = [
        path_of(rule.rule)
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/admin/") and "GET" in (rule.methods or ())
    ]

    lines = [looked(operator, path) for path in paths]

    assert len(paths) > 8
    assert [line["path"] for line in lines] == paths
    assert {line["actor"] for line in lines} == {f"user {operator.id}"}
    assert all(line["session"] for line in lines)


def test_it_says_whom_they_saw(operator: Trader, ada: Trader) -> None:
    bob = operator.api.sign_in("bob@example.com")

    everybody = looked(operator, "/v1/admin/users")["ids"].split()
    one = looked(operator, f"/v1/admin/users/{ada.id}")
    newest = looked(operator, "/v1/admin/users?limit=1")
    sought = looked(operator, "/v1/admin/users?q=ada@example.com")

    assert set(everybody) >= {str(who.id) for who in (operator, ada, bob)}
    assert (one["ids"], one["status"]) == (str(ada.id), 200)
    assert newest["ids"] == str(bob.id)
    assert sought["ids"] == str(ada.id)
    assert "example.com" not in str(sought)


def test_who_looks_for_somebody_who_is_not_there_is_told_of_too(operator: Trader) -> None:
    line = looked(operator, "/v1/admin/users/999999999")

    assert (line["ids"], line["status"]) == ("999999999", 404)


def test_it_says_which_rows_about_people_they_saw(api: Api, operator: Trader, ada: Trader) -> None:
    operator.act(f"/v1/admin/users/{ada.id}/wallet-adjustments", {"amount": "1", "reason": "r"})
    Ledger(api.pg).insert_facts([trade_entry(1, user=10**6, idx=17)], 0)
    (row,), (fact,) = operator.audit(), operator.get("/v1/admin/outbox").get_json()["data"]

    assert looked(operator, "/v1/admin/audit")["ids"] == str(row["id"])
    assert looked(operator, "/v1/admin/outbox")["ids"] == fact["id"]


def test_what_users_read_and_what_admins_do_is_no_such_line(operator: Trader, ada: Trader) -> None:
    with capture_logs() as lines:
        operator.act("/v1/admin/actors/flusher/restart")
        operator.get("/v1/me")
        ada.get("/v1/admin/users")

    assert reads(lines) == []
