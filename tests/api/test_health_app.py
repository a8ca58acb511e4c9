"""The health paths: they answer on their own, and say who is missing."""

from __future__ import annotations

from touchline.actors.health import ChildHealth, LastError, State
from touchline.http.health import LAG_LIMIT_MS, HealthApp
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
    assert answer.get_json()["waiting_for"] == {"b": "backoff"}


def test_a_child_deep_in_the_tree_counts() -> None:
    group: ChildHealth = child("margin", children=(child("sweeper", State.STARTING),))

    assert ask(FixedHealth(group), "/readyz").get_json()["waiting_for"] == {"sweeper": "starting"}


def test_a_parked_child_degrades_the_service_and_leaves_it_ready() -> None:
    answer = ask(FixedHealth(child("bots", State.PARKED, critical=False)), "/readyz")

    assert (answer.status_code, answer.get_json()["status"]) == (200, "degraded")
    assert answer.get_json()["parked"] == ["bots"]


def test_a_server_that_is_away_makes_the_service_not_ready_and_says_why() -> None:
    health = FixedHealth(child("a"))
    health.outside["redis"] = "connection refused"

    answer = ask(health, "/readyz")

    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"redis": "connection refused", "postgres": "ok"}


def test_a_service_that_waits_is_alive() -> None:
    assert ask(FixedHealth(child("a", State.BACKOFF)), "/healthz").status_code == 200


def test_a_loop_that_lags_for_seconds_is_not_alive() -> None:
    answer = ask(FixedHealth(lag_ms=LAG_LIMIT_MS + 1.0), "/healthz")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "stuck")


def test_the_tree_is_json_with_the_service_named() -> None:
    answer = ask(FixedHealth(child("a")), "/supervisor").get_json()

    assert (answer["service"], answer["replica"]) == ("api-server", "replica-1")
    assert [node["name"] for node in answer["tree"]["children"]] == ["a"]


def test_a_browser_gets_a_page_that_reloads_itself_and_escapes_what_it_shows() -> None:
    error = LastError("ValueError", "<script>alert(1)</script>", 0, "Traceback <b>")
    health = FixedHealth(child("a", State.BACKOFF, last_error=error))

    answer = ask(health, "/supervisor", Accept="text/html,application/xhtml+xml,*/*;q=0.8")

    assert answer.mimetype == "text/html"
    assert 'http-equiv="refresh"' in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "<script" not in answer.text
    assert "Traceback &lt;b&gt;" in answer.text


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
