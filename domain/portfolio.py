"""What a user owns: money, shares and positions, and what they are worth.

Source: docs/market.md, "Money".
"""

from dataclasses import dataclass, replace

from .ids import InstrumentIdx, UserId
from .margin import marked_worth_e4, unrealized_e4
from .money import AMOUNT_MAX, QTY_PER_SHARE
from .positions import Direction, Position
from .refusals import Refusal, Refused

POSITIONS_MAX = 20  #: open at a time, for one user, and those that orders wait to open
ASIDE_PARTS = 20  #: a waiting order sets aside one such part more than it would cost now


@dataclass(frozen=True, slots=True)
class Wallet:
    """Cash, and margin that is locked, in 1e-4 coin; only the treasury's cash may be negative.

    What the user's waiting orders have set aside, ``reserved_e4`` of the cash and
    ``reserved_positions``, follows from those orders and is not counted by ``version``.
    Twin of lua/wallets.lua.
    """

    cash_e4: int = 0
    locked_e4: int = 0
    version: int = 0
    reserved_e4: int = 0
    reserved_positions: int = 0

    @property
    def free_e4(self) -> int:
        """The cash that no order has set aside; what is set aside may exceed it after a loss."""
        return max(0, self.cash_e4 - self.reserved_e4)

    def moved(self, cash_e4: int, locked_e4: int = 0) -> "Wallet":
        """The wallet after it has gained these, or lost them if negative."""
        return replace(
            self,
            cash_e4=self.cash_e4 + cash_e4,
            locked_e4=self.locked_e4 + locked_e4,
            version=self.version + 1,
        )

    def reserving(self, amount_e4: int, positions: int) -> "Wallet":
        """The wallet once an order has set aside these; given back if negative."""
        return replace(
            self,
            reserved_e4=self.reserved_e4 + amount_e4,
            reserved_positions=self.reserved_positions + positions,
        )


def aside_e4(cost_e4: int) -> int:
    """What an order sets aside that would cost *cost_e4* now.

    More than it costs, because orders before it, its owner's own among them, will have moved the
    price: an order that lacked a single unit then could be taken back by leaving nothing free.
    """
    return cost_e4 + -(-cost_e4 // ASIDE_PARTS)


def money_refusal(wallet: Wallet, required_e4: int, code: Refusal) -> Refused | None:
    """Why *wallet* cannot pay *required_e4*, as a refusal with *code*."""
    if required_e4 <= wallet.free_e4:
        return None
    return Refused(code, {"required_e4": required_e4, "available_e4": wallet.free_e4})


def positions_refusal(wallet: Wallet, positions: int) -> Refused | None:
    """Why the owner of *wallet*, who has so many *positions* open, cannot open one more."""
    if positions + wallet.reserved_positions < POSITIONS_MAX:
        return None
    return Refused(Refusal.TOO_MANY_POSITIONS, {"limit_positions": POSITIONS_MAX})


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

    @property
    def marked_e4(self) -> int:
        """As `worth_e4`, at the mark instead of the closing quote."""
        own = self.position
        return marked_worth_e4(own.side, own.qty, own.open_value_e4, own.margin_e4, self.mark_px)


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
    def marked_e4(self) -> int:
        """As `equity_e4`, with the positions at their marks, too: what leaderboards go by."""
        shares_e4 = sum(line.value_e4 for line in self.lines)
        return self.wallet.cash_e4 + shares_e4 + sum(each.marked_e4 for each in self.positions)

    @property
    def unrealized_e4(self) -> int:
        """What all positions together have gained, before fees."""
        return sum(each.unrealized_e4 for each in self.positions)


def credit(wallet: Wallet, treasury: Wallet, amount_e4: int) -> tuple[Wallet, Wallet] | Refused:
    """*wallet* and *treasury* after the house gave *amount_e4*, or took it back if negative.

    Twin of lua/wallet_credit.lua.
    """
    lacking = money_refusal(wallet, -amount_e4, Refusal.INSUFFICIENT_FUNDS)
    if amount_e4 < 0 and lacking:
        return lacking
    after = wallet.moved(amount_e4), treasury.moved(-amount_e4)
    if any(abs(each.cash_e4) > AMOUNT_MAX for each in after):
        return Refused(Refusal.AMOUNT_LIMIT_EXCEEDED)
    return after
