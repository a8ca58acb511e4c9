"""HEAD and OPTIONS, which clients and proxies send on their own."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, Trader

PATHS = (
    "/v1/me",
    "/v1/account",
    "/v1/events",
    "/v1/trades",
    "/v1/instruments",
    "/v1/instruments/ARS",
    "/v1/instruments/ARS/trades",
    "/v1/fixtures",
    "/v1/leaderboards/all",
    "/v1/leaderboards/week",
    "/v1/leaderboards/me",
    "/v1/spinner/current",
)


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(ada: Trader, path: str) -> None:
    got = ada.get(path)

    headed = ada.api.client.head(path, headers=ada.auth)

    assert (got.status_code, headed.status_code) == (200, 200)
    assert headed.data == b""
    for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert headed.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("path", PATHS)
def test_options_names_the_methods_of_a_path(api: Api, path: str) -> None:
    answer = api.client.options(path)

    assert answer.status_code == 200
    assert {"GET", "HEAD", "OPTIONS"} <= answer.allow
    assert ("PATCH" in answer.allow) is (path == "/v1/me")


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_refused_with_those_that_are_allowed(api: Api, path: str) -> None:
    answer = api.client.delete(path)

    assert (answer.status_code, answer.get_json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", PATHS)
def test_json_is_answered_whatever_is_accepted(ada: Trader, path: str) -> None:
    assert ada.get(path, Accept="image/webp").mimetype == "application/json"


@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_that_is_none_is_refused(ada: Trader, path: str) -> None:
    answer = ada.get(f"{path}?colour=red")

    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["pointer"] == "/colour"
