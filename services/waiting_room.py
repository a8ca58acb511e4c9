"""Answers on a service's port while the service waits for its servers.

Without it nobody could ask a service that starts in an outage what it waits
for, and a container runtime would take it for dead and kill it.

Source: docs/operations.md, "Health".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..config import SettingError
from ..http.health import HealthApp
from ..http.problems import CONTENT_TYPE, Problem, status_line
from ..http.request_id import request_id_of
from ..http.serve import ServerFactory
from .health import ServiceHealth

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

RETRY_AFTER_S = "2"


@contextmanager
def waiting_room(
    setting: str, host: str, port: int | None, health: ServiceHealth
) -> Iterator[None]:
    """Serve the health paths on *port* (None: nowhere) for the while; all others are told to wait.

    Raises:
        SettingError: the port, which *setting* names, cannot be bound.
    """
    if port is None:
        yield
        return
    try:
        server = ServerFactory(host, port, HealthApp(health, _not_yet))()
    except OSError as why:
        raise SettingError(f"{setting}: {port} on {host}: {why.strerror or why}") from None
    try:
        yield
    finally:
        server.stop()


def _not_yet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    problem = Problem("UNAVAILABLE", "the service is starting")
    headers = [("Content-Type", CONTENT_TYPE), ("Retry-After", RETRY_AFTER_S)]
    start_response(status_line(problem.status), headers)
    return [problem.body(environ["PATH_INFO"], request_id_of(environ))]
