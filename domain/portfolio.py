"""What a user owns: money, shares, and what both are worth.

Source: docs/market.md, "Money".
"""

from dataclasses import dataclass

from .ids import InstrumentIdx, UserId
from .money import AMOUNT_MAX, QTY_PER_SHARE
from .refusals import Refusal, Refused


@dataclass(frozen=True, slots=True)
class Wallet:
    """Free and reserved money in 1e-4 coin; only the treasury's cash may be negative."""

    cash_e4: int = 0
    locked_e4: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one instrument (1e-3 share) and what was paid for them, fees apart (1e-4 coin)."""

    qty: int = 0
    cost_e4: int = 0
    version: int = 0

    @property
    def average_cost_px(self) -> int:
        """What a share cost on average, in 1e-4 coin, rounded down; 0 without shares."""
        return self.cost_e4 * QTY_PER_SHARE // self.qty if self.qty else 0


@dataclass(frozen=True, slots=True)
class HeldShares:
    """One line of a portfolio: a holding and the price it is valued at."""

    idx: InstrumentIdx
    symbol: str
    holding: Holding
    mark_px: int

    @property
    def value_e4(self) -> int:
        """Worth at the mark, rounded down."""
        return self.mark_px * self.holding.qty // QTY_PER_SHARE

    @property
    def pnl_e4(self) -> int:
        """Worth less cost: what is gained and not yet realised."""
        return self.value_e4 - self.holding.cost_e4


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything one user owns, as of portfolio event number *seq*."""

    user: UserId
    seq: int
    wallet: Wallet
    lines: tuple[HeldShares, ...]

    @property
    def equity_e4(self) -> int:
        """Cash, reserved money and shares at their marks."""
        return (
            self.wallet.cash_e4 + self.wallet.locked_e4 + sum(line.value_e4 for line in self.lines)
        )


def credit(wallet: Wallet, treasury: Wallet, amount_e4: int) -> tuple[Wallet, Wallet] | Refused:
    """*wallet* and *treasury* after the house gave *amount_e4* (positive).

    Twin of lua/wallet_credit.lua.
    """
    cash_e4, treasury_e4 = wallet.cash_e4 + amount_e4, treasury.cash_e4 - amount_e4
    if cash_e4 > AMOUNT_MAX or treasury_e4 < -AMOUNT_MAX:
        return Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    return (
        Wallet(cash_e4, wallet.locked_e4, wallet.version + 1),
        Wallet(treasury_e4, treasury.locked_e4, treasury.version + 1),
    )
