"""One club's ticks, and what a close would have come to at any moment between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from touchline.domain.cfd import Changed
from touchline.domain.closing import triggered
from touchline.domain.halts import Phase
from touchline.domain.instrument import IN_PLAY_SPREAD, Instrument
from touchline.domain.portfolio import Wallet
from touchline.domain.positions import Position
from touchline.domain.pricing import PPM, ceil_div
from touchline.domain.refusals import Refused
from touchline.domain.ticks import Tick

BLOCK = 64  #: ticks that are stepped over together where none of them reaches a price
#: What a close needs of the two wallets: that they can take it.
PURSE = Wallet(10**12, 10**12, 1)


class Market:
    """A club from the first of *ticks* to the last; *club* as it is after that.

    A *place* is a tick's index in `ticks`, and as a moment the time from that tick to the next:
    every change of the inventory makes a tick, so the market stands still in between.

    Raises:
        ValueError: a tick is missing among them.
    """

    def __init__(self, club: Instrument, ticks: Sequence[Tick]) -> None:
        self.ticks = ticks
        self._club = club
        self._first = ticks[0].seq
        self._places = {tick.id: place for place, tick in enumerate(ticks)}
        if [tick.seq for tick in ticks] != list(range(self._first, self._first + len(ticks))):
            raise ValueError(f"{club.symbol}: ticks are missing")
        self._blocks = [_Block(ticks[at : at + BLOCK]) for at in range(0, len(ticks), BLOCK)]

    def place(self, seq: int) -> int | None:
        """Where the tick numbered *seq* is; None if it is not here."""
        place = seq - self._first
        return place if 0 <= place < len(self.ticks) else None

    def named(self, tick_id: str) -> int | None:
        """Where the tick called *tick_id* is; None if it is not here."""
        return self._places.get(tick_id)

    def close(self, position: Position, place: int, moment: int) -> Changed | Refused:
        """What the tick at *place* did to *position* when it was tried at *moment*."""
        now = self.ticks[moment]
        club = replace(
            self._club,
            phase=Phase.LIVE if self._is_in_play(now) else Phase.SCHEDULED,
            halt=now.halt,
            inventory=now.inventory,
            seq=now.seq,
            last_tick_id=now.id,
        )
        return triggered(position, club, PURSE, PURSE, self.ticks[place], now_ms=0)

    def near(self, start: int, end: int, reach: Reach) -> Iterator[int]:
        """Places from *start* up to before *end*, without blocks that *reach* says are far off."""
        place = start
        while place < end:
            block = place // BLOCK
            until = min(end, (block + 1) * BLOCK)
            if not reach.far(self._blocks[block]):
                yield from range(place, until)
            place = until

    def _is_in_play(self, tick: Tick) -> bool:
        # The spread in force is published with every tick, and play that begins or ends is a tick.
        spread_ppm = self._club.half_spread_ppm * IN_PLAY_SPREAD
        return tick.ask_px == ceil_div(tick.mid_px * (PPM + spread_ppm), PPM)


class _Block:
    """The farthest prices among some ticks."""

    __slots__ = ("ask", "bid", "mark")

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self.bid = _ends([tick.bid_px for tick in ticks])
        self.ask = _ends([tick.ask_px for tick in ticks])
        self.mark = _ends([tick.mark_px for tick in ticks])


class Reach:
    """Between which prices nothing at all happens to a position; it may change on the way."""

    __slots__ = ("high", "is_long", "low", "mark_high", "mark_low")

    def __init__(self, *, is_long: bool) -> None:
        self.is_long = is_long
        self.low = self.mark_low = 0
        self.high = self.mark_high = 10**12

    def far(self, block: _Block) -> bool:
        """Whether no price of *block* comes near."""
        quote = block.bid if self.is_long else block.ask
        return (
            self.low < quote[0]
            and quote[1] < self.high
            and self.mark_low < block.mark[0]
            and block.mark[1] < self.mark_high
        )


def _ends(prices: Sequence[int]) -> tuple[int, int]:
    return min(prices), max(prices)
