"""What actors count for `/metrics`: plain numbers that outlive every incarnation.

A service makes one of each, gives it to the factories of its actors, and reads it when
somebody scrapes. So a restart sets no counter back, a scrape sends no message, and to count
costs an addition.

Source: docs/operations.md, "Metrics".
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..domain.clock import Monotonic
from ..store.keys import OutboxName
from ..store.pressure import Load

#: Seconds; what a request or an order takes, from too fast to see to as long as it may.
ANSWER_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
FRESH_S = 30.0  #: a gauge that was read from a store is not shown when it is older than this


class Spread:
    """How long something took: how often, how long together, and how it spreads."""

    __slots__ = ("_counts", "bounds", "total_s")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds or ANSWER_BOUNDS_S  #: upper limits of the buckets, seconds
        self.total_s = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def add(self, seconds: float) -> None:
        """Count one that took *seconds*."""
        self._counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[float, int]]:
        """Every upper limit, the last one infinite, with how many took at most so long."""
        found, below = [], 0
        for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
            below += count
            found.append((bound, below))
        return found


@dataclass(slots=True)
class TradeMeter:
    """The path of a trade.

    Attributes:
        results: orders answered, by result and, where refused, by code.
        answers: from taking an order to its answer.
        written: trades made and orders filed, by where they were when their owner was answered.
        batches, batched: round trips to Redis, and the orders in them.
        ticks: prices published by trades.
    """

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Spread = field(default_factory=Spread)
    written: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    batched: int = 0
    ticks: int = 0


@dataclass(slots=True)
class OrderMeter:
    """Orders that wait in play.

    Attributes:
        results: orders released, by what became of them.
        waiting: orders that wait, as last looked at by the one that releases them.
        level_at: monotonic seconds of the last look that left none overdue.
        token: of the lease, when it was held here last.
    """

    results: Counter[str] = field(default_factory=Counter)
    waiting: Seen = field(default_factory=lambda: Seen())
    level_at: float = 0.0
    token: int = 0


@dataclass(slots=True)
class PressureMeter:
    """How full Redis is.

    Attributes:
        load: as found at the last look.
        why: new trades pause; empty if they do not.
    """

    load: Load = field(default_factory=lambda: Load(0, None))
    why: str = ""

    def paused(self) -> bool:
        """Whether nothing new may begin."""
        return bool(self.why)


@dataclass(slots=True)
class FeedMeter:
    """The feed and what came of it.

    Attributes:
        calls: by what was asked for, and whether it was answered.
        last_ok_ms: calendar ms of the last good look, by whichever replica led.
        calls_left: of the plan's allowance, as last heard.
        ticks: prices published because of the feed.
        settled: matches whose result was carried out.
        corrected: of these, results that the feed has put right later.
        doubts: matches that are doubted, by why.
    """

    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    last_ok_ms: int | None = None
    calls_left: int | None = None
    ticks: int = 0
    settled: int = 0
    corrected: int = 0
    doubts: Counter[str] = field(default_factory=Counter)


class Seen:
    """A number that was read from a store, for as long as it is fresh."""

    __slots__ = ("_at", "_monotonic", "_value")

    def __init__(self, monotonic: Monotonic = time.monotonic) -> None:
        self._monotonic = monotonic
        self._value = 0.0
        self._at = float("-inf")

    def put(self, value: float) -> None:
        """Keep what was read just now."""
        self._value, self._at = value, self._monotonic()

    def get(self) -> float | None:
        """The number, unless it was read more than ``FRESH_S`` ago or never."""
        return self._value if self._monotonic() - self._at <= FRESH_S else None


@dataclass(slots=True)
class OutboxMeter:
    """One stream of facts.

    Attributes:
        entries, oldest_s: facts in the stream, and the age of the oldest, before a drain.
        parked: facts that Postgres refuses.
    """

    entries: Seen = field(default_factory=Seen)
    oldest_s: Seen = field(default_factory=Seen)
    parked: Seen = field(default_factory=Seen)


@dataclass(slots=True)
class FlushMeter:
    """The way to Postgres.

    Attributes:
        rows: states written, by kind.
        facts: facts made durable, by who did it.
        level_at: monotonic seconds of the last flush that left no backlog; None before one.
        token: of the lease, when it was held here last.
        backlog: states still to be written after the last flush.
        refused: states that Postgres refuses, at the last flush.
        outboxes: each stream of facts.
    """

    rows: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    level_at: float | None = None
    token: int = 0
    backlog: int = 0
    refused: int = 0
    outboxes: Mapping[OutboxName, OutboxMeter] = field(
        default_factory=lambda: {name: OutboxMeter() for name in OutboxName}
    )


@dataclass(slots=True)
class CandleMeter:
    """Ticks on their way into candles.

    Attributes:
        ticks: put into candles. ``rows``: candles begun or added to.
        trimmed: ticks that left their streams. ``forgotten``: candles deleted.
        level_at: monotonic seconds; all ticks of before are in candles. None before one.
        token: of the lease, when it was held here last.
    """

    ticks: int = 0
    rows: int = 0
    trimmed: int = 0
    forgotten: int = 0
    level_at: float | None = None
    token: int = 0

    def lag_s(self, now: float) -> float | None:
        """Seconds since candles were level with the prices, at *now* (monotonic seconds)."""
        return None if self.level_at is None else now - self.level_at


@dataclass(slots=True)
class StopMeter:
    """The watch over prices.

    Attributes:
        passed: ticks that it went on over.
        due: positions that ticks concerned, each time they did.
        level_at: monotonic seconds; all prices of before have been dealt with. None before one.
    """

    passed: int = 0
    due: int = 0
    level_at: float | None = None

    def lag_s(self, now: float) -> float | None:
        """Seconds since it was level with the prices, at *now* (monotonic seconds)."""
        return None if self.level_at is None else now - self.level_at


@dataclass(slots=True)
class ReplayMeter:
    """What users who came back have missed.

    Attributes:
        results: returns, by what became of them: ``done``, ``nothing`` open, ``elsewhere`` by
            another replica, ``dropped`` because too many waited.
        waiting: returns not yet looked at.
    """

    results: Counter[str] = field(default_factory=Counter)
    waiting: int = 0


@dataclass(slots=True)
class SweepMeter:
    """The sweeps over everything that is open.

    Attributes:
        sweeps: ended. ``positions``: looked at by them.
        differences: positions open in Postgres that in Redis are ``closed`` or ``missing``.
    """

    sweeps: int = 0
    positions: int = 0
    differences: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class ReconcileMeter:
    """The proofs of the books that were made or heard of here.

    Attributes:
        ok: whether the last run was; None before one.
        failed: names of the proofs that failed in it.
        took_s: how long it took.
        ended_at: monotonic seconds of its end.
    """

    ok: bool | None = None
    failed: tuple[str, ...] = ()
    took_s: float = 0.0
    ended_at: float = 0.0


@dataclass(slots=True)
class BoardMeter:
    """The leaderboards.

    Attributes:
        players: people on the last board of the week that was made here.
        told: boards of which something shown was new.
        level_at: monotonic seconds of the last board of the week made here; None before one.
        token: of the lease, when it was held here last.
    """

    players: int = 0
    told: int = 0
    level_at: float | None = None
    token: int = 0

    def age_s(self, now: float) -> float | None:
        """How old the last board is at *now* (monotonic seconds)."""
        return None if self.level_at is None else now - self.level_at
