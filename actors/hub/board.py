"""The newest price of every instrument, and which of them are still to be sent.

Pure. A tick waits here until the next flush, and only then becomes what a
snapshot shows: so whoever subscribes in between gets the older snapshot and
then the waiting update, without a gap and without an overlap.

Source: docs/protocol.md, "Prices".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...domain.ids import InstrumentIdx
from ...domain.views import View
from . import replies

NO_EPOCH = -1  #: before anything was read


@dataclass(frozen=True, slots=True)
class Price:
    """One instrument as of tick *seq*; *data* is that of its snapshot."""

    idx: InstrumentIdx
    seq: int
    data: View


@dataclass(frozen=True, slots=True)
class Move:
    """One tick published in *epoch*; *data* is that of its update, *frame* the update encoded."""

    epoch: int
    idx: InstrumentIdx
    seq: int
    data: View
    frame: bytes


class Board:
    """Prices as the clients know them, and the moves that wait for the next flush.

    All of them are of one `epoch`: what `seq` says is compared within it alone.
    """

    def __init__(self) -> None:
        self.epoch = NO_EPOCH
        self._prices: dict[InstrumentIdx, Price] = {}
        self._snapshots: dict[InstrumentIdx, bytes] = {}
        self._moves: dict[InstrumentIdx, Move] = {}
        #: What was read and is to be shown before any move goes out.
        self.unshown: set[InstrumentIdx] = set()
        #: What is on its way to everybody. Whoever sends it may die halfway.
        self.unsent: set[InstrumentIdx] = set()
        self.urgent = False  #: whether one of the moves that wait halts its market, or opens it
        self.conflated = 0  #: ticks replaced by newer ones before a flush, so far

    @property
    def known(self) -> Iterable[InstrumentIdx]:
        """The instruments there are."""
        return self._prices.keys()

    @property
    def moves(self) -> Mapping[InstrumentIdx, Move]:
        """Those that wait for a flush; none while clients are to be shown what they follow on."""
        return {} if self.unshown else self._moves

    def seq(self, idx: InstrumentIdx) -> int:
        """The number of the tick that a snapshot would show."""
        return self._prices[idx].seq

    def newest(self) -> Iterator[Price]:
        """Every instrument as it is with the ticks that wait."""
        for idx, price in self._prices.items():
            move = self._moves.get(idx)
            yield price if move is None else after(price, move)

    def snapshot(self, idx: InstrumentIdx) -> bytes:
        """The snapshot frame of one instrument, encoded once per change."""
        frame = self._snapshots.get(idx)
        if frame is None:
            price = self._prices[idx]
            frame = replies.snapshot(f"price:{idx}", self.epoch, price.seq, price.data)
            self._snapshots[idx] = frame
        return frame

    def read(self, epoch: int, prices: Iterable[Price]) -> list[InstrumentIdx]:
        """Take over what was read from Redis in *epoch*; return what must be shown anew.

        In another epoch than before that is everything, whatever its number.
        """
        if epoch != self.epoch:
            self.epoch = epoch
            self._prices.clear()
            self._snapshots.clear()
            self._moves.clear()
        changed = []
        for price in prices:
            if self._newest(price.idx) != price:
                self._put(price)
                self._moves.pop(price.idx, None)
                changed.append(price.idx)
        self.unshown.update(changed)
        # Of what is there no more nothing is left to be shown.
        self.unshown.intersection_update(self._prices)
        self.unsent.intersection_update(self._prices)
        self.urgent = self.urgent and bool(self._moves)
        return changed

    def moved(self, move: Move) -> bool:
        """Keep a tick for the next flush; False if it is old or its instrument unknown."""
        if move.epoch != self.epoch:
            return False
        waiting = self._moves.get(move.idx)
        newest = waiting or self._prices.get(move.idx)
        if newest is None or move.seq <= newest.seq:
            return False
        if waiting is not None:
            self.conflated += 1
        if move.data.get("status") != newest.data.get("status"):
            self.urgent = True
        self._moves[move.idx] = move
        return True

    def flush(self) -> Mapping[InstrumentIdx, bytes]:
        """Return the frames that wait; snapshots show them from now on."""
        due, self._moves, self.urgent = self._moves, {}, False
        for move in due.values():
            self._put(after(self._prices[move.idx], move))
        self.unsent.update(due)
        return {idx: move.frame for idx, move in due.items()}

    def show(self) -> Mapping[InstrumentIdx, bytes]:
        """Return snapshots of what was read anew, and of what may not be with everybody."""
        self.unsent |= self.unshown
        self.unshown = set()
        return {idx: self.snapshot(idx) for idx in self.unsent}

    def all_sent(self) -> None:
        """What was shown or flushed is with everybody."""
        self.unsent.clear()

    def _newest(self, idx: InstrumentIdx) -> Price | None:
        price, move = self._prices.get(idx), self._moves.get(idx)
        return after(price, move) if price and move else price

    def _put(self, price: Price) -> None:
        self._prices[price.idx] = price
        self._snapshots.pop(price.idx, None)


def after(price: Price, move: Move) -> Price:
    """*price* after *move*, by the rule the clients use: newer members replace older ones."""
    newer = {name: move.data[name] for name in price.data.keys() & move.data.keys()}
    return Price(price.idx, move.seq, price.data | newer)
