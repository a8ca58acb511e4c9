"""How connections are taken in before any of them is a WebSocket: how many, how fast, how long."""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import gevent
import pytest
from touchline.domain.clock import Monotonic
from touchline.domain.quota import Policy
from touchline.http import sockets
from touchline.http.admission import SocketDeps
from touchline.http.entrance import (
    ALWAYS,
    CONNECTIONS_AT_ONCE,
    CONNECTIONS_PER_S,
    PAUSE_S,
    Entrance,
)
from touchline.http.handshake import Seat
from touchline.http.health import HealthApp
from touchline.http.keys import new_keypair
from touchline.http.outside import Outside
from touchline.http.quotas import Buckets
from touchline.http.rate import Rate
from touchline.http.serve import TOLD_AT_ONCE
from touchline.http.sockets import SocketServer
from touchline.http.tokens import Signer, Verifier

from tests.fakes.clock import FakeClock
from tests.fakes.health import FixedHealth
from tests.fakes.peer import WAIT_S, handshake

ASK = b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"
HEAD_S = 1.0


class Seats:
    """As many as a test says; nobody is ever seated."""

    ready = True
    room = 1_000

    def reserve(self) -> Seat | None:
        return None


class Unspent:
    def spend(self, token_id: str, user: int, session: str) -> None:
        return None


Open = Callable[..., SocketServer]


@pytest.fixture
def seats() -> Seats:
    return Seats()


@pytest.fixture
def signer_and_keys() -> tuple[Signer, str]:
    private, public = new_keypair()
    return Signer(private), public


@pytest.fixture
def opened(seats: Seats, signer_and_keys: tuple[Signer, str]) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_server(monotonic: Monotonic = time.monotonic, **more: Any) -> SocketServer:
            verifier, health = Verifier(signer_and_keys[1]), HealthApp(FixedHealth())
            deps = SocketDeps(seats, verifier, Unspent(), (), health, monotonic=monotonic, **more)
            server = SocketServer("127.0.0.1", 0, deps)
            server.start()
            stack.callback(server.stop, 1)
            return server

        yield open_server


def connect(server: Entrance) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_S)


