"""A batch of the wrong form is refused whole, with every faulty order named; nothing is traded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.api.conftest import Api, Trader, line

JSON = {"Content-Type": "application/json"}


def send(ada: Trader, body: bytes, **headers: str) -> TestResponse:
    return ada.post("/v1/orders/batch", data=body, headers=JSON | headers)


def refused(api: Api, answer: TestResponse) -> dict[str, Any]:
    """The problem that *answer* is; nothing was handed on because of it."""
    assert answer.mimetype == "application/problem+json"
    assert api.executor.commands == []
    assert not api.deps.trades.results
    said: dict[str, Any] = answer.get_json()
    assert said["status"] == answer.status_code
    return said


def pointers(said: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in said["errors"]]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"side": "BUY"}, "/side"),
        ({"side": None}, "/side"),
        ({"quantity": 1}, "/quantity"),
        ({"quantity": None}, "/quantity"),
        ({"quantity": "1.0001"}, "/quantity"),
        ({"quantity": "0"}, "/quantity"),
        ({"notional": "5", "quantity": "1"}, "/quantity"),
        ({"notional": "1.00001"}, "/notional"),
        ({"price_bound": "100.001"}, "/price_bound"),
        ({"client_order_id": "a b"}, "/client_order_id"),
        ({"instrument": 17.5}, "/instrument"),
        ({"idempotency_key": ""}, "/idempotency_key"),
        ({"idempotency_key": "a:b"}, "/idempotency_key"),
        ({"idempotency_key": "x" * 65}, "/idempotency_key"),
        ({"idempotency_key": None}, "/idempotency_key"),
        ({"leverage": 5}, "/leverage"),
        ({"a/b~c": 5}, "/a~1b~0c"),
    ],
)
def test_one_order_of_the_wrong_form_refuses_all_and_is_named(
    api: Api, ada: Trader, change: dict[str, object], pointer: str
) -> None:
    answer = ada.batch(line("a"), line("b", **change), line("c"))

    said = refused(api, answer)
    assert (answer.status_code, said["code"]) == (400, "VALIDATION")
    assert pointers(said) == [f"/orders/1{pointer}"]
    assert said["detail"].startswith(f"orders/1{pointer}: ")


def test_every_faulty_order_is_named(api: Api, ada: Trader) -> None:
    answer = ada.batch(
        line("a", side="up"), line("b"), line("c", quantity="x"), 7, line("d", instrument="XXX")
    )

    said = refused(api, answer)
    assert pointers(said) == ["/orders/0/side", "/orders/2/quantity", "/orders/3"]
    assert said["detail"] == (
        "orders/0/side: must be one of buy, sell, and 2 more; nothing was traded"
    )


def test_an_order_without_a_key_is_refused(api: Api, ada: Trader) -> None:
    order = line("a")
    del order["idempotency_key"]

    said = refused(api, ada.batch(order))

    assert said["errors"] == [
        {"pointer": "/orders/0/idempotency_key", "detail": "is required", "in": "body"}
    ]


def test_the_header_of_a_single_order_is_no_key_for_a_batch(api: Api, ada: Trader) -> None:
    order = line("a")
    del order["idempotency_key"]

    answer = send(ada, json.dumps({"orders": [order]}).encode(), **{"Idempotency-Key": "key"})

    assert pointers(refused(api, answer)) == ["/orders/0/idempotency_key"]


def test_two_orders_under_one_key_are_refused_even_if_they_are_the_same(
    api: Api, ada: Trader
) -> None:
    said = refused(api, ada.batch(line("a"), line("b"), line("a")))

    assert (said["code"], pointers(said)) == ("VALIDATION", ["/orders/2/idempotency_key"])


def test_a_key_counts_as_given_where_the_instrument_is_unknown(api: Api, ada: Trader) -> None:
    said = refused(api, ada.batch(line("a", instrument="XXX"), line("a")))

    assert pointers(said) == ["/orders/1/idempotency_key"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/orders"),
        ({"orders": []}, "/orders"),
        ({"orders": [line(str(number)) for number in range(51)]}, "/orders"),
        ({"orders": {"0": line("a")}}, "/orders"),
        ({"orders": None}, "/orders"),
        ({"orders": [line("a")], "atomic": True}, "/atomic"),
        ([line("a")], ""),
        ("orders", ""),
    ],
)
def test_a_request_that_is_no_batch_is_refused_by_name(
    api: Api, ada: Trader, body: object, pointer: str
) -> None:
    answer = send(ada, json.dumps(body).encode())

    said = refused(api, answer)
    assert (answer.status_code, said["code"]) == (400, "VALIDATION")
    assert pointers(said) == [pointer]


def test_fifty_orders_are_a_batch(ada: Trader) -> None:
    answer = ada.batch(*(line(str(number), quantity="0.1") for number in range(50)))

    assert [each["status"] for each in answer.get_json()["results"]] == [201] * 50


GOOD = json.dumps(line("a")).encode()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (
            b'{"orders":[%s,{"idempotency_key":"b","instrument":17,"side":"buy",'
            b'"quantity":"1","quantity":"9"}]}' % GOOD,
            "/orders/1/quantity",
        ),
        (b'{"orders":[%s],"orders":[%s]}' % (GOOD, GOOD), "/orders"),
    ],
    ids=["of an order", "orders"],
)
def test_a_member_given_twice_is_refused_because_either_may_be_meant(
    api: Api, ada: Trader, body: bytes, pointer: str
) -> None:
    said = refused(api, send(ada, body))

    assert (said["code"], pointers(said)) == ("VALIDATION", [pointer])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"orders":[{]}',
        b'{"orders":[%s,]}' % GOOD,
        b'{"orders":[{"side":"\\ud800"}]}',
        b'{"orders":[{"side":"\xff"}]}',
        b'{"orders":[7,{"side":"\xff"}]}',
        b'{"orders":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
)
def test_what_is_not_json_is_malformed_as_a_whole(api: Api, ada: Trader, body: bytes) -> None:
    answer = send(ada, body)

    assert (answer.status_code, refused(api, answer)["code"]) == (400, "MALFORMED_JSON")


def test_a_batch_of_another_type_is_not_read(api: Api, ada: Trader) -> None:
    body = json.dumps({"orders": [line("a")]}).encode()

    answer = send(ada, body, **{"Content-Type": "text/plain"})

    assert refused(api, answer)["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_a_batch_beyond_the_limit_of_a_body_is_refused(api: Api, ada: Trader) -> None:
    answer = send(ada, b'{"orders":[' + b" " * 65_536 + GOOD + b"]}")

    assert (answer.status_code, refused(api, answer)["code"]) == (413, "BODY_TOO_LARGE")


def test_a_batch_without_a_token_is_refused_before_anything_else(api: Api) -> None:
    answer = api.client.post("/v1/orders/batch", json={"orders": 7})

    assert refused(api, answer)["code"] == "TOKEN_REQUIRED"


def test_a_parameter_on_a_batch_is_refused(api: Api, ada: Trader) -> None:
    answer = ada.post("/v1/orders/batch?price_bound=90", json={"orders": [line("a")]})

    assert pointers(refused(api, answer)) == ["/price_bound"]


numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
members = st.sampled_from([*line("a"), "notional", "price_bound", "client_order_id", "other"])
faulty = values | st.dictionaries(members.filter(lambda name: name != "side"), values)


@settings(max_examples=60)
@given(before=st.integers(0, 2), fault=faulty, after=st.integers(0, 2))
def test_no_fault_whatever_lets_the_orders_around_it_through(
    api: Api, ada: Trader, before: int, fault: object, after: int
) -> None:
    around = [line(f"key-{number}") for number in range(before + after)]

    answer = ada.batch(*around[:before], fault, *around[before:])

    said = refused(api, answer)
    assert answer.status_code == 400
    assert all(pointer.startswith(f"/orders/{before}") for pointer in pointers(said))
