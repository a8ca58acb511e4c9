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
class News:
    """What is to be told of one instrument: its *frames*, joined, hold so many *messages*."""

    idx: InstrumentIdx
    frames: bytes
    messages: int = 1


class Tape:
    """Prices as those who get every tick know them, once they have got what waits."""

    def __init__(self) -> None:
        self.running = False
        self.urgent = False  #: whether a tick that waits halts its market, or opens it
        self._epoch = NO_EPOCH
        self._prices: dict[InstrumentIdx, Price] = {}
        self._ahead: dict[InstrumentIdx, int] = {}  # what was read and had not come by then
        self._waiting: list[News] = []
        self._unsent: set[InstrumentIdx] = set()  # under way to everybody; a shard may die halfway

    @property
    def waits(self) -> bool:
        """Whether anything is still to be sent."""
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
        self.running = self.urgent = False
        self._prices, self._ahead, self._waiting, self._unsent = {}, {}, [], set()

    def seq(self, idx: InstrumentIdx) -> int:
        """The number that a snapshot would show."""
        return self._prices[idx].seq

    def snapshot(self, idx: InstrumentIdx) -> bytes:
        """The snapshot frame of one instrument, once nothing waits."""
        price = self._prices[idx]
        return replies.snapshot(f"price:{idx}", self._epoch, price.seq, price.data)

    def moved(self, move: Move) -> None:
        """Take a tick; of a gap before it is told, and the snapshot behind it closes that."""
        price = self._prices.get(move.idx)
        if price is None or move.epoch != self._epoch or move.seq <= price.seq:
            return  # unknown or old: no news
        self._prices[move.idx] = after(price, move)
        if move.data.get("status") != price.data.get("status"):
            self.urgent = True
        if move.seq > price.seq + 1:
            self._lost(move.idx)
        else:
            self._waiting.append(News(move.idx, move.frame))

    def take(self) -> list[News]:
        """What waits, in its order; it waits no more."""
        taken, self._waiting, self.urgent = self._waiting, [], False
        self._unsent.update(each.idx for each in taken)
        return taken

    def all_sent(self) -> None:
        """What was taken is with everybody."""
        self._unsent.clear()

    def doubt(self) -> None:
        """Have a snapshot tell what was taken and may not be with everybody."""
        doubtful, self._unsent = self._unsent.intersection(self._prices), set()
        self._waiting = [each for each in self._waiting if each.idx not in doubtful]
        for idx in doubtful:
            self._lost(idx)

    def read(self, epoch: int, prices: Iterable[Price], *, certain: bool = False) -> None:
        """Take over what was read from Redis in *epoch*.

        In another epoch than before everything has changed. If it is *certain*, ticks that were
        read and have not come are lost.
        """
        if epoch != self._epoch:
            self._epoch, self._ahead = epoch, {}
            self._prices = {price.idx: price for price in prices}
            for idx in self._prices:
                self._changed(idx)
            return
        for price in prices:
            self._compare(price, certain)

    def _compare(self, read: Price, certain: bool) -> None:
        known, missing = self._prices.get(read.idx), self._ahead.pop(read.idx, None)
        if known is None or known.seq == read.seq:
            if known != read:
                self._prices[read.idx] = read
                self._changed(read.idx)
        elif known.seq < (read.seq if certain else missing or 0):
            self._prices[read.idx] = read
            self._lost(read.idx)
        elif known.seq < read.seq:
            self._ahead[read.idx] = read.seq

    def _changed(self, idx: InstrumentIdx) -> None:
        self._waiting.append(News(idx, self.snapshot(idx)))

    def _lost(self, idx: InstrumentIdx) -> None:
        frames = replies.resync(f"price:{idx}", "GAP") + self.snapshot(idx)
        self._waiting.append(News(idx, frames, 2))
