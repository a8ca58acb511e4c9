"""What waits as an order and what it is carried out as, for each kind: the one place for both."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from ..domain.instrument import Instrument
from ..domain.notional import Sized, sized
from ..domain.opening import OpenOrder
from ..domain.orders import CloseTerms, DelayedOrder, OpenTerms, TradeTerms
from .commands import Command, Delayed, TradeCommand
from .position_commands import CloseCommand, OpenCommand, PositionKey


def order_from(command: Command, delayed: Delayed) -> DelayedOrder:
    """The order by which *command* waits, as it was *delayed*.

    Raises:
        TypeError: it is of a kind that never waits.
    """
    return replace(_order_from(command), reserved_e4=delayed.reserved_e4)


def released(order: DelayedOrder, instrument: Instrument | None, now_ms: int) -> Command:
    """What carries *order* out at *now_ms*, under a key of its own.

    *instrument* is for an order for an amount, which is sized by its price.
    """
    match order.terms:
        case TradeTerms() as terms:
            return _trade(order, terms, instrument, now_ms)
        case OpenTerms() as terms:
            return _open(order, terms, now_ms)
        case CloseTerms() as terms:
            return CloseCommand(
                event_id=order.order_id,
                position=position_of(order, terms),
                qty=terms.qty,
                bound_px=terms.bound_px,
                # Compared when it was accepted. Its owner can raise the version without waiting, by
                # moving a stop, and so would take the order back.
                version=None,
                idem_key=order.release_key,
                fingerprint=order.fingerprint,
                now_ms=now_ms,
                waited=True,
            )
        case _:
            assert_never(order.terms)


def position_of(order: DelayedOrder, terms: CloseTerms) -> PositionKey:
    """The position that *order* is to close."""
    return PositionKey(terms.position_id, order.user, order.idx)


def _order_from(command: Command) -> DelayedOrder:
    match command:
        case TradeCommand():
            terms = command.asked or TradeTerms(command.side, command.qty, None, command.bound_px)
            return _order(command, command.trade_id, command, terms, command.client_order_id)
        case OpenCommand(order):
            opening = OpenTerms(order.side, order.qty, order.leverage, order.bound_px, order.stops)
            return _order(command, order.position_id, order, opening, command.client_order_id)
        case CloseCommand():
            where = command.position
            closing = CloseTerms(where.id, command.qty, command.bound_px, command.version)
            return _order(command, command.event_id, where, closing, None)
        case _:
            raise TypeError(f"no command that waits: {command}")


def _order(
    command: TradeCommand | OpenCommand | CloseCommand,
    order_id: str,
    where: TradeCommand | OpenOrder | PositionKey,
    terms: TradeTerms | OpenTerms | CloseTerms,
    client_order_id: str | None,
) -> DelayedOrder:
    return DelayedOrder(
        order_id=order_id,
        user=where.user,
        idx=where.idx,
        terms=terms,
        idem_key=command.idem_key,
        fingerprint=command.fingerprint,
        client_order_id=client_order_id,
        accepted_ms=command.now_ms,
        release_ms=command.now_ms + command.delay_ms,
    )


def _trade(
    order: DelayedOrder, terms: TradeTerms, instrument: Instrument | None, now_ms: int
) -> TradeCommand:
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
        reserved_e4=order.reserved_e4,
    )


def _open(order: DelayedOrder, terms: OpenTerms, now_ms: int) -> OpenCommand:
    opening = OpenOrder(
        position_id=order.order_id,
        user=order.user,
        idx=order.idx,
        side=terms.side,
        qty=terms.qty,
        leverage=terms.leverage,
        bound_px=terms.bound_px,
        stops=terms.stops,
    )
    return OpenCommand(
        opening,
        order.release_key,
        order.fingerprint,
        order.client_order_id,
        now_ms,
        waited=True,
        reserved_e4=order.reserved_e4,
    )
