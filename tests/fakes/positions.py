"""One position and what became of it, for tests that need no market."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.position_events import By, EventKind, PositionEvent, Trigger
from touchline.domain.positions import CloseReason, Direction, Position, Stops

AT_MS = 1_792_854_300_123

LONG = Position(
    id="0192-pos", user=UserId(5), idx=InstrumentIdx(17), side=Direction.LONG, qty_open=10_000,
    qty=10_000, leverage=5, entry_px=1_001_501, open_value_e4=10_015_010, margin_e4=2_003_002,
    liquidation_px=901_351, stops=Stops(960_000, 1_060_000, 20_000), best_px=1_000_000,
    open_tick_id=f"{AT_MS}-0", open_seq=7, checked_tick_id=f"{AT_MS}-0", checked_seq=7,
    fees_e4=10_016, opened_ms=AT_MS,
)  # fmt: skip
SHORT = replace(LONG, id="0192-short", side=Direction.SHORT, stops=Stops(), best_px=None)
LIQUIDATED = replace(
    LONG, qty=0, open_value_e4=0, margin_e4=0, fees_e4=18_917, realized_e4=-1_114_190, number=3,
    version=4, closed_ms=AT_MS + 60_000, reason=CloseReason.LIQUIDATION,
)  # fmt: skip


def event(**changes: Any) -> PositionEvent:
    """The opening of ``LONG``, with *changes*."""
    fields: dict[str, Any] = {
        "kind": EventKind.OPEN, "id": "0192-pos", "position": LONG, "qty": 10_000,
        "px": 1_001_501, "value_e4": 10_015_010, "fee_e4": 10_016, "pnl_e4": 0, "shortfall_e4": 0,
        "margin_e4": 2_003_002, "by": By.CLIENT, "reason": None, "trigger": None, "seq": 7,
        "tick_id": f"{AT_MS}-0", "at_ms": AT_MS, "cash_after_e4": 97_986_982,
        "locked_after_e4": 2_003_002, "client_order_id": "mine",
    }  # fmt: skip
    return PositionEvent(**fields | changes)


LIQUIDATION = event(
    kind=EventKind.CLOSE, id="0192-close", position=LIQUIDATED, px=890_082, value_e4=8_900_820,
    fee_e4=8_901, pnl_e4=-1_114_190, margin_e4=-2_003_002, by=By.STOP_WATCHER,
    reason=CloseReason.LIQUIDATION, seq=12, tick_id=f"{AT_MS + 60_000}-1", at_ms=AT_MS + 60_000,
    trigger=Trigger(f"{AT_MS + 60_000}-0", 901_000, 901_351, 901_000, approximate=False),
    cash_after_e4=98_866_893, locked_after_e4=0, client_order_id=None,
)  # fmt: skip
