"""What admin routes answer is what they say that they answer."""

from __future__ import annotations

import msgspec
from touchline.actors.health import LastError, State
from touchline.http.api import create_app
from touchline.http.health_report import Heard, encoded, own_report
from touchline.http.operations import operation_of
from touchline.store.fleet import Identity, Member, Roll
from touchline.store.ledger import Ledger
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.api.position_cases import move, opened
from tests.fakes.facts import trade_entry
from tests.fakes.health import FixedHealth, child

WHY = {"reason": "ticket 12"}


def fits(api: Api, answer: TestResponse) -> None:
    """Hold *answer* against the type that its route gives for its status."""
    adapter = create_app(api.deps).url_map.bind("localhost")
    endpoint, _ = adapter.match(answer.request.path, method=answer.request.method)
    operation = operation_of(create_app(api.deps).view_functions[endpoint])

    assert operation is not None
    shape = operation.answers[answer.status_code]
    if shape is None:
        assert answer.data == b""
    else:
        # As what it is, with nothing taken for something else.
        msgspec.convert(answer.get_json(), type=shape, strict=True)


def test_what_admins_do_to_people_is_answered_as_said(
    api: Api, operator: Trader, ada: Trader
) -> None:
    user = f"/v1/admin/users/{ada.id}"
    change = {"status": "suspended", **WHY}

    fits(api, operator.act(f"{user}/wallet-adjustments", {"amount": "-1", **WHY}))
    headers = operator.auth | {"If-Match": 'W/"0"'}
    fits(api, api.client.patch(user, json=change, headers=headers))
    fits(api, operator.get(user))
    fits(api, operator.get("/v1/admin/users"))
    fits(api, operator.get("/v1/admin/audit"))


def test_what_admins_do_to_positions_is_answered_as_said(
    api: Api, operator: Trader, ada: Trader
) -> None:
    stopped = opened(ada, stop_loss={"price": "98.00"})["position_id"]
    other = opened(ada)["position_id"]
    move(api, 97)

    fits(api, operator.act(f"/v1/admin/replay/positions/{stopped}", WHY))
    fits(api, operator.act(f"/v1/admin/replay/users/{ada.id}", WHY))
    fits(api, operator.act(f"/v1/admin/positions/{other}/close", WHY))


def test_what_admins_see_of_the_books_is_answered_as_said(api: Api, operator: Trader) -> None:
    Ledger(api.pg).insert_facts([trade_entry(1, user=10**6, idx=17)], 0)
    parked = operator.get("/v1/admin/outbox").get_json()["data"][0]["id"]

    fits(api, operator.get("/v1/admin/outbox"))
    fits(api, operator.act(f"/v1/admin/outbox/{parked}/retry", WHY))
    fits(api, operator.act("/v1/admin/reconcile", WHY))
    fits(api, operator.get("/v1/admin/reconcile"))
    fits(api, operator.get("/v1/admin/leases"))
    fits(api, operator.get("/v1/admin/health/tree"))
    fits(api, operator.act("/v1/admin/actors/flusher/restart"))


def test_a_tree_that_is_in_trouble_is_answered_as_said(api: Api, operator: Trader) -> None:
    error = LastError("ValueError", "boom", 1, "Traceback …")
    ill = child("hub-3", State.BACKOFF, last_error=error, detail={"seats": {"1": [2]}})
    api.health.children = (child("hub", children=(ill,)),)
    api.health.outside["redis"] = "connection refused"
    other = FixedHealth(*api.health.children)
    who = Identity("ws-server", "host-b", "0.1.0", ("ws-server",))
    member = Member(who, "ready", 1.0, encoded(own_report(other)).decode())
    api.health.last_roll = Heard(Roll((member,), {"scheduler": "host-a"}), 0.5)

    answer = operator.get("/v1/admin/health/tree")

    fits(api, answer)
    shown = answer.get_json()["fleet"][0]["report"]["tree"]["children"][0]["children"][0]
    assert shown["last_error"]["traceback"] == "Traceback …"
