"""What the market refuses, as problem documents."""

from __future__ import annotations

from ..domain.refusals import Refusal, Refused
from ..domain.views import refusal_view
from .codes import CODES
from .problems import FieldError, Place, Problem

#: Refusals for the size of an order, whichever field gave it.
_SIZE = frozenset(
    {
        Refusal.QUANTITY_INVALID,
        Refusal.QUANTITY_LIMIT_EXCEEDED,
        Refusal.POSITION_LIMIT_EXCEEDED,
        Refusal.LIQUIDITY_EXHAUSTED,
        Refusal.INSUFFICIENT_SHARES,
        Refusal.INSUFFICIENT_FUNDS,
        Refusal.AMOUNT_LIMIT_EXCEEDED,
    }
)
_FIELDS: dict[Refusal, tuple[str, Place]] = {
    Refusal.INSTRUMENT_UNKNOWN: ("/instrument", "body"),
    Refusal.PRICE_BOUND_EXCEEDED: ("/price_bound", "body"),
    Refusal.CLIENT_ORDER_ID_REUSED: ("/client_order_id", "body"),
    Refusal.IDEMPOTENCY_KEY_REUSED: ("/Idempotency-Key", "header"),
}


def refusal(refused: Refused, size: str, place: Place = "body") -> Problem:
    """The problem that tells of *refused*; *size* points at the field that gave the size."""
    code = refused.code.value
    title = CODES[code][1]
    where = (size, place) if refused.code in _SIZE else _FIELDS.get(refused.code)
    errors = (FieldError(where[0], title, where[1]),) if where else ()
    return Problem(code, f"{title}; nothing was traded", errors, refusal_view(refused))
