"""What bots see before they decide, and what they decide.

Quantities in 1e-3 share, prices and money in 1e-4 coin. Source: docs/market.md, "Bots".
"""

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum, auto

from .bots import Bot
from .ids import InstrumentIdx, UserId
from .instrument import Instrument
from .portfolio import Portfolio
from .positions import Direction, Position
from .trading import Side


class Play(Enum):
    """What of a match there is for bots."""

    ON = auto()
    ENDING = auto()  #: who is to have nothing at full time gets out
    OFF = auto()  #: nobody begins anything


@dataclass(frozen=True, slots=True)
class Stake:
    """What a bot has in one club.

    Attributes:
        held: shares.
        positions: those that are open, the oldest first.
        waits: whether an order of the bot's waits there, so that nobody knows what it will have.
    """

    held: int = 0
    positions: tuple[Position, ...] = ()
    waits: bool = False

    @property
    def net(self) -> int:
        """Held and long less short."""
        return self.held + sum(each.sign * each.qty for each in self.positions)

    @property
    def empty(self) -> bool:
        """Whether there is nothing, nor will be."""
        return not (self.held or self.positions or self.waits)


NOTHING = Stake()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that one decision on one club depends on, chance apart.

    Attributes:
        free_e4: the bot's cash that no order has set aside.
        positions: those it has open, in all clubs.
        reduces: whether it has lost too much today to take on anything.
        trail: the index at the last ticks of the feed, the oldest first.
    """

    instrument: Instrument
    play: Play
    stake: Stake
    free_e4: int
    positions: int
    reduces: bool
    trail: tuple[int, ...]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Buy or sell shares."""

    side: Side
    qty: int


@dataclass(frozen=True, slots=True)
class Opening:
    """Open a position, with a stop-loss if there is one."""

    side: Direction
    qty: int
    leverage: int
    stop_px: int | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """Close all of a position."""

    position_id: str


Deal = Shares | Opening | Closing


@dataclass(frozen=True, slots=True)
class Decision:
    """What a bot, who is *user*, is to do with a club, under the idempotency key *key*."""

    bot: Bot
    user: UserId
    idx: InstrumentIdx
    deal: Deal
    key: str


@dataclass(frozen=True, slots=True)
class Match:
    """A match that is being played: who plays, and the minute as last seen."""

    fixture: int
    home: InstrumentIdx
    away: InstrumentIdx
    minute: int


@dataclass(frozen=True, slots=True)
class Account:
    """What a bot owns, and whether it may only reduce it."""

    bot: Bot
    user: UserId
    free_e4: int
    stakes: Mapping[InstrumentIdx, Stake] = field(default_factory=dict)
    reduces: bool = False

    @property
    def open_positions(self) -> int:
        """How many there are, in all clubs."""
        return sum(len(stake.positions) for stake in self.stakes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the decisions of one step depend on.

    Attributes:
        seed: what chance follows from.
        everywhere: whether bots trade all clubs, and not only those whose match is on.
        trails: the index at the last ticks of the feed, the oldest first, by club.
    """

    seed: int
    now_ms: int
    everywhere: bool
    instruments: tuple[Instrument, ...]
    matches: tuple[Match, ...]
    accounts: tuple[Account, ...]
    trails: Mapping[InstrumentIdx, tuple[int, ...]]


def account(
    bot: Bot, portfolio: Portfolio, waiting: Set[InstrumentIdx], *, reduces: bool
) -> Account:
    """*bot* as the owner of *portfolio*, whose orders wait in the clubs *waiting*."""
    held = {line.idx: line.holding.qty for line in portfolio.lines}
    positions: defaultdict[InstrumentIdx, list[Position]] = defaultdict(list)
    for each in reversed(portfolio.positions):  # they are there newest first
        positions[each.position.idx].append(each.position)
    stakes = {
        idx: Stake(held.get(idx, 0), tuple(positions[idx]), idx in waiting)
        for idx in sorted({*held, *positions, *waiting})
    }
    return Account(bot, portfolio.user, portfolio.wallet.free_e4, stakes, reduces)
