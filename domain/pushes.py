"""What a user is told on ``portfolio:{uid}`` the moment it happens.

Source: docs/market.md, "What clients see".
"""

from dataclasses import dataclass
from typing import assert_never

from .trading import Fill


@dataclass(frozen=True, slots=True)
class FillPush:
    """The user's order was filled in the instrument called *symbol*."""

    fill: Fill
    symbol: str


@dataclass(frozen=True, slots=True)
class WalletPush:
    """Money came in other than by trading; all in 1e-4 coin, cash and locked afterwards."""

    kind: str
    amount_e4: int
    cash_e4: int
    locked_e4: int


@dataclass(frozen=True, slots=True)
class PortfolioEvent:
    """Push number *seq* of one user; gaps in the numbers mean something was missed."""

    seq: int
    push: FillPush | WalletPush

    @property
    def name(self) -> str:
        """The event's name on the wire and for clients."""
        match self.push:
            case FillPush():
                return "fill"
            case WalletPush():
                return "wallet"
            case _:
                assert_never(self.push)
