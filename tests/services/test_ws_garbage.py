"""Whoever comes and goes leaves no garbage to look for: that look holds up everybody else."""

from __future__ import annotations

import gc
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator

import gevent
import pytest
import redis as redis_module

from tests.fakes.client_frames import CLOSE, TEXT, client_frame
from tests.fakes.exchange import ANN, Exchange
from tests.fakes.hub import RunningHub
from tests.fakes.peer import Peer, handshake

#: Of ours and of what a connection is made of.
OWNERS = ("touchline", "gevent", "geventwebsocket", "wsproto")
VISITORS = 5


@pytest.fixture
def hub(redis: redis_module.Redis) -> Iterator[RunningHub]:
    exchange = Exchange(redis)
    exchange.list()
    exchange.fund(ANN)
    with RunningHub(redis) as hub:
        yield hub


def in_good_order(peer: Peer) -> None:
    peer.say(client_frame(CLOSE))
    assert peer.frame()[0] == CLOSE
    peer.leave()


def thrown_out(peer: Peer) -> None:
    peer.say(client_frame(TEXT, b'{"op":"ping","id":1}') * 30)
    while peer.frame() != (0, b""):
        pass
    peer.leave()


def in_a_frame(peer: Peer) -> None:
    peer.say(client_frame(TEXT, b"unfinished")[:-3])
    peer.vanish()


def without_reading(peer: Peer) -> None:
    peer.say(client_frame(TEXT, b'{"op":"subscribe","id":1,"channels":["price:*","portfolio"]}'))
    peer.vanish()


Visit = Callable[[], None]


@pytest.mark.parametrize("leaves", [in_good_order, thrown_out, in_a_frame, without_reading])
def test_a_connection_is_freed_when_it_ends(
    hub: RunningHub, leaves: Callable[[Peer], None]
) -> None:
    def visit() -> None:
        peer = Peer.of(hub.port, hub.token())
        assert peer.frame()[0] == TEXT
        leaves(peer)
        all_gone(hub)

    assert left_by(visit) == {}


class LastMoment:
    """Tickets that are all good; asked for one, its client resets the connection."""

    client = socket.socket()

    def spend(self, token_id: str, user: int, session: str) -> None:
        linger = struct.pack("ii", 1, 0)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.client.close()


def test_a_handshake_is_freed_whose_client_is_gone_when_it_is_answered(
    redis: redis_module.Redis,
) -> None:
    tickets = LastMoment()
    with RunningHub(redis, tickets=tickets) as hub:

        def visit() -> None:
            tickets.client = socket.create_connection(("127.0.0.1", hub.port))
            tickets.client.sendall(handshake(hub.token()))
            while tickets.client.fileno() != -1:
                gevent.sleep(0.01)
            all_gone(hub)

        assert left_by(visit) == {}


def all_gone(hub: RunningHub) -> None:
    while hub.lobby.taken:
        gevent.sleep(0.01)


def left_by(visit: Visit) -> dict[str, int]:
    """Objects that are still there after each visit, by kind."""
    visit()  # what is made once, is made now
    gc.collect()
    gc.disable()
    try:
        before = living()
        for _ in range(VISITORS):
            visit()
        after = living()
    finally:
        gc.enable()
    # Timers and the like come and go by ones; what a visitor leaves is there once for each.
    return {kind: n for kind, n in (after - before).items() if n >= VISITORS}


def living() -> Counter[str]:
    """Objects and classes of those that make up a connection, by name."""
    kinds = (each if isinstance(each, type) else type(each) for each in gc.get_objects())
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    return Counter(name for name in names if name.partition(".")[0] in OWNERS)
