"""The handshake, in bytes: everything is decided before the 101."""

from __future__ import annotations

import gc
import json
import socket
import struct
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
import redis as redis_module
from geventwebsocket.websocket import WebSocket
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import NoPermissionError
from structlog.testing import capture_logs
from touchline.http import handshake
from touchline.http.admission import SocketDeps
from touchline.http.failures import LOG_EVERY_S, FailureLog
from touchline.http.health import HealthApp
from touchline.http.keys import new_keypair
from touchline.http.sockets import SocketHandler, SocketServer
from touchline.http.tokens import Signer, Verifier

from tests.fakes.client_frames import CLOSE, TEXT, client_frame
from tests.fakes.clock import FakeClock
from tests.fakes.garbage import instances
from tests.fakes.health import FixedHealth
from tests.fakes.hub import ORIGIN, WAIT_S, RunningHub
from tests.fakes.peer import GOOD
from tests.fakes.peer import handshake as good_handshake

ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3


class Answer:
    """An HTTP answer and the socket it came on."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = sock.makefile("rb")
        line = self.stream.readline().decode()
        self.status = int(line.split()[1]) if line else 0
        self.headers: dict[str, str] = {}
        while header := self.stream.readline().decode().strip():
            name, _, value = header.partition(":")
            self.headers[name.lower()] = value.strip()

    def problem(self) -> Any:
        """The problem document, whose status is the answer's."""
        assert self.headers["content-type"] == "application/problem+json"
        body = json.loads(self.stream.read(int(self.headers["content-length"])))
        assert body["status"] == self.status
        assert (self.status == 401) <= ("www-authenticate" in self.headers)
        return body

    def close(self) -> None:
        self.stream.close()
        self.sock.close()


