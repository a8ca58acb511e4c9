"""Sessions over HTTP: going on, being told again, being found out, and leaving."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
import redis as redis_module
from touchline.http.tokens import Claims
from touchline.store.revocations import Ended
from touchline.store.sessions import MOST
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader, make_admin
from tests.fakes.failing import Away

REFRESH, LOGOUT = "/v1/auth/refresh", "/v1/auth/logout"


@dataclass
class Visit:
    """A sign-in and the tokens it has been given."""

    api: Api
    access: str
    refresh: list[str] = field(default_factory=list)

    def go_on(self, token: str | None = None) -> TestResponse:
        body = {"refresh_token": token or self.refresh[-1]}
        answer = self.api.client.post(REFRESH, json=body)
        if answer.status_code == 200:
            self.access = answer.get_json()["access_token"]
            self.refresh.append(answer.get_json()["refresh_token"])
        return answer

    def get(self, path: str) -> TestResponse:
        return self.api.get(path, Authorization=f"Bearer {self.access}")

    def post(self, path: str) -> TestResponse:
        return self.api.client.post(path, headers={"Authorization": f"Bearer {self.access}"})

    def delete(self, path: str) -> TestResponse:
        return self.api.client.delete(path, headers={"Authorization": f"Bearer {self.access}"})

    @property
    def session(self) -> str:
        claims = self.api.deps.verifier.access(self.access)
        assert isinstance(claims, Claims)
        return claims.session


def visit(api: Api, email: str = "ada@example.com", **headers: str) -> Visit:
    answer = api.client.post("/v1/auth/dev-login", json={"email": email}, headers=headers)
    said = answer.get_json()
    return Visit(api, said["access_token"], [said["refresh_token"]])


def later(api: Api, seconds: float) -> None:
    """Let time pass for what Postgres knows of sessions."""
    with api.pg.transaction() as cursor:
        cursor.execute(
            "UPDATE sessions SET rotated_at = rotated_at - %s * interval '1 s',"
            " expires_at = expires_at - %s * interval '1 s'",
            (seconds, seconds),
        )


def code(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def test_a_refresh_gives_a_new_pair_that_works(api: Api) -> None:
    ada = visit(api)
    first = ada.session

    answer = ada.go_on()

    assert (answer.status_code, answer.get_json()["expires_in"]) == (200, 900)
    assert answer.get_json()["user"]["email"] == "ada@example.com"
    assert ada.refresh[0] != ada.refresh[1]
    assert ada.session == first
    assert ada.get("/v1/me").status_code == 200


def test_a_session_goes_on_for_as_long_as_somebody_comes_within_thirty_days(api: Api) -> None:
    ada = visit(api)

    for _ in range(3):
        later(api, 29 * 86_400)
        assert ada.go_on().status_code == 200

    later(api, 31 * 86_400)
    assert code(ada.go_on()) == (401, "REFRESH_INVALID")


def test_no_token_is_stored(api: Api) -> None:
    ada = visit(api)
    ada.go_on()

    with api.pg.transaction() as cursor:
        cursor.execute("SELECT sessions::text FROM sessions")
        rows = str(cursor.fetchall())

    assert not [token for token in ada.refresh if token in rows]


def test_a_client_that_lost_the_answer_gets_the_same_one_again(api: Api) -> None:
    ada = visit(api)
    ada.go_on()

    again = ada.go_on(ada.refresh[0])

    assert again.get_json()["refresh_token"] == ada.refresh[1]
    assert ada.go_on(ada.refresh[1]).status_code == 200


def test_a_token_used_again_later_ends_the_session_for_thief_and_victim(api: Api) -> None:
    ada = visit(api)
    ada.go_on()
    later(api, 61)

    assert code(ada.go_on(ada.refresh[0])) == (401, "REFRESH_REUSED")

    assert code(ada.go_on(ada.refresh[1])) == (401, "REFRESH_INVALID")
    assert code(ada.get("/v1/me")) == (401, "TOKEN_INVALID")


def test_a_token_of_long_ago_ends_the_session_at_once(api: Api) -> None:
    ada = visit(api)
    for _ in range(3):
        ada.go_on()

    assert code(ada.go_on(ada.refresh[0])) == (401, "REFRESH_REUSED")
    assert code(ada.get("/v1/me")) == (401, "TOKEN_INVALID")


def test_nobody_ends_a_session_with_a_token_that_was_made_up(api: Api) -> None:
    ada = visit(api)
    token = ada.refresh[0]
    made_up = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]

    assert code(ada.go_on(made_up)) == (401, "REFRESH_INVALID")

    assert ada.go_on(token).status_code == 200


@pytest.mark.parametrize("body", [None, {}, {"refresh_token": ""}, {"refresh_token": "nonsense"}])
def test_what_is_no_refresh_token_is_refused(api: Api, body: object) -> None:
    answer = api.client.post(REFRESH, json=body) if body is not None else api.client.post(REFRESH)

    assert code(answer) == (401, "REFRESH_INVALID")


def test_an_access_token_does_not_refresh(api: Api) -> None:
    ada = visit(api)

    assert code(ada.go_on(ada.access)) == (401, "REFRESH_INVALID")


def test_a_suspended_user_cannot_go_on(api: Api) -> None:
    ada = visit(api)
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET status = 'suspended' WHERE id > 0")

    assert code(ada.go_on()) == (403, "ACCOUNT_SUSPENDED")


def test_a_role_that_was_given_shows_after_a_refresh(api: Api) -> None:
    ada = visit(api)
    make_admin(api, "ada@example.com")

    ada.go_on()

    claims = api.deps.verifier.access(ada.access)
    assert isinstance(claims, Claims)
    assert claims.role == "admin"


OWN = ["/v1/me", "/v1/account", "/v1/holdings", "/v1/portfolio", "/v1/trades", "/v1/sessions"]


def test_after_signing_out_neither_token_works_anywhere(api: Api) -> None:
    ada = visit(api)

    assert ada.post(LOGOUT).status_code == 204

    assert {code(ada.get(path)) for path in OWN} == {(401, "TOKEN_INVALID")}
    assert code(ada.post("/v1/ws-token")) == (401, "TOKEN_INVALID")
    assert code(ada.go_on()) == (401, "REFRESH_INVALID")


def test_signing_out_here_leaves_the_session_elsewhere(api: Api) -> None:
    here, elsewhere = visit(api), visit(api)

    here.post(LOGOUT)

    assert elsewhere.get("/v1/me").status_code == 200
    assert elsewhere.go_on().status_code == 200


def test_the_own_sessions_are_listed_with_where_they_came_from(api: Api) -> None:
    visit(api, "bob@example.com")
    old = visit(api, **{"User-Agent": "a phone"})
    new = visit(api, **{"User-Agent": "a desk" * 100})
    later(api, 0)

    listed = new.get("/v1/sessions").get_json()["data"]

    assert {each["id"]: each["current"] for each in listed} == {
        old.session: False,
        new.session: True,
    }
    found = next(each for each in listed if each["id"] == old.session)
    assert (found["user_agent"], found["ip"]) == ("a phone", "127.0.0.1")
    assert found["created_at"] <= found["last_used_at"] < found["expires_at"]


def test_a_session_elsewhere_can_be_ended_and_twice_is_no_matter(api: Api) -> None:
    here, elsewhere = visit(api), visit(api)

    answers = [here.delete(f"/v1/sessions/{elsewhere.session}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert code(elsewhere.get("/v1/me")) == (401, "TOKEN_INVALID")
    assert len(here.get("/v1/sessions").get_json()["data"]) == 1


def test_nobody_ends_the_session_of_somebody_else(api: Api) -> None:
    ada, bob = visit(api), visit(api, "bob@example.com")

    for name in (ada.session, "nonsense", ada.session.upper()):
        assert code(bob.delete(f"/v1/sessions/{name}")) == (404, "SESSION_UNKNOWN")

    assert ada.get("/v1/me").status_code == 200


def test_of_very_many_sessions_the_one_unused_for_longest_ends(api: Api) -> None:
    visits = []
    for _ in range(MOST):
        visits.append(visit(api))
        later(api, 1)
    visits[0].go_on()

    newest = visit(api)

    assert code(visits[1].get("/v1/me")) == (401, "TOKEN_INVALID")
    assert visits[0].get("/v1/me").status_code == 200
    assert len(newest.get("/v1/sessions").get_json()["data"]) == MOST


def test_what_is_over_for_a_day_is_forgotten_at_the_next_sign_in(api: Api) -> None:
    ada = visit(api)
    ada.post(LOGOUT)
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE sessions SET revoked_at = now() - interval '25 hours'")

    visit(api)

    with api.pg.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM sessions")
        assert cursor.fetchone() == (1,)


class RedisAway:
    """Revocations that cannot be asked for."""

    def __init__(self) -> None:
        self.away = True

    def has(self, *_: object) -> bool:
        raise redis_module.exceptions.ConnectionError("away")

    def add(self, *_: Ended) -> None:
        raise redis_module.exceptions.ConnectionError("away")


def test_while_nobody_knows_whether_a_session_goes_on_it_does_not(api: Api) -> None:
    ada = visit(api)
    blind = api.with_(revocations=RedisAway())

    answer = blind.get("/v1/me", Authorization=f"Bearer {ada.access}")

    assert code(answer) == (503, "UNAVAILABLE")


def test_a_sign_out_that_redis_missed_is_told_to_it_when_asked_for_again(api: Api) -> None:
    ada = visit(api)
    blind = api.with_(revocations=RedisAway())
    body = {"refresh_token": ada.refresh[-1]}
    api.deps.sessions.end(ada.get("/v1/me").get_json()["id"], ada.session)  # Postgres alone

    assert code(blind.client.post(REFRESH, json=body)) == (503, "UNAVAILABLE")
    assert ada.get("/v1/me").status_code == 200
    assert code(ada.go_on()) == (401, "REFRESH_INVALID")

    assert code(ada.get("/v1/me")) == (401, "TOKEN_INVALID")


def operator(api: Api) -> Visit:
    api.sign_in("op@example.com")
    make_admin(api, "op@example.com")
    return visit(api, "op@example.com")


def restart(api: Api, op: Visit) -> TestResponse:
    headers = {"Authorization": f"Bearer {op.access}", "Idempotency-Key": "k-1"}
    return api.client.post("/v1/admin/actors/flusher/restart", headers=headers)


def test_while_redis_is_away_an_admin_is_let_in_whose_session_goes_on(api: Api) -> None:
    op = operator(api)
    blind = api.with_(revocations=RedisAway())

    answer = restart(blind, op)
    op.post(LOGOUT)

    assert answer.status_code == 202
    assert code(restart(blind, op)) == (401, "TOKEN_INVALID")
    assert code(restart(api, op)) == (401, "TOKEN_INVALID")


def test_while_redis_is_away_another_session_that_is_over_locks_no_admin_out(api: Api) -> None:
    op, other = operator(api), visit(api, "op@example.com")
    blind = api.with_(revocations=RedisAway())

    other.post(LOGOUT)

    assert restart(blind, op).status_code == 202


def test_an_admin_is_let_in_by_the_token_alone_while_nobody_can_be_asked(api: Api) -> None:
    op = operator(api)
    sessions: Any = Away(api.deps.sessions, psycopg2.OperationalError("away"))
    sessions.away = True
    blind = api.with_(revocations=RedisAway(), sessions=sessions)

    assert restart(blind, op).status_code == 202
    assert sessions.tried == 1


# -- the page's cookie ---------------------------------------------------------------------------


def page(api: Api, **login: object) -> TestResponse:
    body = {"email": "ada@example.com", "cookie": True} | login
    return api.client.post("/v1/auth/dev-login", json=body)


def test_a_page_is_given_its_refresh_token_as_a_cookie_alone(api: Api) -> None:
    answer = page(api)

    [cookie] = answer.headers.getlist("Set-Cookie")
    assert "refresh_token" not in answer.get_json()
    assert cookie.startswith("touchline_refresh=tlr_")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/v1/auth" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_travels_no_other_way(api: Api) -> None:
    [cookie] = page(api.with_(origins=("https://exchange.example",))).headers.getlist("Set-Cookie")

    assert "Secure" in cookie


def test_a_page_goes_on_by_its_cookie_and_is_given_the_next(api: Api) -> None:
    page(api)
    first = api.client.get_cookie("touchline_refresh", path="/v1/auth")

    answer = api.client.post(REFRESH)

    second = api.client.get_cookie("touchline_refresh", path="/v1/auth")
    assert answer.status_code == 200
    assert "refresh_token" not in answer.get_json()
    assert first is not None
    assert second is not None
    assert first.value != second.value


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_does_not_refresh_by_the_cookie(api: Api, headers: dict[str, str]) -> None:
    page(api)

    assert code(api.client.post(REFRESH, headers=headers)) == (403, "ORIGIN_FORBIDDEN")


def test_the_own_site_does(api: Api) -> None:
    page(api)
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}

    assert api.client.post(REFRESH, headers=headers).status_code == 200


def test_behind_a_proxy_that_calls_us_something_else_our_own_page_is_still_our_own(
    api: Api,
) -> None:
    known = api.with_(origins=("http://exchange.example",))
    page(known)
    headers = {"Origin": "http://exchange.example", "Sec-Fetch-Site": "same-origin"}

    assert known.client.post(REFRESH, headers=headers).status_code == 200


def test_signing_out_takes_the_cookie_away(api: Api) -> None:
    token = page(api).get_json()["access_token"]

    api.client.post(LOGOUT, headers={"Authorization": f"Bearer {token}"})

    assert api.client.get_cookie("touchline_refresh", path="/v1/auth") is None


def test_a_trader_still_has_what_a_sign_in_always_gave(ada: Trader) -> None:
    assert ada.get("/v1/account").get_json()["cash"] == "10000.0000"
