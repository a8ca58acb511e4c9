"""What an exchange should hold, in plain numbers: every moment of its story, and how far it goes.

No price is worked out here; what was paid is taken from the answer of the exchange. What follows
from it is: balances, holdings, positions, and what is left of all that after a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from touchline.domain.ids import TREASURY
from touchline.domain.position_events import PositionEvent
from touchline.domain.positions import Direction
from touchline.domain.trading import Fill, Side


@dataclass(frozen=True, slots=True)
class Stake:
    """A position by what it weighs: *qty* is negative if it is short."""

    user: int
    idx: int
    qty: int
    margin_e4: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything at one moment: cash and locked by user, shares by user and club, positions."""

    wallets: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    holdings: Mapping[tuple[int, int], int] = field(default_factory=dict)
    positions: Mapping[str, Stake] = field(default_factory=dict)

    def paid(self, user: int, cash_e4: int, locked_e4: int = 0) -> World:
        """The treasury has paid *cash_e4* and *locked_e4* to *user*."""
        wallets = dict(self.wallets)
        for who, cash, locked in (
            (user, cash_e4, locked_e4),
            (TREASURY, -cash_e4 - locked_e4, 0),
        ):
            had_cash, had_locked = wallets.get(who, (0, 0))
            wallets[who] = had_cash + cash, had_locked + locked
        return replace(self, wallets=wallets)

    def traded(self, fill: Fill) -> World:
        """After a trade."""
        sign = 1 if fill.side is Side.BUY else -1
        place = fill.user, fill.idx
        held = self.holdings.get(place, 0) + sign * fill.qty
        after = replace(self, holdings={**self.holdings, place: held})
        return after.paid(fill.user, -sign * fill.value_e4 - fill.fee_e4)

    def moved(self, event: PositionEvent) -> World:
        """After an event of a position, which must have left it as the events before it say."""
        position = event.position
        sign = 1 if position.side is Direction.LONG else -1
        turn = {"open": sign, "close": -sign, "change": 0}[event.kind]
        before = self.positions.get(position.id, Stake(position.user, position.idx, 0, 0))
        stake = replace(
            before, qty=before.qty + turn * event.qty, margin_e4=before.margin_e4 + event.margin_e4
        )
        after = replace(self, positions={**self.positions, position.id: stake})
        cash_e4 = event.pnl_e4 - event.fee_e4 - event.margin_e4
        return after.paid(position.user, cash_e4, event.margin_e4)

    def inventory(self, idx: int) -> int:
        """What the club's traders hold together."""
        held = sum(qty for (_, club), qty in self.holdings.items() if club == idx)
        return held + sum(stake.qty for stake in self.positions.values() if stake.idx == idx)

    @property
    def stakes(self) -> Mapping[str, Stake]:
        """Positions that are open."""
        return {name: stake for name, stake in self.positions.items() if stake.qty}

    @property
    def rows(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Its states by table and name, each by what a row of it tells."""
        rows: dict[tuple[str, str], tuple[int, int]] = {}
        rows |= {("wallet", str(user)): told for user, told in self.wallets.items()}
        rows |= {("holding", f"{u}:{idx}"): (qty, 0) for (u, idx), qty in self.holdings.items()}
        rows |= {
            ("position", name): (abs(stake.qty), stake.margin_e4)
            for name, stake in self.positions.items()
        }
        return rows


@dataclass(frozen=True, slots=True)
class Moment:
    """How everything was once a fact had been made, at *version* of the treasury."""

    version: int
    world: World
    key: str = ""  #: of the command that made it


class Timeline:
    """The story of an exchange, oldest moment first; a loss takes back its end.

    Attributes:
        held: version of the newest moment that Redis knows of.
        promised: that of the newest which somebody was told is in Postgres.
    """

    def __init__(self) -> None:
        self.moments = [Moment(0, World())]
        self.held = 0
        self.promised = 0

    @property
    def world(self) -> World:
        """How everything is now."""
        return self.moments[-1].world

    @property
    def versions(self) -> Sequence[int]:
        """Of all facts, oldest first."""
        return [moment.version for moment in self.moments[1:]]

    @property
    def keys(self) -> Mapping[str, Moment]:
        """Moments by the keys of the commands that made them."""
        return {moment.key: moment for moment in self.moments if moment.key}

    def goes_on(self, moment: Moment) -> None:
        """Something happened."""
        assert moment.version > self.moments[-1].version, "a version was given twice"
        self.moments.append(moment)
        self.held = moment.version

    def promise(self, version: int) -> None:
        """Somebody was told that the fact with *version* is in Postgres."""
        assert version in self.versions, "a fact that was taken back is in Postgres"
        self.promised = max(self.promised, version)

    def until(self, version: int) -> list[Moment]:
        """The moments up to *version*."""
        return [moment for moment in self.moments if moment.version <= version]

    def rewind(self, version: int) -> None:
        """What came after *version* has not happened."""
        assert version >= self.promised, "what was promised is lost"
        self.moments = self.until(version)
        self.held = self.moments[-1].version
