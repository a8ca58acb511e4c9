"""Every tick in its order, for those who are to miss none.

Pure. A shard's tape runs only while somebody in it listens to it, and beside the board, which
leaves ticks out: the two may be at different ticks of one instrument. It knows a gap by the
numbers. What is read from Redis anew may be ahead of ticks that are still on their way, so
that shows a loss only if they have not come by the time it is read again.

Source: docs/protocol.md, "Every tick".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...domain.ids import InstrumentIdx
from . import replies
from .board import NO_EPOCH, Board, Move, Price, after


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be shown after prices were read: *lost* are those of which ticks are missing."""

    changed: list[InstrumentIdx]
    lost: list[InstrumentIdx]


class Tape:
    """Prices as those who get every tick know them, once they have got what waits."""

    def __init__(self) -> None:
        self.running = False
        self._epoch = NO_EPOCH
        self._prices: dict[InstrumentIdx, Price] = {}
        self._ahead: dict[InstrumentIdx, int] = {}  # what was read and had not come by then
        self._waiting: list[Move] = []
        self._unsent: set[InstrumentIdx] = set()  # under way to everybody; a shard may die halfway

    @property
    def waits(self) -> bool:
        """Whether any tick is still to be sent."""
        return bool(self._waiting)

    def start(self, board: Board) -> None:
        """Run from where *board* is, the ticks included that wait there."""
        if not self.running:
            self.running, self._epoch = True, board.epoch
            self._prices = {price.idx: price for price in board.newest()}

    def stop(self) -> None:
        """Nobody listens any more."""
        if not self.running:
            return
        self.running = False
        self._prices, self._ahead, self._waiting, self._unsent = {}, {}, [], set()

    def seq(self, idx: InstrumentIdx) -> int:
        """The number that a snapshot would show."""
        return self._prices[idx].seq

    def snapshot(self, idx: InstrumentIdx) -> bytes:
        """The snapshot frame of one instrument, once nothing waits."""
        price = self._prices[idx]
        return replies.snapshot(f"price:{idx}", self._epoch, price.seq, price.data)

    def moved(self, move: Move) -> bool:
        """Take a tick; False if there is a gap before it, which a snapshot then closes."""
        price = self._prices.get(move.idx)
        if price is None or move.epoch != self._epoch or move.seq <= price.seq:
            return True  # unknown or old: no news
        self._prices[move.idx] = after(price, move)
        if move.seq > price.seq + 1:
            self._unsent.add(move.idx)
            return False
        self._waiting.append(move)
        return True

    def take(self) -> list[Move]:
        """The ticks that wait, in their order; they wait no more."""
        taken, self._waiting = self._waiting, []
        self._unsent.update(move.idx for move in taken)
        return taken

    def all_sent(self) -> None:
        """What was taken, found lost or read is with everybody."""
        self._unsent.clear()

    def unsure(self) -> list[InstrumentIdx]:
        """What may not be with everybody, as a snapshot has to tell; ticks of it wait no more."""
        self._waiting = [move for move in self._waiting if move.idx not in self._unsent]
        return list(self._unsent)

    def read(self, epoch: int, prices: Iterable[Price], *, certain: bool = False) -> Reading:
        """Take over what was read from Redis in *epoch*; nothing may wait.

        In another epoch than before everything has changed. If it is *certain*, ticks that were
        read and have not come are lost.
        """
        if epoch != self._epoch:
            self._epoch, self._ahead = epoch, {}
            self._prices = {price.idx: price for price in prices}
            self._unsent = set(self._prices)
            return Reading(list(self._prices), [])
        reading = Reading([], [])
        for price in prices:
            self._compare(price, reading, certain)
        self._unsent.update(reading.changed, reading.lost)
        return reading

    def _compare(self, read: Price, reading: Reading, certain: bool) -> None:
        known, missing = self._prices.get(read.idx), self._ahead.pop(read.idx, None)
        if known is None or known.seq == read.seq:
            if known != read:
                self._prices[read.idx] = read
                reading.changed.append(read.idx)
        elif known.seq < (read.seq if certain else missing or 0):
            self._prices[read.idx] = read
            reading.lost.append(read.idx)
        elif known.seq < read.seq:
            self._ahead[read.idx] = read.seq
