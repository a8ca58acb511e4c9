"""What operators ask every service: `/healthz`, `/readyz`, `/supervisor` and `/metrics`.

A small WSGI application of its own: the ws-server mounts it alone, the
api-server in front of Flask. It answers from plain reads (no message to any
actor, no query), so it answers while everything else is busy or broken.

Source: docs/operations.md, "Health".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol.service import Alive, Ready
from .accepting import rather
from .assets import assets
from .health_report import HealthSource, encoded, judged, public_report, readyz
from .operations import Operation
from .problems import CONTENT_TYPE, Problem, status_line
from .request_id import request_id_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


#: What those of the paths say that are for programs; the others are in docs/operations.md.
OPERATIONS: Mapping[str, tuple[str, Operation]] = {
    "/healthz": (
        "Whether the process goes on.",
        Operation(answers={200: Alive, 503: Alive}),
    ),
    "/readyz": (
        "Whether the service can serve, and why not.",
        Operation(answers={200: Ready, 503: Ready}),
    ),
}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


class HealthApp:
    """WSGI: the health paths; every other path goes to *fallback* (404 without one)."""

    def __init__(self, source: HealthSource, fallback: WSGIApplication | None = None) -> None:
        self._fallback = fallback
        self._routes: Mapping[str, Callable[[WSGIEnvironment], _Answer]] = {
            "/healthz": lambda _: _healthz(source),
            "/readyz": lambda _: _readyz(source),
            "/supervisor": lambda environ: _supervisor(source, environ),
            "/supervisor/page.js": lambda _: _asset("supervisor.js"),
            "/supervisor/page.css": lambda _: _asset("supervisor.css"),
            "/metrics": lambda environ: _metrics(source, environ),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        route = self._routes.get(path)
        if route is None and self._fallback is not None:
            return self._fallback(environ, start_response)
        if route is None:
            answer = _problem("NOT_FOUND", "no such path on this service", environ)
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            answer = _problem("METHOD_NOT_ALLOWED", "health is read with GET", environ)
        else:
            answer = route(environ)
        return _send(answer, environ, start_response)


def _healthz(source: HealthSource) -> _Answer:
    tree = source.snapshot()
    members: dict[str, object] = {
        "status": "stuck" if tree.loop_stuck else "ok",
        "loop_lag_ms": round(tree.loop_lag_ms, 1),
    }
    return _Answer(503 if tree.loop_stuck else 200, encoded(members))


def _readyz(source: HealthSource) -> _Answer:
    return _Answer(200 if judged(source).serves else 503, encoded(readyz(source)))


def _supervisor(source: HealthSource, environ: WSGIEnvironment) -> _Answer:
    if rather(environ.get("HTTP_ACCEPT"), "application/json", "text/html") == "text/html":
        return _asset("supervisor.html")
    return _Answer(200, encoded(public_report(source)))


def _asset(name: str) -> _Answer:
    asset = assets()[name]
    return _Answer(200, asset.body, asset.content_type)


def _metrics(source: HealthSource, environ: WSGIEnvironment) -> _Answer:
    body, content_type = source.metrics.render(environ.get("HTTP_ACCEPT", ""))
    return _Answer(200, body, content_type)


def _problem(code: str, detail: str, environ: WSGIEnvironment) -> _Answer:
    problem = Problem(code, detail)
    body = problem.body(environ.get("PATH_INFO", ""), request_id_of(environ))
    return _Answer(problem.status, body, CONTENT_TYPE)


def _send(
    answer: _Answer, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("Cache-Control", "no-store"),
        # One path, two forms.
        ("Vary", "Accept"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ]
    if answer.status == 405:
        headers.append(("Allow", "GET, HEAD"))
    start_response(status_line(answer.status), headers)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
