"""Pages of others: what they may ask and what not, and that no token is theirs to use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.http.api import create_app

from tests.api.conftest import Api, Trader, path_of

FRIEND, OWN, EVIL = "https://friend.example", "https://exchange.example", "https://evil.example"
CHANGING = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def open_api(api: Api) -> Api:
    """An API whose operator lets one other origin in."""
    return api.with_(origins=(OWN,), allowed_origins=(FRIEND,))


def preflight(api: Api, origin: str):
    return api.client.options(
        "/v1/orders",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        },
    )


def test_a_page_that_is_allowed_learns_what_it_may_send(open_api):
    answer = preflight(open_api, FRIEND)

    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [EVIL, "null", "", f"{FRIEND}.evil.example", f"{FRIEND}:8080"])
def test_a_page_that_is_not_learns_nothing(open_api, origin):
    answer = preflight(open_api, origin)

    assert (answer.status_code, answer.get_json()["code"]) == (403, "ORIGIN_FORBIDDEN")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_answers_and_refusals_can_be_read_by_the_page_that_is_allowed(open_api):
    answers = [
        open_api.get("/v1/instruments", Origin=FRIEND),
        open_api.get("/v1/me", Origin=FRIEND),
        open_api.get("/nothing", Origin=FRIEND),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 404]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {FRIEND}
    assert "RateLimit" in answers[0].headers["Access-Control-Expose-Headers"]
    assert {"Access-Control-Allow-Credentials"} & set(answers[0].headers) == set()


def test_another_page_cannot_read_what_is_answered(open_api):
    answer = open_api.get("/v1/instruments", Origin=EVIL)

    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Vary"] == "Origin"  # or a cache would tell one what another may read


def test_an_order_from_an_allowed_page_is_made(open_api):
    ada = open_api.sign_in()

    made = ada.post(
        "/v1/orders",
        json={"instrument": 17, "side": "buy", "quantity": "1"},
        headers={"Origin": FRIEND, "Sec-Fetch-Site": "cross-site", "Idempotency-Key": "k"},
    )

    assert made.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://localhost:81"},
        {"Origin": "https://localhost"},
        {"Origin": "localhost"},
        {"Origin": "http://localhost:443"},
        {"Origin": "http://me@localhost"},
        {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_page_of_others_changes_anything_on_any_route(api: Api, ada: Trader, headers):
    app = create_app(api.deps)
    before = api.stored()

    answers = {
        (method, rule.rule): api.client.open(
            path_of(rule.rule), method=method, headers=ada.auth | headers, json={}
        )
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & set(CHANGING)
    }

    assert len(answers) > 10
    assert {(answer.status_code, answer.get_json()["code"]) for answer in answers.values()} == {
        (403, "ORIGIN_FORBIDDEN")
    }
    assert api.stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": OWN, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_programs_change_what_they_like(open_api, headers):
    ada = open_api.sign_in()

    assert ada.post("/v1/ws-token", headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "welcome"),
    [
        ("https", "here.example", "https://here.example", True),
        ("https", "here.example:443", "https://here.example", True),
        ("https", "Here.Example", "https://here.example:443", True),
        ("http", "here.example:80", "http://here.example", True),
        ("https", "here.example:8443", "https://here.example:8443", True),
        ("https", "here.example", "http://here.example", False),
        ("http", "here.example", "https://here.example", False),
        ("https", "here.example:80", "https://here.example", False),
        ("https", "here.example", "https://here.example:80", False),
        ("https", "here.example:8443", "https://here.example", False),
    ],
)
def test_a_page_of_our_name_by_http_is_not_the_one_by_https(
    api: Api, ada: Trader, scheme: str, host: str, origin: str, welcome: bool
) -> None:
    """Whoever reads along on http may change what is on it."""
    answer = api.client.post(
        "/v1/ws-token",
        base_url=f"{scheme}://{host}",
        headers=ada.auth | {"Origin": origin, "Host": host},
    )

    assert answer.status_code == (201 if welcome else 403)


@given(st.text(max_size=40).filter(lambda text: "\n" not in text and "\r" not in text))
def test_no_origin_breaks_anything(open_api: Api, origin: str) -> None:
    made = {"Origin": origin.encode("utf-8").decode("latin-1")}

    answer = open_api.client.post("/v1/ws-token", headers=made)

    assert answer.status_code == 403
