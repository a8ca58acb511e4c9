"""Candles: what the prices of a club did in each second, minute, hour and day of the calendar.

They are made of ticks and of nothing else. What two batches of ticks say of the same span can be
joined, so the candles are the same however the ticks were cut into batches.
Source: docs/market.md, "Candles".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from itertools import groupby
from typing import NamedTuple

from .halts import OPEN, Halt, stops_closing
from .instrument import NO_TICK
from .ticks import Tick, Why, next_tick_id

SECONDS_KEPT_MS = 48 * 3_600_000  #: candles of a second; calendar ms. The others stay.


class Interval(StrEnum):
    """How much of the calendar one candle is about; days begin at midnight UTC."""

    SECOND = "1s"
    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def ms(self) -> int:
        """Its length in calendar ms."""
        return _MS[self]

    def start(self, at_ms: int) -> int:
        """When the candle begins that *at_ms* belongs to."""
        return at_ms - at_ms % self.ms


_MS = {
    Interval.SECOND: 1_000,
    Interval.MINUTE: 60_000,
    Interval.FIVE_MINUTES: 300_000,
    Interval.HOUR: 3_600_000,
    Interval.DAY: 86_400_000,
}

#: Each is made of the one before it. Five minutes are made of minutes when somebody asks.
STORED = (Interval.SECOND, Interval.MINUTE, Interval.HOUR, Interval.DAY)


class CandleTick(NamedTuple):
    """Of a tick what candles are made of; prices in 1e-4 coin, inventory in 1e-3 share."""

    id: str
    seq: int
    index_px: int
    inventory: int
    bid_px: int
    ask_px: int
    mark_px: int
    mid_px: int
    halt: Halt

    @property
    def at_ms(self) -> int:
        """Its calendar time."""
        return int(self.id.partition("-")[0])


class Rolled(NamedTuple):
    """The last tick of a club that is in its candles, and the inventory it left."""

    tick_id: str
    seq: int
    inventory: int


UNROLLED = Rolled(NO_TICK, 0, 0)
"""Where a club begins: before its first tick the house has sold nothing."""


class Span(NamedTuple):
    """The lowest and the highest of some prices (1e-4 coin)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """The prices published in one interval that saw any.

    Attributes:
        at_ms: when the interval begins, calendar ms.
        open_px, high_px, low_px, close_px: of the mid, whatever the halt.
        index, bid, ask, mark: of the ticks that can close a position; None where a halt was on all
            along.
        volume: traded, 1e-3 share.
        first_seq, last_seq: the ticks it is made of.
    """

    interval: Interval
    at_ms: int
    open_px: int
    high_px: int
    low_px: int
    close_px: int
    index: Span | None
    bid: Span | None
    ask: Span | None
    mark: Span | None
    volume: int
    first_seq: int
    last_seq: int


def candles(ticks: Sequence[CandleTick], after: Rolled) -> list[Candle]:
    """What *ticks*, the next ones of a club after *after*, add to its stored candles."""
    made = finer = list(_seconds(ticks, after))
    for interval in STORED[1:]:
        finer = coarser(finer, interval)
        made = made + finer
    return made


def coarser(finer: Iterable[Candle], interval: Interval) -> list[Candle]:
    """The candles of *interval* that those of a finer one, oldest first, come to."""
    return [
        replace(reduce(joined, some), interval=interval, at_ms=at_ms)
        for at_ms, some in groupby(finer, lambda candle: interval.start(candle.at_ms))
    ]


def joined(earlier: Candle, later: Candle) -> Candle:
    """Both as one, which has the interval and the time of *earlier*; store/candles.py does it too.

    Of two equal spans of time it is the candle of all their ticks.
    """
    return replace(
        earlier,
        high_px=max(earlier.high_px, later.high_px),
        low_px=min(earlier.low_px, later.low_px),
        close_px=later.close_px,
        index=_wider(earlier.index, later.index),
        bid=_wider(earlier.bid, later.bid),
        ask=_wider(earlier.ask, later.ask),
        mark=_wider(earlier.mark, later.mark),
        volume=earlier.volume + later.volume,
        last_seq=later.last_seq,
    )


def rolled(ticks: Sequence[CandleTick]) -> Rolled:
    """How far candles have come with *ticks*, which are not empty."""
    last = ticks[-1]
    return Rolled(last.id, last.seq, last.inventory)


def stand_ins(candle: Candle, after: str, last_ms: int) -> tuple[Tick, ...]:
    """Two ticks for those of *candle*, if any of them could close a position: its low, its high.

    The high comes first if the candle fell: a trailing stop would else follow to where prices went
    and be met by where they came from. Both have the number of the candle's first tick, so whoever
    was opened or changed during the candle has nothing to do with them.

    Args:
        after: the tick id behind which they come.
        last_ms: they are as late as the candle's end, but not later than this.
    """
    if not (candle.index and candle.bid and candle.ask and candle.mark):
        return ()
    at_ms = min(candle.at_ms + candle.interval.ms - 1, last_ms)
    made = []
    mids, fell = Span(candle.low_px, candle.high_px), candle.close_px < candle.open_px
    both = list(zip(candle.index, candle.bid, candle.ask, candle.mark, mids, strict=True))
    for index_px, bid_px, ask_px, mark_px, mid_px in both[:: -1 if fell else 1]:
        after = next_tick_id(after, at_ms)
        prices = bid_px, ask_px, mark_px, mid_px
        made.append(Tick(after, candle.first_seq, index_px, 0, *prices, Why.CANDLE.value, OPEN))
    return tuple(made)


def _seconds(ticks: Sequence[CandleTick], after: Rolled) -> Iterator[Candle]:
    traded = list(_traded(ticks, after))
    begin = 0
    for at_ms, some in groupby(ticks, lambda tick: Interval.SECOND.start(tick.at_ms)):
        group = list(some)
        end = begin + len(group)
        yield _candle(at_ms, group, sum(traded[begin:end]))
        begin = end


def _traded(ticks: Iterable[CandleTick], after: Rolled) -> Iterator[int]:
    """What was traded at each tick: a script trades one quantity, and publishes one tick."""
    seq, inventory = after.seq, after.inventory
    for tick in ticks:
        # Across ticks that are missing the difference is of several trades, which may cancel out.
        yield abs(tick.inventory - inventory) if tick.seq == seq + 1 else 0
        seq, inventory = tick.seq, tick.inventory


def _candle(at_ms: int, ticks: Sequence[CandleTick], volume: int) -> Candle:
    mids = [tick.mid_px for tick in ticks]
    # What a halt that stops closing publishes closes nothing: docs/market.md, "What closes a
    # position".
    counting = [tick for tick in ticks if tick.halt == OPEN or not stops_closing(tick.halt)]
    return Candle(
        interval=Interval.SECOND,
        at_ms=at_ms,
        open_px=mids[0],
        high_px=max(mids),
        low_px=min(mids),
        close_px=mids[-1],
        index=_span([tick.index_px for tick in counting]),
        bid=_span([tick.bid_px for tick in counting]),
        ask=_span([tick.ask_px for tick in counting]),
        mark=_span([tick.mark_px for tick in counting]),
        volume=volume,
        first_seq=ticks[0].seq,
        last_seq=ticks[-1].seq,
    )


def _span(prices: Sequence[int]) -> Span | None:
    return Span(min(prices), max(prices)) if prices else None


def _wider(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return Span(min(one.low, other.low), max(one.high, other.high))
