"""The fleet and the books, as admins look at them."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
import redis as redis_module
from gevent.event import Event
from touchline.http.health_report import Heard
from touchline.http.prover import Prover
from touchline.store.fleet import Fleet, Held, Roll
from touchline.store.ledger import Ledger
from touchline.store.reconcile import Report
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.api.position_cases import opened
from tests.fakes.facts import trade_entry

WHY = {"reason": "ticket 12"}
RECONCILE, OUTBOX = "/v1/admin/reconcile", "/v1/admin/outbox"


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_the_tree_is_the_one_of_the_health_page(api: Api, operator: Trader) -> None:
    api.health.last_roll = Heard(Roll((), {"scheduler": "host-a"}), 0.5)

    told = operator.get("/v1/admin/health/tree").get_json()

    assert told == api.get("/supervisor", Accept="application/json").get_json()
    assert told["leases"] == {"scheduler": "host-a"}


def test_leases_are_shown_as_they_are(api: Api, operator: Trader) -> None:
    keys = api.deps.fleet._keys
    api.redis.set(keys.lease("flusher"), "host-a", px=60_000)
    fleet = Fleet(api.redis, keys, api.health.identity, ("flusher", "scheduler"))
    looking = Trader(api.with_(fleet=fleet), operator.id, operator.token)

    held, free = looking.get("/v1/admin/leases").get_json()["data"]

    assert (held["lease"], held["owner"]) == ("flusher", "host-a")
    assert 0 < held["expires_in_ms"] <= 60_000
    assert free == {"lease": "scheduler", "owner": None, "expires_in_ms": 0}
    assert fleet.held()[1] == Held("scheduler", None, 0)


def test_books_that_nobody_has_proved_have_no_outcome(operator: Trader) -> None:
    assert code(operator.get(RECONCILE)) == (404, "NOT_FOUND")


def test_books_agree_after_all_that_admins_do_and_are_proved_now(
    operator: Trader, ada: Trader
) -> None:
    ada.order()
    position_id = opened(ada)["position_id"]
    money = f"/v1/admin/users/{ada.id}/wallet-adjustments"
    for path, body in (
        (money, {"amount": "-5", **WHY}),
        (money, {"amount": "7.25", **WHY}),
        (f"/v1/admin/positions/{position_id}/close", WHY),
        (f"/v1/admin/replay/users/{ada.id}", WHY),
    ):
        assert operator.act(path, body).status_code in (200, 201)
    operator.api.deps.operators.drain.everything()

    answer = operator.act(RECONCILE, WHY)

    told = answer.get_json()
    assert (answer.status_code, told["status"], told["ok"]) == (200, "done", True), told
    assert told["failed"] == {}
    assert told["state_hashes"]["redis"] == told["state_hashes"]["postgres"]
    assert operator.get(RECONCILE).get_json() == told
    line = operator.audit()[0]
    assert line["before"] == {"status": "never"}
    assert (line["after"]["status"], line["after"]["ok"], line["after"]["failed"]) == (
        "done",
        True,
        [],
    )


def test_books_that_do_not_agree_are_told_with_their_offenders(
    api: Api, operator: Trader, ada: Trader
) -> None:
    api.deps.operators.drain.everything()
    api.redis.hincrby(f"wallet:{ada.id}", "cash", 1)

    told = operator.act(RECONCILE, WHY).get_json()

    assert told["ok"] is False
    assert any(str(ada.id) in str(offenders) for offenders in told["failed"].values())


class SlowBooks:
    """Books whose proof takes until it is let go; or that cannot be read."""

    def __init__(self) -> None:
        self.begun, self.go_on = 0, Event()
        self.kept: list[Report] = []
        self.trouble: Exception | None = None

    def prove(self) -> Report:
        self.begun += 1
        self.go_on.wait()
        if self.trouble:
            raise self.trouble
        return Report((), {})

    def keep(self, report: Report, took_s: float) -> None:
        self.kept.append(report)


def test_one_run_at_a_time_outlives_who_asked_for_it() -> None:
    books = SlowBooks()
    prover = Prover(books)

    first, second = prover.run(wait_s=0), prover.run(wait_s=0)
    gevent.idle()
    third = prover.run(wait_s=0)
    books.go_on.set()
    done = prover.run()

    assert (first, second, third, done) == (False, False, False, True)
    assert (books.begun, len(books.kept)) == (1, 1)


def test_a_run_that_an_outage_ends_says_so_and_the_next_is_another() -> None:
    books = SlowBooks()
    books.go_on.set()
    prover = Prover(books)
    books.trouble = redis_module.ConnectionError("away")
    with pytest.raises(redis_module.ConnectionError):
        prover.run()
    books.trouble = None

    assert prover.run()
    assert books.begun == 2


# -- facts that Postgres refuses -----------------------------------------------------------------


@pytest.fixture
def parked(api: Api) -> str:
    """The row of a trade of user 10^6, whom nobody has heard of."""
    Ledger(api.pg).insert_facts([trade_entry(1, user=10**6, idx=17)], 0)
    return str(rows(api, "SELECT id::text FROM trade_outbox")[0][0])


def rows(api: Api, query: str) -> list[Any]:
    with api.pg.transaction() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall()) if cursor.description else []


def make_user(api: Api) -> None:
    rows(
        api,
        "INSERT INTO users (id, email, display_name) OVERRIDING SYSTEM VALUE"
        " VALUES (1000000, 'late@example.com', 'late')",
    )


def delete(operator: Trader, name: str) -> TestResponse:
    return operator.api.client.delete(f"{OUTBOX}/{name}", json=WHY, headers=operator.auth)


def test_refused_facts_are_listed(operator: Trader, parked: str) -> None:
    (row,) = operator.get(OUTBOX).get_json()["data"]

    assert (row["id"], row["stream"], row["kind"]) == (parked, "trade_outbox", "trade")
    assert (row["malformed"], row["attempts"]) == (False, 0)
    assert "users" in row["error"]
    assert row["fact"]["uid"] == str(10**6)


def test_refused_facts_come_in_pages(api: Api, operator: Trader) -> None:
    Ledger(api.pg).insert_facts([trade_entry(n, user=10**6, idx=17) for n in (1, 2, 3)], 0)

    first = operator.get(f"{OUTBOX}?limit=2").get_json()
    rest = operator.get(f"{OUTBOX}?limit=2&cursor={first['next_cursor']}").get_json()

    ids = [row["id"] for row in first["data"] + rest["data"]]
    assert (len(ids), len(set(ids))) == (3, 3)
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_fact_that_fits_by_now_is_recorded_at_once(
    api: Api, operator: Trader, parked: str
) -> None:
    refused = operator.act(f"{OUTBOX}/{parked}/retry", WHY).get_json()
    make_user(api)

    recorded = operator.act(f"{OUTBOX}/{parked}/retry", WHY).get_json()

    assert (refused["status"], "users" in refused["error"]) == ("refused", True)
    assert recorded == {"id": parked, "status": "recorded", "error": None}
    assert rows(api, "SELECT user_id FROM trades") == [(10**6,)]
    assert operator.get(OUTBOX).get_json()["data"] == []
    assert [line["after"] for line in operator.audit()] == [
        {"status": "recorded"},
        {"status": "refused"},
    ]


def test_a_fact_that_the_books_need_is_not_deleted(api: Api, operator: Trader, parked: str) -> None:
    answer = delete(operator, parked)

    assert code(answer) == (409, "FACT_NEEDED")
    assert len(rows(api, "SELECT id FROM trade_outbox")) == 1
    assert operator.audit()[0]["outcome"] == "FACT_NEEDED"


def test_a_fact_that_the_ledger_has_is_deleted_and_kept_in_the_audit(
    api: Api, operator: Trader, parked: str
) -> None:
    make_user(api)
    Ledger(api.pg).insert_facts([trade_entry(1, user=10**6, idx=17, id=parked)], 0)

    answer = delete(operator, parked)

    assert answer.status_code == 204
    assert rows(api, "SELECT id FROM trade_outbox") == []
    (line,) = operator.audit()
    assert (line["outcome"], line["target"]) == ("done", f"fact {parked}")
    assert line["before"]["fact"]["uid"] == str(10**6)
    assert code(delete(operator, parked)) == (404, "FACT_UNKNOWN")


def _malform(api: Api, **fields: object) -> None:
    for name, value in fields.items():
        with api.pg.transaction() as cursor:
            cursor.execute(
                "UPDATE trade_outbox SET malformed = true,"
                " payload = payload || jsonb_build_object(%s, %s::text)",
                (name, str(value)),
            )


def test_nonsense_that_proves_nothing_is_deleted(api: Api, operator: Trader, parked: str) -> None:
    _malform(api, id="nonsense", tv="nonsense")

    assert delete(operator, parked).status_code == 204
    assert operator.audit()[0]["before"]["fact"]["id"] == "nonsense"


def test_nonsense_where_the_ledger_has_a_gap_is_not_deleted(
    api: Api, operator: Trader, parked: str
) -> None:
    """It is all that is left of the fact that belongs there."""
    api.deps.operators.drain.everything()
    _malform(api, id="nonsense", tv=10**9)
    kept = delete(operator, parked)
    _malform(api, tv=1)  # where a grant is

    assert code(kept) == (409, "FACT_NEEDED")
    assert delete(operator, parked).status_code == 204


@pytest.mark.parametrize("name", ["none", "0192aaaa-0000-7000-8000-000000000000"])
def test_a_fact_that_is_not_parked_is_not_found(operator: Trader, name: str) -> None:
    assert code(delete(operator, name)) == (404, "FACT_UNKNOWN")
    assert code(operator.act(f"{OUTBOX}/{name}/retry", WHY)) == (404, "FACT_UNKNOWN")
