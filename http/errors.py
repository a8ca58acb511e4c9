"""Turns whatever ends a request early into a problem document.

The one place of this layer that catches every exception: a bug in one request
must answer that request and leave the server standing.
"""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from ..store.outage import OUTAGES
from .codes import BY_STATUS
from .problems import CONTENT_TYPE, Problem, Refuse

logger = structlog.get_logger(__name__)

RETRY_AFTER_S = "1"  #: an outage is over at once or takes long; clients back off from here


def install(app: Flask) -> None:
    """Register the handlers with *app*."""
    app.register_error_handler(Refuse, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def respond(problem: Problem) -> Response:
    """The response that says *problem*."""
    body = problem.body(request.path, g.get("request_id", ""))
    response = Response(body, problem.status, content_type=CONTENT_TYPE)
    response.headers.update(problem.all_headers)
    return response


def unavailable(detail: str, code: str = "UNAVAILABLE") -> Problem:
    """A 503 that asks the client to come again."""
    return Problem(code, detail, headers={"Retry-After": RETRY_AFTER_S})


def _refused(refuse: Refuse) -> Response:
    return respond(refuse.problem)


def _http_error(error: HTTPException) -> Response:
    """What Flask and Werkzeug refuse themselves: no such path, wrong method, too large."""
    status = error.code or 500
    code = BY_STATUS.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL")
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return respond(Problem(code, error.description or error.name, headers=headers))


def _unexpected(error: Exception) -> Response:
    if isinstance(error, OUTAGES):
        # Its own log line comes once, from the actor that waits the outage out.
        return respond(unavailable("a store that this needs cannot be reached; try again"))
    logger.error(
        "request failed", path=request.path, request_id=g.get("request_id"), exc_info=error
    )
    return respond(Problem("INTERNAL", "the request failed; it was logged under its request_id"))