class Door:
    """Knocks at a running hub with whatever a test makes up."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self._answers: list[Answer] = []

    def token(self, user: int = 5) -> str:
        return self.hub.token(user)

    def knock(
        self,
        token: str | None = None,
        *,
        method: str = "GET",
        version: str = "HTTP/1.1",
        path: str = "/ws",
        after: bytes = b"",
        **headers: str | None,
    ) -> Answer:
        """Send a request: the good headers with *headers* (Like_this) changed; None leaves out."""
        query = "" if token is None else f"?token={token}"
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{k}: {v}\r\n" for k, v in (GOOD | changed).items() if v is not None]
        request = f"{method} {path}{query} {version}\r\n{''.join(lines)}\r\n"
        return self.send(request.encode() + after)

    def send(self, data: bytes) -> Answer:
        sock = socket.create_connection(("127.0.0.1", self.hub.port), timeout=WAIT_S)
        sock.sendall(data)
        self._answers.append(Answer(sock))
        return self._answers[-1]

    def close(self) -> None:
        for answer in self._answers:
            answer.close()


@pytest.fixture
def door(redis: redis_module.Redis) -> Iterator[Door]:
    with RunningHub(redis, seats=10) as hub:
        door = Door(hub)
        yield door
        door.close()


def frame(stream: Any) -> tuple[int, bytes]:
    head = stream.read(2)
    size = head[1] if head[1] < 126 else int.from_bytes(stream.read(2))
    return head[0] & 15, stream.read(size)


def test_a_good_token_opens_the_door(door):
    answer = door.knock(door.token())

    assert answer.status == 101
    assert answer.headers["sec-websocket-accept"] == ACCEPT
    assert answer.headers["upgrade"] == "websocket"
    assert "sec-websocket-protocol" not in answer.headers
    opcode, payload = frame(answer.stream)
    assert (opcode, json.loads(payload)["op"]) == (TEXT, "welcome")


def test_handshakes_are_counted_by_what_became_of_them(door):
    token = door.token()

    door.knock(token)
    door.knock(token)
    door.knock()
    door.knock(door.token(), Origin="https://elsewhere.example")

    assert door.hub.handshakes == {
        "accepted": 1,
        "TOKEN_INVALID": 1,
        "TOKEN_REQUIRED": 1,
        "ORIGIN_FORBIDDEN": 1,
    }


def test_a_refused_handshake_names_its_request(door):
    answer = door.knock(X_Request_Id="from-the-proxy")

    assert answer.headers["x-request-id"] == "from-the-proxy"
    assert answer.problem()["request_id"] == "from-the-proxy"


def test_the_token_may_come_as_a_subprotocol_instead(door):
    offered = f"touchline.v1, ticket.{door.token()}"

    answer = door.knock(Sec_WebSocket_Protocol=offered)

    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "touchline.v1"


def test_frames_sent_together_with_the_handshake_are_not_lost(door):
    ping = client_frame(TEXT, b'{"op":"ping","id":7}')

    answer = door.knock(door.token(), after=ping)

    assert answer.status == 101
    replies = [json.loads(frame(answer.stream)[1]) for _ in range(2)]
    assert [reply["op"] for reply in replies] == ["welcome", "pong"]
    answer.sock.sendall(client_frame(CLOSE))
    assert frame(answer.stream) == (CLOSE, b"")
    assert answer.stream.read() == b""


def test_a_handshake_leaves_no_garbage(door):
    gc.collect()
    gc.disable()
    try:
        answer = door.knock(door.token())
        frame(answer.stream)  # the handler had ended before anything was sent
        assert instances(SocketHandler) == instances(WebSocket) == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"method": "POST"}, 405, "METHOD_NOT_ALLOWED"),
        ({"Upgrade": None}, 426, "UPGRADE_REQUIRED"),
        ({"Connection": "keep-alive"}, 426, "UPGRADE_REQUIRED"),
        ({"version": "HTTP/1.0"}, 400, "BAD_REQUEST"),
        ({"Sec_WebSocket_Version": None}, 426, "UPGRADE_REQUIRED"),
        ({"Sec_WebSocket_Version": "8"}, 426, "UPGRADE_REQUIRED"),
        ({"Sec_WebSocket_Version": "99"}, 426, "UPGRADE_REQUIRED"),
        ({"Sec_WebSocket_Key": None}, 400, "BAD_REQUEST"),
        ({"Sec_WebSocket_Key": "YWJj"}, 400, "BAD_REQUEST"),
        ({"Sec_WebSocket_Key": "%%%"}, 400, "BAD_REQUEST"),
        ({"Origin": "https://evil.example"}, 403, "ORIGIN_FORBIDDEN"),
        ({"Origin": "null"}, 403, "ORIGIN_FORBIDDEN"),
        ({"path": "/ws?" + "f=1&" * 8}, 400, "BAD_REQUEST"),
    ],
)
def test_a_wrong_request_is_refused_before_the_token_is_looked_at(door, change, status, code):
    token = door.token()

    answer = door.knock(token, **change)

    assert (answer.status, answer.problem()["code"]) == (status, code)
    assert door.knock(token).status == 101


def test_a_wrong_version_learns_the_right_one(door):
    answer = door.knock(door.token(), Sec_WebSocket_Version="8")

    assert answer.headers["sec-websocket-version"] == "13"


def test_a_page_on_the_list_may_connect(door):
    assert door.knock(door.token(), Origin=ORIGIN).status == 101


def test_without_a_token_nobody_comes_in(door):
    answer = door.knock()

    assert (answer.status, answer.problem()["code"]) == (401, "TOKEN_REQUIRED")


def test_a_token_opens_one_connection(door):
    token = door.token()

    assert door.knock(token).status == 101
    second = door.knock(token)

    assert (second.status, second.problem()["detail"]) == (401, "the token was used already")


def test_tokens_of_other_kinds_keys_and_times_are_refused(door):
    stranger = Signer(new_keypair()[0])
    past = Signer(door.hub.private, now=lambda: 1_000_000.0)
    tokens = [
        "nonsense",
        door.hub.signer.access_token(5, "session"),
        stranger.ws_token(5, "session"),
        past.ws_token(5, "session"),
        door.token()[:-4] + "AAAA",
    ]

    answers = [door.knock(token) for token in tokens]

    assert [(answer.status, answer.problem()["code"]) for answer in answers] == [
        (401, "TOKEN_INVALID")
    ] * len(tokens)


def test_a_user_has_eight_connections_and_the_ninth_token_stays_good(door):
    answers = [door.knock(door.token()) for _ in range(8)]
    assert {answer.status for answer in answers} == {101}
    token = door.token()

    ninth = door.knock(token)

    assert (ninth.status, ninth.problem()["code"]) == (429, "TOO_MANY_CONNECTIONS")
    assert ninth.headers["retry-after"]
    assert door.knock(door.token(user=6)).status == 101
    answers[0].close()
    assert retried(door, token) == 101


def test_each_replica_counts_a_users_connections_by_itself(door, redis):
    with RunningHub(redis, seats=10, replica="there") as hub:
        there = Door(hub)

        codes = [[each.knock(each.token()).status for _ in range(9)] for each in (door, there)]

        there.close()
    assert codes == [[101] * 8 + [429]] * 2


def test_a_full_hub_says_when_to_come_back_and_has_room_again_later(door):
    answers = [door.knock(door.token(user)) for user in range(1, 11)]
    assert {answer.status for answer in answers} == {101}
    token = door.token(11)

    full = door.knock(token)

    assert (full.status, full.problem()["code"]) == (503, "CAPACITY")
    assert 1 <= int(full.headers["retry-after"]) <= 8
    answers[0].close()
    assert retried(door, token) == 101


def test_refusals_and_broken_handshakes_keep_no_seat(door):
    for _ in range(15):
        assert door.knock().status == 401
        assert door.knock("nonsense").status == 401
        broken = socket.create_connection(("127.0.0.1", door.hub.port))
        broken.sendall(b"GET /ws?token=x HTTP/1.1\r\nUpgr")
        broken.close()

    assert door.hub.lobby.taken == 0
    assert not door.hub.lobby.claims


def test_before_the_prices_are_known_nobody_comes_in(door):
    door.hub.lobby.ready = False
    token = door.token()

    answer = door.knock(token)
    door.hub.lobby.ready = True

    assert (answer.status, answer.problem()["detail"]) == (503, "the hub is starting")
    assert door.knock(token).status == 101


class UnreachableTickets:
    """What remembers used tokens cannot be asked."""

    def spend(self, token_id: str, user: int, session: str) -> None:
        raise RedisGone


def test_while_nobody_knows_whether_a_token_was_used_it_opens_nothing(redis):
    with RunningHub(redis, tickets=UnreachableTickets()) as hub:
        door = Door(hub)

        answer = door.knock(door.token())

        assert (answer.status, answer.problem()["code"]) == (503, "UNAVAILABLE")
        assert 1 <= int(answer.headers["retry-after"]) <= 8
        assert hub.lobby.taken == 0
        door.close()


def test_a_query_of_too_many_fields_is_refused_and_keeps_no_seat(door):
    fields = "&".join(f"f{n}=1" for n in range(handshake.MAX_FIELDS))

    answers = [door.knock(path=f"/ws?{fields}&token=x") for _ in range(11)]

    assert {(answer.status, answer.problem()["code"]) for answer in answers} == {
        (400, "BAD_REQUEST")
    }
    assert door.hub.lobby.taken == 0
    assert door.knock(door.token()).status == 101


class ForbiddenTickets:
    """What remembers used tokens answers with an error that is no outage."""

    def spend(self, token_id: str, user: int, session: str) -> None:
        raise NoPermissionError("this user has no permissions to run the 'set' command")


def test_a_failure_while_identifying_is_a_problem_and_keeps_no_seat(redis, capfd):
    with RunningHub(redis, tickets=ForbiddenTickets(), seats=2) as hub, capture_logs() as lines:
        door = Door(hub)

        answers = [door.knock(door.token()) for _ in range(3)]

        assert [(a.status, a.problem()["code"]) for a in answers] == [(500, "INTERNAL")] * 3
        assert [a.stream.read() for a in answers] == [b""] * 3
        assert hub.lobby.taken == 0
        assert not hub.lobby.claims
        door.close()
    assert [line["event"] for line in lines].count("socket.requests_failed") == 1
    assert "Traceback" not in capfd.readouterr().err


def test_failures_are_logged_now_and_then_with_their_number():
    clock = FakeClock()
    failures = FailureLog(clock.monotonic)

    with capture_logs() as lines:
        for _ in range(3):
            failures.add(ValueError("a bug"))
        clock.advance(LOG_EVERY_S)
        failures.add(ValueError("a bug"))

    assert [line["failures"] for line in lines] == [1, 3]


class Leaver:
    """A client that resets its connection at a moment the test chooses."""

    def __init__(self) -> None:
        self.sock = socket.socket()
        self.left = Event()

    def knock(self, port: int, token: str) -> None:
        """Connect and send a good handshake."""
        self.sock.connect(("127.0.0.1", port))
        self.sock.sendall(good_handshake(token))

    def leave(self) -> None:
        """Reset the connection, now."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        self.left.set()


