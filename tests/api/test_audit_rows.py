"""Every act of admins that there is leaves who did it, and what was before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from touchline.domain.leaderboard import week_of
from touchline.domain.spinner import drawn_from_ms
from touchline.store.ledger import Ledger
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader
from tests.api.position_cases import move, opened
from tests.fakes.facts import trade_entry
from tests.fakes.spinning import freeze

WHY = {"reason": "ticket 12"}


class Act:
    """One act, carried out by an admin in a world that is ready for it."""

    def __init__(self, api: Api, operator: Trader, ada: Trader) -> None:
        self.api, self.operator, self.ada = api, operator, ada

    def post(self, path: str, **body: object) -> TestResponse:
        return self.operator.act(f"/v1/admin/{path}", body | WHY)

    def replace(self, method: str, path: str, version: int = 0, **body: object) -> TestResponse:
        headers = self.operator.auth | {"If-Match": f'W/"{version}"'}
        path = f"/v1/admin/{path}"
        return self.api.client.open(path, method=method, json=body | WHY, headers=headers)

    def run(self, statement: str, *values: object) -> None:
        with self.api.pg.transaction() as cursor:
            cursor.execute(statement, values)

    def position(self) -> str:
        return str(opened(self.ada)["position_id"])

    def fixture(self) -> None:
        self.run(
            "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
            " updated_at) VALUES (1, 17, 18, to_timestamp(%s) - interval '2 hours', 'AWARDED',"
            " 'finished', now())",
            self.api.clock.calendar() / 1000,
        )

    def played(self) -> None:
        self.run(
            "INSERT INTO fixtures (id, home_team_id, away_team_id, starting_at, state, phase,"
            " e_kickoff_bps, rating_lead, pre_home_px, pre_away_px, settled_at, home_goals,"
            " home_idx, away_idx, post_home_px, post_away_px, home_version, away_version,"
            " updated_at) VALUES (1, 17, 18, now(), 'FT', 'finished', 5700, 0, 1000000, 500000,"
            " now(), 1, 17, 18, 1025800, 487100, 1, 1, now())"
        )

    def parked(self) -> str:
        Ledger(self.api.pg).insert_facts([trade_entry(1, user=10**6, idx=17)], 0)
        with self.api.pg.transaction() as cursor:
            cursor.execute("SELECT id::text FROM trade_outbox")
            return str(cursor.fetchone()[0])

    def nonsense(self) -> str:
        parked = self.parked()
        self.run(
            "UPDATE trade_outbox SET malformed = true,"
            ' payload = payload || \'{"id": "nonsense", "tv": "nonsense"}\''
        )
        return parked

    def week(self) -> str:
        week, clock = week_of(self.api.clock.calendar()), self.api.clock
        self.api.deps.operators.spins.promise(clock.calendar())
        freeze(self.api.pg, week, [self.ada.id])
        clock.advance((drawn_from_ms(week) - clock.calendar()) / 1000)
        return week.name


def _replays_user(act: Act) -> TestResponse:
    act.position()
    return act.post(f"replay/users/{act.ada.id}")


def _settles(act: Act, how: str, **body: object) -> TestResponse:
    act.fixture()
    return act.post(f"fixtures/1/{how}", **body)


def _links(act: Act) -> TestResponse:
    act.played()
    return act.post("fixtures/1/link", side="home", instrument="LIV")


def _simulates(act: Act) -> TestResponse:
    act.played()
    return act.post("feed/simulate", fixture=1)


#: By method and path, as the map of all routes has them.
ACTS: dict[tuple[str, str], Callable[[Act], TestResponse]] = {
    ("POST", "actors/<name>/restart"): lambda act: act.operator.act(
        "/v1/admin/actors/flusher/restart"
    ),
    ("PATCH", "users/<user_id>"): lambda act: act.replace(
        "PATCH", f"users/{act.ada.id}", status="suspended"
    ),
    ("POST", "users/<user_id>/wallet-adjustments"): lambda act: act.post(
        f"users/{act.ada.id}/wallet-adjustments", amount="-1"
    ),
    ("POST", "reconcile"): lambda act: act.post("reconcile"),
    ("POST", "outbox/<fact_id>/retry"): lambda act: act.post(f"outbox/{act.parked()}/retry"),
    ("DELETE", "outbox/<fact_id>"): lambda act: act.replace("DELETE", f"outbox/{act.nonsense()}"),
    ("POST", "replay/users/<user_id>"): _replays_user,
    ("POST", "replay/positions/<position_id>"): lambda act: act.post(
        f"replay/positions/{act.position()}"
    ),
    ("POST", "positions/<position_id>/close"): lambda act: act.post(
        f"positions/{act.position()}/close"
    ),
    ("PUT", "mode"): lambda act: act.replace("PUT", "mode", mode="halted"),
    ("POST", "instruments"): lambda act: act.post("instruments", symbol="FUL", name="Fulham"),
    ("PATCH", "instruments/<instrument>"): lambda act: act.replace(
        "PATCH", "instruments/17", fee_ppm=2_000
    ),
    ("POST", "instruments/<instrument>/halt"): lambda act: act.post("instruments/17/halt"),
    ("POST", "instruments/<instrument>/resume"): lambda act: act.post("instruments/17/resume"),
    ("POST", "fixtures/<int:fixture_id>/resettle"): lambda act: _settles(
        act, "resettle", home_goals=1, away_goals=0
    ),
    ("POST", "fixtures/<int:fixture_id>/void"): lambda act: _settles(act, "void"),
    ("POST", "fixtures/<int:fixture_id>/link"): _links,
    ("POST", "feed/simulate"): _simulates,
    ("PUT", "bots"): lambda act: act.replace("PUT", "bots", enabled=False),
    ("POST", "spinner/<week>/run"): lambda act: act.post(f"spinner/{act.week()}/run"),
}
#: What is not there before.
MADE = {("POST", "instruments")}


@pytest.fixture
def act(api: Api, operator: Trader, ada: Trader) -> Act:
    return Act(api, operator, ada)


def test_there_is_no_other_act(api: Api) -> None:
    routes = {
        (method, rule.rule.removeprefix("/v1/admin/"))
        for rule in api.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/admin/")
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }

    assert routes == set(ACTS)


@pytest.mark.parametrize("route", ACTS, ids=" ".join)
def test_an_act_leaves_who_did_it_and_what_was_before_and_after(
    act: Act, route: tuple[str, str]
) -> None:
    answer = ACTS[route](act)

    assert answer.status_code in (200, 201, 202, 204), answer.data
    (line,) = act.operator.audit()
    assert (line["actor"], line["outcome"]) == (f"user {act.operator.id}", "done")
    assert (line["before"] is None) == (route in MADE)
    assert line["after"] is not None
    assert line["session_id"]
    assert line["ip"]


def test_a_look_at_a_draw_is_no_change(act: Act) -> None:
    assert act.post(f"spinner/{act.week()}/run?dry_run=1").status_code == 200

    (line,) = act.operator.audit()
    assert line["before"]["status"] == "open"
    assert line["before"] == line["after"]


def test_a_restart_says_how_the_child_was(act: Act) -> None:
    act.operator.act("/v1/admin/actors/flusher/restart")

    (line,) = act.operator.audit()
    assert line["before"] == {"state": "running", "restarts": 0, "uptime_s": 1.0}
    assert line["after"] == {"status": "ordered"}


def test_a_close_says_what_it_closed_also_where_the_owner_has_changed_it_before(act: Act) -> None:
    position = act.position()
    act.ada.close(position, quantity="4")
    margin = act.ada.get(f"/v1/positions/{position}").get_json()["margin"]

    act.post(f"positions/{position}/close")

    (line,) = act.operator.audit()
    left: dict[str, Any] = line["after"]
    assert line["before"] == {"status": "open", "quantity": "6.000", "margin": margin, "version": 2}
    assert left.pop("event")
    assert left == {"status": "closed", "quantity": "0.000", "margin": "0.0000", "version": 3}


def test_a_replay_that_is_completed_later_says_what_was_open_at_first(act: Act) -> None:
    stopped = opened(act.ada, stop_loss={"price": "98.00"})["position_id"]
    calm = act.position()
    move(act.api, 97)
    path = f"/v1/admin/replay/users/{act.ada.id}"
    act.operator.act(path, WHY, "once")
    act.run(
        "UPDATE audit_log SET outcome = NULL, done_at = NULL, answer = NULL, after = NULL,"
        " tried_at = NULL"
    )

    act.operator.act(path, WHY, "once")

    (line,) = act.operator.audit()
    assert line["before"] == {"open": sorted([stopped, calm])}
    assert line["after"] == {"open": [calm], "closed": []}
