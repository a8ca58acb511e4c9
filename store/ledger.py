"""The ledger: every trade, every grant and every event of a position, as rows of Postgres.

Facts come in from the streams; a fact that is already there changes nothing, so
any writer may repeat itself after a crash.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.errors

from ..domain.ids import InstrumentIdx, UserId
from ..domain.trading import Fill, Side
from .entries import Entry
from .facts import ORDER, Insert, MalformedFact, insert_kinds, kind_of, sound_insert
from .keys import OutboxName
from .life import show_life, superseded
from .parked import park
from .postgres import Postgres
from .refusals import REFUSALS, Cursor

#: What a ledger that cannot be reached raises; a refused row is no such thing.
LEDGER_AWAY: tuple[type[Exception], ...] = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,
)

PIECE = 100  #: facts in one transaction where Postgres refuses some

_INSTANT = "TIMESTAMPTZ 'epoch' + %s * INTERVAL '1 millisecond'"

_FILL = """SELECT id::text, user_id, idx, side, qty, px, value_e4, fee_e4, realized_e4, seq,
 tick_id, (extract(epoch FROM executed_at) * 1000)::bigint, cash_after_e4, qty_after,
 cost_after_e4, client_order_id FROM trades"""

_SINCE = "TIMESTAMPTZ 'epoch' + %(since)s * INTERVAL '1 millisecond'"

_REALIZED = f"""
SELECT (SELECT coalesce(sum(realized_e4), 0) FROM trades
         WHERE user_id = %(user)s AND executed_at >= {_SINCE})
     + (SELECT coalesce(sum(pnl_e4), 0) FROM cfd_events
         WHERE user_id = %(user)s AND kind = 'close' AND happened_at >= {_SINCE})"""


@dataclass(frozen=True, slots=True)
class TradeCursor:
    """A place in a list of trades, newest first: the last trade already seen."""

    at_ms: int
    trade_id: str


class Prepared:
    """Facts that were read in a *life* of Redis, as SQL if all of them are well formed."""

    def __init__(self, entries: Sequence[Entry], life: int) -> None:
        self.entries, self.life = entries, life
        self.insert: Insert | None = None
        with suppress(MalformedFact):
            self.insert = sound_insert(entries, life)


class Ledger:
    """The tables `trades`, `wallet_ledger` and `cfd_events`."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def insert_facts(self, entries: Sequence[Entry], life: int) -> int:
        """Make *entries*, of either stream, durable in their order; how many were parked.

        All at once, or if Postgres refuses some in pieces, each of them a transaction. When this
        returns, every entry is either a row of its table or parked, and may be deleted from the
        stream.

        Args:
            life: of Redis, in which they were read.

        Raises:
            Superseded: it is over; nothing was written.
        """
        return self.insert(Prepared(entries, life))

    def insert(self, prepared: Prepared) -> int:
        """Do as `insert_facts`, with facts that were prepared for it while Postgres was busy."""
        if prepared.insert is not None:
            # Nearly always all goes well, and then it costs one round trip instead of five.
            with suppress(*REFUSALS, ValueError), self._pg.statement() as cursor, superseded():
                cursor.execute(prepared.insert.sql, prepared.insert.values)
                return 0
        return self._insert_or_park(prepared.entries, prepared.life)

    def known(self, entries: Sequence[Entry]) -> frozenset[tuple[OutboxName, str]]:
        """Those of *entries* that are rows of the ledger, by stream and id; none of those parked.

        Entries of both streams may have one id: it is the moment they were added at.
        """
        found: set[tuple[OutboxName, str]] = set()
        with self._pg.transaction() as cursor:
            for kind in dict.fromkeys(map(kind_of, entries)):
                if kind is not None:
                    named = {kind.fact_id(e): e.id for e in entries if kind_of(e) is kind}
                    cursor.execute(
                        f"SELECT id::text FROM {kind.table} WHERE id = ANY(%s::uuid[])",
                        (list(named),),
                    )
                    found.update((kind.outbox, named[fact]) for (fact,) in cursor.fetchall())
        return frozenset(found)

    def ping(self) -> None:
        """Do nothing, or raise the outage that would meet a writer now."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT FROM fence WHERE false FOR UPDATE")  # refused if read-only

    def trade(self, user: UserId, trade_id: str) -> Fill | None:
        """The user's own trade *trade_id* (a UUID)."""
        return self.trades_by_id(user, [trade_id]).get(trade_id)

    def trades_by_id(self, user: UserId, trade_ids: Sequence[str]) -> dict[str, Fill]:
        """The user's own trades among *trade_ids* (UUIDs)."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"{_FILL} WHERE id = ANY(%s::uuid[]) AND user_id = %s", (list(trade_ids), user)
            )
            return {row[0]: _fill(row) for row in cursor.fetchall()}

    def recorded(self, user: UserId, ids: Sequence[str]) -> frozenset[str]:
        """Those of *ids* (UUIDs) that are trades of the user, or orders that wait or waited."""
        with self._pg.transaction() as cursor:
            cursor.execute(
                "SELECT id::text FROM (SELECT id, user_id FROM trades UNION ALL"
                " SELECT id, user_id FROM orders) AS placed"
                " WHERE id = ANY(%(ids)s::uuid[]) AND user_id = %(user)s",
                {"ids": list(ids), "user": user},
            )
            return frozenset(found for (found,) in cursor.fetchall())

    def trades(
        self,
        user: UserId,
        *,
        limit: int,
        before: TradeCursor | None = None,
        idx: InstrumentIdx | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> tuple[Fill, ...]:
        """The user's trades, newest first, at most *limit*, those after *before* in that order.

        Executed from *start_ms* on and before *end_ms* (calendar).
        """
        wanted = ["user_id = %s"]
        values: list[Any] = [user]
        for bound, at_ms in ((">=", start_ms), ("<", end_ms)):
            if at_ms is not None:
                wanted.append(f"executed_at {bound} {_INSTANT}")
                values.append(at_ms)
        if before:
            wanted.append(f"(executed_at, id) < ({_INSTANT}, %s)")
            values += [before.at_ms, before.trade_id]
        if idx is not None:
            wanted.append("idx = %s")
            values.append(idx)
        with self._pg.transaction() as cursor:
            cursor.execute(
                f"{_FILL} WHERE {' AND '.join(wanted)} ORDER BY executed_at DESC, id DESC LIMIT %s",
                (*values, limit),
            )
            return tuple(map(_fill, cursor.fetchall()))

    def realized_e4(self, user: UserId, since_ms: int) -> int:
        """What the user's sales and closes have gained since *since_ms* (calendar), before fees."""
        with self._pg.transaction() as cursor:
            cursor.execute(_REALIZED, {"user": user, "since": since_ms})
            return int(cursor.fetchone()[0])

    def count_trades(self) -> int:
        """How many trades are in the ledger."""
        with self._pg.transaction() as cursor:
            cursor.execute("SELECT count(*) FROM trades")
            return int(cursor.fetchone()[0])

    def _insert_or_park(self, entries: Sequence[Entry], life: int) -> int:
        parked: list[str] = []

        def refuse(cursor: Cursor, entry: Entry, error: Exception) -> None:
            if not _is_there(cursor, entry, error):
                park(cursor, entry, error)
                parked.append(entry.id)

        # To find the refused among many takes longer than a transaction may.
        for start in range(0, len(entries), PIECE):
            with self._pg.transaction() as cursor:
                show_life(cursor, life)
                insert_kinds(cursor, entries[start : start + PIECE], refuse)
        return len(parked)


def _is_there(cursor: Cursor, entry: Entry, error: Exception) -> bool:
    """Whether *entry* is a row already, and refused by a constraint that is younger than that."""
    kind = kind_of(entry)
    # An order has several facts, and one row for them. Nonsense is kept, whatever its id.
    if kind is None or kind is ORDER or not isinstance(error, psycopg2.IntegrityError):
        return False
    cursor.execute(f"SELECT FROM {kind.table} WHERE id = %s", (kind.fact_id(entry),))
    return cursor.fetchone() is not None


def _fill(row: Sequence[Any]) -> Fill:
    return Fill(
        trade_id=row[0],
        user=UserId(row[1]),
        idx=InstrumentIdx(row[2]),
        side=Side(row[3]),
        qty=row[4],
        px=row[5],
        value_e4=row[6],
        fee_e4=row[7],
        realized_e4=row[8],
        seq=row[9],
        tick_id=row[10],
        at_ms=row[11],
        cash_after_e4=row[12],
        qty_after=row[13],
        cost_after_e4=row[14],
        client_order_id=row[15],
    )
