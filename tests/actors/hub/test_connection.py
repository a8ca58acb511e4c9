"""One adopted socket on the event loop, against a real TCP peer."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from gevent.event import Event
from touchline.actors.hub.connection import Connection
from touchline.actors.hub.frames import Limits, text_frame
from touchline.actors.hub.traffic import Traffic

from tests.fakes.client_frames import CLOSE, PING, TEXT, client_frame
from tests.fakes.hub import messages_in
from tests.fakes.peer import Peer

WAIT_S = 3.0  #: less than a closing client gets


class Owner:
    """Keeps what a connection tells, and lets a test wait for its end."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.reasons: list[str] = []
        self.flows = 0
        self.ended = Event()

    def received(self, data: str | bytes) -> None:
        if data == "crash":
            raise RuntimeError("a bug in what the message set off")
        self.heard.append(data)

    def flow_changed(self) -> None:
        self.flows += 1

    def left(self, reason: str) -> None:
        assert not self.ended.is_set()
        self.reasons.append(reason)

    def released(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()


Opened = tuple[Connection, Peer, Owner]


@pytest.fixture
def connect() -> Iterator[Callable[..., Opened]]:
    """Open a connection as the hub does after a handshake."""
    listener = socket.create_server(("127.0.0.1", 0))
    peers: list[socket.socket] = []

    def opened(early: bytes = b"", limits: Limits | None = None) -> Opened:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        peer.settimeout(WAIT_S)
        peer.connect(listener.getsockname())
        peers.append(peer)
        accepted, _ = listener.accept()
        connection = Connection(accepted.detach(), limits or Limits(), time.monotonic, Traffic())
        owner = Owner()
        connection.open(owner, early)
        return connection, Peer(peer), owner

    yield opened
    listener.close()
    for peer in peers:
        peer.close()


def prices(seq: int) -> dict[int, bytes]:
    return {1: text_frame(f'{{"seq": {seq}, "pad": "{"x" * 900}"}}')}


def fall_behind(connection: Connection, frames: int = 2000) -> int:
    """Send prices until the kernel takes no more; return the last number sent."""
    for seq in range(frames):
        connection.send_prices(prices(seq)[1], prices(seq))
        if connection.stalled_at is not None and seq > 100:
            return seq
    raise AssertionError("the kernel took everything")


def test_messages_reach_the_owner_and_frames_the_client(connect):
    connection, peer, owner = connect()

    peer.say(client_frame(TEXT, b"hello"), client_frame(PING, b"?"))
    assert peer.frame() == (10, b"?")
    connection.send(text_frame("hi"))

    assert peer.frame() == (TEXT, b"hi")
    assert owner.heard == ["hello"]


def test_the_kernel_hides_neither_a_client_that_stops_reading_nor_one_that_vanished(connect):
    connection, _, _ = connect()

    def option(level: int, name: int) -> int:
        return connection._sock.getsockopt(level, name)

    assert option(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 16 * 1024  # Linux doubles it
    assert option(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_came_with_the_handshake_is_read_first(connect):
    _, peer, owner = connect(client_frame(TEXT, b"first"))

    peer.say(client_frame(TEXT, b"second"), client_frame(PING))
    peer.frame()

    assert owner.heard == ["first", "second"]


def test_a_client_that_closes_gets_its_code_back_and_is_released(connect):
    _, peer, owner = connect()

    peer.say(client_frame(CLOSE, struct.pack("!H", 4000) + b"bye"), client_frame(TEXT, b"late"))

    assert peer.closed_with() == (4000, "bye")
    peer.leave()
    assert owner.ended.wait(WAIT_S)
    assert (owner.reasons, owner.heard) == (["by client"], [])


def test_a_client_that_is_closed_reads_why_and_is_released_when_it_goes(connect):
    connection, peer, owner = connect()

    connection.send(text_frame("last words"))
    connection.close(4400, "too many bad messages")
    connection.send(text_frame("never"))

    assert owner.reasons == ["4400"]
    assert peer.frame() == (TEXT, b"last words")
    assert peer.closed_with() == (4400, "too many bad messages")
    assert not owner.ended.is_set()
    peer.leave()
    assert owner.ended.wait(WAIT_S)


def test_a_closing_client_that_does_not_go_is_reset_after_a_while(connect):
    connection, _, owner = connect(limits=Limits(close_s=0.01))

    connection.close(1012, "")

    assert owner.ended.wait(WAIT_S)
    assert owner.reasons == ["1012"]


def test_what_a_client_says_after_it_was_closed_is_not_heard(connect):
    connection, peer, owner = connect()
    connection.close(1012, "retry_ms=700")
    assert peer.closed_with() == (1012, "retry_ms=700")

    peer.say(client_frame(TEXT, b"late"), client_frame(CLOSE))
    peer.leave()

    assert owner.ended.wait(WAIT_S)
    assert owner.heard == []


def test_a_flood_of_messages_is_closed_with_4429(connect):
    _, peer, owner = connect()

    peer.say(*[client_frame(TEXT, b"x")] * 25)

    assert peer.closed_with() == (4429, "too many messages")
    assert len(owner.heard) == 20


def test_pieces_of_messages_count_as_a_fifth_of_one(connect):
    _, peer, owner = connect()
    pieces = [client_frame(TEXT, fin=False), *[client_frame(0, fin=False)] * 94]

    peer.say(*pieces, client_frame(0, b"x"))
    peer.say(client_frame(TEXT, fin=False))

    assert peer.closed_with() == (4429, "too many messages")
    assert owner.heard == ["x"]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([client_frame(TEXT, b"x" * 5000)], 1009),
        ([client_frame(TEXT, b"hi", masked=False)], 1002),
        ([client_frame(TEXT, b"\xff")], 1007),
        ([client_frame(TEXT, fin=False)] + [client_frame(0, fin=False)] * 1024, 1008),
    ],
)
def test_a_violation_is_closed_with_its_code(connect, frames, code):
    _, peer, owner = connect(limits=Limits(per_second=None))

    peer.say(*frames)

    assert peer.closed_with()[0] == code
    assert owner.reasons == [str(code)]


def test_a_bug_behind_a_message_costs_that_client_only(connect):
    _, peer, owner = connect()
    _, other, other_owner = connect()

    peer.say(client_frame(TEXT, b"crash"))
    assert owner.ended.wait(WAIT_S)
    other.say(client_frame(TEXT, b"fine"), client_frame(PING))
    other.frame()

    assert owner.reasons == ["1011"]
    assert other_owner.heard == ["fine"]


def test_a_client_that_vanishes_leaves_once(connect):
    connection, peer, owner = connect()

    peer.vanish()

    assert owner.ended.wait(WAIT_S)
    assert owner.reasons == ["reset"]
    connection.send(text_frame("x"))
    connection.ping()
    connection.close(1000, "")
    connection.evict(4408, "")


def test_a_slow_client_gets_the_newest_prices_and_every_ordered_frame(connect):
    connection, peer, owner = connect()

    last = fall_behind(connection)
    for number in range(200):
        connection.send(text_frame(f'{{"ordered": {number}}}'))
    connection.send_prices(prices(last + 1)[1], prices(last + 1))

    ordered, seqs = [], []
    while not seqs or seqs[-1] != last + 1:
        (message,) = messages_in(text_frame(peer.frame()[1].decode()))
        (ordered if "ordered" in message else seqs).append(
            message.get("ordered", message.get("seq"))
        )
    assert ordered == list(range(200))
    assert seqs == sorted(set(seqs))
    assert len(seqs) < last
    assert connection.stalled_at is None
    assert connection.direct is not None
    assert owner.flows == 2
    assert owner.reasons == []


def test_prices_that_went_out_in_part_are_finished_and_not_sent_a_second_time(connect):
    connection, peer, _ = connect()
    joined, sent = b"".join(prices(number)[1] for number in range(20)), 0

    while connection.stalled_at is None:
        connection.send_prices(joined, {number: prices(number)[1] for number in range(20)})
        sent += 1
    assert connection.direct is None
    connection.close(1000, "")

    for _ in range(20 * sent):
        assert peer.frame()[0] == TEXT
    assert peer.closed_with() == (1000, "")


def test_a_client_that_reads_slowly_is_not_taken_for_one_that_does_not_read(connect):
    connection, peer, _ = connect()
    fall_behind(connection)
    behind_at = connection.stalled_at
    for number in range(60):
        connection.send(text_frame(f"{number} {'x' * 900}"))

    stalled_at = set()
    while connection.stalled_at is not None:
        peer.frame()
        stalled_at.add(connection.stalled_at)

    assert max(stalled_at - {None}) > behind_at


def test_a_client_that_never_reads_is_evicted_once_too_much_waits(connect):
    connection, _, owner = connect()
    fall_behind(connection)

    for _ in range(200):
        connection.send(text_frame("x" * 4000))

    assert owner.reasons == ["4408"]
    assert owner.ended.is_set()


def test_a_close_waits_its_turn_behind_what_a_slow_client_has_not_read(connect):
    connection, peer, owner = connect()
    fall_behind(connection)
    connection.send(text_frame("ordered"))

    connection.close(1012, "retry_ms=700")

    opcode, payload = TEXT, b""
    while opcode == TEXT:
        last, (opcode, payload) = payload, peer.frame()
    assert (opcode, payload[2:]) == (CLOSE, b"retry_ms=700")
    assert last == b"ordered" or b"seq" in last
    assert owner.reasons == ["1012"]


def test_thousands_of_abusive_ends_leave_no_descriptor_behind(connect):
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    _, first, _ = connect()
    before = open_files()

    for number in range(300):
        _, peer, owner = connect()
        if number % 3 == 0:
            peer.say(os.urandom(50))
        elif number % 3 == 1:
            peer.say(client_frame(TEXT, b"x" * 100)[:40])
        peer.vanish()
        assert owner.ended.wait(WAIT_S)

    assert open_files() <= before
    first.say(client_frame(PING))
    assert first.frame() == (10, b"")


def test_the_last_word_of_a_client_is_its_handshake_or_whatever_bytes_came_since(connect):
    before = time.monotonic()
    connection, peer, owner = connect()
    opened = time.monotonic()

    assert before <= connection.heard_at <= opened
    peer.say(client_frame(PING, b"here"))
    peer.frame()

    assert opened <= connection.heard_at <= time.monotonic()
    peer.vanish()
    assert owner.ended.wait(WAIT_S)
