"""Refusals: what the market says instead of carrying out a command.

Source: docs/market.md, "Refusals".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Refusal(StrEnum):
    """Every code a command can be refused with; clients see them as they are."""

    INSTRUMENT_UNKNOWN = "INSTRUMENT_UNKNOWN"
    MARKET_HALTED = "MARKET_HALTED"
    QUANTITY_INVALID = "QUANTITY_INVALID"
    QUANTITY_LIMIT_EXCEEDED = "QUANTITY_LIMIT_EXCEEDED"
    LIQUIDITY_EXHAUSTED = "LIQUIDITY_EXHAUSTED"
    PRICE_BOUND_EXCEEDED = "PRICE_BOUND_EXCEEDED"
    POSITION_LIMIT_EXCEEDED = "POSITION_LIMIT_EXCEEDED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    INSUFFICIENT_SHARES = "INSUFFICIENT_SHARES"
    AMOUNT_LIMIT_EXCEEDED = "AMOUNT_LIMIT_EXCEEDED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    CLIENT_ORDER_ID_REUSED = "CLIENT_ORDER_ID_REUSED"
    TOO_MANY_PENDING_ORDERS = "TOO_MANY_PENDING_ORDERS"
    LEVERAGE_INVALID = "LEVERAGE_INVALID"
    STOP_LOSS_PRICE_INVALID = "STOP_LOSS_PRICE_INVALID"
    TAKE_PROFIT_PRICE_INVALID = "TAKE_PROFIT_PRICE_INVALID"
    STOP_DISTANCE_TOO_SMALL = "STOP_DISTANCE_TOO_SMALL"
    TOO_MANY_POSITIONS = "TOO_MANY_POSITIONS"
    INSUFFICIENT_MARGIN = "INSUFFICIENT_MARGIN"
    MARGIN_LIMIT_EXCEEDED = "MARGIN_LIMIT_EXCEEDED"
    POSITION_UNKNOWN = "POSITION_UNKNOWN"
    POSITION_CLOSED = "POSITION_CLOSED"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    SCAN_FIRST = "SCAN_FIRST"
    NOT_BREACHED = "NOT_BREACHED"
    TICK_CHECKED = "TICK_CHECKED"
    TICK_TRIMMED = "TICK_TRIMMED"
    TAKE_PROFIT_NOT_REACHABLE = "TAKE_PROFIT_NOT_REACHABLE"
    FENCED = "FENCED"
    SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that changed nothing.

    *details* by code: ``MARKET_HALTED`` halt (bit mask) and phase; ``QUANTITY_LIMIT_EXCEEDED``
    limit_qty; ``LIQUIDITY_EXHAUSTED`` available_qty; ``PRICE_BOUND_EXCEEDED`` quoted_px;
    ``POSITION_LIMIT_EXCEEDED`` limit_qty and held_qty; ``INSUFFICIENT_FUNDS`` required_e4 and
    available_e4; ``INSUFFICIENT_SHARES`` available_qty. Other codes have none.
    """

    code: Refusal
    details: Mapping[str, int | str] = field(default_factory=dict)
