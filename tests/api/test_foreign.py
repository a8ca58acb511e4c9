"""What is one user's no other user sees or touches: every route there is, asked as somebody else.

A route that is new has no case here, and fails the first test until it has one: say in OTHERS what
of Ada's Eve asks it for, in OWN that it shows or changes what is the caller's, or in NOBODYS that
nothing of any user is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from touchline.http.api import create_app
from touchline.http.google import GoogleSignIn
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader, line, path_of

KEY, NAME, EMAIL = "the-key-of-ada", "the-order-of-ada", "ada@example.com"


@dataclass(frozen=True)
class Hers:
    """What Ada has."""

    trader: Trader
    order: str
    position: str
    session: str
    refresh_token: str
    cursors: Mapping[str, str]

    @property
    def secrets(self) -> set[str]:
        """What no answer to anybody else may hold."""
        named = {self.order, self.position, self.session, self.refresh_token, KEY, NAME, EMAIL}
        return named | {self.trader.token, *self.cursors.values()}


#: A route as it is in the map of all routes: its method and its rule.
Route = tuple[str, str]
Asking = Callable[[Trader, Hers], TestResponse]

KEYED = {"Idempotency-Key": KEY}
ORDER = {"instrument": 17, "side": "buy", "quantity": "1.000", "client_order_id": NAME}
OPEN = {"instrument": 17, "side": "long", "quantity": "10", "leverage": 5}


def delete(who: Trader, path: str) -> TestResponse:
    return who.api.client.delete(path, headers=who.auth)


def rename(who: Trader) -> TestResponse:
    headers = who.auth | {"If-Match": who.get("/v1/me").headers.get("ETag", '"0"')}
    name = f"Somebody {who.id}"
    return who.api.client.patch("/v1/me", json={"display_name": name}, headers=headers)


def page(who: Trader, path: str, hers: Hers) -> TestResponse:
    return who.get(f"{path}?limit=1&cursor={hers.cursors[path]}")


#: Something of Ada's, named by whoever asks. Ada's own request comes last, and is carried out.
OTHERS: Mapping[Route, Asking] = {
    ("GET", "/v1/orders/<order_id>"): lambda who, hers: who.get(f"/v1/orders/{hers.order}"),
    ("GET", "/v1/orders"): lambda who, hers: page(who, "/v1/orders", hers),
    ("GET", "/v1/trades"): lambda who, hers: page(who, "/v1/trades", hers),
    ("GET", "/v1/positions"): lambda who, hers: page(who, "/v1/positions", hers),
    ("GET", "/v1/positions/<position_id>"): lambda who, hers: who.get(
        f"/v1/positions/{hers.position}"
    ),
    ("PATCH", "/v1/positions/<position_id>"): lambda who, hers: who.stops(
        hers.position, 1, stop_loss={"price": "95.00"}
    ),
    ("POST", "/v1/positions/<position_id>/margin"): lambda who, hers: who.margin(
        hers.position, "5.00"
    ),
    ("POST", "/v1/positions/<position_id>/close"): lambda who, hers: who.close(hers.position),
    ("DELETE", "/v1/sessions/<session_id>"): lambda who, hers: delete(
        who, f"/v1/sessions/{hers.session}"
    ),
}
#: About whoever asks, whatever anybody else has; under Ada's keys where there are any.
OWN: Mapping[Route, Asking] = {
    ("GET", "/v1/me"): lambda who, _: who.get("/v1/me"),
    ("PATCH", "/v1/me"): lambda who, _: rename(who),
    ("GET", "/v1/events"): lambda who, _: who.get("/v1/events?after=0&limit=500"),
    ("GET", "/v1/leaderboards/me"): lambda who, _: who.get("/v1/leaderboards/me"),
    ("GET", "/v1/account"): lambda who, _: who.get("/v1/account"),
    ("GET", "/v1/holdings"): lambda who, _: who.get("/v1/holdings"),
    ("GET", "/v1/portfolio"): lambda who, _: who.get("/v1/portfolio"),
    ("GET", "/v1/orders"): lambda who, _: who.get("/v1/orders"),
    ("GET", "/v1/trades"): lambda who, _: who.get("/v1/trades"),
    ("GET", "/v1/positions"): lambda who, _: who.get("/v1/positions"),
    ("GET", "/v1/sessions"): lambda who, _: who.get("/v1/sessions"),
    ("POST", "/v1/ws-token"): lambda who, _: who.post("/v1/ws-token"),
    ("POST", "/v1/orders"): lambda who, _: who.post("/v1/orders", json=ORDER, headers=KEYED),
    ("POST", "/v1/orders/batch"): lambda who, _: who.batch(line(KEY)),
    ("POST", "/v1/positions"): lambda who, _: who.post("/v1/positions", json=OPEN, headers=KEYED),
    ("POST", "/v1/auth/logout"): lambda who, _: who.post("/v1/auth/logout"),
}
#: Routes in which nothing of any user is, or which go by what is a secret of its own.
NOBODYS: frozenset[Route] = frozenset(
    {
        ("GET", "/"),
        ("GET", "/web/<name>"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/v1/status"),
        ("GET", "/v1/instruments"),
        ("GET", "/v1/instruments/<instrument>"),
        ("GET", "/v1/instruments/<instrument>/quote"),
        ("GET", "/v1/instruments/<instrument>/ticks"),
        ("GET", "/v1/instruments/<instrument>/candles"),
        ("GET", "/v1/instruments/<instrument>/trades"),
        ("GET", "/v1/leaderboards/all"),
        ("GET", "/v1/leaderboards/week"),
        ("GET", "/v1/leaderboards/week/<week>"),
        ("GET", "/v1/spinner/current"),
        ("GET", "/v1/spinner/<week>"),
        ("GET", "/v1/spinner/<week>/proof"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/v1/fixtures"),
        ("GET", "/v1/fixtures/<int:fixture_id>/events"),
        ("GET", "/v1/fixtures/<int:fixture_id>"),
        ("POST", "/v1/auth/dev-login"),
        ("POST", "/v1/auth/nonce"),
        ("POST", "/v1/auth/google"),
        ("GET", "/v1/auth/google/start"),
        ("GET", "/v1/auth/google/callback"),
        ("POST", "/v1/auth/refresh"),
    }
)


@pytest.fixture
def hers(api: Api) -> Hers:
    """Two of everything, so that every list has a second page and a cursor to it."""
    signed_in = api.client.post("/v1/auth/dev-login", json={"email": EMAIL}).get_json()
    ada = api.sign_in(EMAIL)
    ada.order()
    order = ada.post("/v1/orders", json=ORDER, headers=KEYED).get_json()["order_id"]
    ada.open()
    position = ada.open(client_order_id="pos").get_json()["position"]["position_id"]
    sessions = ada.get("/v1/sessions").get_json()["data"]
    lists = ("/v1/orders", "/v1/trades", "/v1/positions")
    return Hers(
        trader=ada,
        order=order,
        position=position,
        session=next(each["id"] for each in sessions if not each["current"]),
        refresh_token=signed_in["refresh_token"],
        cursors={each: ada.get(f"{each}?limit=1").get_json()["next_cursor"] for each in lists},
    )


@pytest.fixture
def eve(api: Api) -> Trader:
    """Somebody else, with an order and a position of her own."""
    eve = api.sign_in("eve@example.com")
    eve.order()
    eve.open()
    return eve


def routes(api: Api) -> set[Route]:
    anything: Any = object()
    google = GoogleSignIn(tokens=anything, oauth=anything, code=anything)
    return {
        (method, rule.rule)
        for rule in create_app(api.deps, google).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_route_has_a_case(api: Api) -> None:
    operators = {route for route in routes(api) if route[1].startswith("/v1/admin/")}

    assert operators
    assert routes(api) - operators == OTHERS.keys() | OWN.keys() | NOBODYS


@pytest.mark.parametrize("route", sorted(OTHERS), ids=" ".join)
def test_what_is_named_is_not_there_for_anybody_else(
    api: Api, hers: Hers, eve: Trader, route: Route
) -> None:
    ask, before = OTHERS[route], owned(hers)

    answer = ask(eve, hers)

    cursor = answer.status_code == 400 and answer.get_json()["code"] == "CURSOR_INVALID"
    assert cursor or answer.status_code in (403, 404), answer.get_json()
    assert leaked(answer, hers) == set()
    assert owned(hers) == before
    assert ask(hers.trader, hers).status_code in (200, 204)


@pytest.mark.parametrize("route", sorted(OWN), ids=" ".join)
def test_what_is_the_callers_own_has_nothing_of_anybody_else(
    api: Api, hers: Hers, eve: Trader, route: Route
) -> None:
    before = owned(hers)

    answer = OWN[route](eve, hers)

    assert answer.status_code in (200, 201, 204), answer.get_json()
    assert leaked(answer, hers, sent=(KEY, NAME) if route[0] == "POST" else ()) == set()
    assert "Idempotent-Replayed" not in answer.headers
    assert owned(hers) == before


@pytest.mark.parametrize("role", ["user", None])
def test_no_route_of_the_operators_is_open_to_anybody_else(
    api: Api, eve: Trader, role: str | None
) -> None:
    headers = eve.auth if role else {}

    answers = {
        (method, rule): api.client.open(
            path_of(rule),
            method=method,
            headers=headers | {"Idempotency-Key": "k", "If-Match": '"1"'},
        ).status_code
        for method, rule in routes(api)
        if rule.startswith("/v1/admin/")
    }

    assert set(answers.values()) == {403 if role else 401}, answers


def test_without_a_token_no_route_shows_or_does_what_is_anybodys(api: Api, hers: Hers) -> None:
    class Nobody(Trader):
        @property
        def auth(self) -> dict[str, str]:
            return {}

    nobody, before = Nobody(api, hers.trader.id, ""), owned(hers)

    answers = {
        (kind, route): ask(nobody, hers).status_code
        for kind, asking in (("others", OTHERS), ("own", OWN))
        for route, ask in asking.items()
    }

    assert set(answers.values()) == {401}, answers
    assert owned(hers) == before


def owned(hers: Hers) -> dict[str, object]:
    """Everything Ada has, as she sees it."""
    paths = ("/v1/portfolio", "/v1/orders", "/v1/trades", "/v1/positions", "/v1/sessions", "/v1/me")
    seen = {path: hers.trader.get(path).get_json() for path in paths}
    # What others trade moves the price, and so what hers is worth.
    portfolio = seen["/v1/portfolio"]
    seen["/v1/portfolio"] = {"seq": portfolio["seq"], "cash": portfolio["account"]["cash"]}
    for each in seen["/v1/positions"]["data"]:
        for moving in ("mark", "closing_quote", "unrealized_pnl"):
            each.pop(moving, None)
    return seen


def leaked(answer: TestResponse, hers: Hers, sent: Collection[str] = ()) -> set[str]:
    """What of Ada's is in *answer*, besides what was *sent*, or asked for by its name."""
    text = answer.get_data(as_text=True) + str(answer.headers)
    asked = answer.request.path + answer.request.query_string.decode()
    return {one for one in hers.secrets - {*sent} if one in text and one not in asked}
