"""Orders for an amount of money instead of a quantity.

The quantity follows from the price of the moment, and prices move between
that moment and the trade; the bound keeps the promise all the same.
Source: docs/market.md, "Trades".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from .instrument import Instrument
from .money import QTY_PER_SHARE
from .pricing import PPM
from .refusals import Refusal, Refused
from .trading import Side, quantity_for_notional

ATTEMPTS = 4  #: how often an order for an amount is sized anew when the price runs away

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sized:
    """A quantity (1e-3 share, 0 if the amount is too small) and the worst price for it."""

    qty: int
    bound_px: int | None


def sized(instrument: Instrument, side: Side, notional_e4: int, bound_px: int | None) -> Sized:
    """The order that spends, or yields, at most *notional_e4* at *instrument*'s price.

    A purchase is bound so that cost and fee never exceed the amount, whatever the price becomes,
    nor the price *bound_px* (1e-4 coin; None: no bound of the user's own). A sale is bound by
    *bound_px* alone: to get more for the same shares harms nobody.
    """
    qty = quantity_for_notional(instrument, side, notional_e4)
    if side is Side.SELL or qty == 0:
        return Sized(qty, bound_px)
    # value + ceil(value * fee) <= notional, solved for the value, then for the price.
    most_e4 = notional_e4 * PPM // (PPM + instrument.fee_ppm)
    affordable_px = most_e4 * QTY_PER_SHARE // qty
    return Sized(qty, affordable_px if bound_px is None else min(affordable_px, bound_px))


def outrun(refused: Refused, side: Side, bound_px: int | None) -> bool:
    """Whether the price has passed an order's own sizing, and not the user's *bound_px*."""
    if refused.code is not Refusal.PRICE_BOUND_EXCEEDED or side is Side.SELL:
        return False
    return bound_px is None or int(refused.details["quoted_px"]) <= bound_px


def in_turns(orders: Iterable[T], for_amount: Callable[[T], bool]) -> Iterator[Sequence[T]]:
    """*orders* that may be carried out together, in their order.

    One for an amount is alone: its size follows from the price that those before it leave,
    and until it is sized for good those behind it have to wait.
    """
    for alone, group in groupby(orders, for_amount):
        if alone:
            yield from ([order] for order in group)
        else:
            yield list(group)
