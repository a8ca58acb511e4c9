"""Admin acts over HTTP: each with its row, once for each key, and never without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flask
import msgspec
import psycopg2
import pytest
from flask import Flask
from touchline.http.audited import Act, Done, asked, audited
from touchline.http.auth import admin
from touchline.http.deps import ApiDeps
from touchline.http.errors import install
from touchline.http.problems import Problem, Refuse
from touchline.store.audit import Begun
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.fakes.failing import Away

AUDIT = "/v1/admin/audit"
OUTAGE = psycopg2.OperationalError("away")


class Wanted(msgspec.Struct):
    """The body of the test's own act."""

    to: int = 1


class Lamp:
    """Something that admins switch: how often they have, and what may go wrong at it."""

    def __init__(self) -> None:
        self.switched: list[str] = []
        self.trouble: BaseException | None = None

    def act(self, begun: Begun) -> Done:
        if self.trouble is not None:
            raise self.trouble
        self.switched.append(begun.key)
        return Done({"lamp": "on"}, before={"lamp": "off"}, after={"lamp": "on"}, status=201)


Switch = Callable[..., TestResponse]


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def switch(api: Api, operator: Trader, lamp: Lamp) -> Switch:
    """Have the operator switch the lamp."""

    def switched(key: str | None = "k-1", to: int = 1, deps: ApiDeps | None = None) -> TestResponse:
        client = _app(deps or api.deps, lamp.act, Wanted(to)).test_client()
        headers = operator.auth | ({"Idempotency-Key": key} if key else {})
        return client.post("/lamp", headers=headers)

    return switched


def _app(deps: ApiDeps, act: Act, wanted: Wanted) -> Flask:
    app = Flask(__name__)
    install(app)

    @app.post("/lamp")
    def lamp() -> Any:
        flask.g.request_id = "r-1"
        return audited(deps, asked(admin(deps), "lamp.switch", "lamp 1", wanted), act)

    return app


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_an_act_leaves_who_did_what_to_whom(switch: Switch, operator: Trader) -> None:
    answer = switch()

    assert (answer.status_code, answer.get_json()) == (201, {"lamp": "on"})
    (line,) = operator.audit()
    known = {name: line[name] for name in ("actor", "action", "target", "request", "outcome")}
    assert known == {
        "actor": f"user {operator.id}",
        "action": "lamp.switch",
        "target": "lamp 1",
        "request": {"to": 1},
        "outcome": "done",
    }
    assert (line["before"], line["after"], line["status"]) == (
        {"lamp": "off"},
        {"lamp": "on"},
        201,
    )
    assert (line["request_id"], line["ip"]) == ("r-1", "127.0.0.1")
    assert line["session_id"]


def test_the_same_again_is_answered_and_not_done(switch: Switch, lamp: Lamp) -> None:
    first, again = switch(), switch()

    assert (again.status_code, again.get_json()) == (first.status_code, first.get_json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(lamp.switched) == 1


def test_a_key_is_not_good_for_another_body(switch: Switch, lamp: Lamp) -> None:
    switch()

    assert code(switch(to=2)) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(lamp.switched) == 1


def test_without_a_key_nothing_is_done(switch: Switch, lamp: Lamp, operator: Trader) -> None:
    assert code(switch(key=None)) == (400, "IDEMPOTENCY_KEY_REQUIRED")
    assert (lamp.switched, operator.audit()) == ([], [])


def test_a_refusal_is_written_down_and_may_be_tried_again(
    switch: Switch, lamp: Lamp, operator: Trader
) -> None:
    lamp.trouble = Refuse(Problem("NOT_FOUND", "there is no lamp"))
    refused = switch()
    lamp.trouble = None
    done = switch()

    assert (code(refused), done.status_code) == ((404, "NOT_FOUND"), 201)
    assert [line["outcome"] for line in operator.audit()] == ["done", "NOT_FOUND"]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(OUTAGE, (503, "OUTCOME_UNKNOWN")), (ZeroDivisionError(), (500, "INTERNAL"))],
)
def test_what_ends_halfway_is_completed_under_its_key(
    switch: Switch, lamp: Lamp, operator: Trader, trouble: Exception, said: tuple[int, str]
) -> None:
    lamp.trouble = trouble
    broken = switch()
    (unknown,) = operator.audit()
    lamp.trouble = None
    done = switch()

    assert code(broken) == said
    assert unknown["outcome"] is None
    assert done.status_code == 201
    (line,) = operator.audit()
    assert (line["id"], line["outcome"]) == (unknown["id"], "done")


def test_an_act_that_somebody_else_is_at_is_not_begun(
    api: Api, switch: Switch, lamp: Lamp, operator: Trader
) -> None:
    lamp.trouble = OUTAGE
    switch()
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE audit_log SET tried_at = now()")
    lamp.trouble = None

    answer = switch()

    assert code(answer) == (503, "OUTCOME_UNKNOWN")
    assert answer.headers["Retry-After"]
    assert lamp.switched == []


def test_nothing_is_done_that_cannot_be_written_down(
    api: Api, switch: Switch, lamp: Lamp, operator: Trader
) -> None:
    away: Any = Away(api.deps.operators.audit, OUTAGE)
    away.away = True

    answer = switch(deps=replace(api.deps, operators=replace(api.deps.operators, audit=away)))

    assert code(answer) == (503, "UNAVAILABLE")
    assert (lamp.switched, operator.audit()) == ([], [])


def test_the_list_has_pages(switch: Switch, operator: Trader) -> None:
    for number in range(3):
        switch(key=f"k-{number}")

    first = operator.get(f"{AUDIT}?limit=2").get_json()
    rest = operator.get(f"{AUDIT}?limit=2&cursor={first['next_cursor']}").get_json()

    assert [len(first["data"]), len(rest["data"])] == [2, 1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    ids = [line["id"] for line in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)


def test_the_list_is_sought_through(switch: Switch, operator: Trader) -> None:
    switch()

    assert len(operator.audit(actor=f"user {operator.id}", action="lamp.switch")) == 1
    assert operator.audit(target="lamp 2") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "who=1", "actor=", "target=%00"])
def test_what_the_list_does_not_take_is_named(operator: Trader, query: str) -> None:
    answer = operator.get(f"{AUDIT}?{query}")

    assert code(answer) == (400, "VALIDATION")
    assert answer.get_json()["errors"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_admin_changes_what_is_written_down(
    api: Api, switch: Switch, operator: Trader, method: str
) -> None:
    switch()
    written = operator.audit()
    headers = operator.auth | {"Idempotency-Key": "k-2", "If-Match": '"1"'}

    for path, status in ((AUDIT, 405), (f"{AUDIT}/{written[0]['id']}", 404)):
        answer = api.client.open(path, method=method, headers=headers, json={"reason": "r"})
        assert answer.status_code == status

    assert operator.audit() == written


def test_only_admins_read_it(api: Api, ada: Trader) -> None:
    assert code(api.get(AUDIT)) == (401, "TOKEN_REQUIRED")
    assert code(ada.get(AUDIT)) == (403, "FORBIDDEN")
