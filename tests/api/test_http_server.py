"""The HTTP server over real sockets: its limits, its refusals, its stop."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent.event import Event
from touchline.http.connection import Limits
from touchline.http.serve import HttpServer, ServerFactory

#: Short enough to wait out in a test.
LIMITS = Limits(connections=4, idle_s=0.3, head_s=0.2, body_s=0.2)

Serve = Callable[..., HttpServer]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s %d" % (environ["REQUEST_METHOD"].encode(), len(body))]


@pytest.fixture
def serve() -> Iterator[Serve]:
    open_servers = []

    def start(app: Any = echo, limits: Limits = LIMITS) -> HttpServer:
        server = ServerFactory("127.0.0.1", 0, app, limits)()
        open_servers.append(server)
        return server

    yield start
    for server in open_servers:
        server.stop(1)


def connect(server: HttpServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def talk(server: HttpServer, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send, read until the server hangs up; the status, headers and body that came."""
    with connect(server) as client:
        client.sendall(sent)
        return parsed(read_all(client))


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def refusal(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str]:
    status, headers, body = answer
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == status
    return status, json.loads(body)["code"]


def test_a_request_with_a_body_is_answered(serve: Serve) -> None:
    sent = b"POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

    assert talk(serve(), sent)[::2] == (200, b"POST 5")


def test_a_chunked_body_is_taken_whole(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

    assert talk(serve(), head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")[::2] == (200, b"POST 5")


def test_one_connection_carries_several_requests(serve: Serve) -> None:
    one = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"

    with connect(serve()) as client:
        client.sendall(one + one)
        answers = read_all(client)

    assert answers.count(b"HTTP/1.1 200 OK") == 2


def test_answers_are_not_held_back_for_a_delayed_acknowledgement(serve: Serve) -> None:
    server = serve()

    assert server.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"NONSENSE\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET / HTTP/9.9\r\n\r\n", (400, "BAD_REQUEST")),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", (400, "BAD_REQUEST")),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", (400, "BAD_REQUEST")),
        (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", (400, "BAD_REQUEST")),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", (414, "URI_TOO_LONG")),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000 + b"\r\n\r\n", (431, "HEADERS_TOO_LARGE")),
    ],
)
def test_a_head_that_cannot_be_served_is_refused(
    serve: Serve, sent: bytes, expected: tuple[int, str]
) -> None:
    assert refusal(talk(serve(), sent)) == expected


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: \u0665\r\n".encode(),
    ],
)
def test_a_body_whose_end_could_be_disputed_is_refused(serve: Serve, framing: bytes) -> None:
    for body in (b"hello", b"0\r\n\r\n"):
        sent = b"POST / HTTP/1.1\r\n" + framing + b"\r\n" + body
        assert refusal(talk(serve(), sent)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding : chunked\r\n",
        b"X : y\r\nTransfer-Encoding: chunked\r\n",
        b"X\r\nTransfer-Encoding: chunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
        b"X: y\r\n folded\r\n",
        b" X: y\r\n",
        b"X: a\x00b\r\n",
        b"X: a\x0bb\r\n",
        b": y\r\n",
        b"X(y): z\r\n",
    ],
)
def test_a_line_that_two_could_read_differently_is_refused(serve: Serve, line: bytes) -> None:
    """A proxy that reads it otherwise would send a body that we take for the next request."""
    smuggled = b"GET /smuggled HTTP/1.1\r\n\r\n"

    answer = talk(serve(), b"POST / HTTP/1.1\r\n" + line + b"\r\n" + smuggled)

    assert refusal(answer) == (400, "BAD_REQUEST")


def test_a_broken_chunk_is_refused(serve: Serve) -> None:
    sent = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"

    assert refusal(talk(serve(), sent)) == (400, "BAD_REQUEST")


def test_headers_that_trickle_in_are_not_waited_for(serve: Serve) -> None:
    assert refusal(talk(serve(), b"GET / HTTP/1.1\r\nHost: x\r\n")) == (408, "REQUEST_TIMEOUT")


def test_a_body_that_trickles_in_never_reaches_the_application(serve: Serve) -> None:
    asked = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.append(environ)
        return echo(environ, start_response)

    sent = b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"

    assert refusal(talk(serve(application), sent)) == (408, "REQUEST_TIMEOUT")
    assert asked == []


