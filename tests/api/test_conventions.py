"""What RFC 9110 asks of every route alike: how to be known, and what a change is of."""

from __future__ import annotations

import time

import pytest
from touchline.http.api import create_app
from touchline.http.google import GoogleSignIn
from touchline.http.google_tokens import GoogleTokens
from touchline.http.operations import Access, operation_of
from touchline.issuer.server import Issuer
from touchline.store.keys import Keys
from touchline.store.oauth import OAuth

from tests.api.conftest import Api, Trader, path_of
from tests.api.watched import watched
from tests.fakes.google import rules, shelf_of

OPEN = (
    ("/v1/auth/refresh", {"refresh_token": "nonsense"}),
    ("/v1/auth/refresh", {}),
    ("/v1/auth/google", {"id_token": "nonsense", "nonce": "nonsense"}),
)

#: Of every route that changes something from a version, one that it takes.
BODIES: dict[str, dict[str, object]] = {
    "/v1/me": {"display_name": "Duchess"},
    "/v1/positions/1": {},
    "/v1/admin/mode": {"mode": "halted", "reason": "r"},
    "/v1/admin/bots": {"enabled": False, "reason": "r"},
    "/v1/admin/instruments/1": {"reason": "r"},
    "/v1/admin/users/1": {"status": "suspended", "reason": "r"},
}


@pytest.fixture
def whole(api: Api) -> Api:
    """An API with every route there is."""
    google = GoogleSignIn(
        tokens=GoogleTokens(shelf_of(Issuer(), time.monotonic()), lambda _: None, rules()),
        oauth=OAuth(api.redis, Keys()),
    )
    api.app = create_app(api.deps, google)
    api.client = watched(api.app)
    return api


def test_every_401_says_how_to_be_known(whole: Api) -> None:
    answers = {
        (method, rule.rule): whole.client.open(path_of(rule.rule), method=method, json={})
        for rule in whole.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    answers |= {
        ("POST", f"{path} {body}"): whole.client.post(path, json=body) for path, body in OPEN
    }

    unknown = {each: answer for each, answer in answers.items() if answer.status_code == 401}
    closed = [
        rule.rule
        for rule in whole.app.url_map.iter_rules()
        if (said := operation_of(whole.app.view_functions[rule.endpoint]))
        and said.access in (Access.USER, Access.ADMIN)
    ]
    assert len(unknown) >= len(closed) + len(OPEN)
    lacking = [
        each
        for each, answer in unknown.items()
        if not answer.headers.get("WWW-Authenticate", "").startswith("Bearer")
    ]
    assert lacking == []


def test_the_document_says_so_of_every_401(whole: Api) -> None:
    document = whole.get("/openapi.json").get_json()
    unknown = [
        operation["responses"]["401"]
        for path in document["paths"].values()
        for operation in path.values()
        if "401" in operation["responses"]
    ]

    assert len(unknown) > 30
    assert all("WWW-Authenticate" in each["headers"] for each in unknown)


def test_no_route_that_needs_a_version_takes_any(whole: Api, ada: Trader, operator: Trader) -> None:
    guarded = {
        (method, path_of(rule.rule)): said.access
        for rule in whole.app.url_map.iter_rules()
        if (said := operation_of(whole.app.view_functions[rule.endpoint])) and said.guarded
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    before = whole.stored()

    for (method, path), access in guarded.items():
        who = operator if access is Access.ADMIN else ada
        headers = who.auth | {"If-Match": "*"}
        answer = whole.client.open(path, method=method, json=BODIES[path], headers=headers)

        assert answer.status_code == 400, path
        assert answer.get_json()["errors"][0]["pointer"] == "/If-Match", path
    assert set(BODIES) == {path for _, path in guarded}
    assert whole.stored() == before
