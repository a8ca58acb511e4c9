"""Signing in with Google over HTTP: by a token, and by way of the issuer's page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg2
import pytest
import urllib3
from structlog.testing import capture_logs
from touchline.http.api import create_app
from touchline.http.google import CALLBACK, START, GoogleSignIn
from touchline.http.google_tokens import GoogleTokens
from touchline.issuer.server import AUTH, TOKEN, Issuer
from touchline.store.google_code import GoogleClient, GoogleCode
from touchline.store.google_keys import Shelf
from touchline.store.keys import Keys
from touchline.store.oauth import OAuth
from touchline.store.web import Web
from werkzeug.test import TestResponse

from tests.api.conftest import Api
from tests.api.watched import watched
from tests.fakes.failing import Away
from tests.fakes.google import CLIENT, rules, shelf_of

PAGE = "http://localhost"
EMAIL = "ada@example.com"


@dataclass
class Door:
    """An API that signs people in with an issuer which listens."""

    api: Api
    issuer: Issuer
    shelf: Shelf

    def __post_init__(self) -> None:
        client = GoogleClient(CLIENT, "secret", self.issuer.url + TOKEN)
        self.google = GoogleSignIn(
            tokens=GoogleTokens(self.shelf, lambda _: None, rules()),
            oauth=OAuth(self.api.redis, Keys()),
            code=GoogleCode(client, Web(total_s=0.5)),
            auth_url=self.issuer.url + AUTH,
            client_id=CLIENT,
            origins=(PAGE, "https://exchange.example"),
        )
        self.app = create_app(self.api.deps, self.google)
        self.client = watched(self.app)

    def nonce(self) -> str:
        return str(self.client.post("/v1/auth/nonce").get_json()["nonce"])

    def by_token(self, token: str, nonce: str, **more: Any) -> TestResponse:
        body = {"id_token": token, "nonce": nonce} | more
        return self.client.post("/v1/auth/google", json=body)

    def set_out(self) -> dict[str, str]:
        """What the user's browser asks Google for."""
        answer = self.client.get(START)
        assert answer.status_code == 302
        where = urlsplit(answer.headers["Location"])
        return {name: values[0] for name, values in parse_qs(where.query).items()}

    def agree(self, asked: dict[str, str], **form: str) -> str:
        """Where Google's page sends somebody who agrees; path and query alone."""
        answer = urllib3.request(
            "POST",
            self.issuer.url + AUTH,
            body=urlencode(asked | (form or {"email": EMAIL})),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            redirect=False,
            retries=False,
        )
        where = answer.headers["Location"]
        assert where.startswith(PAGE + CALLBACK)
        return where.removeprefix(PAGE)


@pytest.fixture
def door(api: Api) -> Iterator[Door]:
    issuer = Issuer()
    issuer.start()
    yield Door(api, issuer, shelf_of(issuer, time.monotonic()))
    issuer.stop()


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def sent(answer: TestResponse) -> str:
    """The code with which the page is told why somebody is not signed in."""
    assert answer.status_code == 302, answer.data
    assert "tlr_" not in str(answer.headers)
    where, _, why = answer.headers["Location"].partition("#sign-in=")
    assert where == "/"
    return why


def test_a_token_of_google_signs_in_with_what_every_new_user_gets(door: Door) -> None:
    nonce = door.nonce()

    answer = door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)

    said = answer.get_json()
    headers = {"Authorization": f"Bearer {said['access_token']}"}
    assert (answer.status_code, said["user"]["email"]) == (200, EMAIL)
    assert said["refresh_token"].startswith("tlr_")
    assert door.api.get("/v1/account", **headers).get_json()["cash"] == "10000.0000"


def test_a_second_sign_in_is_the_same_person(door: Door) -> None:
    ids = set()
    for _ in range(2):
        nonce = door.nonce()
        answer = door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)
        ids.add(answer.get_json()["user"]["id"])

    assert len(ids) == 1


