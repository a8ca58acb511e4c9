"""The OpenAPI document: valid, complete, and made of what the routes say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from flask import Flask
from touchline.http.codes import CODES
from touchline.http.openapi_route import add_document
from touchline.http.operations import Operation

from tests.api.conftest import Api
from tests.api.watched import PROBLEM, hold

#: Codes that only the ws-server gives, or a path without a route, or a method without one.
ELSEWHERE = {"UPGRADE_REQUIRED", "TOO_MANY_CONNECTIONS", "METHOD_NOT_ALLOWED"}
#: Codes of routes that are there only where Google is set up.
GOOGLES = {
    "STATE_MISMATCH",
    "GOOGLE_TOKEN_INVALID",
    "EMAIL_NOT_VERIFIED",
    "DOMAIN_NOT_ALLOWED",
    "GOOGLE_KEYS_UNAVAILABLE",
    "GOOGLE_UNAVAILABLE",
}


@pytest.fixture
def document(api: Api) -> Any:
    return api.get("/openapi.json").get_json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def parts(node: Any) -> Iterator[Any]:
    """Every object within *node*."""
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from parts(child)


def test_the_document_is_valid_openapi(document: Any) -> None:
    schemathesis.openapi.from_dict(document).validate()

    assert document["openapi"] == "3.1.0"


def test_the_document_has_every_route_and_no_other(api: Api, document: Any) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in api.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and not rule.endpoint.startswith("page.")
    }
    health = {("/healthz", "get"), ("/readyz", "get")}

    described = {(path, method) for path, method, _ in operations(document)}

    assert described == routes | health


def test_a_route_that_says_nothing_of_itself_does_not_start() -> None:
    app = Flask("silent", static_folder=None)
    app.add_url_rule("/v1/silent", "silent", lambda: "")

    with pytest.raises(TypeError, match="/v1/silent says nothing"):
        add_document(app)


def test_every_reference_leads_somewhere(document: Any) -> None:
    for part in parts(document):
        if isinstance(part.get("$ref"), str):
            node = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                node = node[step]


def test_every_pattern_is_one_of_json_schema(document: Any) -> None:
    patterns = {part["pattern"] for part in parts(document) if isinstance(part.get("pattern"), str)}

    assert len(patterns) > 5
    assert not [pattern for pattern in patterns if r"\A" in pattern or r"\Z" in pattern]


def test_no_object_is_left_undescribed(document: Any) -> None:
    """One that may have any members says so, and what for."""
    objects = [part for part in parts(document) if part.get("type") == "object"]

    assert len(objects) > 50
    for each in objects:
        members = each.get("additionalProperties")
        assert each.get("properties") or members is not None, each
        assert members is not True or each.get("description"), each


def test_no_member_is_left_undescribed(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        for member, said in schema.get("properties", {}).items():
            assert said, f"{name}.{member}"


@pytest.mark.parametrize(
    ("schema", "members"),
    [
        ("Adjustment", ["amount"]),
        ("LimitsWanted", ["depth", "qcap", "user_cap", "order_max"]),
        ("InstrumentWanted", ["depth", "qcap", "user_cap", "order_max", "base_price"]),
    ],
)
def test_what_admins_write_as_a_decimal_says_how(
    document: Any, schema: str, members: list[str]
) -> None:
    told = document["components"]["schemas"][schema]["properties"]

    for member in members:
        assert [part for part in parts(told[member]) if "pattern" in part], member


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(names)) == len(names)
    assert all(operation["summary"].endswith(".") for _, _, operation in operations(document))


def test_every_code_there_is_may_come_of_some_operation(document: Any) -> None:
    told = {
        code
        for _, _, operation in operations(document)
        for answer in operation["responses"].values()
        for media in answer.get("content", {}).values()
        for code in media["schema"].get("properties", {}).get("code", {}).get("enum", ())
    }

    assert told == set(CODES) - ELSEWHERE - GOOGLES


def test_who_must_be_known_is_said_with_what_else_is_needed(document: Any) -> None:
    order = document["paths"]["/v1/orders"]["post"]
    restart = document["paths"]["/v1/admin/actors/{name}/restart"]["post"]
    orders = document["paths"]["/v1/orders"]["get"]
    limit = {each.get("name"): each for each in orders["parameters"]}["limit"]

    assert order["security"] == [{"bearer": []}]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in order["parameters"]
    assert set(order["responses"]) >= {"201", "202", "400", "401", "409", "422", "500", "503"}
    assert "WWW-Authenticate" in order["responses"]["401"]["headers"]
    assert "admin" in restart["description"]
    assert not restart["requestBody"]["required"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert document["paths"]["/v1/status"]["get"]["security"] == []


def test_a_token_may_be_left_out_where_only_something_about_the_caller_needs_it(
    document: Any,
) -> None:
    board = document["paths"]["/v1/leaderboards/week"]["get"]

    assert board["security"] == [{}, {"bearer": []}]
    assert "`TOKEN_REQUIRED`" in board["responses"]["401"]["description"]


def test_what_is_answered_as_something_else_than_json_is_said(document: Any) -> None:
    trades = document["paths"]["/v1/trades"]["get"]["responses"]
    others = {
        path
        for path, _, operation in operations(document)
        for answer in operation["responses"].values()
        if set(answer.get("content", {})) - {"application/json", PROBLEM}
    }

    assert set(trades["200"]["content"]) == {"application/json", "text/csv"}
    assert trades["200"]["content"]["text/csv"]["schema"] == {"type": "string"}
    assert "Link" in trades["200"]["headers"]
    assert others == {"/v1/trades"}


def test_any_answer_may_tell_of_a_quota_and_any_request_may_be_one_too_many(
    document: Any,
) -> None:
    for path, _, operation in operations(document):
        for answer in operation["responses"].values():
            assert {"RateLimit", "RateLimit-Policy"} <= set(answer["headers"]), path
        assert "Retry-After" in operation["responses"]["429"]["headers"], path
        assert "`RATE_LIMITED`" in operation["responses"]["429"]["description"], path
    for name in ("RateLimit", "RateLimit-Policy"):
        assert "required" not in document["components"]["headers"][name]


def test_the_document_is_known_by_its_etag(api: Api) -> None:
    first = api.get("/openapi.json")

    again = api.get("/openapi.json", **{"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


def test_parameters_that_a_route_does_not_name_are_refused(api: Api) -> None:
    for path in ("/v1/status?x=1", "/openapi.json?x=1", "/v1/instruments?x=1"):
        answer = api.get(path)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "VALIDATION")


class Said(msgspec.Struct):
    known: int


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        ({"known": 1, "new": 2}, 200, "GET /said"),
        ({"known": "1"}, 200, "Expected"),
        ({"known": 1}, 201, "is no answer"),
    ],
)
def test_an_answer_that_is_not_as_its_route_said_fails_the_test_that_got_it(
    body: Any, status: int, fault: str
) -> None:
    app = Flask("said")

    @app.get("/said")
    @Operation(answers={200: Said})
    def said() -> Any:
        return body, status

    with pytest.raises(AssertionError, match=fault):
        hold(app, app.test_client().get("/said"))


def test_the_documents_page_loads_nothing_from_elsewhere(api: Api) -> None:
    page = api.get("/docs")
    text = page.get_data(as_text=True)

    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="(?!/)', text)
    assert not re.findall(r"<script>|style=|\son\w+=", text)
