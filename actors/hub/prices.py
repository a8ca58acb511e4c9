"""Sends conflated prices: what waits on the board, to everybody on the floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from ...domain.ids import InstrumentIdx
from ..actor import Actor
from .broadcast import STRIDE, Broadcast
from .lobby import Lobby
from .messages import BoardMoved, FlushDue, PricesMessage
from .pace import Pace
from .planned import Planned
from .tempo import Tempo

LOOK_S = 1.0  #: after which something shows of which nobody was reminded


class Prices(Actor[PricesMessage]):
    """Flushes the board at its own tempo.

    One for all clients, because they are cheapest to visit in the order in which the kernel has
    made their sockets; and apart from the shards, so that no request of a client can end it, and
    portfolios do not wait for prices.

    Reads: the board; never Redis. Writes: the clients' sockets. Holds no lease.
    While it is down moves wait on the board, newer ones in the place of older ones.
    """

    def __init__(self, lobby: Lobby) -> None:
        super().__init__()
        self._lobby = lobby
        self._quotes, self._board = lobby.quotes, lobby.quotes.board
        self._tempo = Tempo()
        self._flush_due = Planned(self, FlushDue())

    def started(self) -> None:
        """Show what was on its way, and send what waits."""
        self._quotes.reminded = False
        self._show()
        self._plan()
        self.every(LOOK_S, BoardMoved())

    def receive(self, message: PricesMessage) -> None:
        """Handle one message."""
        match message:
            case BoardMoved():
                self._quotes.reminded = False
                if self._board.unshown:
                    self._show()
            case FlushDue():
                self._flush_due.came()
                self._flush()
            case _:
                assert_never(message)
        self._plan()

    def _plan(self) -> None:
        if self._board.moves:
            now_s = self._lobby.monotonic()
            at_s = now_s if self._board.urgent else self._tempo.next_at(now_s)
            self._flush_due.plan(now_s, at_s)

    def _show(self) -> None:
        frames = self._board.show()
        if frames:
            self._send(frames, snapshots=True)

    def _flush(self) -> None:
        if self._board.moves:
            self._tempo.went_out(self._lobby.monotonic(), len(self._board.moves))
            self._send(self._board.flush())

    def _send(self, frames: Mapping[InstrumentIdx, bytes], *, snapshots: bool = False) -> None:
        lobby = self._lobby
        broadcast = Broadcast(lobby.floor, frames, lobby.traffic, snapshots=snapshots)
        pace = Pace(lobby.monotonic)
        lobby.floor.under_way = broadcast
        try:
            while not broadcast.done:
                broadcast.go_on()
                pace.step(STRIDE)
        finally:
            lobby.floor.under_way = None
        self._board.all_sent()
