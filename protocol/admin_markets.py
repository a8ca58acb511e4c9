"""What the admin routes answer of the market. Source: docs/protocol.md, "Admin: the market"."""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Instant, Phase, Price, Quantity
from .shapes import Goals

Mode = Literal["enabled", "reduce_only", "halted"]


class ModeShown(msgspec.Struct, frozen=True):
    """What the whole market may do; `since` is null while nobody has set it."""

    mode: Mode
    reason: str | None
    since: Instant | None
    version: int


class LimitsShown(msgspec.Struct, frozen=True):
    """The limits of an instrument."""

    depth: Quantity
    qcap: Quantity
    user_cap: Quantity
    order_max: Quantity
    half_spread_ppm: int
    fee_ppm: int
    mark_clamp_ppm: int
    max_leverage: int


class InstrumentRuled(msgspec.Struct, frozen=True):
    """What operators want of an instrument; `version` is that of its limits."""

    idx: int
    symbol: str
    name: str
    team_id: int | None
    mode: Mode
    reason: str | None
    limits: LimitsShown
    version: int


class Bases(msgspec.Struct, frozen=True):
    """Base prices of both clubs of a fixture."""

    home: Price
    away: Price


class FixtureSettled(msgspec.Struct, frozen=True):
    """A fixture as its result stands.

    `before` are the base prices it started from, `left` those that its result has left.
    """

    id: int
    phase: Phase
    settled: bool
    voided: bool
    score: Goals
    home_idx: int
    away_idx: int
    before: Bases | None
    left: Bases | None


class SimulatedStep(msgspec.Struct, frozen=True):
    """Both clubs at one look at a match: `index` by the rules of now, `halts` of the feed."""

    at: Instant
    minute: int | None
    state: str
    phase: Phase
    score: Goals
    reds: Goals
    index: Bases
    halts: tuple[str, ...]


class FixtureSimulated(msgspec.Struct, frozen=True):
    """A match gone through again.

    `before` are the base prices it started from, `left` those that its last look leaves by the
    rules of now, `recorded` those that its result has left.
    """

    fixture: int
    before: Bases
    steps: tuple[SimulatedStep, ...]
    left: Bases
    recorded: Bases | None


class FixtureLinked(msgspec.Struct, frozen=True):
    """The instruments that the two teams of a fixture move."""

    id: int
    home_idx: int
    away_idx: int


class FeedFixture(msgspec.Struct, frozen=True):
    """A fixture that has begun and is not settled."""

    id: int
    starting_at: Instant
    state: str
    phase: Phase
    minute: int
    home: str
    away: str
    score: Goals


class FeedReport(msgspec.Struct, frozen=True):
    """How the feed is read; null where nobody has said so yet.

    `stale` are the instruments in play that are halted because their match is not seen.
    `scheduled` fixtures are still to be played, `open` are the others that are not settled.
    """

    state: str | None
    error: str | None
    last_ok: Instant | None
    age_ms: int | None
    last_error: Instant | None
    listing: str | None
    calls_left: int | None
    stale: tuple[int, ...]
    scheduled: int
    open: tuple[FeedFixture, ...]
