"""What every answer tells browsers not to do, on every route and in every refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from flask import Flask
from touchline.http.api import create_app
from touchline.http.asyncapi import AsyncApiApp
from touchline.http.connection import Limits
from touchline.http.headers import ALWAYS, BY_HTTPS, guarded
from touchline.http.health import HealthApp
from touchline.http.outside import DIRECT, Outside
from touchline.http.problems import Problem, raw_response
from touchline.http.serve import HttpServer

from tests.api.conftest import Api, path_of
from tests.fakes.health import FixedHealth

EXPECTED = {name.lower() for name, _ in ALWAYS}
PAGES = ("/", "/web/app.js", "/supervisor", "/supervisor/page.js")
Headers = dict[str, str]


@contextmanager
def served(application: Any, outside: Outside = DIRECT, **options: Any) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, application, outside=outside, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop(1.0)


def ask(server: HttpServer, method: str, path: str, **headers: str) -> tuple[int, Headers]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


def everything(app: Flask) -> list[tuple[str, str]]:
    """Every method of every route, with something in place of each variable part."""
    return sorted(
        (method, path_of(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    )


def test_every_route_guards_its_answers(api: Api) -> None:
    app = create_app(api.deps)
    paths = everything(app)

    with served(app) as server:
        answers = {each: ask(server, *each) for each in paths}

    assert len(paths) > 60
    lacking = {each: EXPECTED - set(headers) for each, (_, headers) in answers.items()}
    assert {each: missing for each, missing in lacking.items() if missing} == {}
    assert not any("strict-transport-security" in headers for _, headers in answers.values())


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/asyncapi.json", "/x", *PAGES]
)
def test_so_does_every_page_of_every_service(api: Api, path: str) -> None:
    apps = (create_app(api.deps), HealthApp(FixedHealth(), AsyncApiApp()))
    for application in apps:
        with served(application, Outside(https=True)) as server:
            _, headers = ask(server, "GET", path, Accept="text/html")

        assert set(headers) >= EXPECTED
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"] == BY_HTTPS[1]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_only_what_is_ours_and_nothing_inline(api: Api, path: str) -> None:
    with served(create_app(api.deps)) as server:
        status, headers = ask(server, "GET", path, Accept="text/html")

    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
    )
    assert status == 200
    assert "unsafe" not in headers["content-security-policy"]
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert (policy["style-src"], policy["frame-ancestors"]) == ("'self'", "'none'")
    assert policy["base-uri"] == "'none'"


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
def test_so_does_what_is_refused_before_anything_runs(api: Api, sent: bytes) -> None:
    with (
        served(create_app(api.deps)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock,
    ):
        sock.sendall(sent)
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 4")
    assert {line.split(b":")[0].decode().lower() for line in answer.split(b"\r\n")} >= EXPECTED


def test_so_does_the_answer_that_there_is_no_room(api: Api) -> None:
    with (
        served(create_app(api.deps), limits=Limits(connections=0)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock,
    ):
        answer = b"".join(iter(lambda: sock.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Content-Security-Policy" in answer


def test_what_an_answer_says_itself_stays_and_is_said_once() -> None:
    own = [("content-security-policy", "default-src 'self'"), ("X", "y")]

    found = guarded(own, https=True)

    assert found[:2] == own
    assert len({name.lower() for name, _ in found}) == len(found) == len(ALWAYS) + 2
    assert b"Strict-Transport-Security" in raw_response(Problem("CAPACITY", "x"), https=True)
