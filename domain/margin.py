"""Money of CFD positions: margin, liquidation price, and what a close pays.

A position reserves its margin in its owner's wallet and can lose no more than that; what is lost
beyond it is the treasury's. Roundings go against the user.
Twin of lua/position_open.lua and lua/position_close.lua. Source: docs/market.md, "Margin".
"""

from dataclasses import dataclass

from .money import QTY_PER_SHARE
from .positions import Direction, Position
from .pricing import PPM, ceil_div

LIQUIDATED_AT = 500  #: of a thousand: half of the margin lost
RUINED_AT = 750  #: of a thousand: what is lost at the mark beyond it the house may bear


@dataclass(frozen=True, slots=True)
class Settlement:
    """What closing a part of a position comes to, in 1e-4 coin.

    Attributes:
        margin_e4: released from the margin. ``open_value_e4``: its part of the entry value.
        pnl_e4: gain or loss, a loss no larger than the margin released.
        fee_e4: taken from what is paid out, and never more than that.
        shortfall_e4: loss beyond the margin, borne by the treasury.
        waived_e4: what the fee would have been more, had more been left.
    """

    margin_e4: int
    open_value_e4: int
    pnl_e4: int
    fee_e4: int
    shortfall_e4: int
    waived_e4: int

    @property
    def payout_e4(self) -> int:
        """What the owner's cash grows by."""
        return self.margin_e4 + self.pnl_e4 - self.fee_e4


def initial_margin(open_value_e4: int, leverage: int) -> int:
    """The least a position worth *open_value_e4* must reserve."""
    return ceil_div(open_value_e4, leverage)


def liquidation_px(side: Direction, entry_px: int, margin_e4: int, qty: int) -> int:
    """The mark at which half of *margin_e4* is lost; 0 if a long cannot lose that much."""
    return max(0, entry_px - side.sign * (margin_e4 * LIQUIDATED_AT // qty))


def settle(position: Position, qty: int, exit_value_e4: int, fee_ppm: int) -> Settlement:
    """Closing *qty* (1e-3 share, at most what is open) of *position* for *exit_value_e4*."""
    margin_e4 = position.margin_e4 * qty // position.qty
    open_value_e4 = position.open_value_e4 * qty // position.qty
    gained_e4 = position.sign * (exit_value_e4 - open_value_e4)
    pnl_e4 = max(gained_e4, -margin_e4)
    whole_fee_e4 = ceil_div(exit_value_e4 * fee_ppm, PPM)
    fee_e4 = min(whole_fee_e4, margin_e4 + pnl_e4)
    return Settlement(
        margin_e4, open_value_e4, pnl_e4, fee_e4, pnl_e4 - gained_e4, whole_fee_e4 - fee_e4
    )


def bearable_e4(position: Position, mark_px: int) -> int:
    """The largest shortfall that the house bears in closing *position* at *mark_px*; 0 for none.

    What is lost at the mark beyond three quarters of the margin: so trades that press the price of
    the close away from the mark can add a quarter of a margin to what the index has done, no more.
    """
    lost = position.sign * (position.entry_px - mark_px) * position.qty
    return max(0, (lost - position.margin_e4 * RUINED_AT) // QTY_PER_SHARE)


def unrealized_e4(position: Position, bid_px: int, ask_px: int) -> int:
    """What *position* has gained at its closing quote, before fees; negative if it has lost."""
    quote = bid_px if position.side is Direction.LONG else ask_px
    value_e4 = quote * position.qty
    rounded = value_e4 // 1000 if position.side is Direction.LONG else ceil_div(value_e4, 1000)
    return position.sign * (rounded - position.open_value_e4)


def marked_worth_e4(
    side: Direction, qty: int, open_value_e4: int, margin_e4: int, mark_px: int
) -> int:
    """What a position is worth at the mark: its margin with what it has gained, or nothing.

    Leaderboards go by this: the mark is held close to the index, so who moves the price just before
    a week ends gains nothing by it.
    """
    value_e4 = mark_px * qty
    rounded = value_e4 // 1000 if side is Direction.LONG else ceil_div(value_e4, 1000)
    return max(0, margin_e4 + side.sign * (rounded - open_value_e4))