def test_a_token_that_was_seen_on_its_way_opens_nothing_a_second_time(door: Door) -> None:
    nonce = door.nonce()
    token = door.issuer.token(EMAIL, CLIENT, nonce)
    assert door.by_token(token, nonce).status_code == 200

    assert code(door.by_token(token, nonce)) == (401, "GOOGLE_TOKEN_INVALID")


@pytest.mark.parametrize("nonce", ["", "mine"])
def test_a_nonce_that_we_did_not_give_is_none(door: Door, nonce: str) -> None:
    answer = door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)

    assert code(answer) == (401, "GOOGLE_TOKEN_INVALID")
    assert door.api.stored()["users"] == [(0, "treasury@touchline.invalid")]


def test_a_refused_token_costs_nobody_their_nonce(door: Door) -> None:
    nonce = door.nonce()
    door.by_token("nonsense", nonce)

    assert door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "name"),
    [
        ({"email_verified": False}, 403, "EMAIL_NOT_VERIFIED"),
        ({"aud": "another"}, 401, "GOOGLE_TOKEN_INVALID"),
    ],
)
def test_a_refusal_has_its_own_code(
    door: Door, changes: dict[str, object], status: int, name: str
) -> None:
    nonce = door.nonce()

    answer = door.by_token(door.issuer.token(EMAIL, CLIENT, nonce, **changes), nonce)

    assert code(answer) == (status, name)


def test_without_any_key_a_client_is_asked_to_come_again(door: Door) -> None:
    bare = Door(door.api, door.issuer, Shelf())
    nonce = bare.nonce()

    answer = bare.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)

    assert code(answer) == (503, "GOOGLE_KEYS_UNAVAILABLE")
    assert answer.headers["Retry-After"]


def test_a_suspended_user_stays_out(door: Door) -> None:
    nonce = door.nonce()
    door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)
    with door.api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET status = 'suspended' WHERE id > 0")
    nonce = door.nonce()

    answer = door.by_token(door.issuer.token(EMAIL, CLIENT, nonce), nonce)

    assert code(answer) == (403, "ACCOUNT_SUSPENDED")


def test_a_page_may_have_its_refresh_token_as_a_cookie(door: Door) -> None:
    nonce = door.nonce()
    token = door.issuer.token(EMAIL, CLIENT, nonce)

    answer = door.by_token(token, nonce, cookie=True)

    assert "refresh_token" not in answer.get_json()
    assert door.client.post("/v1/auth/refresh").status_code == 200


# -- by way of Google's page ---------------------------------------------------------------------


def test_the_way_over_googles_page_signs_in_and_leads_back_to_ours(door: Door) -> None:
    answer = door.client.get(door.agree(door.set_out()))

    refreshed = door.client.post("/v1/auth/refresh")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/#signed-in")
    assert refreshed.get_json()["user"]["email"] == EMAIL


def test_what_goes_to_google_is_a_digest_a_state_and_a_nonce(door: Door) -> None:
    asked = door.set_out()

    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == PAGE + CALLBACK
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    stored = door.api.redis.get(Keys().oauth_state(asked["state"]))
    assert isinstance(stored, str)
    verifier = json.loads(stored)["verifier"]
    assert verifier not in asked.values()


def test_no_token_is_part_of_an_address(door: Door) -> None:
    back = door.agree(door.set_out())

    answer = door.client.get(back)

    assert "tlr_" not in answer.headers["Location"] + back
    assert "eyJ" not in answer.headers["Location"] + back


@pytest.mark.parametrize("with_cookie", [True, False])
def test_a_state_of_another_browser_is_refused(door: Door, with_cookie: bool) -> None:
    back = door.agree(door.set_out())
    victim = door.app.test_client()
    if with_cookie:
        victim.get(START)

    assert sent(victim.get(back)) == "STATE_MISMATCH"
    assert code(victim.post("/v1/auth/refresh")) == (401, "REFRESH_INVALID")


