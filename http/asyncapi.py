"""`GET /asyncapi.json` of the ws-server: what is said over its WebSocket, for machines.

Source: docs/protocol.md, "WebSocket".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ..protocol.asyncapi import document
from .problems import CONTENT_TYPE, Problem, status_line
from .request_id import request_id_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATH = "/asyncapi.json"


class AsyncApiApp:
    """WSGI: the document; no other path exists."""

    def __init__(self) -> None:
        self._body = msgspec.json.encode(document())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        problem = None
        if path != PATH:
            problem = Problem("NOT_FOUND", "no such path on this service")
        elif method not in ("GET", "HEAD"):
            problem = Problem("METHOD_NOT_ALLOWED", "it is read with GET", headers={"Allow": "GET"})
        body = self._body if problem is None else problem.body(path, request_id_of(environ))
        headers = [
            ("Content-Type", "application/json" if problem is None else CONTENT_TYPE),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *(problem.headers.items() if problem else ()),
        ]
        start_response(status_line(problem.status if problem else 200), headers)
        return [b""] if method == "HEAD" else [body]
