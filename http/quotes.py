"""Quotes of positions, and what all quotes have in common."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal, TypeVar

import msgspec

from ..domain.ids import TREASURY
from ..domain.instrument import Instrument
from ..domain.money import format_e4, format_px, format_qty
from ..domain.opening import OpenOrder, highest_leverage, offered
from ..domain.positions import Direction
from ..domain.refusals import Refused
from ..domain.trading import Side
from ..domain.views import View
from .problems import Refuse
from .refusals import refusal
from .validate import QuantityText, invalid

E = TypeVar("E", bound=Enum)


_SIDES = [side.value for sides in (Side, Direction) for side in sides]
_SideText = Annotated[str, msgspec.Meta(extra_json_schema={"enum": _SIDES})]


class QuoteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/instruments/{idx}/quote`; `leverage` is for positions alone."""

    side: _SideText
    quantity: QuantityText
    kind: Literal["spot", "cfd"] = "spot"
    leverage: int | None = None


def side_of(text: str, sides: type[E]) -> E:
    """The side called *text*. Raises Refuse."""
    try:
        return sides(text)
    except ValueError:
        names = ", ".join(str(side.value) for side in sides)
        raise invalid("/side", f"must be one of {names}", "query") from None


def impact_bps(instrument: Instrument, px: int) -> str:
    """How far the average *px* is from the mid, half the spread included."""
    # In hundredths of a basis point, so that small orders show an impact too.
    impact = abs(px - instrument.mid_px) * 1_000_000 // instrument.mid_px
    return f"{impact // 100}.{impact % 100:02d}"


def position_quote(instrument: Instrument, wanted: QuoteQuery, qty: int, now_ms: int) -> View:
    """What opening a position would come to if it were the next order. Raises Refuse."""
    side = side_of(wanted.side, Direction)
    if wanted.leverage is None:
        raise invalid("/leverage", "is required", "query")
    order = OpenOrder(
        position_id="",
        user=TREASURY,  # nobody's: what only users are refused for is not looked at
        idx=instrument.idx,
        side=side,
        qty=qty,
        leverage=wanted.leverage,
    )
    offer = offered(order, instrument, now_ms=now_ms)
    if isinstance(offer, Refused):
        raise Refuse(refusal(offer, "/quantity", "query"))
    price, position = offer.priced, offer.position
    return {
        "instrument": instrument.idx,
        "symbol": instrument.symbol,
        "kind": "cfd",
        "side": side.value,
        "quantity": format_qty(qty),
        "leverage": position.leverage,
        "max_leverage": highest_leverage(instrument, side, qty),
        "entry_price": format_px(price.px),
        "value": format_e4(price.value_e4),
        "fee": format_e4(price.fee_e4),
        "margin": format_e4(position.margin_e4),
        "total": format_e4(position.margin_e4 + price.fee_e4),
        "liquidation_price": format_px(position.liquidation_px),
        "impact_bps": impact_bps(instrument, price.px),
        "seq": instrument.seq,
    }
