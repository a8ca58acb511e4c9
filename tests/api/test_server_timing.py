"""`Server-Timing`: for who is signed in, and nothing that tells of a secret."""

from __future__ import annotations

import re

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader, line

PART = r"[a-z]+;dur=[0-9]+\.[0-9]"


def parts(answer: TestResponse) -> list[str]:
    told = answer.headers["Server-Timing"]
    assert re.fullmatch(rf"{PART}(, {PART})*", told), told
    return re.findall("[a-z]+(?=;)", told)


def test_an_answer_tells_what_it_took(ada: Trader) -> None:
    assert parts(ada.get("/v1/account")) == ["app"]


def test_so_does_a_refusal(ada: Trader) -> None:
    refused = [ada.get("/v1/account?x=1"), ada.get("/v1/orders/nothing"), ada.order(quantity="x")]

    assert [answer.status_code for answer in refused] == [400, 404, 400]
    assert [parts(answer) for answer in refused] == [["app"]] * 3


def test_of_a_trade_it_is_told_how_much_was_the_trade(ada: Trader) -> None:
    position = ada.open()
    answers = [
        ada.order(),
        ada.batch(line("a"), line("b")),
        position,
        ada.close(position.get_json()["position"]["position_id"]),
    ]

    assert [parts(answer) for answer in answers] == [["trade", "app"]] * 4


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_who_is_not_signed_in_learns_no_times(api: Api, token: str) -> None:
    for path in ("/v1/instruments", "/v1/account", "/v1/status", "/nothing", "/openapi.json"):
        answer = api.get(path, **({"Authorization": f"Bearer {token}"} if token else {}))
        assert "Server-Timing" not in answer.headers


def test_no_sign_in_and_no_token_that_is_over_tells_times(api: Api, ada: Trader) -> None:
    login = api.client.post("/v1/auth/dev-login", json={"email": "b@example.com"})
    refreshes = [
        api.client.post("/v1/auth/refresh", json={"refresh_token": token}, headers=ada.auth)
        for token in (login.get_json()["refresh_token"], "made-up")
    ]
    out = ada.post("/v1/auth/logout")
    over = ada.get("/v1/account")

    assert [answer.status_code for answer in (login, *refreshes, out, over)] == [
        200, 200, 401, 204, 401,
    ]  # fmt: skip
    for answer in (login, *refreshes, out, over):
        assert "Server-Timing" not in answer.headers
