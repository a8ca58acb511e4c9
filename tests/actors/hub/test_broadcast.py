"""A broadcast to real sockets: whoever can be sent to is, and whoever cannot gets what counts."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from touchline.actors.hub.broadcast import STRIDE, Broadcast
from touchline.actors.hub.channels import Channels
from touchline.actors.hub.connection import Connection
from touchline.actors.hub.frames import text_frame
from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.pace import Pace
from touchline.actors.hub.roster import Client
from touchline.domain.clock import system_calendar
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.addresses import RecordingAddress
from tests.fakes.garbage import instances
from tests.fakes.hub import messages_in

ONE, TWO, THREE = map(InstrumentIdx, (1, 2, 3))
WAIT_S = 3.0


class Hall:
    """A lobby with one shard, and clients that came in over TCP."""

    def __init__(self) -> None:
        self.lobby = Lobby(
            (RecordingAddress("hub-0"),),
            RecordingAddress("prices"),
            RecordingAddress("subscriber"),
            RecordingAddress("presence"),
            seats=1_000,
            calendar=system_calendar,
            monotonic=time.monotonic,
        )
        self.roster, self.traffic = self.lobby.rosters[0], self.lobby.traffic
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._far: list[socket.socket] = []

    def enter(self, *prices: InstrumentIdx) -> tuple[Client, socket.socket]:
        """A client that listens to *prices*, and its end of the connection."""
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        far.settimeout(WAIT_S)
        far.connect(self._listener.getsockname())
        self._far.append(far)
        accepted, _ = self._listener.accept()
        user = UserId(len(self._far))
        seat = self.lobby.reserve()
        seat.claim(user)
        seat.adopt(accepted.detach(), b"", user)
        client = max(self.roster.clients, key=lambda each: each.number)
        self.roster.listen(client, Channels(frozenset(prices)))
        return client, far

    def send(self, frames: dict[InstrumentIdx, bytes], monotonic: Any = time.monotonic) -> None:
        broadcast, pace = Broadcast(self.lobby.floor, frames, self.traffic), Pace(monotonic)
        self.lobby.floor.under_way = broadcast
        while not broadcast.done:
            broadcast.go_on()
            pace.step(STRIDE)
        self.lobby.floor.under_way = None

    def close(self) -> None:
        for client in tuple(self.roster.clients):
            client.link.evict(1001, "")
        for each in (*self._far, self._listener):
            each.close()


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.close()


def update(idx: int, seq: int, pad: int = 0) -> bytes:
    return text_frame(f'{{"idx":{idx},"seq":{seq},"pad":"{"x" * pad}"}}')


def heard(far: socket.socket, until: Callable[[list[Any]], bool]) -> list[tuple[int, int]]:
    """(idx, seq) of everything the client is sent, up to the message that *until* waits for."""
    data = b""
    while True:
        data += far.recv(65_536)
        try:
            found = messages_in(data)
        except ValueError:  # the last frame is not all there
            continue
        if until(found):
            return [(message["idx"], message["seq"]) for message in found]


def test_everybody_gets_their_share_in_one_piece(hall: Hall):
    shares = {(ONE,): [1], (ONE, TWO): [1, 2], (TWO, THREE): [2], (THREE,): []}
    ends = {prices: hall.enter(*prices)[1] for prices in shares}

    hall.send({ONE: update(1, 11), TWO: update(2, 21)})
    hall.send({THREE: update(3, 31), TWO: update(2, 22), ONE: update(1, 12)})

    seen = {}
    for prices, far in ends.items():
        count = len(shares[prices]) + len(prices)
        seen[prices] = heard(far, lambda found, count=count: len(found) == count)
    assert seen == {
        (ONE,): [(1, 11), (1, 12)],
        (ONE, TWO): [(1, 11), (2, 21), (2, 22), (1, 12)],
        (TWO, THREE): [(2, 21), (3, 31), (2, 22)],
        (THREE,): [(3, 31)],
    }
    assert hall.traffic.messages == 10
    assert hall.traffic.bytes == 10 * len(update(1, 11))


def test_a_slow_client_gets_whole_frames_and_the_newest_and_others_get_all(hall: Hall):
    slow, slow_end = hall.enter(ONE)
    _, end = hall.enter(ONE)
    last = 0

    while slow.link.stalled_at is None or last < 300:
        last += 1
        hall.send({ONE: update(1, last, pad=500)})
        assert heard(end, len) == [(1, last)]

    seqs = [seq for _, seq in heard(slow_end, lambda found: found[-1]["seq"] == last)]
    assert seqs == sorted(set(seqs))
    assert len(seqs) == last - hall.traffic.conflated < last
    hall.send({ONE: update(1, last + 1)})
    assert heard(slow_end, len) == heard(end, len) == [(1, last + 1)]
    assert hall.traffic.messages == 2 * (last + 1)


def test_nothing_overtakes_what_waits_for_a_client_that_reads_again(hall: Hall):
    client, end = hall.enter(ONE)
    last = 0
    while client.link.stalled_at is None:
        last += 1
        hall.send({ONE: update(1, last, pad=500)})
    end.recv(65_536)  # the kernel has room again, and the hub has not looked yet
    before = hall.traffic.bytes

    hall.send({ONE: update(1, last + 1)})

    assert hall.traffic.bytes == before
    assert client.link.direct is None


def test_a_client_that_reset_costs_the_others_nothing(hall: Hall):
    ends = [hall.enter(ONE)[1] for _ in range(3)]
    ends[1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ends[1].close()

    for seq in (1, 2):
        hall.send({ONE: update(1, seq)})

    for end in (ends[0], ends[2]):
        assert heard(end, lambda found: len(found) == 2) == [(1, 1), (1, 2)]
    assert len(hall.roster.clients) == 2


def test_who_leaves_while_a_broadcast_gives_way_is_skipped_and_the_others_get_it_once(hall: Hall):
    ends = [hall.enter(ONE)[1] for _ in range(3 * STRIDE)]
    clients = sorted(hall.roster.clients, key=lambda each: each.number)
    leaving = iter([clients[0], clients[-2]])

    def monotonic() -> float:
        # Asked when a slice may be over, which is when others get their turn.
        for client in islice(leaving, 1):
            client.link.evict(1001, "")
        return 0.0

    for seq in (1, 2):
        hall.send({ONE: update(1, seq)}, monotonic)

    for end in (*ends[1:-2], ends[-1]):
        assert heard(end, lambda found: len(found) == 2) == [(1, 1), (1, 2)]
    assert hall.traffic.messages == 2 * (len(ends) - 2)


def test_who_comes_to_a_place_that_a_broadcast_has_not_come_to_is_passed_by(hall: Hall):
    ends = [hall.enter(ONE)[1] for _ in range(2 * STRIDE)]
    last_but_one = sorted(hall.roster.clients, key=lambda each: each.number)[-2]
    leaving, came = iter([last_but_one]), []

    def monotonic() -> float:
        for client in islice(leaving, 1) if hall.lobby.floor.under_way else ():
            client.link.evict(1001, "")
            came.append(hall.enter(ONE)[1])
        return 0.0

    for seq in (1, 2):
        hall.send({ONE: update(1, seq)}, monotonic)

    assert len(hall.lobby.floor.clients) == len(ends)
    assert heard(came[0], bool) == [(1, 2)]


def test_who_left_is_freed_without_a_search_for_garbage(hall: Hall):
    gc.collect()
    gc.disable()
    try:
        hall.enter(ONE)
        assert (instances(Connection), instances(Client)) == (1, 1)
        next(iter(hall.roster.clients)).link.evict(1001, "")
        hall.lobby.shards[0].told.clear()
        assert (instances(Connection), instances(Client)) == (0, 0)
    finally:
        gc.enable()
