"""What the market refuses, as problem documents."""

from __future__ import annotations

from ..domain.refusal_views import refusal_view
from ..domain.refusals import Refusal, Refused
from .codes import CODES
from .problems import FieldError, Place, Problem

#: Refusals for the size of what was asked, whichever field gave it.
_SIZE = frozenset(
    {
        Refusal.QUANTITY_INVALID,
        Refusal.QUANTITY_LIMIT_EXCEEDED,
        Refusal.POSITION_LIMIT_EXCEEDED,
        Refusal.LIQUIDITY_EXHAUSTED,
        Refusal.INSUFFICIENT_SHARES,
        Refusal.INSUFFICIENT_FUNDS,
        Refusal.INSUFFICIENT_MARGIN,
        Refusal.MARGIN_LIMIT_EXCEEDED,
        Refusal.AMOUNT_LIMIT_EXCEEDED,
    }
)
_QUANTITY = ("QUANTITY_INVALID", "QUANTITY_PRECISION_EXCEEDED")
_PRICE = ("PRICE_INVALID", "PRICE_PRECISION_EXCEEDED")
_STOPS = ("STOP_LOSS_PRICE_INVALID", "TAKE_PROFIT_PRICE_INVALID", "STOP_DISTANCE_TOO_SMALL")
_TRADE = (*_QUANTITY, "MARKET_HALTED", "QUANTITY_LIMIT_EXCEEDED", "LIQUIDITY_EXHAUSTED")
_NEW = ("INSTRUMENT_UNKNOWN", "CLIENT_ORDER_ID_REUSED", "NEW_TRADES_PAUSED")
_WAITS = ("TOO_MANY_PENDING_ORDERS", "OUTCOME_UNKNOWN")
_CHANGE = ("POSITION_UNKNOWN", "POSITION_CLOSED", "MARKET_HALTED", "OUTCOME_UNKNOWN")

#: What a quote may be refused for.
QUOTE_REFUSALS = ("INSTRUMENT_UNKNOWN", *_TRADE, "LEVERAGE_INVALID", "INSUFFICIENT_MARGIN")
#: What an order for shares may be refused for.
ORDER_REFUSALS = (
    *_TRADE,
    *_PRICE,
    *_NEW,
    *_WAITS,
    "PRICE_BOUND_EXCEEDED",
    "POSITION_LIMIT_EXCEEDED",
    "AMOUNT_LIMIT_EXCEEDED",
    "INSUFFICIENT_FUNDS",
    "INSUFFICIENT_SHARES",
)
#: What an opening may be refused for.
OPEN_REFUSALS = (
    *_TRADE,
    *_PRICE,
    *_STOPS,
    *_NEW,
    *_WAITS,
    "PRICE_BOUND_EXCEEDED",
    "POSITION_LIMIT_EXCEEDED",
    "AMOUNT_LIMIT_EXCEEDED",
    "LEVERAGE_INVALID",
    "TOO_MANY_POSITIONS",
    "INSUFFICIENT_MARGIN",
)
#: What a close by the owner may be refused for.
CLOSE_REFUSALS = (
    *_TRADE,
    *_PRICE,
    *_CHANGE,
    *_WAITS,
    "PRICE_BOUND_EXCEEDED",
    "VERSION_MISMATCH",
    "AMOUNT_LIMIT_EXCEEDED",
    "INSUFFICIENT_MARGIN",
)
#: What a change of margin may be refused for.
MARGIN_REFUSALS = (
    *_QUANTITY,
    *_CHANGE,
    "STOP_LOSS_PRICE_INVALID",
    "AMOUNT_LIMIT_EXCEEDED",
    "INSUFFICIENT_FUNDS",
    "INSUFFICIENT_MARGIN",
    "MARGIN_LIMIT_EXCEEDED",
)
#: What a change of stops may be refused for.
STOPS_REFUSALS = (*_PRICE, *_CHANGE, *_STOPS)

#: Seconds. By then the drainer, which comes every 5 s, has made room if it can.
PAUSED_RETRY_S = "5"
_FIELDS: dict[Refusal, str] = {
    Refusal.INSTRUMENT_UNKNOWN: "/instrument",
    Refusal.PRICE_BOUND_EXCEEDED: "/price_bound",
    Refusal.CLIENT_ORDER_ID_REUSED: "/client_order_id",
    Refusal.LEVERAGE_INVALID: "/leverage",
    Refusal.STOP_LOSS_PRICE_INVALID: "/stop_loss/price",
    Refusal.TAKE_PROFIT_PRICE_INVALID: "/take_profit/price",
    Refusal.STOP_DISTANCE_TOO_SMALL: "/trailing_stop/distance",
    Refusal.VERSION_MISMATCH: "/expected_version",
}


def refusal(refused: Refused, size: str, place: Place = "body") -> Problem:
    """The problem that tells of *refused*; *size* points at the field that gave the size."""
    code = refused.code.value
    title = CODES[code][1]
    where = size if refused.code in _SIZE else _FIELDS.get(refused.code)
    errors = (FieldError(where, title, place),) if where else ()
    if refused.code is Refusal.IDEMPOTENCY_KEY_REUSED:
        errors = (FieldError("/Idempotency-Key", title, "header"),)
    paused = refused.code is Refusal.NEW_TRADES_PAUSED
    headers = {"Retry-After": PAUSED_RETRY_S} if paused else {}
    return Problem(code, f"{title}; nothing was traded", errors, refusal_view(refused), headers)
