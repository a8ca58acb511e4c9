"""Each line logged for a request has its id and its listener's name, and no other request's."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.listener import HttpListener
from touchline.actors.tree import Tree
from touchline.http.api import create_app
from touchline.http.asyncapi import AsyncApiApp
from touchline.http.health import HealthApp
from touchline.http.request_id import request_id_of
from touchline.http.serve import HttpServer, ServerFactory
from touchline.services.waiting_room import _not_yet

from tests.api.conftest import Api
from tests.fakes.health import FixedHealth

log = structlog.get_logger("tests")


def logs(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Writes a line and answers with the id."""
    log.info("asked", path=environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", "32")])
    return [request_id_of(environ).ljust(32)[:32].encode()]


@pytest.fixture
def port() -> Iterator[int]:
    """Of a listener in a tree."""
    server = ServerFactory("127.0.0.1", 0, logs)
    child = Child("api-listener", lambda: HttpListener(server))
    tree = Tree.start([child], name="test", addresses=Addresses())
    yield server.port
    tree.stop(5)


def converse(port: int, *requests: bytes) -> list[dict[str, Any]]:
    """The lines written for *requests*, sent on one connection."""
    with (
        capture_logs(processors=[merge_contextvars]) as lines,
        socket.create_connection(("127.0.0.1", port), timeout=5) as client,
    ):
        client.sendall(b"".join(requests))
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    return [line for line in lines if line["event"] == "asked"]


def get(path: str, request_id: str | None = None) -> bytes:
    header = "" if request_id is None else f"X-Request-Id: {request_id}\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n{header}\r\n".encode()


def test_a_line_names_the_listener_and_the_request(port: int) -> None:
    (line,) = converse(port, get("/a", "one"))

    assert (line["child"], line["request_id"]) == ("api-listener", "one")


def test_requests_of_one_connection_have_ids_of_their_own(port: int) -> None:
    lines = converse(port, get("/a", "one"), get("/b"), get("/c", "three"), get("/d"))

    ids = [line["request_id"] for line in lines]
    assert (ids[0], ids[2]) == ("one", "three")
    assert len(set(ids)) == 4


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", 'quote"d', "a/b"])
def test_an_id_that_could_harm_a_log_is_replaced(port: int, given: str) -> None:
    (line,) = converse(port, get("/a", given))

    assert len(line["request_id"]) == 32
    assert line["request_id"].isalnum()


PATHS = ("/healthz", "/readyz", "/supervisor", "/metrics", "/asyncapi.json", "/nothing", "/")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_every_answer_of_every_service_has_the_id_of_its_request(
    api: Api, method: str, path: str
) -> None:
    services = (
        create_app(api.deps),
        HealthApp(FixedHealth(), AsyncApiApp()),
        HealthApp(FixedHealth(), _not_yet),
    )
    for service in services:
        server = HttpServer("127.0.0.1", 0, service)
        server.start()
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request(method, path, headers={"X-Request-Id": "one"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        server.stop(1.0)

        assert answer.headers.get_all("X-Request-Id") == ["one"]
        if body and answer.headers["Content-Type"] == "application/problem+json":
            assert json.loads(body)["request_id"] == "one"


def test_after_a_request_its_id_is_bound_no_more(port: int) -> None:
    seen: list[dict[str, Any]] = []

    class Between:
        """Reads the context where one request is over and the next has not come."""

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(get_contextvars())
        start_response("200 OK", [("Content-Length", "1")])
        return Between()

    server = ServerFactory("127.0.0.1", 0, app)()
    handler = server.handler_class

    class Watched(handler):
        def read_requestline(self) -> str:
            seen.append(get_contextvars())
            return super().read_requestline()

    server.handler_class = Watched
    converse(server.port, get("/a", "one"), get("/b", "two"))
    server.stop()

    assert [context.get("request_id") for context in seen] == [None, "one", None, "two", None]
