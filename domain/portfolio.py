"""What a user owns: money, shares and positions, and what they are worth.

Source: docs/market.md, "Money".
"""

from dataclasses import dataclass

from .ids import InstrumentIdx, UserId
from .margin import unrealized_e4
from .money import AMOUNT_MAX, QTY_PER_SHARE
from .positions import Direction, Position
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
class OpenPosition:
    """An open position, and its club's published prices (1e-4 coin)."""

    symbol: str
    position: Position
    bid_px: int
    ask_px: int
    mark_px: int

    @property
    def closing_px(self) -> int:
        """The price at which it would be closed, size apart."""
        return self.bid_px if self.position.side is Direction.LONG else self.ask_px

    @property
    def unrealized_e4(self) -> int:
        """What it has gained at that price, before fees; negative if it has lost."""
        return unrealized_e4(self.position, self.bid_px, self.ask_px)

    @property
    def worth_e4(self) -> int:
        """Its margin with what it has gained; never less than nothing, as it can owe nothing."""
        return max(0, self.position.margin_e4 + self.unrealized_e4)


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Everything one user owns, as of portfolio event number *seq*; positions newest first."""

    user: UserId
    seq: int
    wallet: Wallet
    lines: tuple[HeldShares, ...]
    positions: tuple[OpenPosition, ...] = ()

    @property
    def equity_e4(self) -> int:
        """Cash, shares at their marks, and what the positions are worth."""
        shares_e4 = sum(line.value_e4 for line in self.lines)
        return self.wallet.cash_e4 + shares_e4 + sum(each.worth_e4 for each in self.positions)

    @property
    def unrealized_e4(self) -> int:
        """What all positions together have gained, before fees."""
        return sum(each.unrealized_e4 for each in self.positions)


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
