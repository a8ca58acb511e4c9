"""What everybody was worth at the instant at which a week ended and the next began.

Quantities are in 1e-3 share, amounts in 1e-4 coin. Source: docs/market.md, "The end of a week".
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .ids import InstrumentIdx, UserId
from .leaderboard import Week, week_of
from .margin import marked_worth_e4
from .money import QTY_PER_SHARE
from .positions import Direction


@dataclass(frozen=True, slots=True)
class Rollover:
    """The instant between two weeks: *ended* is to be frozen, and *opening* to be opened.

    *ended* is None if no week had been opened before.
    """

    ended: Week | None
    opening: Week

    @property
    def at_ms(self) -> int:
        """Monday 00:00:00.000 UTC."""
        return self.opening.starts_ms


@dataclass(frozen=True, slots=True)
class Stake:
    """A position that was open."""

    idx: InstrumentIdx
    side: Direction
    qty: int
    open_value_e4: int
    margin_e4: int


@dataclass(frozen=True, slots=True)
class Owned:
    """All that *user* owned, as of *version* of their wallet; *trades* is how many of the week."""

    user: UserId
    version: int
    cash_e4: int
    trades: int = 0
    shares: tuple[tuple[InstrumentIdx, int], ...] = ()
    stakes: tuple[Stake, ...] = ()

    @property
    def clubs(self) -> set[InstrumentIdx]:
        """Those whose marks it takes to value it."""
        return {*(idx for idx, _ in self.shares), *(each.idx for each in self.stakes)}


@dataclass(frozen=True, slots=True)
class Mark:
    """A club's mark at an instant; *exact* unless ticks before it may be lost."""

    px: int
    exact: bool


def due(latest: Week | None, seen_ms: int, now_ms: int) -> Rollover | None:
    """What is to be done first at *now_ms*, *latest* being the last week opened; None: nothing.

    Weeks that were missed come one after the other, the oldest first. The first of all is that of
    *seen_ms*, when whoever asks first looked: to open a week takes longer than a week lasts on a
    calendar that hurries.
    """
    present = week_of(now_ms)
    if latest is None:
        return Rollover(None, week_of(seen_ms))
    if latest.starts_ms >= present.starts_ms:
        return None
    return Rollover(latest, week_of(latest.ends_ms))


def equity_e4(owned: Owned, marks: Mapping[InstrumentIdx, Mark]) -> int:
    """What it was all worth at *marks*: cash, shares, and positions never below nothing.

    Raises:
        KeyError: a mark is missing.
    """
    shares_e4 = sum(marks[idx].px * qty // QTY_PER_SHARE for idx, qty in owned.shares)
    stakes_e4 = sum(
        marked_worth_e4(each.side, each.qty, each.open_value_e4, each.margin_e4, marks[each.idx].px)
        for each in owned.stakes
    )
    return owned.cash_e4 + shares_e4 + stakes_e4


def inexact(
    clubs: Collection[InstrumentIdx], marks: Mapping[InstrumentIdx, Mark]
) -> list[InstrumentIdx]:
    """Those of *clubs* whose mark may not have been the last one."""
    return sorted(idx for idx in clubs if not marks[idx].exact)
