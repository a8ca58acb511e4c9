"""Signing in as a developer, ws tokens, and what a bad token gets."""

from __future__ import annotations

import pytest
from touchline.http.tokens import Claims, Signer

from tests.api.conftest import PRIVATE_KEY, Api, Trader


def test_a_first_sign_in_gives_a_token_and_the_start_balance(api: Api) -> None:
    answer = api.client.post("/v1/auth/dev-login", json={"email": "ada@example.com"})

    said = answer.get_json()
    token = {"Authorization": f"Bearer {said['access_token']}"}
    assert (answer.status_code, said["expires_in"]) == (200, 900)
    assert said["user"]["email"] == "ada@example.com"
    assert api.get("/v1/account", **token).get_json()["cash"] == "10000.0000"


def test_the_start_balance_is_given_once_however_often_somebody_signs_in(api: Api) -> None:
    ids = {api.sign_in(email).id for email in ("ada@example.com", "ADA@example.com")}

    assert len(ids) == 1
    assert api.sign_in().get("/v1/account").get_json()["cash"] == "10000.0000"
    assert api.deps.hot.wallet(ids.pop()).version == 1


def test_somebody_who_has_spent_everything_is_not_given_more(api: Api, ada: Trader) -> None:
    spent = ada.order(quantity="50.000").get_json()

    again = api.sign_in()

    assert again.get("/v1/account").get_json()["cash"] == spent["cash_after"]
    assert api.deps.hot.wallet(ada.id).version == 2


def test_a_sign_in_that_broke_off_before_the_grant_is_completed_by_the_next(api: Api) -> None:
    user = api.deps.users.sign_in("ada@example.com")

    ada = api.sign_in()

    assert user is not None
    assert ada.id == user.id
    assert ada.get("/v1/account").get_json()["cash"] == "10000.0000"


def test_without_the_development_setting_there_is_no_such_sign_in(api: Api) -> None:
    closed = api.with_(auth_dev=False)

    answer = closed.client.post("/v1/auth/dev-login", json={"email": "ada@example.com"})

    assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("status", ["suspended", "deleted"])
def test_a_suspended_or_deleted_user_cannot_sign_in(api: Api, ada: Trader, status: str) -> None:
    with api.pg.transaction() as cursor:
        cursor.execute("UPDATE users SET status = %s WHERE id = %s", (status, ada.id))

    answer = api.client.post("/v1/auth/dev-login", json={"email": "ada@example.com"})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "ACCOUNT_SUSPENDED")


def test_nobody_signs_in_with_the_address_of_the_house(api: Api) -> None:
    with api.pg.transaction() as cursor:
        cursor.execute("SELECT email FROM users WHERE id = 0")
        (address,) = cursor.fetchone()

    answer = api.client.post("/v1/auth/dev-login", json={"email": address})

    assert (answer.status_code, answer.get_json()["code"]) == (403, "EMAIL_RESERVED")


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@ex ample.com",
        "a\x00da@example.com",
        "é@x.com",
        "a" * 65 + "@x.com",
        "a@" + "b" * 260,
        "ada@example.com\n",
        "ada@exa'mple.com",
    ],
)
def test_what_is_no_address_is_refused_and_makes_nobody(api: Api, email: str) -> None:
    before = api.stored()

    answer = api.client.post("/v1/auth/dev-login", json={"email": email})

    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (400, "/email")
    assert api.stored() == before


def test_a_ws_token_opens_the_ws_server_and_not_the_api(api: Api, ada: Trader) -> None:
    answer = ada.post("/v1/ws-token")

    said = answer.get_json()
    claims = api.deps.verifier.ws(said["token"])
    assert (answer.status_code, said["expires_in"]) == (201, 60)
    assert said["url"] == "ws://127.0.0.1:8081/ws"
    assert isinstance(claims, Claims)
    assert claims.user == ada.id
    assert Trader(api, ada.id, said["token"]).get("/v1/me").status_code == 401


def test_a_ws_token_may_be_asked_for_with_an_empty_object_and_nothing_else(ada: Trader) -> None:
    assert ada.post("/v1/ws-token", json={}).status_code == 201
    assert ada.post("/v1/ws-token", json={"user": 1}).status_code == 400


def test_the_own_user_is_shown_with_an_etag(ada: Trader) -> None:
    first = ada.get("/v1/me")

    second = ada.get("/v1/me", **{"If-None-Match": first.headers["ETag"]})

    assert (first.get_json()["id"], first.get_json()["display_name"]) == (ada.id, "ada")
    assert (second.status_code, second.data) == (304, b"")


def test_a_token_of_a_user_who_is_not_here_is_refused(api: Api) -> None:
    stranger = Trader(api, api.sign_in().id, Signer(PRIVATE_KEY).access_token(999_999, "s"))

    answer = stranger.get("/v1/me")

    assert (answer.status_code, answer.get_json()["code"]) == (401, "TOKEN_INVALID")


OWN_PATHS = ["/v1/me", "/v1/account", "/v1/holdings", "/v1/portfolio", "/v1/trades"]


@pytest.mark.parametrize("path", [*OWN_PATHS, "/v1/orders/0192aaaa-0000-7000-8000-000000000000"])
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "TOKEN_REQUIRED"),
        ({"Authorization": "Basic YTpi"}, "TOKEN_REQUIRED"),
        ({"Authorization": "Bearer"}, "TOKEN_REQUIRED"),
        ({"Authorization": "Bearer nonsense"}, "TOKEN_INVALID"),
        ({"Authorization": "Bearer " + "x" * 4000}, "TOKEN_INVALID"),
    ],
)
def test_what_is_ones_own_needs_a_good_token(
    api: Api, path: str, header: dict[str, str], code: str
) -> None:
    answer = api.get(path, **header)

    assert (answer.status_code, answer.get_json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.get_json()["errors"][0]["pointer"] == "/Authorization"


def test_the_published_keys_are_those_that_verify(api: Api) -> None:
    assert api.get("/.well-known/jwks.json").get_json() == api.deps.verifier.jwks()
