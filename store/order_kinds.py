"""What waits as an order and what it is carried out as, for each kind: the one place for both."""

from __future__ import annotations

from ..domain.instrument import Instrument
from ..domain.notional import Sized, sized
from ..domain.orders import DelayedOrder, TradeTerms
from .commands import Command, TradeCommand


def order_from(command: Command) -> DelayedOrder:
    """The order by which *command* waits.

    Raises:
        TypeError: it is of a kind that never waits.
    """
    if not isinstance(command, TradeCommand):
        raise TypeError(f"no command that waits: {command}")
    return DelayedOrder(
        order_id=command.trade_id,
        user=command.user,
        idx=command.idx,
        terms=command.asked or TradeTerms(command.side, command.qty, None, command.bound_px),
        idem_key=command.idem_key,
        fingerprint=command.fingerprint,
        client_order_id=command.client_order_id,
        accepted_ms=command.now_ms,
        release_ms=command.now_ms + command.delay_ms,
    )


def released(order: DelayedOrder, instrument: Instrument | None, now_ms: int) -> TradeCommand:
    """What carries *order* out at *now_ms*, under a key of its own.

    *instrument* is for an order for an amount, which is sized by its price.
    """
    terms = order.terms
    if terms.notional_e4 is None or instrument is None:
        size = Sized(terms.qty or 0, terms.bound_px)
    else:
        size = sized(instrument, terms.side, terms.notional_e4, terms.bound_px)
    return TradeCommand(
        trade_id=order.order_id,
        user=order.user,
        idx=order.idx,
        side=terms.side,
        qty=size.qty,
        bound_px=size.bound_px,
        idem_key=order.release_key,
        fingerprint=order.fingerprint,
        client_order_id=order.client_order_id,
        now_ms=now_ms,
        waited=True,
    )
