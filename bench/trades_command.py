"""The order that the executor and redis-benchmark send in bench/trades.py: for both the same."""

from __future__ import annotations

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.trading import Side
from touchline.store.commands import TradeCommand

PEER_USER = UserId(900_000)  #: on Redis alone
RICH_E4 = 900_000_000_000_000


def command(trade_id: str, idem_key: str) -> TradeCommand:
    """A purchase of the smallest quantity, of which a user may make millions."""
    return TradeCommand(
        trade_id=trade_id,
        user=PEER_USER,
        idx=InstrumentIdx(1),
        side=Side.BUY,
        qty=1,
        bound_px=None,
        idem_key=idem_key,
        fingerprint="f" * 64,
        client_order_id=None,
        now_ms=1_792_854_300_123,
    )
