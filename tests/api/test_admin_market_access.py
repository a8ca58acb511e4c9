"""Admin routes of the market let in admins alone, and write down what those do."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, Trader

READS = ("/v1/admin/mode", "/v1/admin/instruments/17", "/v1/admin/feed", "/v1/admin/bots")
ACTS = (
    ("PUT", "/v1/admin/mode"),
    ("PUT", "/v1/admin/bots"),
    ("POST", "/v1/admin/instruments"),
    ("PATCH", "/v1/admin/instruments/17"),
    ("POST", "/v1/admin/instruments/17/halt"),
    ("POST", "/v1/admin/instruments/17/resume"),
    ("POST", "/v1/admin/fixtures/1/link"),
    ("POST", "/v1/admin/fixtures/1/resettle"),
    ("POST", "/v1/admin/fixtures/1/void"),
    ("POST", "/v1/admin/feed/simulate"),
)
ROUTES = (*(("GET", path) for path in READS), *ACTS)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_without_a_token_gets_in(api: Api, method: str, path: str) -> None:
    before = api.stored()

    answer = api.client.open(path, method=method, json={"reason": "r"})

    assert (answer.status_code, answer.get_json()["code"]) == (401, "TOKEN_REQUIRED")
    assert api.stored() == before


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_trader_does_not_get_in(api: Api, ada: Trader, method: str, path: str) -> None:
    before = api.stored()

    answer = api.client.open(path, method=method, json={"reason": "r"}, headers=ada.auth)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "FORBIDDEN")
    assert api.stored() == before


@pytest.mark.parametrize("path", READS)
def test_an_admin_may_read(operator: Trader, path: str) -> None:
    assert operator.get(path).status_code == 200


@pytest.mark.parametrize(("method", "path"), [act for act in ACTS if act[0] == "POST"])
def test_an_act_needs_a_key(api: Api, operator: Trader, method: str, path: str) -> None:
    bodies = {
        "instruments": {"reason": "r", "symbol": "FUL", "name": "Fulham"},
        "link": {"reason": "r", "side": "home", "instrument": 17},
        "simulate": {"reason": "r", "fixture": 1},
        "resettle": {"reason": "r", "home_goals": 1, "away_goals": 0},
    }
    body = bodies.get(path.rpartition("/")[2], {"reason": "r"})

    answer = api.client.open(path, method=method, json=body, headers=operator.auth)

    assert answer.get_json()["code"] == "IDEMPOTENCY_KEY_REQUIRED"


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("PUT", "/v1/admin/mode", {"mode": "halted"}),
        ("PUT", "/v1/admin/bots", {"enabled": False}),
        ("PATCH", "/v1/admin/instruments/17", {"fee_ppm": 1}),
    ],
)
def test_a_change_needs_the_version_it_is_made_to(
    api: Api, operator: Trader, method: str, path: str, wanted: dict[str, object]
) -> None:
    body = {"reason": "r"} | wanted

    for headers, code in (({}, "PRECONDITION_REQUIRED"), ({"If-Match": '"x"'}, "VALIDATION")):
        answer = api.client.open(path, method=method, json=body, headers=operator.auth | headers)
        assert answer.get_json()["code"] == code


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "two\nlines", "nul\0", 7, None])
def test_a_reason_is_one_line_of_text(operator: Trader, reason: object) -> None:
    answer = operator.act("/v1/admin/instruments/17/halt", {"reason": reason})

    assert answer.get_json()["code"] == "VALIDATION"
    assert answer.get_json()["errors"][0]["pointer"] == "/reason"
