"""What is answered about instruments: as they are, what an order would come to, what prices did.

Source: docs/protocol.md, "Instruments, quotes and ticks".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Amount, Instant, Percent, Phase, Price, Quantity, Seq, TickId
from .shapes import Club, PortfolioShown, PriceShown


class NextFixture(msgspec.Struct, frozen=True):
    """The match that a club plays now, or next."""

    id: int
    league: str | None
    starting_at: Instant
    phase: Phase
    side: Literal["home", "away"]
    opponent: Club


class InstrumentShown(PriceShown, frozen=True):
    """An instrument, what an order in it may have, how long it would wait, and where it plays."""

    seq: Seq
    order_limit: Quantity
    max_leverage: int
    order_delay_ms: int
    change_24h: Percent | None
    leagues: tuple[str, ...]
    next_fixture: NextFixture | None


class ShareQuote(msgspec.Struct, tag_field="kind", tag="spot", frozen=True):
    """What trading shares would come to, if it were the next order."""

    instrument: int
    symbol: str
    side: Literal["buy", "sell"]
    quantity: Quantity
    average_price: Price
    value: Amount
    fee: Amount
    total: Amount
    impact_bps: Percent
    seq: Seq
    delay_ms: int


class PositionQuote(msgspec.Struct, tag_field="kind", tag="cfd", frozen=True):
    """What opening a position would come to, if it were the next order."""

    instrument: int
    symbol: str
    side: Literal["long", "short"]
    quantity: Quantity
    leverage: int
    max_leverage: int
    entry_price: Price
    value: Amount
    fee: Amount
    margin: Amount
    total: Amount
    liquidation_price: Price
    impact_bps: Percent
    seq: Seq
    delay_ms: int


Quote = ShareQuote | PositionQuote


class TickShown(msgspec.Struct, frozen=True):
    """One price that was published."""

    tick: TickId
    seq: Seq
    index: Price
    bid: Price
    ask: Price
    mid: Price
    mark: Price
    why: str
    ts: Instant


#: When it begins, then open, high, low and close of the mid, then the shares traded.
CandleShown = tuple[Instant, Price, Price, Price, Price, Quantity]


class Candles(msgspec.Struct, frozen=True):
    """Candles of an instrument, oldest first."""

    data: tuple[CandleShown, ...]


class PortfolioNow(PortfolioShown, frozen=True):
    """Everything a user owns, and the number of their last portfolio event."""

    seq: Seq
