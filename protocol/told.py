"""What the server says. Source: docs/protocol.md, "Answers and pushes"."""

from __future__ import annotations

from typing import Literal

import msgspec

from . import positions, shapes
from .forms import Epoch, FixtureChannel, Instant, PriceChannel, RequestId, Seq


class Welcome(msgspec.Struct, tag_field="op", tag="welcome", frozen=True):
    """The first message of a connection."""

    conn: str
    server_time: Instant
    heartbeat_ms: int
    max_subscriptions: int


class Acknowledged(msgspec.Struct, tag_field="op", tag="ack", frozen=True):
    """The request was carried out for these channels."""

    id: RequestId
    ok: Literal[True]
    channels: tuple[str, ...]


class ChannelUnknown(msgspec.Struct, tag_field="code", tag="CHANNEL_UNKNOWN", frozen=True):
    """There is no such channel."""

    channel: str


class TooManySubscriptions(
    msgspec.Struct, tag_field="code", tag="TOO_MANY_SUBSCRIPTIONS", frozen=True
):
    """The connection would have more channels than it may."""

    limit: int


class Refused(msgspec.Struct, tag_field="op", tag="ack", frozen=True):
    """The request changed nothing."""

    id: RequestId
    ok: Literal[False]
    error: ChannelUnknown | TooManySubscriptions


class Pong(msgspec.Struct, tag_field="op", tag="pong", frozen=True):
    """The answer to a ping."""

    id: RequestId
    ts: Instant


class Heartbeat(msgspec.Struct, tag_field="op", tag="heartbeat", frozen=True):
    """A sign of life, every 15 seconds."""

    ts: Instant


class Error(msgspec.Struct, tag_field="op", tag="error", frozen=True):
    """The client's message was no request."""

    code: Literal["BAD_MESSAGE"]
    detail: str


class Resync(msgspec.Struct, tag_field="op", tag="resync", frozen=True):
    """The server itself has missed something; a snapshot follows."""

    channel: PriceChannel | Literal["portfolio"]
    reason: Literal["GAP"]


class PriceSnapshot(msgspec.Struct, tag_field="op", tag="snapshot", frozen=True):
    """An instrument as it stands."""

    channel: PriceChannel
    epoch: Epoch
    seq: Seq
    data: shapes.PriceShown


class PriceUpdate(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """A price that was published."""

    channel: PriceChannel
    seq: Seq
    data: shapes.PriceMoved


class FixtureSnapshot(msgspec.Struct, tag_field="op", tag="snapshot", frozen=True):
    """A fixture as it stands."""

    channel: FixtureChannel
    epoch: Epoch
    seq: Seq
    data: shapes.FixtureShown


class FixtureUpdate(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """A fixture that changed."""

    channel: FixtureChannel
    seq: Seq
    data: shapes.FixtureShown


class LeaderboardSnapshot(msgspec.Struct, tag_field="op", tag="snapshot", frozen=True):
    """A leaderboard as it stands."""

    channel: Literal["leaderboard:week"]
    epoch: Epoch
    seq: Seq
    data: shapes.LeaderboardShown


class LeaderboardUpdate(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """A leaderboard that changed."""

    channel: Literal["leaderboard:week"]
    seq: Seq
    data: shapes.LeaderboardShown


class PortfolioSnapshot(msgspec.Struct, tag_field="op", tag="snapshot", frozen=True):
    """The own portfolio as it stands."""

    channel: Literal["portfolio"]
    epoch: Epoch
    seq: Seq
    data: shapes.PortfolioShown


class Filled(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """An order was filled."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["fill"]
    data: shapes.FillMade


class OrderTold(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """An order waits in play, or was rejected at its release."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["order_pending", "order_rejected"]
    data: positions.OrderWaits


class WalletTold(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """Money came in other than by trading."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["wallet"]
    data: shapes.WalletMoved


class PositionTold(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """A position was opened, changed, or closed as a whole or in part."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["position_opened", "position_updated", "position_closed"]
    data: positions.PositionChanged


class MarginCall(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """A position comes near its liquidation."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["margin_call"]
    data: positions.MarginCalled


class Replay(msgspec.Struct, tag_field="op", tag="update", frozen=True):
    """Positions were checked against what their owner has missed."""

    channel: Literal["portfolio"]
    seq: Seq
    event: Literal["replay"]
    data: positions.Replayed


#: Every kind of message, by what it is about.
CONTROL: tuple[type[msgspec.Struct], ...] = (Welcome, Heartbeat, Error)
PRICES: tuple[type[msgspec.Struct], ...] = (PriceSnapshot, PriceUpdate, Resync)
FIXTURES: tuple[type[msgspec.Struct], ...] = (FixtureSnapshot, FixtureUpdate)
LEADERBOARDS: tuple[type[msgspec.Struct], ...] = (LeaderboardSnapshot, LeaderboardUpdate)
PORTFOLIO: tuple[type[msgspec.Struct], ...] = (
    PortfolioSnapshot,
    Filled,
    OrderTold,
    WalletTold,
    PositionTold,
    MarginCall,
    Replay,
    Resync,
)
ANSWERS: tuple[type[msgspec.Struct], ...] = (Acknowledged, Refused, Pong)
