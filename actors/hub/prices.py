"""Sends conflated prices: what waits on the boards, to everybody on the floor."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import assert_never

from ...domain.ids import InstrumentIdx
from ..actor import Actor
from .board import Board
from .broadcast import STRIDE, Broadcast
from .lobby import Lobby
from .messages import BoardMoved, FlushDue, PricesMessage
from .pace import Pace
from .planned import Planned
from .tempo import Tempo

LOOK_S = 1.0  #: after which moves show of which nobody was reminded


class Prices(Actor[PricesMessage]):
    """Flushes the boards of all shards together, at its own tempo.

    One for all, because clients are cheapest to visit in the order in which the kernel has made
    their sockets; and apart from the shards, so that no request of a client can end it, and
    portfolios do not wait for prices.

    Reads: the shards' boards; never Redis. Writes: the clients' sockets. Holds no lease.
    While it is down moves wait on the boards, newer ones in the place of older ones.
    """

    def __init__(self, lobby: Lobby) -> None:
        super().__init__()
        self._lobby = lobby
        self._tempo = Tempo()
        self._flush_due = Planned(self, FlushDue())

    def started(self) -> None:
        """Show what was on its way, and send what waits."""
        self._lobby.reminded = False
        for shard, board in enumerate(self._lobby.boards):
            if board.unsent:
                self._send({idx: board.snapshot(idx) for idx in board.unsent}, (shard,))
                board.all_sent()
        self._plan()
        self.every(LOOK_S, BoardMoved())

    def receive(self, message: PricesMessage) -> None:
        """Handle one message."""
        match message:
            case BoardMoved():
                self._lobby.reminded = False
            case FlushDue():
                self._flush_due.came()
                self._flush()
            case _:
                assert_never(message)
        self._plan()

    def _plan(self) -> None:
        due = self._due()
        if due:
            now_s = self._lobby.monotonic()
            urgent = any(board.urgent for board in due.values())
            self._flush_due.plan(now_s, now_s if urgent else self._tempo.next_at(now_s))

    def _due(self) -> dict[int, Board]:
        return {shard: board for shard, board in enumerate(self._lobby.boards) if board.moves}

    def _flush(self) -> None:
        due = self._due()
        if due:
            most = max(len(board.moves) for board in due.values())
            self._tempo.went_out(self._lobby.monotonic(), most)
        for boards in self._alike(due):
            frames: Mapping[InstrumentIdx, bytes] = {}
            for board in boards.values():
                frames = board.flush()
            everybody = len(boards) == len(self._lobby.boards)
            self._send(frames, None if everybody else boards)
            for board in boards.values():
                board.all_sent()

    def _alike(self, due: dict[int, Board]) -> Iterator[dict[int, Board]]:
        """Yield *due* by what waits there: the same on all, but for shards that lag behind."""
        while due:
            # Looked at anew each time, for the last ones took a while.
            moves = next(iter(due.values())).moves
            alike = {shard: board for shard, board in due.items() if board.moves == moves}
            due = {shard: board for shard, board in due.items() if shard not in alike}
            if moves:
                yield alike

    def _send(self, frames: Mapping[InstrumentIdx, bytes], shards: Container[int] | None) -> None:
        lobby = self._lobby
        broadcast = Broadcast(lobby.floor, frames, lobby.traffic, shards)
        pace = Pace(lobby.monotonic)
        lobby.floor.under_way = broadcast
        try:
            while not broadcast.done:
                broadcast.go_on()
                pace.step(STRIDE)
        finally:
            lobby.floor.under_way = None