def test_a_client_that_says_nothing_is_hung_up_on_without_a_word(serve: Serve) -> None:
    with connect(serve()) as client:
        assert read_all(client) == b""


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200 * 1024])
def test_an_oversized_body_is_refused_and_the_client_sees_it(serve: Serve, size: int) -> None:
    sent = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size

    assert refusal(talk(serve(), sent)) == (413, "BODY_TOO_LARGE")


def test_an_oversized_chunked_body_is_refused(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 3 + b"0\r\n\r\n"

    assert refusal(talk(serve(), head + chunks)) == (413, "BODY_TOO_LARGE")


def test_a_client_that_asks_before_sending_too_much_is_told_at_once(serve: Serve) -> None:
    sent = b"POST / HTTP/1.1\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n"

    assert refusal(talk(serve(), sent)) == (413, "BODY_TOO_LARGE")


def test_a_client_that_asks_before_sending_is_told_to_go_on(serve: Serve) -> None:
    head = (
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )

    with connect(serve()) as client:
        client.sendall(head)
        interim = client.recv(100)
        client.sendall(b"ok")
        final = read_all(client)

    assert interim.startswith(b"HTTP/1.1 100 Continue")
    assert final.endswith(b"POST 2")


def test_one_connection_too_many_is_turned_away_with_a_503(serve: Serve) -> None:
    server = serve(limits=Limits(connections=2))
    clients = [connect(server) for _ in range(2)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        client.recv(1000)

    answer = talk(server, b"GET / HTTP/1.1\r\n\r\n")
    clients.pop().close()
    gevent.idle()

    assert refusal(answer) == (503, "CAPACITY")
    assert answer[1]["retry-after"] == "2"
    assert talk(server, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")[0] == 200
    clients.pop().close()


def test_a_stop_lets_a_request_in_progress_end_and_hangs_up_on_idle_ones(serve: Serve) -> None:
    asked, may_answer = Event(), Event()

    def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.set()
        may_answer.wait()
        return echo(environ, start_response)

    server = serve(slow, Limits())
    with connect(server) as idle, connect(server) as busy:
        busy.sendall(b"GET / HTTP/1.1\r\n\r\n")
        asked.wait()
        stopping = gevent.spawn(server.stop, 5)
        hung_up = read_all(idle)
        may_answer.set()
        answer = read_all(busy)
        stopping.join(5)

    assert hung_up == b""
    assert parsed(answer)[0] == 200
    assert stopping.successful()
    assert server.connections == 0


def test_a_stop_does_not_wait_for_ever_for_a_request(serve: Serve) -> None:
    asked = Event()

    def endless(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked.set()
        Event().wait()
        return []

    server = serve(endless, Limits())
    with connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        asked.wait()
        with gevent.Timeout(5):
            server.stop(0.05)

    assert server.connections == 0


def test_after_a_restart_the_server_is_where_it_was(serve: Serve) -> None:
    factory = ServerFactory("127.0.0.1", 0, echo)
    first = factory()
    port = first.port
    first.stop(1)

    second = factory()

    assert second.port == port
    second.stop(1)


def test_a_taken_port_is_an_error_of_the_start(serve: Serve) -> None:
    taken = serve()

    with pytest.raises(OSError, match="Address already in use"):
        ServerFactory("127.0.0.1", taken.port, echo)()


def test_nobody_alone_takes_all_the_connections_there_are(serve: Serve) -> None:
    server = serve(limits=Limits(connections=8, of_one_address=2, idle_s=5.0))
    with connect(server) as one, connect(server) as other:
        for held in (one, other):
            held.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert held.recv(4096).startswith(b"HTTP/1.1 200")

        with connect(server) as third:
            refused = parsed(read_all(third))
        with socket.create_connection(
            ("127.0.0.1", server.port), timeout=5, source_address=("127.0.0.9", 0)
        ) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            answered = parsed(read_all(stranger))[0]

    assert refusal(refused) == (429, "TOO_MANY_CONNECTIONS")
    assert answered == 200


def test_a_connection_that_is_closed_counts_no_more(serve: Serve) -> None:
    server = serve(limits=Limits(connections=8, of_one_address=1, idle_s=5.0))
    close = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"

    assert [talk(server, close)[0] for _ in range(5)] == [200] * 5
