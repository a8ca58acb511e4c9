"""The newest version Postgres knows of every wallet, holding and instrument, and of positions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gevent

from ..domain.ids import InstrumentIdx, UserId
from ..domain.instrument import NO_TICK, Instrument, quoted
from ..domain.portfolio import Holding, Wallet
from ..domain.positions import Position
from .hashes import instrument_of
from .keys import State
from .layouts import LAYOUTS, POSITIONS
from .position_hashes import position_of
from .refusals import Cursor

ROWS_A_TURN = 5_000  #: about 10 ms

_INSTRUMENTS = next(layout for layout in LAYOUTS if layout.state is State.INSTRUMENTS)
_TICK = [column.field for column in _INSTRUMENTS.all_columns].index("tid")

_WALLETS = "SELECT user_id, cash_e4, locked_e4, version FROM wallets WHERE mode = 'paper'"

_HOLDINGS = "SELECT user_id, idx, qty, cost_e4, version FROM holdings"

_NEWER_WALLETS = """
SELECT DISTINCT ON (p.user_id) p.user_id, p.cash_after_e4, p.locked_after_e4, p.version
  FROM wallet_postings p
  LEFT JOIN wallets w ON w.user_id = p.user_id AND w.mode = 'paper'
 WHERE p.version > coalesce(w.version, 0)
 ORDER BY p.user_id, p.version DESC"""

_NEWER_HOLDINGS = """
SELECT DISTINCT ON (p.user_id, p.idx) p.user_id, p.idx, p.qty_after, p.cost_after_e4,
       p.holding_version
  FROM share_postings p LEFT JOIN holdings h USING (user_id, idx)
 WHERE p.holding_version > coalesce(h.version, 0)
 ORDER BY p.user_id, p.idx, p.holding_version DESC"""

_NEWER_INSTRUMENTS = """
SELECT DISTINCT ON (p.idx) p.idx, p.inventory_after, p.seq, p.tick_id, p.instrument_version
  FROM inventory_postings p JOIN instruments i USING (idx)
 WHERE p.instrument_version > i.version
 ORDER BY p.idx, p.instrument_version DESC"""

_NEWER_SHORTS = """
SELECT DISTINCT ON (p.idx) p.idx, p.short_interest_after
  FROM inventory_postings p JOIN instruments i USING (idx)
 WHERE p.instrument_version > i.version AND p.short_interest_after IS NOT NULL
 ORDER BY p.idx, p.instrument_version DESC"""

_NEWER_BASES = """
SELECT DISTINCT ON (p.idx) p.idx, p.base_px, p.instrument_version
  FROM base_postings p JOIN instruments i USING (idx)
 WHERE p.instrument_version > i.version
 ORDER BY p.idx, p.instrument_version DESC"""

_PARKED_POSITIONS = """
SELECT DISTINCT ON (payload->>'id') payload
  FROM position_outbox o LEFT JOIN cfd_positions p ON p.id = (payload->>'id')::uuid
 WHERE NOT malformed AND (payload->>'v')::bigint > coalesce(p.version, 0)
 ORDER BY payload->>'id', (payload->>'v')::bigint DESC"""


@dataclass(frozen=True, slots=True)
class Newest:
    """States by identity: a row, or what a fact left that is newer than the row.

    Of positions only those that are open, by their row or a parked fact, and those *wanted*.
    """

    wanted: Sequence[str] = ()
    wallets: dict[UserId, Wallet] = field(default_factory=dict)
    holdings: dict[tuple[UserId, InstrumentIdx], Holding] = field(default_factory=dict)
    instruments: dict[InstrumentIdx, Instrument] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def read(self, cursor: Cursor) -> None:
        """Take in the tables of states, then the facts of the ledger that are newer."""
        self.wallets.update((row[0], Wallet(*row[1:])) for row in _streamed(cursor, _WALLETS))
        self.holdings.update((row[:2], Holding(*row[2:])) for row in _streamed(cursor, _HOLDINGS))
        cursor.execute(_INSTRUMENTS.select())
        for row in cursor.fetchall():
            self.instruments[InstrumentIdx(int(row[0]))] = _instrument(row)
        for query, take in (
            (_NEWER_WALLETS, self._wallet_image),
            (_NEWER_HOLDINGS, self._holding_image),
            (_NEWER_INSTRUMENTS, self._instrument_image),
            (_NEWER_SHORTS, self._short_image),
            (_NEWER_BASES, self._base_image),
        ):
            cursor.execute(query)
            for row in _rows(cursor):
                take(*row)
        self._read_positions(cursor)

    def _read_positions(self, cursor: Cursor) -> None:
        where = "WHERE closed_at IS NULL OR id = ANY(%s::uuid[])"
        cursor.execute(f"{POSITIONS.select()} {where}", (list(self.wanted),))
        known = [position_of(POSITIONS.fields(row)) for row in _rows(cursor)]
        # An event in the ledger has written its position's row; a parked one has not.
        cursor.execute(_PARKED_POSITIONS)
        known += [position_of(payload) for (payload,) in cursor.fetchall()]
        self.positions.update({position.id: position for position in known})

    def _wallet_image(self, user: UserId, cash_e4: int, locked_e4: int, version: int) -> None:
        self.wallets[user] = Wallet(cash_e4, locked_e4, version)

    def _holding_image(
        self, user: UserId, idx: InstrumentIdx, qty: int, cost_e4: int, version: int
    ) -> None:
        self.holdings[user, idx] = Holding(qty, cost_e4, version)

    def _instrument_image(
        self, idx: InstrumentIdx, inventory: int, seq: int, tick_id: str, version: int
    ) -> None:
        # The index may have moved since the row; the feed will say it again.
        self.instruments[idx] = _quoted(
            replace(
                self.instruments[idx],
                inventory=inventory,
                seq=seq,
                last_tick_id=tick_id,
                version=version,
            )
        )

    def _short_image(self, idx: InstrumentIdx, short_interest: int) -> None:
        # Trades leave shorts alone and say nothing of them.
        self.instruments[idx] = replace(self.instruments[idx], short_interest=short_interest)

    def _base_image(self, idx: InstrumentIdx, base_px: int, version: int) -> None:
        # A trade since then may have left a newer image of the rest.
        known = self.instruments[idx]
        self.instruments[idx] = _quoted(
            replace(
                known,
                base_px=base_px,
                index_px=base_px,
                offset_bps=0,
                version=max(known.version, version),
            )
        )


def _streamed(cursor: Cursor, query: str) -> Iterator[Any]:
    """The rows of a large table, in the transaction of *cursor*, as they come.

    Millions at once would hold up everybody else here for longer than the lease lives that they
    are read under, and whoever reads them would have to begin anew for ever.
    """
    with cursor.connection.cursor("newest") as stream:
        stream.itersize = ROWS_A_TURN
        stream.execute(query)
        yield from stream


def _rows(cursor: Cursor) -> Iterator[Any]:
    """All rows of the answer, with a turn for others between every few thousand."""
    while rows := cursor.fetchmany(ROWS_A_TURN):
        yield from rows
        gevent.sleep(0)


def _instrument(row: Sequence[str | None]) -> Instrument:
    # One that was never flushed has no quotes yet; they follow from the rest.
    fields = {c.field: value or "0" for c, value in zip(_INSTRUMENTS.all_columns, row, strict=True)}
    tick = {"tid": row[_TICK] or NO_TICK, "mid": "0", "ts": "0"}
    return _quoted(instrument_of(InstrumentIdx(int(row[0] or 0)), fields | tick))


def _quoted(instrument: Instrument) -> Instrument:
    ticked_ms = int(instrument.last_tick_id.partition("-")[0])
    return replace(quoted(instrument), ticked_ms=ticked_ms)
