"""The health paths: they answer on their own, and say who is missing."""

from __future__ import annotations

import re

import pytest
from touchline.actors.health import ChildHealth, LastError, State
from touchline.http.health import HealthApp
from touchline.http.health_report import Heard, encoded, own_report
from touchline.store.fleet import Identity, Member, Roll
from werkzeug.test import Client, TestResponse

from tests.fakes.health import FixedHealth, child


def ask(health: FixedHealth, path: str, method: str = "GET", **headers: str) -> TestResponse:
    return Client(HealthApp(health)).open(path, method=method, headers=headers)


def test_a_service_is_ready_when_all_critical_children_run() -> None:
    answer = ask(FixedHealth(child("a"), child("b")), "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")
    assert answer.get_json()["actors"] == {"a": "running", "b": "running"}


def test_a_child_in_backoff_makes_the_service_not_ready_and_is_named() -> None:
    answer = ask(FixedHealth(child("a"), child("b", State.BACKOFF)), "/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["status"] == "not ready"
    assert answer.get_json()["why"] == {"b": "backoff"}


def test_a_child_that_never_came_up_makes_the_service_a_starting_one() -> None:
    error = LastError("ConnectionError", "refused", 0, "")
    late = child("b", State.BACKOFF, been_up=False, last_error=error)

    answer = ask(FixedHealth(child("a"), late), "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "starting")
    assert answer.get_json()["why"] == {"b": "backoff: ConnectionError"}


def test_a_tree_that_is_not_up_yet_makes_the_service_a_starting_one() -> None:
    health = FixedHealth()
    health.state = State.STARTING

    answer = ask(health, "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "starting")


def test_a_duty_that_says_it_ails_degrades_the_service_and_leaves_it_ready() -> None:
    scheduler = child("sportmonks-scheduler", detail={"ailing": "HTTP 401"})

    answer = ask(FixedHealth(child("market", children=(scheduler,))), "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
    assert answer.get_json()["why"] == {"sportmonks-scheduler": "HTTP 401"}


def test_a_child_deep_in_the_tree_counts() -> None:
    group: ChildHealth = child("margin", children=(child("sweeper", State.STARTING),))

    assert ask(FixedHealth(group), "/readyz").get_json()["why"] == {"sweeper": "starting"}


def test_a_parked_child_degrades_the_service_and_leaves_it_ready() -> None:
    answer = ask(FixedHealth(child("bots", State.PARKED, critical=False)), "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
    assert answer.get_json()["why"] == {"bots": "parked"}


def test_a_server_that_is_away_makes_the_service_not_ready_and_says_why() -> None:
    health = FixedHealth(child("a"))
    health.outside["redis"] = "connection refused"

    answer = ask(health, "/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"redis": "connection refused", "postgres": "ok"}


def test_a_service_that_waits_is_alive() -> None:
    assert ask(FixedHealth(child("a", State.BACKOFF)), "/healthz").status_code == 200


def test_a_loop_that_is_late_over_and_over_is_not_alive() -> None:
    answer = ask(FixedHealth(lag_ms=6_000.0, stuck=True), "/healthz")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "stuck")


def test_a_process_that_stood_still_once_is_alive_when_it_goes_on() -> None:
    answer = ask(FixedHealth(lag_ms=33_000.0), "/healthz")

    assert (answer.status_code, answer.get_json()["loop_lag_ms"]) == (200, 33_000.0)


def test_the_tree_is_json_with_the_service_named() -> None:
    answer = ask(FixedHealth(child("a")), "/supervisor").get_json()

    assert (answer["service"], answer["replica"]) == ("api-server", "replica-1")
    assert [node["name"] for node in answer["tree"]["children"]] == ["a"]


def test_leases_and_the_other_replicas_are_shown_as_they_were_last_heard() -> None:
    ws = Identity("ws-server", "host-b", "0.1.0", ("ws-server",))
    health = FixedHealth(child("a"))
    roll = Roll((Member(ws, "ready", 12.34, '{"tree":{}}'),), {"scheduler": "replica-1"})
    health.last_roll = Heard(roll, 1.5)

    answer = ask(health, "/supervisor").get_json()

    assert answer["leases"] == {"scheduler": "replica-1"}
    assert answer["fleet_heard_s"] == 1.5
    assert answer["fleet"] == [
        {
            "service": "ws-server",
            "replica": "host-b",
            "version": "0.1.0",
            "status": "ready",
            "silent_s": 12.3,
            "report": {"tree": {"children": []}},
        }
    ]


def test_without_a_token_no_error_says_more_than_what_it_was_and_when() -> None:
    error = LastError("ValueError", "Key (email)=(ada@example.com)", 1_000, "Traceback: ada")
    ill = child("hub-3", State.BACKOFF, last_error=error)
    health = FixedHealth(child("hub", children=(ill,)), child("sweeper", last_error=error))
    who = Identity("ws-server", "host-b", "0.1.0", ("ws-server",))
    member = Member(who, "ready", 1.0, encoded(own_report(health)).decode())
    health.last_roll = Heard(Roll((member,), {}), 0.5)
    told = {"type": "ValueError", "at": "1970-01-01T00:00:01.000Z"}

    tree = ask(health, "/supervisor")
    page = ask(health, "/supervisor", Accept="text/html")
    ready = ask(health, "/readyz")

    for report in (tree.get_json(), tree.get_json()["fleet"][0]["report"]):
        hub, sweeper = report["tree"]["children"]
        assert hub["children"][0]["last_error"] == sweeper["last_error"] == told
        assert hub["last_error"] is None
    for answer in (tree, page, ready):
        assert "ada" not in answer.text
        assert "Traceback" not in answer.text


def test_a_replica_whose_report_cannot_be_read_is_shown_without_one() -> None:
    health = FixedHealth(child("a"))
    who = Identity("ws-server", "host-b", "0.1.0", ("ws-server",))
    health.last_roll = Heard(Roll((Member(who, "ready", 1.0, "nonsense"),), {}), 0.5)

    (other,) = ask(health, "/supervisor").get_json()["fleet"]

    assert (other["replica"], other["report"]) == ("host-b", None)


def test_a_browser_gets_a_page_and_the_files_it_needs() -> None:
    page = ask(FixedHealth(), "/supervisor", Accept="text/html,application/xhtml+xml,*/*;q=0.8")

    assert page.mimetype == "text/html"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    wanted = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert wanted
    assert [ask(FixedHealth(), path).status_code for path in wanted] == [200] * len(wanted)


def test_what_accepts_anything_gets_json() -> None:
    assert ask(FixedHealth(), "/supervisor", Accept="*/*").mimetype == "application/json"


def test_other_paths_are_a_problem_document() -> None:
    answer = ask(FixedHealth(), "/nothing")

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.get_json()["code"] == "NOT_FOUND"


def test_health_is_only_read() -> None:
    answer = ask(FixedHealth(), "/readyz", "POST")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_head_request_gets_no_body() -> None:
    answer = ask(FixedHealth(), "/healthz", "HEAD")

    assert (answer.status_code, answer.data) == (200, b"")


class Mute:
    def __str__(self) -> str:
        raise KeyError("words")


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    "nonsense",
    [Mute(), ENDLESS, "\ud800", {"\ud800": 1}, {Mute(): 1}, {3, "three"}, b"\xff", 2**70, 1j],
    ids=["mute", "endless", "no text", "no text as name", "mute name", "set", "bytes", "big", "1j"],
)
def test_whatever_a_child_puts_into_its_detail_the_tree_is_shown(nonsense: object) -> None:
    health = FixedHealth(child("a", detail={"odd": nonsense}), child("b", detail={"plain": 1}))

    tree = ask(health, "/supervisor").get_json()["tree"]

    assert "odd" in tree["children"][0]["detail"]
    assert tree["children"][1]["detail"] == {"plain": 1}
