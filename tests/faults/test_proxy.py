"""The fault proxy itself: what it is told to do to connections, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

from .proxy import Proxy

PATIENCE_S = 10.0
SILENCE_S = 0.2


class Server:
    """Answers each word with its name and the word, and remembers it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[str] = []
        self.ended = Event()
        self._listener = StreamServer(("127.0.0.1", 0), self._serve)
        self._listener.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._listener.server_port

    def stop(self) -> None:
        self._listener.stop()

    def _serve(self, client: socket.socket, _address: object) -> None:
        try:
            while word := client.recv(100).decode():
                self.heard.append(word)
                client.sendall(f"{self.name} {word}".encode())
        except OSError:
            pass
        self.ended.set()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("first")
    yield server
    server.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    """A connection that has been used."""
    with closing(connected(proxy)) as client:
        assert said(client, "hello") == "first hello"
        yield client


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)


def said(client: socket.socket, word: str) -> str:
    """The answer to *word*; nothing if the connection is ended in order."""
    client.sendall(word.encode())
    return client.recv(100).decode()


def heard_until_the_reset(client: socket.socket) -> bytes:
    heard = b""
    while True:
        try:
            said = client.recv(100)
        except ConnectionResetError:
            return heard
        assert said, "ended in order"
        heard += said


def is_silent(client: socket.socket) -> bool:
    """Whether nothing comes, not even an end."""
    client.settimeout(SILENCE_S)
    try:
        client.recv(100)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def test_an_end_in_order_reaches_the_server_and_its_end_the_client(
    server: Server, client: socket.socket
) -> None:
    client.shutdown(socket.SHUT_WR)

    assert server.ended.wait(PATIENCE_S)
    assert client.recv(100) == b""


def test_latency_is_added_each_way(proxy: Proxy, client: socket.socket) -> None:
    proxy.delay_s = 0.05
    asked_at = time.monotonic()

    assert said(client, "late") == "first late"

    assert time.monotonic() - asked_at >= 2 * proxy.delay_s


def test_a_cut_ends_both_sides_and_the_next_connection_is_whole(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.cut()

    with pytest.raises(ConnectionResetError):
        client.recv(100)
    assert server.ended.wait(PATIENCE_S)
    with closing(connected(proxy)) as another:
        assert said(another, "again") == "first again"


@pytest.mark.parametrize("after", [0, 4])
def test_a_lost_answer_is_lost_once_and_after_the_server_acted(
    proxy: Proxy, server: Server, client: socket.socket, after: int
) -> None:
    proxy.lose_answer(b"COMMIT", after)
    with closing(connected(proxy)) as another:
        assert said(another, "SELECT") == "first SELECT"

    client.sendall(b"a COM")
    assert client.recv(100) == b"first a COM"
    client.sendall(b"MIT")
    assert heard_until_the_reset(client) == b"first MIT"[:after]
    proxy.wait_for_loss()

    assert server.heard[-1] == "MIT"
    with closing(connected(proxy)) as another:
        assert said(another, "COMMIT") == "first COMMIT"


def test_a_server_that_is_lost_is_not_missed_by_the_client(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.lose_servers()
    client.sendall(b"anybody")

    assert is_silent(client)
    assert server.ended.wait(PATIENCE_S)
    assert server.heard == ["hello"]
    with closing(connected(proxy)) as another:
        assert said(another, "again") == "first again"
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        client.recv(100)


def test_a_client_that_is_lost_is_not_missed_by_the_server(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.lose_clients()

    with pytest.raises(ConnectionResetError):
        client.recv(100)
    assert not server.ended.wait(SILENCE_S)
    proxy.heal()
    assert server.ended.wait(PATIENCE_S)


def test_what_is_sent_into_a_black_hole_arrives_when_it_ends_even_from_who_has_left(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.black_hole()
    late = connected(proxy)
    late.sendall(b"late")
    late.close()
    client.sendall(b"waiting")

    assert is_silent(client)
    assert server.heard == ["hello"]
    proxy.heal()
    assert client.recv(100) == b"first waiting"
    assert server.ended.wait(PATIENCE_S)
    assert set(server.heard) == {"hello", "waiting", "late"}


def test_who_is_refused_is_let_in_at_the_same_port_when_it_heals(
    proxy: Proxy, client: socket.socket
) -> None:
    proxy.refuse()

    with pytest.raises(ConnectionResetError):
        client.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
    proxy.heal()
    with closing(connected(proxy)) as another:
        assert said(another, "again") == "first again"


def test_another_target_is_for_those_who_come_from_then_on(
    proxy: Proxy, client: socket.socket
) -> None:
    second = Server("second")

    proxy.target = second.address

    assert said(client, "still") == "first still"
    with closing(connected(proxy)) as another:
        assert said(another, "new") == "second new"
    second.stop()


def test_without_a_server_behind_it_a_connection_is_ended(proxy: Proxy, server: Server) -> None:
    server.stop()

    with closing(connected(proxy)) as client:
        assert client.recv(100) == b""


def test_nothing_is_left_of_it_when_its_block_ends(server: Server) -> None:
    with Proxy(server.address) as proxy:
        client = connected(proxy)
        said(client, "hello")

    with pytest.raises(ConnectionResetError):
        client.recv(100)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)
