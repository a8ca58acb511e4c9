"""Channels by their names, and what one connection listens to.

Source: docs/protocol.md, "Channels".
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from ...domain.ids import InstrumentIdx

MAX_SUBSCRIPTIONS = 200  #: channels of one connection


@dataclass(frozen=True, slots=True)
class Channels:
    """A set of channels, by kind."""

    prices: frozenset[InstrumentIdx] = frozenset()
    all_prices: bool = False
    portfolio: bool = False
    bulletins: frozenset[str] = frozenset()  #: by their names; see bulletins.py

    def __len__(self) -> int:
        return len(self.prices) + self.all_prices + self.portfolio + len(self.bulletins)

    def __or__(self, other: Channels) -> Channels:
        return Channels(
            self.prices | other.prices,
            self.all_prices or other.all_prices,
            self.portfolio or other.portfolio,
            self.bulletins | other.bulletins,
        )

    def __sub__(self, other: Channels) -> Channels:
        return Channels(
            self.prices - other.prices,
            self.all_prices and not other.all_prices,
            self.portfolio and not other.portfolio,
            self.bulletins - other.bulletins,
        )


@dataclass(frozen=True, slots=True)
class UnknownChannel:
    """There is no channel of this name."""

    name: str


def channels_of(
    names: Iterable[str], known: Iterable[InstrumentIdx], bulletins: Container[str]
) -> Channels | UnknownChannel:
    """Return the channels called *names*.

    Args:
        known: the instruments there are.
        bulletins: the names of all channels of bulletins there are.
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
    return Channels(frozenset(prices), all_prices, portfolio, frozenset(told))
