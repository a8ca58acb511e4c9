"""CFD positions and their events as texts on Redis, and back."""

from collections.abc import Mapping

from ..domain.ids import InstrumentIdx, UserId
from ..domain.position_events import By, EventKind, PositionEvent, Trigger
from ..domain.positions import CloseReason, Direction, Position, Stops

#: All that ``pos:{id}`` has.
FIELDS = (
    "id", "uid", "idx", "side", "qty0", "qty", "lev", "entry", "oval", "margin", "liq", "sl", "tp",
    "trail", "best", "otick", "os", "ctick", "cs", "fees", "rpnl", "no", "warn", "at", "cat", "why",
    "v",
)  # fmt: skip


def position_of(fields: Mapping[str, str]) -> Position:
    """The position kept in ``pos:{id}``, or left by an event.

    Raises:
        KeyError, ValueError: the fields are incomplete or hold nonsense.
    """
    return Position(
        id=fields["id"],
        user=UserId(int(fields["uid"])),
        idx=InstrumentIdx(int(fields["idx"])),
        side=Direction(fields["side"]),
        qty_open=int(fields["qty0"]),
        qty=int(fields["qty"]),
        leverage=int(fields["lev"]),
        entry_px=int(fields["entry"]),
        open_value_e4=int(fields["oval"]),
        margin_e4=int(fields["margin"]),
        liquidation_px=int(fields["liq"]),
        stops=Stops(_number(fields["sl"]), _number(fields["tp"]), _number(fields["trail"])),
        best_px=_number(fields["best"]),
        open_tick_id=fields["otick"],
        open_seq=int(fields["os"]),
        checked_tick_id=fields["ctick"],
        checked_seq=int(fields["cs"]),
        fees_e4=int(fields["fees"]),
        realized_e4=int(fields["rpnl"]),
        number=int(fields["no"]),
        warned=fields["warn"] == "1",
        opened_ms=int(fields["at"]),
        closed_ms=_number(fields["cat"]),
        reason=CloseReason(fields["why"]) if fields["why"] else None,
        version=int(fields["v"]),
    )


def position_hash(position: Position) -> dict[str, str]:
    """Fields of ``pos:{id}``, as lua/positions.lua spells them."""
    stops = position.stops
    return {
        "id": position.id,
        "uid": str(position.user),
        "idx": str(position.idx),
        "side": position.side.value,
        "qty0": str(position.qty_open),
        "qty": str(position.qty),
        "lev": str(position.leverage),
        "entry": str(position.entry_px),
        "oval": str(position.open_value_e4),
        "margin": str(position.margin_e4),
        "liq": str(position.liquidation_px),
        "sl": _text(stops.stop_loss_px),
        "tp": _text(stops.take_profit_px),
        "trail": _text(stops.trail_px),
        "best": _text(position.best_px),
        "otick": position.open_tick_id,
        "os": str(position.open_seq),
        "ctick": position.checked_tick_id,
        "cs": str(position.checked_seq),
        "fees": str(position.fees_e4),
        "rpnl": str(position.realized_e4),
        "no": str(position.number),
        "warn": str(int(position.warned)),
        "at": str(position.opened_ms),
        "cat": _text(position.closed_ms),
        "why": position.reason or "",
        "v": str(position.version),
    }


def event_of(entry: Mapping[str, str]) -> PositionEvent:
    """The event in an entry of ``position_outbox``."""
    trigger = None
    if entry["ttick"]:
        trigger = Trigger(
            entry["ttick"],
            int(entry["tquote"]),
            int(entry["tlevel"]),
            int(entry["tf"]),
            entry["approx"] == "1",
        )
    return PositionEvent(
        kind=EventKind(entry["k"]),
        id=entry["event"],
        position=position_of(entry),
        qty=int(entry["tqty"]),
        px=_number(entry["px"]),
        value_e4=int(entry["val"]),
        fee_e4=int(entry["fee"]),
        pnl_e4=int(entry["pnl"]),
        shortfall_e4=int(entry["loss"]),
        margin_e4=int(entry["dm"]),
        by=By(entry["by"]),
        reason=CloseReason(entry["reason"]) if entry["reason"] else None,
        trigger=trigger,
        seq=int(entry["seq"]),
        tick_id=entry["tick"],
        at_ms=int(entry["ms"]),
        cash_after_e4=int(entry["cash"]),
        locked_after_e4=int(entry["locked"]),
        client_order_id=entry["coid"] or None,
    )


def _number(text: str) -> int | None:
    return int(text) if text else None


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
