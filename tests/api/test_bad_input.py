"""Bad input: every kind of it gets a problem that names the field, and nothing changes."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import redis.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader

KEY = {"Idempotency-Key": "key"}
JSON = {"Content-Type": "application/json"}
GOOD = {"instrument": 17, "side": "buy", "quantity": "1"}


def problem(answer: TestResponse) -> dict[str, Any]:
    assert answer.mimetype == "application/problem+json"
    said: dict[str, Any] = answer.get_json()
    assert said["status"] == answer.status_code
    assert said["type"].startswith("https://")
    assert said["type"].endswith(said["code"].lower().replace("_", "-"))
    assert said["title"]
    assert said["detail"]
    assert said["request_id"] == answer.headers["X-Request-Id"]
    return said


def send(ada: Trader, body: bytes, **headers: str) -> TestResponse:
    return ada.post("/v1/orders", data=body, headers=JSON | KEY | headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"instrument":17,}',
        b"\xff\xfe",
        b'{"side":"\xff"}',
        b'{"instrument":NaN}',
        b'{"instrument":Infinity}',
        b'{"instrument":01}',
        b'{"instrument":17,"side":"buy","quantity":"\\ud800"}',
        b'{"instrument":17,"side":"buy","quantity":"1"} {}',
        b"\x00",
        b"\xef\xbb\xbf{}",
        '{"side":"buy"}'.encode("utf-16"),
    ],
)
def test_what_is_not_json_is_malformed(api: Api, ada: Trader, body: bytes) -> None:
    before = api.stored()

    answer = send(ada, body)

    assert (answer.status_code, problem(answer)["code"]) == (400, "MALFORMED_JSON")
    assert api.stored() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"instrument": None}, "/instrument"),
        ({"instrument": 17.5}, "/instrument"),
        ({"instrument": True}, "/instrument"),
        ({"instrument": [17]}, "/instrument"),
        ({"side": "BUY"}, "/side"),
        ({"side": 1}, "/side"),
        ({"side": None}, "/side"),
        ({"quantity": 1}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"quantity": {}}, "/quantity"),
        ({"price_bound": 100}, "/price_bound"),
        ({"client_order_id": 7}, "/client_order_id"),
        ({"client_order_id": ""}, "/client_order_id"),
        ({"client_order_id": "a b"}, "/client_order_id"),
        ({"client_order_id": "x" * 65}, "/client_order_id"),
        ({"client_order_id": "ok\n"}, "/client_order_id"),
        ({"user": 1}, "/user"),
        ({"Quantity": "1"}, "/Quantity"),
        ({"a/b~c": 1}, "/a~1b~0c"),
        ({"": 1}, "/"),
        ({"notional": "5"}, "/quantity"),
        ({"quantity": None}, "/quantity"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(
    api: Api, ada: Trader, change: dict[str, object], pointer: str
) -> None:
    before = api.stored()

    answer = send(ada, json.dumps(GOOD | change).encode())

    said = problem(answer)
    assert (answer.status_code, said["code"]) == (400, "VALIDATION")
    assert [error["pointer"] for error in said["errors"]] == [pointer]
    assert api.stored() == before


@pytest.mark.parametrize("missing", ["instrument", "side"])
def test_a_missing_field_is_named(ada: Trader, missing: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != missing}

    said = problem(send(ada, json.dumps(body).encode()))

    assert said["errors"] == [{"pointer": f"/{missing}", "detail": "is required", "in": "body"}]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"null"])
def test_a_body_that_is_no_object_is_refused(ada: Trader, body: bytes) -> None:
    said = problem(send(ada, body))

    assert (said["code"], said["errors"][0]["pointer"]) == ("VALIDATION", "")


def test_a_field_given_twice_is_refused_because_either_may_be_meant(api: Api, ada: Trader) -> None:
    before = api.stored()

    said = problem(send(ada, b'{"instrument":17,"side":"buy","quantity":"1","quantity":"9"}'))

    assert (said["code"], said["errors"][0]["pointer"]) == ("VALIDATION", "/quantity")
    assert api.stored() == before


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("quantity", "0", "QUANTITY_INVALID"),
        ("quantity", "0.000", "QUANTITY_INVALID"),
        ("quantity", "-1", "QUANTITY_INVALID"),
        ("quantity", "+1", "QUANTITY_INVALID"),
        ("quantity", "", "QUANTITY_INVALID"),
        ("quantity", " 1", "QUANTITY_INVALID"),
        ("quantity", "1e3", "QUANTITY_INVALID"),
        ("quantity", "1,5", "QUANTITY_INVALID"),
        ("quantity", ".5", "QUANTITY_INVALID"),
        ("quantity", "NaN", "QUANTITY_INVALID"),
        ("quantity", "Infinity", "QUANTITY_INVALID"),
        ("quantity", "١", "QUANTITY_INVALID"),
        ("quantity", "1\n", "QUANTITY_INVALID"),
        ("quantity", "9" * 5000, "QUANTITY_INVALID"),
        ("quantity", "9007199254740993", "QUANTITY_INVALID"),
        ("quantity", "9007199254740.993", "QUANTITY_INVALID"),
        ("quantity", "1.0001", "QUANTITY_PRECISION_EXCEEDED"),
        ("notional", "1.00001", "QUANTITY_PRECISION_EXCEEDED"),
        ("notional", "0", "QUANTITY_INVALID"),
        ("notional", "900719925474.0993", "QUANTITY_INVALID"),
        ("price_bound", "100.001", "PRICE_PRECISION_EXCEEDED"),
        ("price_bound", "0", "PRICE_INVALID"),
        ("price_bound", "-5", "PRICE_INVALID"),
        ("price_bound", "9007199254740993", "PRICE_INVALID"),
        ("price_bound", "x", "PRICE_INVALID"),
    ],
)
def test_a_number_that_is_none_or_out_of_range_is_refused(
    api: Api, ada: Trader, field: str, text: str, code: str
) -> None:
    before = api.stored()
    size = {} if field == "notional" else {"quantity": "1"}

    answer = send(
        ada, json.dumps({"instrument": 17, "side": "buy"} | size | {field: text}).encode()
    )

    said = problem(answer)
    assert (answer.status_code, said["code"]) == (400, code)
    assert said["errors"][0]["pointer"] == f"/{field}"
    assert api.stored() == before


@pytest.mark.parametrize(
    "text", ["900719925474.099", "900719925474.098", "9000000000000", "50.001"]
)
def test_the_largest_numbers_that_can_be_read_meet_the_limit_of_an_order(
    api: Api, ada: Trader, text: str
) -> None:
    before = api.stored()

    answer = ada.order(quantity=text)

    assert problem(answer)["code"] == "QUANTITY_LIMIT_EXCEEDED"
    assert api.stored() == before


@pytest.mark.parametrize(
    "name", [0, 99, -17, 10_000, 2**53, 2**64, 10**30, "XXX", "ars", "", "17 "]
)
def test_an_instrument_that_is_not_there_is_unknown(api: Api, ada: Trader, name: int | str) -> None:
    before = api.stored()

    answer = ada.order(instrument=name)

    said = problem(answer)
    assert (answer.status_code, said["code"]) == (404, "INSTRUMENT_UNKNOWN")
    assert said["errors"][0]["pointer"] == "/instrument"
    assert api.stored() == before


def test_an_instrument_of_thousands_of_digits_is_refused_by_name(ada: Trader) -> None:
    said = problem(send(ada, b'{"instrument":' + b"9" * 5000 + b',"side":"buy","quantity":"1"}'))

    assert said["errors"][0]["pointer"] == "/instrument"


@pytest.mark.parametrize("depth", [100, 30_000])
def test_a_body_nested_beyond_reason_is_refused(ada: Trader, depth: int) -> None:
    nested = b'{"instrument":17,"side":"buy","quantity":' + b"[" * depth + b"]" * depth + b"}"

    assert send(ada, nested).status_code == 400


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "IDEMPOTENCY_KEY_REQUIRED"),
        ({"Idempotency-Key": ""}, "IDEMPOTENCY_KEY_INVALID"),
        ({"Idempotency-Key": "a b"}, "IDEMPOTENCY_KEY_INVALID"),
        ({"Idempotency-Key": "a:b"}, "IDEMPOTENCY_KEY_INVALID"),
        ({"Idempotency-Key": "é"}, "IDEMPOTENCY_KEY_INVALID"),
        ({"Idempotency-Key": "x" * 65}, "IDEMPOTENCY_KEY_INVALID"),
    ],
)
def test_an_order_needs_a_usable_key(
    api: Api, ada: Trader, headers: dict[str, str], code: str
) -> None:
    before = api.stored()

    answer = ada.post("/v1/orders", json=GOOD, headers=headers)

    said = problem(answer)
    assert (answer.status_code, said["code"]) == (400, code)
    assert said["errors"][0]["in"] == "header"
    assert api.stored() == before


def test_a_key_of_64_characters_is_usable(ada: Trader) -> None:
    assert ada.order("x" * 64).status_code == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_not_read(ada: Trader, content_type: str) -> None:
    answer = send(ada, json.dumps(GOOD).encode(), **{"Content-Type": content_type})

    assert (answer.status_code, problem(answer)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_oversized_body_is_refused(api: Api, ada: Trader) -> None:
    before = api.stored()

    answer = send(ada, b'{"instrument":' + b" " * 65_536 + b"17}")

    assert (answer.status_code, problem(answer)["code"]) == (413, "BODY_TOO_LARGE")
    assert api.stored() == before


def test_an_order_without_a_token_is_refused_before_anything_else(api: Api) -> None:
    before = api.stored()

    answer = api.client.post("/v1/orders", json=GOOD, headers=KEY)

    assert (answer.status_code, problem(answer)["code"]) == (401, "TOKEN_REQUIRED")
    assert api.stored() == before


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/instruments?limit=0", "/limit"),
        ("/v1/instruments?limit=201", "/limit"),
        ("/v1/instruments?limit=x", "/limit"),
        ("/v1/instruments?limit=", "/limit"),
        ("/v1/instruments?limit=1e2", "/limit"),
        ("/v1/instruments?limit=2.0", "/limit"),
        ("/v1/instruments?limit=007", "/limit"),
        ("/v1/instruments?limit=" + "9" * 5000, "/limit"),
        ("/v1/instruments?limit=1&limit=2", "/limit"),
        ("/v1/instruments?unknown=1", "/unknown"),
        ("/v1/instruments?limit=%ff", "/limit"),
        ("/v1/instruments?status=closed", "/status"),
        ("/v1/instruments/17/quote?side=buy", "/quantity"),
        ("/v1/instruments/17/quote?quantity=1", "/side"),
        ("/v1/instruments/17/quote?side=buy&quantity=0", "/quantity"),
        ("/v1/instruments/17/quote?side=up&quantity=1", "/side"),
        ("/v1/instruments/17/ticks?after=yesterday", "/after"),
        ("/v1/instruments/17/ticks?after=1-1%0a", "/after"),
        ("/v1/instruments/17/ticks?limit=1001", "/limit"),
        ("/v1/fixtures?from=yesterday", "/from"),
        ("/v1/fixtures?from=2026-08-15T14:00:00", "/from"),
        ("/v1/fixtures?from=2026", "/from"),
        ("/v1/fixtures?to=1785587400.5", "/to"),
        ("/v1/fixtures?to=0001-01-01T00:00:00%2B14:00", "/to"),
        ("/v1/fixtures?to=9999-12-31T23:59:59-14:00", "/to"),
        ("/v1/fixtures?status=over", "/status"),
        ("/v1/fixtures?team=NOBODY", "/team"),
        ("/v1/fixtures?team=", "/team"),
        ("/v1/trades?instrument=0", "/instrument"),
        ("/v1/trades?instrument=", "/instrument"),
        ("/v1/trades?limit=-1", "/limit"),
    ],
)
def test_a_query_that_is_wrong_is_refused_by_name(ada: Trader, path: str, pointer: str) -> None:
    answer = ada.get(path)

    assert answer.status_code in (400, 404)
    [error] = problem(answer)["errors"]
    assert (error["pointer"], error["in"]) == (pointer, "query")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/me",
        "/v1/account",
        "/v1/holdings",
        "/v1/portfolio",
        "/v1/status",
        "/v1/instruments",
        "/v1/instruments/17",
        "/v1/instruments/17/quote",
        "/v1/instruments/17/ticks",
        "/v1/fixtures",
        "/v1/fixtures/1",
        "/v1/orders/019fbd61-c0ad-7cd6-8106-bfed5a6acfe6",
        "/v1/trades",
    ],
)
def test_a_parameter_that_is_not_known_is_named_on_every_route(ada: Trader, path: str) -> None:
    answer = ada.get(f"{path}?levrage=5")

    said = problem(answer)
    assert (answer.status_code, said["code"]) == (400, "VALIDATION")
    assert {"pointer": "/levrage", "detail": "is not known here", "in": "query"} in said["errors"]


def test_an_order_whose_bound_is_in_the_wrong_place_is_not_carried_out(
    api: Api, ada: Trader
) -> None:
    before = api.stored()

    answer = ada.post("/v1/orders?price_bound=90.00", json=GOOD, headers=KEY)

    assert [error["pointer"] for error in problem(answer)["errors"]] == ["/price_bound"]
    assert api.stored() == before


@pytest.mark.parametrize("cursor", ["x", "%00", "AAAA", "=" * 10, "é", "A" * 4000])
@pytest.mark.parametrize("path", ["/v1/instruments", "/v1/fixtures", "/v1/trades"])
def test_a_cursor_nobody_issued_is_refused(ada: Trader, path: str, cursor: str) -> None:
    assert problem(ada.get(f"{path}?cursor={cursor}"))["code"] == "CURSOR_INVALID"


@pytest.mark.parametrize(
    "path",
    [
        "/v2",
        "/v1/orders/",
        "/v1/me/",
        "/v1/instruments/",
        "/web/",
        "/web/../setup.cfg",
        "/web/..%2fsetup.cfg",
        "/web/no.js",
        "/v1/fixtures/x",
        "/v1/fixtures/-1",
        "/v1/fixtures/" + "9" * 5000,
        "/v1/instruments/NOBODY",
        "/v1/instruments/" + "1" * 5000,
        "/%00",
        "/%ff",
        "/v1/instruments/%ff",
    ],
)
def test_a_path_that_leads_nowhere_is_a_problem_too(ada: Trader, path: str) -> None:
    answer = ada.get(path)

    assert answer.status_code == 404
    assert problem(answer)["instance"]


@pytest.mark.parametrize("path", ["//v1/me", "//v1/status", "//healthz", "///"])
def test_a_path_with_a_slash_too_many_in_front_leads_nowhere(ada: Trader, path: str) -> None:
    # As it arrives from a socket: the test client would take the first part for a host.
    answer = ada.api.client.get("/", environ_overrides={"PATH_INFO": path}, headers=ada.auth)

    assert (answer.status_code, problem(answer)["code"]) == (404, "NOT_FOUND")


def test_a_wrong_method_says_which_are_right(ada: Trader) -> None:
    answer = ada.api.client.delete("/v1/orders", headers=ada.auth)

    assert (answer.status_code, problem(answer)["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False)]
)
def test_a_request_id_is_taken_over_if_it_is_harmless(api: Api, given: str, kept: bool) -> None:
    answer = api.get("/v1/status", **{"X-Request-Id": given})

    assert (answer.headers["X-Request-Id"] == given) is kept
    assert answer.headers["X-Request-Id"]


class Broken:
    """Stores that fail in one way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