def answer(client: socket.socket) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document of what comes until the server hangs up; 0 for nothing."""
    with client:
        said = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    if not said:
        return 0, {}, None
    head, _, body = said.partition("\r\n\r\n")
    status, *lines = head.lower().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), json.loads(body)


def test_a_rate_is_a_burst_and_then_so_many_a_second() -> None:
    clock = FakeClock()
    rate = Rate(500.0, 1_000.0, clock.monotonic)

    assert sum(rate.allows_one() for _ in range(2_000)) == 1_000
    clock.advance(0.1)
    assert sum(rate.allows_one() for _ in range(2_000)) == pytest.approx(50, abs=1)
    clock.advance(3_600)
    assert sum(rate.allows_one() for _ in range(2_000)) == 1_000


def test_more_connections_than_a_moment_allows_wait_and_are_all_answered(opened: Open) -> None:
    clock = FakeClock()
    server = opened(clock.monotonic)
    clients = [connect(server) for _ in range(int(CONNECTIONS_AT_ONCE) + 5)]
    for client in clients:
        client.sendall(ASK)
    first = [answer(client)[0] for client in clients[:-5]]
    gevent.sleep(5 * PAUSE_S)  # as often as it looks for them meanwhile

    waiting = server.meter.answered["2xx"]
    clock.advance(10 / CONNECTIONS_PER_S)
    then = [answer(client)[0] for client in clients[-5:]]

    assert first == [200] * int(CONNECTIONS_AT_ONCE)
    assert waiting == CONNECTIONS_AT_ONCE
    assert then == [200] * 5


def test_more_handshakes_than_are_allowed_are_asked_to_come_back(
    opened: Open, signer_and_keys: tuple[Signer, str]
) -> None:
    server = opened(FakeClock().monotonic)
    while server.rate.allows_one():
        pass

    client = connect(server)
    client.sendall(handshake(signer_and_keys[0].ws_token(5, "session")))
    status, headers, problem = answer(client)

    assert (status, problem["detail"]) == (503, "too many connections at once")
    assert 1 <= int(headers["retry-after"]) <= 8


def knocks(server: SocketServer, *headers: bytes) -> tuple[int, dict[str, str], Any]:
    """The answer to a handshake without a token."""
    client = connect(server)
    head = handshake("").removesuffix(b"\r\n\r\n")
    client.sendall(b"\r\n".join([head, *headers, b"", b""]))
    return answer(client)


def test_an_address_that_begins_too_many_handshakes_takes_none_from_the_others(
    opened: Open,
) -> None:
    clock = FakeClock()
    few = Buckets(Policy("handshakes", 1, 3), clock.monotonic)
    proxies = Outside((ipaddress.ip_network("127.0.0.0/8"),))
    server = opened(clock.monotonic, addresses=few, outside=proxies)
    flooder, other = (f"X-Forwarded-For: 198.51.100.{n}".encode() for n in (7, 8))

    answers = [knocks(server, flooder) for _ in range(5)]

    assert [status for status, _, _ in answers] == [503] * 3 + [429] * 2
    _, headers, problem = answers[-1]
    assert (problem["code"], problem["violated-policies"]) == ("RATE_LIMITED", ["handshakes"])
    assert 1 <= int(headers["retry-after"]) <= 8
    assert knocks(server, other)[0] == 503  # there are no seats in this test
    assert server.deps.handshakes == {"CAPACITY": 4, "RATE_LIMITED": 2}


def test_an_address_that_nobody_trusted_names_changes_nothing(opened: Open) -> None:
    clock = FakeClock()
    server = opened(clock.monotonic, addresses=Buckets(Policy("h", 1, 1), clock.monotonic))

    made_up = [f"X-Forwarded-For: 198.51.100.{n}".encode() for n in range(3)]

    assert [knocks(server, each)[0] for each in made_up] == [503, 429, 429]


def test_no_more_are_let_in_than_could_get_a_seat_but_for_a_few(opened: Open, seats: Seats) -> None:
    seats.room = 100
    server = opened()
    inside = [connect(server) for _ in range(100)]

    turned_away = [answer(connect(server)) for _ in range(20)]
    seats.room = 0
    for client in inside[: 100 - ALWAYS + 1]:
        client.sendall(ASK)
        assert answer(client)[0] == 200
    probe = connect(server)
    probe.sendall(ASK)

    assert {(status, problem["code"]) for status, _, problem in turned_away} == {(503, "CAPACITY")}
    assert len({headers["retry-after"] for _, headers, _ in turned_away}) > 1
    assert answer(probe)[0] == 200
    for client in inside:
        client.close()


def test_of_a_flood_only_the_first_are_told_that_there_is_no_room(
    opened: Open, seats: Seats
) -> None:
    seats.room = 0
    server = opened()
    inside = [connect(server) for _ in range(ALWAYS)]

    flood = [connect(server) for _ in range(5 * TOLD_AT_ONCE)]
    first, last = answer(flood[0])[0], answer(flood[-1])[0]

    for client in flood:
        client.close()
    later = (answer(connect(server))[0] for _ in range(200))

    assert (first, last) == (503, 0)
    assert 503 in later
    for client in inside:
        client.close()


def test_the_time_for_a_handshake_begins_before_its_first_byte(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "LIMITS", replace(sockets.LIMITS, idle_s=HEAD_S, head_s=HEAD_S))
    server = opened()
    done: list[str] = []

    def half_a_request(name: str, begin_s: float, line_s: float) -> None:
        gevent.sleep(begin_s)
        client = connect(server)
        gevent.sleep(line_s)
        client.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n")
        assert answer(client)[0] == 408
        done.append(name)

    # The first has a tenth of the time left when its line is there, the second nearly all of it.
    late = gevent.spawn(half_a_request, "late with its line", 0.0, 0.9 * HEAD_S)
    prompt = gevent.spawn(half_a_request, "prompt, but later", 0.5 * HEAD_S, 0.0)
    gevent.joinall([late, prompt], raise_error=True)

    assert done == ["late with its line", "prompt, but later"]
