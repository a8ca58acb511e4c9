"""What the hub counts: sent, conflated, ended."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from touchline.actors.hub.board import Move
from touchline.actors.hub.frames import text_frame
from touchline.actors.hub.outbox import Outbox
from touchline.actors.hub.sender import Sender
from touchline.actors.hub.traffic import Traffic
from touchline.domain.ids import InstrumentIdx

FRAME = text_frame("hello")


class Host:
    """A connection that a sender tells how it goes."""

    def __init__(self) -> None:
        self.gone = False

    def guarded(self, work: Callable[[], None]) -> None:
        work()

    def broken(self) -> None:
        self.gone = True

    def fell_behind(self) -> None:
        pass

    def drained(self) -> None:
        pass


class Line:
    """A sender and the other end of its socket."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        near.setblocking(False)
        self.traffic = Traffic()
        self.near = near
        self.sender = Sender(near._sock, Host(), time.monotonic, self.traffic)

    def fill(self) -> None:
        """Send until the kernel takes no more."""
        while not self.sender.behind:
            self.sender.send(text_frame("x" * 500))


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.sender.stop()
    line.near.close()
    line.far.close()


def test_messages_and_bytes_that_went_out_are_counted(line: Line) -> None:
    line.sender.send(FRAME)
    line.sender.send_prices(FRAME * 2, {1: FRAME, 2: FRAME})
    line.sender.send(FRAME * 3, messages=3)

    assert line.traffic.messages == 6
    assert line.traffic.bytes == len(line.far.recv(4096)) == 6 * len(FRAME)
    assert line.traffic.conflated == 0


def test_bytes_that_wait_are_not_counted_as_sent(line: Line) -> None:
    line.fill()
    taken = line.traffic.bytes

    line.sender.send(FRAME)

    assert line.traffic.bytes == taken


def test_a_price_that_replaces_a_waiting_one_is_conflation(line: Line) -> None:
    line.fill()

    for _ in range(3):
        line.sender.send_prices(FRAME * 2, {1: FRAME, 2: FRAME})

    assert line.traffic.conflated == 4


def test_a_snapshot_that_supersedes_waiting_prices_is_conflation_too() -> None:
    outbox = Outbox(b"rest")
    outbox.put_prices({1: FRAME, 2: FRAME})

    assert outbox.put(FRAME, supersedes=(1, 3)) == 1
    assert outbox.put_prices({2: FRAME, 4: FRAME}) == 1


def test_a_tick_replaced_before_its_flush_is_conflated_on_the_board(stage) -> None:
    def moved(seq: int) -> bool:
        return stage.board.moved(Move(stage.board.epoch, InstrumentIdx(1), seq, {"idx": 1}, FRAME))

    moved(11)
    assert stage.board.conflated == 0
    moved(12)
    assert not moved(12)  # an old one replaces nothing
    stage.board.flush()
    moved(13)

    assert stage.board.conflated == 1