def test_nobody_comes_back_twice(door: Door) -> None:
    back = door.agree(door.set_out())
    door.client.get(back)

    assert sent(door.client.get(back)) == "STATE_MISMATCH"


@pytest.mark.parametrize("query", ["", "?state=", "?code=x", "?state=x&code=y"])
def test_who_never_set_out_cannot_come_back(door: Door, query: str) -> None:
    assert sent(door.client.get(CALLBACK + query)) == "STATE_MISMATCH"


def test_who_is_sent_here_by_others_meanwhile_still_comes_back(door: Door) -> None:
    back = door.agree(door.set_out())
    assert sent(door.client.get(f"{CALLBACK}?state=x&code=y")) == "STATE_MISMATCH"

    assert door.client.get(back).headers["Location"] == "/#signed-in"


def test_a_suspended_user_is_told_so_on_the_page(door: Door) -> None:
    door.client.get(door.agree(door.set_out()))
    with door.api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET status = 'suspended' WHERE id > 0")

    answer = door.client.get(door.agree(door.set_out()))

    assert sent(answer) == "ACCOUNT_SUSPENDED"
    assert code(door.client.post("/v1/auth/refresh")) == (403, "ACCOUNT_SUSPENDED")


def test_while_a_store_is_away_the_page_is_told_to_try_again(door: Door) -> None:
    users: Any = Away(door.api.deps.users, psycopg2.OperationalError("away"))
    blind = Door(door.api.with_(users=users), door.issuer, door.shelf)
    back = blind.agree(blind.set_out())
    users.away = True

    assert sent(blind.client.get(back)) == "UNAVAILABLE"


def test_who_changes_their_mind_is_back_on_the_page_and_not_signed_in(door: Door) -> None:
    answer = door.client.get(door.agree(door.set_out(), deny="1"))

    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert code(door.client.post("/v1/auth/refresh")) == (401, "REFRESH_INVALID")


def test_a_code_of_somebody_else_is_refused_for_its_proof(door: Door) -> None:
    stolen = parse_qs(urlsplit(door.agree(door.set_out())).query)["code"][0]
    thief = door.app.test_client()
    door.client = thief
    state = door.set_out()["state"]

    answer = thief.get(f"{CALLBACK}?{urlencode({'state': state, 'code': stolen})}")

    assert sent(answer) == "GOOGLE_TOKEN_INVALID"


@pytest.mark.parametrize("mood", [{"status": 500}, {"hang_s": 5.0}])
def test_a_google_that_does_not_answer_is_said_to_be_away(door: Door, mood: dict[str, Any]) -> None:
    back = door.agree(door.set_out())
    for name, value in mood.items():
        setattr(door.issuer.mood, name, value)

    assert sent(door.client.get(back)) == "GOOGLE_UNAVAILABLE"


def test_the_user_comes_back_to_where_they_set_out(door: Door) -> None:
    answer = door.client.get(START, base_url="https://exchange.example")

    assert "https%3A%2F%2Fexchange.example" in answer.headers["Location"]


def test_an_address_that_is_not_ours_is_not_what_google_is_told(door: Door) -> None:
    answer = door.client.get(START, base_url="https://evil.example")

    assert "evil" not in answer.headers["Location"]


def test_no_secret_is_logged(door: Door) -> None:
    with capture_logs() as logs:
        back = door.agree(door.set_out())
        door.client.get(back)
        door.client.get(back)

    sent = parse_qs(urlsplit(back).query)
    assert logs
    assert not [s for s in (sent["code"][0], sent["state"][0], "tlr_", "eyJ") if s in str(logs)]


def test_the_page_is_told_how_people_may_sign_in(door: Door) -> None:
    assert door.client.get("/v1/status").get_json()["sign_in"] == ["google", "dev"]
    assert door.api.get("/v1/status").get_json()["sign_in"] == ["dev"]


def test_where_google_is_not_set_up_its_paths_do_not_exist(api: Api) -> None:
    assert api.get(START).status_code == 404
    assert api.client.post("/v1/auth/nonce").status_code == 404
