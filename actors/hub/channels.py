"""Channels by their names, and what one connection listens to.

Source: docs/protocol.md, "Channels".
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from ...domain.ids import InstrumentIdx


@dataclass(frozen=True, slots=True)
class AllBut:
    """All instruments, those that are not known yet as well, but a few."""

    few: frozenset[InstrumentIdx]

    def __contains__(self, idx: object) -> bool:
        return idx not in self.few


#: Instruments that several connections have in common. None is all of them.
GroupKey = frozenset[InstrumentIdx] | AllBut | None


@dataclass(frozen=True, slots=True)
class Channels:
    """A set of channels, by kind. A price is conflated or not, and so is `price:*`.

    Attributes:
        prices, all_prices: single prices that are conflated; whether `price:*` is there, conflated.
        ticks, all_ticks: the same, of which every tick is wanted.
        bulletins: by their names; see bulletins.py.
    """

    prices: frozenset[InstrumentIdx] = frozenset()
    all_prices: bool = False
    portfolio: bool = False
    bulletins: frozenset[str] = frozenset()
    ticks: frozenset[InstrumentIdx] = frozenset()
    all_ticks: bool = False

    def __len__(self) -> int:
        singles = len(self.prices) + len(self.ticks) + len(self.bulletins)
        return singles + self.all_prices + self.all_ticks + self.portfolio

    def __or__(self, other: Channels) -> Channels:
        """Both; a price that is in both is conflated or not as in *other*."""
        return Channels(
            prices=self.prices - other.ticks | other.prices,
            all_prices=other.all_prices or (self.all_prices and not other.all_ticks),
            portfolio=self.portfolio or other.portfolio,
            bulletins=self.bulletins | other.bulletins,
            ticks=self.ticks - other.prices | other.ticks,
            all_ticks=other.all_ticks or (self.all_ticks and not other.all_prices),
        )

    def __sub__(self, other: Channels) -> Channels:
        """Without those of *other*, conflated or not."""
        singles, every = other.prices | other.ticks, other.all_prices or other.all_ticks
        return Channels(
            prices=self.prices - singles,
            all_prices=self.all_prices and not every,
            portfolio=self.portfolio and not other.portfolio,
            bulletins=self.bulletins - other.bulletins,
            ticks=self.ticks - singles,
            all_ticks=self.all_ticks and not every,
        )

    @property
    def conflated(self) -> GroupKey:
        """The prices that are sent conflated: not those of which every tick is."""
        if self.all_ticks:
            return frozenset()
        if self.all_prices:
            return AllBut(self.ticks) if self.ticks else None
        return self.prices

    @property
    def hears_ticks(self) -> bool:
        """Whether every tick of any price is sent."""
        return self.all_ticks or bool(self.ticks)

    @property
    def ticked(self) -> GroupKey:
        """The prices of which every tick is sent."""
        return None if self.all_ticks else self.ticks


def within(group: GroupKey, idx: InstrumentIdx) -> bool:
    """Whether *idx* is one of *group*."""
    return group is None or idx in group


@dataclass(frozen=True, slots=True)
class UnknownChannel:
    """There is no channel of this name."""

    name: str


def channels_of(
    names: Iterable[str],
    known: Iterable[InstrumentIdx],
    bulletins: Container[str],
    *,
    conflated: bool = True,
) -> Channels | UnknownChannel:
    """Return the channels called *names*.

    Args:
        known: the instruments there are.
        bulletins: the names of all channels of bulletins there are.
        conflated: whether prices are, or every tick of them is wanted.
    """
    prices: set[InstrumentIdx] = set()
    told: set[str] = set()
    all_prices = portfolio = False
    by_name = {f"price:{idx}": idx for idx in known}
    for name in names:
        if name in by_name:
            prices.add(by_name[name])
        elif name in bulletins:
            told.add(name)
        elif name == "price:*":
            all_prices = True
        elif name == "portfolio":
            portfolio = True
        else:
            return UnknownChannel(name)
    if conflated:
        return Channels(frozenset(prices), all_prices, portfolio, frozenset(told))
    return Channels(
        ticks=frozenset(prices),
        all_ticks=all_prices,
        portfolio=portfolio,
        bulletins=frozenset(told),
    )
