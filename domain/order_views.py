"""Orders that wait as clients see them. Source: docs/market.md, "In play"."""

from typing import assert_never

from .clock import rfc3339
from .money import format_e4, format_px, format_qty
from .orders import CloseTerms, DelayedOrder, OpenTerms, OrderStatus, Terms, TradeTerms
from .position_views import View, stops_view
from .refusal_views import refusal_view


def order_view(order: DelayedOrder, symbol: str) -> View:
    """An order that waits or has waited, and the ``data`` of its owner's pushes.

    ``reserved`` is what it sets aside now, nothing once it is done.
    One that was rejected has ``rejected_at`` and ``problem``: the code and its members.
    """
    reserved_e4 = order.reserved_e4 if order.status is OrderStatus.PENDING else 0
    view: View = {
        "order_id": order.order_id,
        "kind": order.terms.kind.value,
        "status": order.status.value,
        "instrument": order.idx,
        "symbol": symbol,
        **_terms_view(order.terms),
        "price_bound": None if order.terms.bound_px is None else format_px(order.terms.bound_px),
        "reserved": format_e4(reserved_e4),
        "accepted_at": rfc3339(order.accepted_ms),
        "release_at": rfc3339(order.release_ms),
        "client_order_id": order.client_order_id,
    }
    if order.refused is not None:
        view["rejected_at"] = rfc3339(order.done_ms or order.release_ms)
        view["problem"] = {"code": order.refused.code.value, **refusal_view(order.refused)}
    return view


def _terms_view(terms: Terms) -> View:
    quantity = None if terms.qty is None else format_qty(terms.qty)
    match terms:
        case TradeTerms():
            notional = None if terms.notional_e4 is None else format_e4(terms.notional_e4)
            return {"side": terms.side.value, "quantity": quantity, "notional": notional}
        case OpenTerms():
            return {
                "side": terms.side.value,
                "quantity": quantity,
                "leverage": terms.leverage,
                **stops_view(terms.stops, None),
            }
        case CloseTerms():
            return {"position_id": terms.position_id, "quantity": quantity}
        case _:
            assert_never(terms)