class LastMomentTickets:
    """Finds every token fresh, and the client gone: the 101 is what comes next."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave = leave

    def spend(self, token_id: str, user: int, session: str) -> None:
        self._leave()


def test_a_client_that_leaves_before_the_101_keeps_no_seat(redis):
    leaver = Leaver()
    with RunningHub(redis, tickets=LastMomentTickets(leaver.leave)) as hub:
        leaver.knock(hub.port, hub.token())

        assert leaver.left.wait(WAIT_S)
        assert hub.lobby.taken == 0
        assert not hub.lobby.claims


def test_a_client_that_leaves_right_after_the_101_keeps_no_seat(redis):
    private, public = new_keypair()
    leaver = Leaver()

    class LastMoment(SocketHandler):
        def run_websocket(self) -> None:
            leaver.leave()
            super().run_websocket()

    with RunningHub(redis) as hub:
        health = HealthApp(FixedHealth())
        deps = SocketDeps(hub.lobby, Verifier(public), hub.tickets, (), health)
        server = SocketServer("127.0.0.1", 0, deps)
        server.handler_class = LastMoment
        server.start()
        leaver.knock(server.port, Signer(private).ws_token(5, "session"))

        assert leaver.left.wait(WAIT_S)
        assert hub.lobby.taken == 0
        assert not hub.lobby.claims
        server.stop()


def test_other_paths_are_health_and_end_their_connection(door):
    alive = door.send(b"GET /healthz HTTP/1.1\r\nHost: hub\r\n\r\n")
    elsewhere = door.send(b"GET /other HTTP/1.1\r\nHost: hub\r\n\r\n" * 20)

    assert (alive.status, alive.headers["connection"]) == (200, "close")
    assert (elsewhere.status, elsewhere.problem()["code"]) == (404, "NOT_FOUND")
    assert elsewhere.stream.read() == b""


def test_those_turned_away_are_asked_to_come_back_at_different_times():
    problems = [handshake.later("UNAVAILABLE", "try again") for _ in range(200)]

    assert len({problem.headers["Retry-After"] for problem in problems}) > 3


def retried(door: Door, token: str) -> int:
    """The status once the hub has noticed that a client left; it may take a turn of its loop."""
    for _ in range(200):
        answer = door.knock(token)
        if answer.status == 101:
            return 101
    return answer.status