def test_a_bug_is_a_500_that_tells_nothing_of_the_inside(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    broken = api.with_(hot=Broken(RuntimeError("secret inside")))

    answer = broken.get("/v1/instruments")

    assert (answer.status_code, problem(answer)["code"]) == (500, "INTERNAL")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_store_that_is_away_is_a_503_to_come_back_to(api: Api) -> None:
    away = api.with_(hot=Broken(redis.exceptions.ConnectionError("refused: 10.0.0.7:6379")))

    answer = away.get("/v1/instruments")

    assert (answer.status_code, problem(answer)["code"]) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"
    assert "10.0.0.7" not in answer.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
field_names = st.sampled_from([*GOOD, "notional", "price_bound", "client_order_id", "other"])


@settings(max_examples=60)
@given(body=st.binary(max_size=60) | st.dictionaries(field_names, json_values).map(json.dumps))
def test_no_body_whatever_breaks_the_server_or_moves_money_unasked(
    api: Api, ada: Trader, body: bytes | str
) -> None:
    before = api.stored()

    answer = send(ada, body.encode() if isinstance(body, str) else body)

    assert 400 <= answer.status_code < 500
    assert problem(answer)["code"]
    assert api.stored() == before


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"side": "BUY"}, "side: must be one of buy, sell"),
        ({"client_order_id": "a b"}, "client_order_id: must be 1 to 64 characters"),
    ],
)
def test_a_wrong_value_is_answered_with_what_would_be_right(
    ada: Trader, body: dict[str, object], detail: str
) -> None:
    answer = send(ada, json.dumps(GOOD | body).encode())

    assert answer.status_code == 400
    assert problem(answer)["detail"].startswith(detail)
