"""What the service says of itself. Source: docs/protocol.md, "Status"; docs/operations.md."""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Instant


class FeedShown(msgspec.Struct, frozen=True):
    """The feed's last good answer, and how long ago that was; both null before the first."""

    last_ok: Instant | None
    age_ms: int | None


class HaltShown(msgspec.Struct, frozen=True):
    """An instrument that is halted, and why; `note` is what an operator says of it."""

    idx: int
    symbol: str
    halt_reasons: tuple[str, ...]
    note: str | None


class MarketShown(msgspec.Struct, frozen=True):
    """What the whole market may do, and what an operator says of it."""

    mode: Literal["enabled", "reduce_only", "halted"]
    note: str | None


class StatusShown(msgspec.Struct, frozen=True):
    """What a client should know before it trusts the prices it shows."""

    status: Literal["ok", "degraded"]
    degraded: tuple[str, ...]
    calendar: Instant
    sign_in: tuple[Literal["google", "dev"], ...]
    market: MarketShown
    feed: FeedShown
    halts: tuple[HaltShown, ...]


class Alive(msgspec.Struct, frozen=True):
    """Whether the process goes on: how late its event loop is."""

    status: Literal["ok", "stuck"]
    loop_lag_ms: float


class Ready(msgspec.Struct, frozen=True):
    """Whether the service can serve: why not, what it needs from outside, and its children."""

    status: Literal["starting", "ready", "degraded", "not ready"]
    why: dict[str, str]
    checks: dict[str, str]
    actors: dict[str, str]
