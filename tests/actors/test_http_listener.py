"""The listener as a child: it binds, dies with its port closed, and comes back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.errors import BootFailed
from touchline.actors.events import Crashed, Restarted
from touchline.actors.listener import HttpListener
from touchline.actors.tree import Tree
from touchline.http.serve import HttpServer, ServerFactory


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Connection", "close")])
    return [b"hello"]


class Opened:
    """A server factory that keeps what it opened."""

    def __init__(self) -> None:
        self._open = ServerFactory("127.0.0.1", 0, hello)
        self.servers: list[HttpServer] = []

    def __call__(self) -> HttpServer:
        self.servers.append(self._open())
        return self.servers[-1]


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
def tree(opened: Opened) -> Iterator[Tree]:
    running = Tree.start(
        [Child("http", lambda: HttpListener(opened))], name="test", addresses=Addresses()
    )
    yield running
    running.stop(5)


def answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"hello")


def test_it_listens_when_the_tree_has_started(tree: Tree, opened: Opened) -> None:
    assert answers(opened.servers[0].port)


def test_its_port_is_on_the_health_page(tree: Tree, opened: Opened) -> None:
    [http] = tree.snapshot().children

    assert http.detail == {"port": opened.servers[0].port, "connections": 0}


def test_a_server_that_closes_by_itself_is_replaced_on_the_same_port(
    tree: Tree, opened: Opened
) -> None:
    opened.servers[0].close()

    seen = [tree.next_event(timeout=2), tree.next_event(timeout=2)]

    assert [type(event) for event in seen] == [Crashed, Restarted]
    assert opened.servers[1].port == opened.servers[0].port
    assert answers(opened.servers[1].port)


def test_after_a_stop_nothing_listens(tree: Tree, opened: Opened) -> None:
    report = tree.stop(5)

    assert report.clean
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", opened.servers[0].port), timeout=5)


def test_a_taken_port_fails_the_boot_and_is_named(tree: Tree, opened: Opened) -> None:
    port = opened.servers[0].port
    second = ServerFactory("127.0.0.1", port, hello)

    with pytest.raises(BootFailed, match=f"Address already in use.*{port}"):
        Tree.start(
            [Child("http", lambda: HttpListener(second))], name="test", addresses=Addresses()
        )


def test_without_a_tree_a_listener_binds_links_and_stops(opened: Opened) -> None:
    listener = HttpListener(opened)

    listener.started()

    assert listener.links == [opened.servers[0].serve_forever]
    listener.stopped()
    assert opened.servers[0].closed
