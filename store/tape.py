"""What was traded in an instrument, by whomever: shares and positions, as Postgres has them."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.ids import InstrumentIdx
from ..domain.trading import Side
from .postgres import Postgres

# Each side of the union by an index that ends in seq; every trade has a tick, and so a seq, of its
# own. Who opens a long or closes a short has bought.
_TAPE = """
(SELECT seq, 'spot', side, qty, px, value_e4, tick_id,
        (extract(epoch FROM executed_at) * 1000)::bigint
   FROM trades WHERE idx = %(idx)s AND seq < %(before)s ORDER BY seq DESC LIMIT %(limit)s)
UNION ALL
(SELECT seq, 'cfd', CASE WHEN (kind = 'open') = (side = 'long') THEN 'buy' ELSE 'sell' END,
        qty, px, value_e4, tick_id, (extract(epoch FROM happened_at) * 1000)::bigint
   FROM cfd_events WHERE idx = %(idx)s AND seq < %(before)s AND px IS NOT NULL
  ORDER BY seq DESC LIMIT %(limit)s)
ORDER BY seq DESC LIMIT %(limit)s"""

FIRST = 2**63 - 1  #: above every number of a tick


@dataclass(frozen=True, slots=True)
class Print:
    """One trade: *kind* is `spot` or `cfd`; quantity 1e-3 share, money 1e-4 coin, calendar ms."""

    seq: int
    kind: str
    side: Side
    qty: int
    px: int
    value_e4: int
    tick_id: str
    at_ms: int


class Tape:
    """Reads of what was traded."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def read(self, idx: InstrumentIdx, *, limit: int, before: int = FIRST) -> tuple[Print, ...]:
        """The last *limit* trades in *idx*, the newest first, of those below number *before*."""
        with self._pg.transaction() as cursor:
            cursor.execute(_TAPE, {"idx": idx, "before": before, "limit": limit})
            return tuple(
                Print(seq, kind, Side(side), *rest) for seq, kind, side, *rest in cursor.fetchall()
            )
