"""The `data` of what the server says of prices, fixtures and portfolios.

The hub makes it by the views of `domain`, which HTTP shares; that both are the same is tested.
Members may be added at any time.

Source: docs/protocol.md, "Answers and pushes".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .forms import Amount, Instant, Percent, Phase, Price, Quantity, TickId
from .positions import OpenPosition


class PriceMoved(msgspec.Struct, frozen=True):
    """What changed with a tick: complete in itself."""

    bid: Price
    ask: Price
    mid: Price
    mark: Price
    status: Literal["open", "halted"]
    halt_reasons: tuple[str, ...]
    phase: Phase
    why: str
    tick: TickId
    ts: Instant


class PriceShown(msgspec.Struct, frozen=True):
    """An instrument; `tick` and `ts` are null before its first tick."""

    idx: int
    symbol: str
    name: str
    bid: Price
    ask: Price
    mid: Price
    mark: Price
    status: Literal["open", "halted"]
    halt_reasons: tuple[str, ...]
    phase: Phase
    tick: TickId | None
    ts: Instant | None


class Club(msgspec.Struct, frozen=True):
    """One side of a fixture."""

    idx: int
    symbol: str
    name: str


class Goals(msgspec.Struct, frozen=True):
    """Of both sides."""

    home: int
    away: int


class FixtureShown(msgspec.Struct, frozen=True):
    """A fixture, as `GET /v1/fixtures/{id}` answers it."""

    id: int
    league: str | None
    starting_at: Instant
    state: str
    phase: Phase
    minute: int
    home: Club
    away: Club
    score: Goals
    penalties: Goals | None
    settled_at: Instant | None


class Ranked(msgspec.Struct, frozen=True):
    """Somebody on a leaderboard; the score is what trading has gained them in its time."""

    rank: Annotated[int, msgspec.Meta(ge=1)]
    user_id: int
    display_name: str
    score: Amount


class LeaderboardShown(msgspec.Struct, frozen=True):
    """The first of a week of the calendar, and how many are ranked."""

    week: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-W[0-9]{2}$")]
    ends_at: Instant
    players: Annotated[int, msgspec.Meta(ge=0)]
    ranks: tuple[Ranked, ...]


class Account(msgspec.Struct, frozen=True):
    """The money of a portfolio."""

    cash: Amount
    locked: Amount
    reserved: Amount
    equity: Amount
    margin_used: Amount
    margin_available: Amount
    margin_level_pct: Percent | None
    unrealized_pnl: Amount


class HoldingLine(msgspec.Struct, frozen=True):
    """Shares of one instrument."""

    idx: int
    symbol: str
    quantity: Quantity
    avg_cost: Price
    mark: Price
    value: Amount
    pnl: Amount


class PortfolioShown(msgspec.Struct, frozen=True):
    """Everything a user owns."""

    account: Account
    holdings: tuple[HoldingLine, ...]
    positions: tuple[OpenPosition, ...]


class FillMade(msgspec.Struct, frozen=True):
    """An order that was filled, as it is answered."""

    order_id: str
    status: Literal["filled"]
    instrument: int
    symbol: str
    side: Literal["buy", "sell"]
    quantity: Quantity
    average_price: Price
    value: Amount
    fee: Amount
    realized_pnl: Amount
    cash_after: Amount
    position_after: Quantity
    tick: TickId
    seq: int
    executed_at: Instant
    client_order_id: str | None


class WalletMoved(msgspec.Struct, frozen=True):
    """Money that came in other than by trading."""

    kind: str
    amount: Amount
    cash: Amount
    locked: Amount
