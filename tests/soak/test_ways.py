"""A request goes from one api-server to the other until it is answered, always as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from .promises import Asked, Promises
from .stories import fill
from .ways import Ways

USER, TOKEN = {"user": {"id": "7"}, "access_token": "token"}, "Bearer token"
Replies = list[tuple[int, Any]]


class Api:
    """An api-server that says what it is told to, one thing after the other; and what it heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self._replies: Replies = []
        self._server = WSGIServer(("127.0.0.1", 0), self._answer, log=None, error_log=None)
        self._server.start()

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def says(self, *replies: tuple[int, Any]) -> None:
        self._replies += replies

    def stop(self) -> None:
        self._server.stop()

    def _answer(self, environ: dict[str, Any], start: Callable[..., object]) -> list[bytes]:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        body = json.loads(environ["wsgi.input"].read() or b"null")
        status, said = 200, USER
        if not environ["PATH_INFO"].endswith("login"):
            self.heard.append((key, body))
            status, said = self._replies.pop(0)
        start(f"{status} any", [("Content-Type", "application/json")])
        return [json.dumps(said).encode()]


@pytest.fixture
def apis() -> Iterator[tuple[Api, Api]]:
    apis = (Api(), Api())
    yield apis
    for api in apis:
        api.stop()


@pytest.fixture
def promises() -> Promises:
    return Promises()


@pytest.fixture
def ways(apis: tuple[Api, Api], promises: Promises) -> Ways:
    ways = Ways([api.port for api in apis], promises, seed=1)
    ways.sign_in("t0@example.com")
    return ways


def ordered(ways: Ways) -> int:
    body = {"side": "buy"}
    said = ways.ask("POST", "/v1/orders", body, Authorization=TOKEN, Idempotency_Key="t0-1")
    return said.status


AGAIN = (503, {"code": "OUTCOME_UNKNOWN"})
REFUSED = (409, {"code": "MARKET_HALTED"})


def test_what_one_does_not_know_the_other_is_asked_under_the_same_key(
    apis: tuple[Api, Api], ways: Ways, promises: Promises
) -> None:
    for api in apis:
        api.says(AGAIN, (201, fill()))

    assert ordered(ways) == 201

    first, second = (api.heard for api in apis)
    assert first[0] == second[0] == ("t0-1", {"side": "buy"})
    assert [promise.user for promise in promises.facts.values()] == [7]


def test_a_refusal_at_once_is_the_end_of_it(
    apis: tuple[Api, Api], ways: Ways, promises: Promises
) -> None:
    for api in apis:
        api.says(REFUSED)

    assert ordered(ways) == 409
    assert promises.open == {}


def test_a_refusal_after_a_try_without_an_answer_is_asked_again_at_the_end(
    apis: tuple[Api, Api], ways: Ways, promises: Promises
) -> None:
    for api in apis:
        api.says(AGAIN, REFUSED, REFUSED)

    assert ordered(ways) == 409
    assert len(promises.open) == 1

    assert ways.ask_again(within_s=10) == []
    assert promises.open == {}


def test_what_nobody_answers_to_the_end_is_told(
    apis: tuple[Api, Api], ways: Ways, promises: Promises
) -> None:
    for api in apis:
        api.says(*[AGAIN] * 100)
    promises.begin(Asked(7, "POST", "/v1/orders", {}, {"Idempotency_Key": "t0-2"}))

    assert [asked.key for asked in ways.ask_again(within_s=0.1)] == ["t0-2"]
