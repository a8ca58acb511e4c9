"""What operators ask every service: `/healthz`, `/readyz`, `/supervisor` and `/metrics`.

A small WSGI application of its own: the ws-server mounts it alone, the
api-server in front of Flask. It answers from plain reads (no message to any
actor, no query), so it answers while everything else is busy or broken.

Source: docs/operations.md, "Health".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from ..actors.health import Health
from .health_page import page
from .metrics import Metrics
from .problems import CONTENT_TYPE, Problem, status_line

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: Above this the loop is not just busy but stuck: the probe fails, the container is restarted.
LAG_LIMIT_MS = 5_000


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers."""

    service: str
    replica: str
    version: str


class HealthSource(Protocol):
    """Where a service's health is read; no method may block."""

    @property
    def metrics(self) -> Metrics:
        """What `/metrics` shows."""
        ...

    @property
    def identity(self) -> Identity:
        """Who answers."""
        ...

    def snapshot(self) -> Health:
        """The supervision tree right now."""
        ...

    def checks(self) -> Mapping[str, bool | str]:
        """What is needed from outside: True where it is reachable, else why not."""
        ...


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


class HealthApp:
    """WSGI: the four health paths; every other path goes to *fallback* (404 without one)."""

    def __init__(self, source: HealthSource, fallback: WSGIApplication | None = None) -> None:
        self._source = source
        self._fallback = fallback
        self._routes: Mapping[str, Callable[[WSGIEnvironment], _Answer]] = {
            "/healthz": lambda _: _healthz(source),
            "/readyz": lambda _: _readyz(source),
            "/supervisor": lambda environ: _supervisor(source, environ),
            "/metrics": lambda environ: _metrics(source, environ),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        route = self._routes.get(path)
        if route is None and self._fallback is not None:
            return self._fallback(environ, start_response)
        if route is None:
            answer = _problem("NOT_FOUND", "no such path on this service", path)
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            answer = _problem("METHOD_NOT_ALLOWED", "health is read with GET", path)
        else:
            answer = route(environ)
        return _send(answer, environ, start_response)


def not_ready(tree: Health, checks: Mapping[str, bool | str]) -> dict[str, str]:
    """What keeps a service from being ready, by name; empty when it is.

    That is every critical child that does not run and every outside server
    that does not answer.
    """
    waiting = {name: str(why) for name, why in checks.items() if why is not True}
    states = {child.name: child.state.value for child in tree.walk()}
    return waiting | {name: states[name] for name in tree.not_running()}


def _healthz(source: HealthSource) -> _Answer:
    lag_ms = round(source.snapshot().loop_lag_ms, 1)
    alive = lag_ms <= LAG_LIMIT_MS
    members = {"status": "ok" if alive else "stuck", "loop_lag_ms": lag_ms}
    return _Answer(200 if alive else 503, msgspec.json.encode(members))


def _readyz(source: HealthSource) -> _Answer:
    tree, checks = source.snapshot(), source.checks()
    waiting, parked = not_ready(tree, checks), tree.parked()
    members = {
        "status": "not ready" if waiting else "degraded" if parked else "ready",
        "checks": {name: "ok" if ok is True else str(ok) for name, ok in checks.items()},
        "actors": {child.name: child.state.value for child in tree.walk()},
        "waiting_for": waiting,
        "parked": parked,
    }
    return _Answer(503 if waiting else 200, msgspec.json.encode(members))


def _supervisor(source: HealthSource, environ: WSGIEnvironment) -> _Answer:
    tree, checks, identity = source.snapshot(), source.checks(), source.identity
    accept = parse_accept_header(environ.get("HTTP_ACCEPT"), MIMEAccept)
    if accept.best_match(["application/json", "text/html"], "application/json") == "text/html":
        waiting = not_ready(tree, checks)
        title = f"{identity.service} {identity.version} · {identity.replica}"
        return _Answer(200, page(title, tree, waiting).encode(), "text/html; charset=utf-8")
    members = {
        "service": identity.service,
        "replica": identity.replica,
        "version": identity.version,
        "checks": checks,
        "tree": tree.as_dict(),
    }
    # Whatever an actor puts into its detail: this page is for when things go wrong.
    return _Answer(200, msgspec.json.encode(members, enc_hook=str))


def _metrics(source: HealthSource, environ: WSGIEnvironment) -> _Answer:
    body, content_type = source.metrics.render(environ.get("HTTP_ACCEPT", ""))
    return _Answer(200, body, content_type)


def _problem(code: str, detail: str, path: str) -> _Answer:
    problem = Problem(code, detail)
    return _Answer(problem.status, problem.body(path), CONTENT_TYPE)


def _send(
    answer: _Answer, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    headers = [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        # The page carries its own style and nothing else: no script can run in it.
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ]
    if answer.status == 405:
        headers.append(("Allow", "GET, HEAD"))
    start_response(status_line(answer.status), headers)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
