"""Ticks: how an instrument's price is published, and what the feed may change.

A tick is one published price. Its id is ``<calendar ms>-<n>``, strictly increasing per instrument.
Twin of lua/market.lua, lua/index_apply.lua, lua/fixture_settle.lua and lua/fixture_rebase.lua.
Source: docs/market.md, "Ticks".
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from .halts import FEED_HALTS, Halt, Phase
from .ids import InstrumentIdx
from .instrument import Instrument, quoted
from .pricing import index_of

TICKS_KEPT_MS = 26 * 3_600_000  #: calendar ms; two hours longer than a user's absence is known


class Why(StrEnum):
    """What made a price be published."""

    FEED = "feed"
    TRADE = "trade"
    HEARTBEAT = "hb"
    ADMIN = "admin"  #: an operator has set a halt or a limit
    CANDLE = "candle"  #: stands in for ticks that are lost; see domain/candles.py


@dataclass(frozen=True, slots=True)
class Tick:
    """One entry of an instrument's tick stream; prices in 1e-4 coin, inventory in 1e-3 share."""

    id: str
    seq: int
    index_px: int
    inventory: int
    bid_px: int
    ask_px: int
    mark_px: int
    mid_px: int
    why: str
    halt: Halt


class Glance(NamedTuple):
    """Of a tick what can concern a position; read by the million, so no more than that."""

    id: str
    seq: int
    index_px: int
    bid_px: int
    ask_px: int
    mark_px: int
    halt: Halt
    stands_in: bool = False  #: for ticks that are lost


@dataclass(frozen=True, slots=True)
class PriceTick:
    """A tick as announced on ``price:{idx}``; prices in 1e-4 coin."""

    idx: InstrumentIdx
    seq: int
    id: str
    at_ms: int
    bid_px: int
    ask_px: int
    mark_px: int
    mid_px: int
    why: str
    halt: Halt
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChange:
    """What the feed wants one instrument to be from now on; ``None`` keeps what is.

    Attributes:
        now_ms: calendar time.
        offset_bps: the match's offset S; the index follows from the stored base price.
        halt: the feed's own bits (``FEED_HALTS``), complete: bits left out are cleared.
        heartbeat: publish a tick even if nothing changed.
        fixture: the match this comes from; the change is refused once that match is settled.
    """

    idx: InstrumentIdx
    now_ms: int
    offset_bps: int | None = None
    phase: Phase | None = None
    halt: Halt | None = None
    heartbeat: bool = False
    fixture: int | None = None


def next_tick_id(last: str, now_ms: int) -> str:
    """The id after *last*: now, or the next number in *last*'s millisecond if time stood still."""
    last_ms, number = map(int, last.split("-"))
    return f"{now_ms}-0" if now_ms > last_ms else f"{last_ms}-{number + 1}"


def ticked(instrument: Instrument, now_ms: int) -> Instrument:
    """*instrument* after publishing its price: fresh quotes, next ``seq``, tick id and version."""
    tick_id = next_tick_id(instrument.last_tick_id, now_ms)
    return replace(
        quoted(instrument),
        seq=instrument.seq + 1,
        last_tick_id=tick_id,
        ticked_ms=int(tick_id.partition("-")[0]),
        version=instrument.version + 1,
    )


def apply_index(instrument: Instrument, change: IndexChange) -> Instrument:
    """*instrument* after *change*; the same object if there is nothing to do.

    A tick is published if the index or the halts changed, if play began or ended, which changes
    the spread, or if a heartbeat was asked for.
    """
    offset_bps = instrument.offset_bps if change.offset_bps is None else change.offset_bps
    halt = instrument.halt
    if change.halt is not None:
        halt = (halt & ~FEED_HALTS) | change.halt
    after = replace(
        instrument,
        offset_bps=offset_bps,
        phase=change.phase or instrument.phase,
        halt=halt,
        index_px=index_of(
            instrument.base_px, offset_bps, instrument.index_min_px, instrument.index_max_px
        ),
    )
    if _published(after) != _published(instrument) or change.heartbeat:
        return ticked(after, change.now_ms)
    return instrument if after == instrument else replace(after, version=instrument.version + 1)


def _published(instrument: Instrument) -> tuple[int, Halt, bool]:
    # Of what the feed may change, that which clients must learn of at once.
    return instrument.index_px, instrument.halt, instrument.in_play


def settled(instrument: Instrument) -> Instrument:
    """*instrument* after full time: the index becomes the base price, the offset is used up."""
    return replace(
        instrument,
        base_px=instrument.index_px,
        offset_bps=0,
        version=instrument.version + 1,
    )


def rebased(instrument: Instrument, base_px: int, now_ms: int) -> Instrument:
    """*instrument* at rest at another base price, whatever the feed said of it; published."""
    after = replace(
        instrument,
        base_px=base_px,
        index_px=index_of(base_px, 0, instrument.index_min_px, instrument.index_max_px),
        offset_bps=0,
        phase=Phase.SCHEDULED,
        halt=instrument.halt & ~FEED_HALTS,
    )
    return ticked(after, now_ms)
