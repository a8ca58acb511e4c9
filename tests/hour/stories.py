"""Made-up lives of positions, for tests of the judge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from touchline.domain.cfd import Changed
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.ids import InstrumentIdx
from touchline.domain.instrument import new_instrument
from touchline.domain.position_events import By, EventKind, PositionEvent, Trigger
from touchline.domain.positions import Position, Stops
from touchline.domain.ticks import Tick, ticked

from tests.fakes.positions import LONG, event
from tests.hour.lives import Judge
from tests.hour.market import Market

CLUB = new_instrument(InstrumentIdx(17), "ARS", "Arsenal")
OPENED = replace(
    LONG,
    stops=Stops(950_000, 1_050_000, None),
    best_px=None,
    liquidation_px=900_000,
    checked_seq=10,
    number=1,
)
#: At leverage 20, as it were: lost from 950,000 on, and three quarters of it at a mark of 962,500.
THIN = replace(
    OPENED,
    stops=Stops(980_000, None, None),
    entry_px=1_000_000,
    open_value_e4=10_000_000,
    margin_e4=500_000,
    liquidation_px=0,
)
PRESSED = -1_000_000  #: shares sold to the house until the price is a tenth lower
SLACK = -100_000


def ticks(*prices: int, halt: Halt = OPEN) -> Market:
    """A market without a spread, whose every tick is its index."""
    found = [
        Tick(f"1000-{seq}", seq, px, 0, px, px, px, px, "feed", halt)
        for seq, px in enumerate((1_000_000, *prices), 10)
    ]
    return Market(CLUB, found)


def quotes(*moves: tuple[int, int], phase: Phase = Phase.SCHEDULED) -> Market:
    """A market with quotes as they are published, by index and inventory."""
    club = replace(CLUB, seq=9, last_tick_id="1000-9", phase=phase)
    found = []
    for index_px, inventory in [(1_000_000, 0), *moves]:
        club = ticked(replace(club, index_px=index_px, inventory=inventory), 1000)
        found.append(
            Tick(
                club.last_tick_id, club.seq, index_px, inventory, club.bid_px, club.ask_px,
                club.mark_px, club.mid_px, "trade", OPEN,
            )
        )  # fmt: skip
    return Market(CLUB, found)


def opened(position: Position = OPENED) -> PositionEvent:
    return event(position=position)


def close(
    market: Market, seq: int, position: Position = OPENED, *, made: int | None = None, **but: Any
) -> PositionEvent:
    """The close by tick *seq*, which made the tick *made* (default: the last one) itself."""
    made = market.ticks[-1].seq if made is None else made
    due = market.close(replace(position, checked_seq=seq - 1), seq - 10, made - 1 - 10)
    assert isinstance(due, Changed)
    assert due.settlement
    assert due.breach
    assert due.priced
    done, breach = due.settlement, due.breach
    index_px = market.ticks[seq - 10].index_px
    trigger = Trigger(f"1000-{seq}", breach.quote_px, breach.level_px, index_px, approximate=False)
    fields: dict[str, Any] = {
        "kind": EventKind.CLOSE, "position": replace(due.position, number=2), "by": By.STOP_WATCHER,
        "reason": breach.reason, "trigger": trigger, "seq": made, "px": due.priced.px,
        "value_e4": due.priced.value_e4, "fee_e4": done.fee_e4, "pnl_e4": done.pnl_e4,
        "shortfall_e4": done.shortfall_e4, "margin_e4": -done.margin_e4,
    }  # fmt: skip
    return event(**fields | but)


def wrong(market: Market, *life: PositionEvent) -> str:
    """What the judge says of *life*; nothing if it is right."""
    return "; ".join(found.what for found in Judge(market).wrongs(life))
