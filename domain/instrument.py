"""An instrument: one club's index, inventory, limits and last published quotes.

Source: docs/market.md, "Units", "Prices" and "In play".
"""

import re
from dataclasses import dataclass, replace

from .halts import IN_PLAY, OPEN, Halt, Phase
from .ids import InstrumentIdx
from .pricing import quote

BASE_PX = 1_000_000  #: base price of a club that has never played: 100.0000
INDEX_PX_MIN = 5_000  #: 0.50
INDEX_PX_MAX = 10_000_000  #: 1,000.00
DEPTH_MIN, DEPTH_MAX = 1_000_000, 100_000_000  #: 1,000 to 100,000 shares
ORDER_MAX_MAX = 10_000_000  #: 10,000 shares; with the above every product in Lua stays under 2**53
IN_PLAY_SPREAD = 3  #: times the instrument's own half spread
IN_PLAY_ORDERS = 4  #: the instrument's own largest order is divided by it
IN_PLAY_LEVERAGE = 2  #: and its highest leverage by this
NO_TICK = "0-0"  #: tick id of an instrument that never ticked

_DEPTH = 10_000_000  # 10,000 shares
_SYMBOL = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Everything known about one club's market.

    Fields ending in ``_px`` are 1e-4 coin, inventory and the caps 1e-3 share, ``_ppm`` parts per
    million, ``offset_bps`` 1e-4 of the base price, ``ticked_ms`` calendar time (0: never).
    ``half_spread_ppm`` and ``order_max`` are the instrument's own; what its phase makes of them is
    ``half_spread_now_ppm`` and ``order_limit``.
    ``inventory`` is what the house has sold net, shorts taken off, and ``short_interest`` what
    shorts have open. ``seq`` counts ticks, ``version`` mutations.
    """

    idx: InstrumentIdx
    symbol: str
    name: str
    base_px: int
    index_px: int
    offset_bps: int = 0
    phase: Phase = Phase.SCHEDULED
    halt: Halt = OPEN
    inventory: int = 0
    short_interest: int = 0
    depth: int = _DEPTH
    qcap: int = _DEPTH // 2
    half_spread_ppm: int = 1_000
    fee_ppm: int = 1_000
    order_max: int = 50_000
    user_cap: int = _DEPTH // 50
    max_leverage: int = 10
    mark_clamp_ppm: int = 5_000
    index_min_px: int = INDEX_PX_MIN
    index_max_px: int = INDEX_PX_MAX
    bid_px: int
    ask_px: int
    mid_px: int
    mark_px: int
    seq: int = 0
    last_tick_id: str = NO_TICK
    ticked_ms: int = 0
    version: int = 1

    @property
    def in_play(self) -> bool:
        """Whether the match is being played, half-time and the other breaks included."""
        return self.phase in IN_PLAY

    @property
    def half_spread_now_ppm(self) -> int:
        """The half spread in force: in play three times the instrument's own."""
        return self.half_spread_ppm * (IN_PLAY_SPREAD if self.in_play else 1)

    @property
    def order_limit(self) -> int:
        """The largest order in force: in play a quarter of the instrument's own, rounded down."""
        return self.order_max // (IN_PLAY_ORDERS if self.in_play else 1)

    @property
    def leverage_limit(self) -> int:
        """The highest leverage in force: in play half of the instrument's own, at least 1."""
        return max(1, self.max_leverage // IN_PLAY_LEVERAGE) if self.in_play else self.max_leverage


def new_instrument(
    idx: InstrumentIdx, symbol: str, name: str, base_px: int = BASE_PX
) -> Instrument:
    """An instrument that has never traded, with the standard limits, quoted at *base_px*.

    Raises:
        ValueError: *base_px* outside the index bounds, or a symbol that is not 1 to 12 of A-Z0-9
            (symbols go into messages unescaped).
    """
    if not INDEX_PX_MIN <= base_px <= INDEX_PX_MAX:
        raise ValueError(f"base_px {base_px} outside {INDEX_PX_MIN}..{INDEX_PX_MAX}")
    if not _SYMBOL.fullmatch(symbol):
        raise ValueError(f"symbol {symbol!r} must be 1 to 12 of A-Z and 0-9")
    unquoted = Instrument(
        idx=idx,
        symbol=symbol,
        name=name,
        base_px=base_px,
        index_px=base_px,
        bid_px=0,
        ask_px=0,
        mid_px=0,
        mark_px=0,
    )
    return quoted(unquoted)


def quoted(instrument: Instrument) -> Instrument:
    """*instrument* with the quotes that follow from the rest of it."""
    quotes = quote(
        instrument.index_px,
        instrument.inventory,
        instrument.depth,
        half_spread_ppm=instrument.half_spread_now_ppm,
        mark_clamp_ppm=instrument.mark_clamp_ppm,
    )
    return replace(
        instrument,
        bid_px=quotes.bid_px,
        ask_px=quotes.ask_px,
        mid_px=quotes.mid_px,
        mark_px=quotes.mark_px,
    )
