"""A test client that holds each answer against what its route has said of itself."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient
from touchline.http.codes import CODES
from touchline.http.health import OPERATIONS as HEALTH
from touchline.http.operations import Operation, operation_of, refusals_of
from touchline.protocol.problems import Problem
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

PROBLEM = "application/problem+json"


class Watched(FlaskClient):
    """Fails the test that gets an answer, or a member of one, that is in no document."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        hold(self.application, answer)
        return answer


def watched(app: Flask) -> FlaskClient:
    """A client of *app*, all of whose answers are looked at."""
    app.test_client_class = Watched
    return app.test_client()


def hold(app: Flask, answer: TestResponse) -> None:
    """Assert that *answer* is one that its route may give."""
    # As it was sent: `path` of a request has no doubled slash in front any more.
    method, path = answer.request.method, answer.request.environ["PATH_INFO"]
    operation, parts = _asked(app, method, path)
    if operation is None or method in ("HEAD", "OPTIONS") or path.startswith("//"):
        return
    where, status = f"{method} {path}: {answer.status_code}", answer.status_code
    if answer.mimetype == PROBLEM:
        problem = _exactly(answer.data, Problem, where)
        assert problem.code in refusals_of(operation, method, parts), f"{where} {problem.code}"
        assert (problem.status, CODES[problem.code][0]) == (status, status), where
        assert (status == 503) <= ("Retry-After" in answer.headers), where
        assert (status == 401) <= ("WWW-Authenticate" in answer.headers), where
    elif status == 304:
        assert operation.tagged, where
    else:
        assert status in operation.answers, f"{where} is no answer it gives"
        if (status, answer.mimetype) not in {(200, other) for other in operation.also}:
            _exactly(answer.data, operation.answers[status], where)
        assert operation.shows_version(status) == ("ETag" in answer.headers), where


def _asked(app: Flask, method: str, path: str) -> tuple[Operation | None, dict[str, Any]]:
    if path in HEALTH:
        return (HEALTH[path][1] if method == "GET" else None), {}
    try:
        endpoint, parts = app.url_map.bind("localhost").match(path, method)
    except HTTPException:
        return None, {}
    return operation_of(app.view_functions[endpoint]), dict(parts)


def _exactly(body: bytes, kind: Any, where: str) -> Any:
    """*body* as *kind*, which has to name each of its members."""
    if kind is None:
        assert body == b"", where
        return None
    try:
        read = msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as why:
        raise AssertionError(f"{where}: {why} in {body.decode()}") from None
    assert json.loads(msgspec.json.encode(read)) == json.loads(body), where
    return read
