"""Requests are counted by their status, over restarts of the server that answers them."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from touchline.http.connection import Limits
from touchline.http.meter import HttpMeter
from touchline.http.serve import ServerFactory


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answers with the status in the path, or breaks."""
    status = environ["PATH_INFO"].strip("/")
    if status == "broken":
        raise ValueError("boom")
    start_response(f"{status} Any", [("Content-Length", "0")])
    return []


@pytest.fixture
def meter() -> HttpMeter:
    return HttpMeter("api-listener")


@pytest.fixture
def factory(meter: HttpMeter) -> ServerFactory:
    return ServerFactory("127.0.0.1", 0, echo, Limits(connections=2), meter)


def say(port: int, *requests: str) -> None:
    """Send *requests* on one connection and read until it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall("".join(requests).encode())
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass


def get(path: str) -> str:
    return f"GET /{path} HTTP/1.1\r\nHost: h\r\n\r\n"


def test_requests_are_counted_by_the_class_of_their_status(
    factory: ServerFactory, meter: HttpMeter
) -> None:
    server = factory()

    say(server.port, get("200"), get("204"), get("404"), get("503"))
    server.stop()

    assert meter.answered == {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 1}
    assert meter.seconds.buckets()[-1][1] == 4


def test_a_head_that_cannot_be_read_is_a_refusal(factory: ServerFactory, meter: HttpMeter) -> None:
    server = factory()

    say(server.port, "NONSENSE\r\n\r\n")
    server.stop()

    assert meter.answered["4xx"] == 1
    assert meter.seconds.buckets()[-1][1] == 0


def test_a_server_that_takes_over_goes_on_counting(
    factory: ServerFactory, meter: HttpMeter
) -> None:
    for _ in range(2):
        server = factory()
        say(server.port, get("200"))
        server.stop()

    assert meter.answered["2xx"] == 2


def test_open_connections_go_up_and_down_and_those_turned_away_count(
    factory: ServerFactory, meter: HttpMeter
) -> None:
    server = factory()
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(2)]
    for client in held:
        client.sendall(get("200").encode())
        client.recv(4096)
    assert meter.open == 2

    say(server.port, get("200"))
    for client in held:
        client.close()
    server.stop()

    assert meter.open == 0
    assert meter.answered["5xx"] == 1
