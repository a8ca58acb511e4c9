"""Facts on their way from the streams into the ledger tables.

A script appends a fact to a stream before it changes any balance; here its fields, all of
them texts, become a row of `trades`, `wallet_ledger`, `orders` or `cfd_events`. Only the
shape is checked, a field missing or a text Postgres cannot hold; numbers,
ids and constraints are judged by Postgres itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from ..domain.position_events import EventKind
from .arrays import Column, array_columns, insert_from_arrays
from .entries import Entry
from .event_columns import EVENT_COLUMNS, POSITIONS_OF_EVENTS
from .keys import OutboxName
from .life import SHOW
from .refusals import Cursor, write_or_bisect

Row = tuple[str | None, ...]
"""A fact's values in the order of its kind's columns, its turn behind them."""


#: Where a fact has its place among all facts; written, and no part of what the fact says: an order
#: that is put back after a loss must not have the turn of its record in its hash.
TURN = Column("turn", "turn", optional=True)


@dataclass(frozen=True, eq=False)  # each is itself: no hash over all its columns
class FactKind:
    """One kind of fact: its table and its columns, the id first."""

    table: str
    columns: tuple[Column, ...]
    #: The stream it comes in, and the table it is parked in.
    outbox: OutboxName = OutboxName.TRADES
    #: Run after an insert with the ids of the rows: what else they have made.
    afterwards: str = ""
    #: What becomes of a row whose id is there already.
    conflict: str = "DO NOTHING"
    #: Of rows with one id in one statement, that with the highest is written.
    rank: Callable[[Row], int] = lambda row: 0

    def row(self, entry: Entry) -> Row:
        """Values in the order of the columns.

        Raises:
            MalformedFact: a field is missing or holds a NUL character.
        """
        row = self.unchecked_row(entry)
        if "\0" in "".join(filter(None, row)):
            raise MalformedFact(f"field {self._with_nul(row)!r} holds a NUL character")
        return row

    def unchecked_row(self, entry: Entry) -> Row:
        """As `row`, for whoever can do with psycopg2's ValueError at a NUL character."""
        try:
            texts = self._texts(entry.fields)  # scripts leave none out
        except KeyError:
            texts = self._texts_left(entry.fields)
        row: list[str | None] = list(texts)
        for place in self._optional:
            row[place] = row[place] or None
        return tuple(row)

    def _texts_left(self, fields: Mapping[str, str]) -> Sequence[str]:
        left_out = dict.fromkeys([self._written[place].field for place in self._optional], "")
        try:
            return self._texts({**left_out, **fields})
        except KeyError as missing:
            raise MalformedFact(f"field {missing} is missing") from None

    def fact_id(self, entry: Entry) -> str:
        """The id under which *entry* is to be in the ledger."""
        return entry.fields.get(self.columns[0].field, "")

    def insert(self, cursor: Cursor, rows: Sequence[Row]) -> None:
        """Insert *rows* in one statement."""
        cursor.execute(*self.statement(rows))

    def statement(self, rows: Sequence[Row]) -> tuple[str, list[Any]]:
        """The SQL that inserts *rows*, and what goes into it."""
        # Sorted, so that two writers of the same rows wait for each other
        # instead of deadlocking. Each id once: a statement updates no row twice.
        last = {row[0] or "": row for row in sorted(rows, key=self.rank)}
        ids = sorted(last)
        columns = array_columns([last[fact_id] for fact_id in ids])
        return self._statement, [*columns, ids] if self.afterwards else columns

    @cached_property
    def _statement(self) -> str:
        insert = insert_from_arrays(f"{self.table} AS stored", self._written)
        insert += f" ON CONFLICT (id) {self.conflict}"
        return f"{insert}; {self.afterwards}" if self.afterwards else insert

    @cached_property
    def _texts(self) -> Callable[[Mapping[str, str]], Sequence[str]]:
        return itemgetter(*(column.field for column in self._written))

    @cached_property
    def _written(self) -> tuple[Column, ...]:
        return (*self.columns, TURN)

    @cached_property
    def _optional(self) -> Sequence[int]:
        """The places of the columns that may be missing."""
        return [place for place, column in enumerate(self._written) if column.optional]

    def select(self) -> str:
        """The query for all columns in their order, as the script spelled them."""
        return f"SELECT {self.spelled} FROM {self.table}"

    @property
    def spelled(self) -> str:
        """What `select` selects."""
        return ", ".join(column.spelled for column in self.columns)

    def fields(self, row: Sequence[str | None]) -> dict[str, str]:
        """A row of `select` as the fields of the entry it came from."""
        names = (column.field for column in self.columns)
        return {name: value or "" for name, value in zip(names, row, strict=True)}

    def _with_nul(self, row: Sequence[str | None]) -> str:
        named = zip((column.field for column in self._written), row, strict=True)
        return next(name for name, value in named if "\0" in (value or ""))


class MalformedFact(Exception):
    """An entry that is no fact: a field is missing or cannot be stored."""


TRADE = FactKind(
    "trades",
    (
        Column("id", "id", "uuid"),
        Column("uid", "user_id"),
        Column("idx", "idx", "int"),
        Column("side", "side", "text"),
        Column("qty", "qty"),
        Column("px", "px"),
        Column("val", "value_e4"),
        Column("fee", "fee_e4"),
        Column("rpnl", "realized_e4"),
        Column("seq", "seq"),
        Column("tick", "tick_id", "text"),
        Column("idem", "idem_key", "text"),
        Column("fp", "fingerprint", "text"),
        Column("coid", "client_order_id", "text", optional=True),
        Column("at", "executed_at", "timestamptz"),
        Column("cash", "cash_after_e4"),
        Column("locked", "locked_after_e4"),
        Column("wv", "wallet_version"),
        Column("tcash", "treasury_after_e4"),
        Column("tv", "treasury_version"),
        Column("hqty", "qty_after"),
        Column("hcost", "cost_after_e4"),
        Column("hv", "holding_version"),
        Column("q", "inventory_after"),
        Column("iv", "instrument_version"),
    ),
)

GRANT = FactKind(
    "wallet_ledger",
    (
        Column("id", "id", "uuid"),
        Column("uid", "user_id"),
        Column("kind", "kind", "text"),
        Column("amount", "amount_e4"),
        Column("idem", "idem_key", "text", optional=True),
        Column("note", "note", "text", optional=True),
        Column("at", "created_at", "timestamptz"),
        Column("cash", "cash_after_e4"),
        Column("locked", "locked_after_e4"),
        Column("wv", "wallet_version"),
        Column("tcash", "treasury_after_e4"),
        Column("tv", "treasury_version"),
    ),
)

#: What happened to a position; its newest event in the ledger has its row brought up to date.
EVENT = FactKind(
    "cfd_events", EVENT_COLUMNS, outbox=OutboxName.POSITIONS, afterwards=POSITIONS_OF_EVENTS
)

_STATUS = 10  # where a row of ORDER has it

#: The record of an order that waits: filed first, and once more when it is done.
ORDER = FactKind(
    "orders",
    (
        Column("id", "id", "uuid"),
        Column("uid", "user_id"),
        Column("idx", "idx", "int"),
        Column("kind", "kind", "text"),
        Column("pay", "payload", "jsonb"),
        Column("idem", "idem_key", "text"),
        Column("fp", "fingerprint", "text"),
        Column("coid", "client_order_id", "text", optional=True),
        Column("at", "accepted_at", "timestamptz"),
        Column("rel", "release_at", "timestamptz"),
        Column("st", "status", "text"),
        Column("done", "done_at", "timestamptz", optional=True),
        Column("code", "reject_code", "text", optional=True),
        Column("det", "reject_details", "jsonb", optional=True),
        Column("rsv", "reserved_e4"),
    ),
    # Done over pending, whichever comes first, and never back.
    conflict="DO UPDATE SET status = excluded.status, done_at = excluded.done_at,"
    " reject_code = excluded.reject_code, reject_details = excluded.reject_details,"
    " turn = excluded.turn"
    " WHERE stored.status = 'pending'",
    rank=lambda row: 0 if row[_STATUS] == "pending" else 1,
)

#: What to do with an entry that cannot become a row, inside the same transaction.
Refuse = Callable[[Cursor, Entry, Exception], None]

#: By the entry's field `k`.
KINDS: Mapping[str, FactKind] = {
    "trade": TRADE,
    "grant": GRANT,
    "order": ORDER,
    **dict.fromkeys(EventKind, EVENT),
}


def kind_of(entry: Entry) -> FactKind | None:
    """The kind of *entry*; None if there is no such kind."""
    return KINDS.get(entry.fields.get("k", ""))


@dataclass(frozen=True, slots=True)
class Insert:
    """SQL that inserts facts, all or none, and what goes into it."""

    sql: str
    values: Sequence[object]


def sound_insert(entries: Iterable[Entry], life: int) -> Insert:
    """What inserts *entries*, on the belief that all of them are sound.

    Carried out it fails with `refusals.REFUSALS` if Postgres refuses one, with ValueError if one
    holds a NUL character, and as `life.superseded` says if the *life* of Redis is over.

    Raises:
        MalformedFact: one is not a fact.
    """
    rows: dict[FactKind, list[Row]] = {kind: [] for kind in KINDS.values()}
    for entry in entries:
        kind = _known_kind(entry)
        rows[kind].append(kind.unchecked_row(entry))
    # In the order of KINDS, whatever there is: so two writers cannot wait for each other.
    parts = [kind.statement(of_kind) for kind, of_kind in rows.items() if of_kind]
    # One message is one transaction, also where the caller has opened none.
    sql = "; ".join([SHOW, *(statement for statement, _ in parts)])
    return Insert(sql, [life, *(value for _, values in parts for value in values)])


def insert_kinds(cursor: Cursor, entries: Iterable[Entry], refuse: Refuse) -> None:
    """Insert *entries* inside the caller's transaction, each kind in one statement.

    Each entry that is malformed or that Postgres refuses goes to *refuse* with the error.
    """
    readable: dict[FactKind, list[_Readable]] = {kind: [] for kind in KINDS.values()}
    for entry in entries:
        try:
            kind = _known_kind(entry)
            readable[kind].append(_Readable(entry, kind.row(entry)))
        except MalformedFact as error:
            refuse(cursor, entry, error)
    for kind, rows in readable.items():
        _insert(cursor, kind, rows, refuse)


@dataclass(frozen=True, slots=True)
class _Readable:
    entry: Entry
    row: Row


def _insert(cursor: Cursor, kind: FactKind, rows: Sequence[_Readable], refuse: Refuse) -> None:
    write_or_bisect(
        cursor,
        rows,
        lambda cur, part: kind.insert(cur, [one.row for one in part]),
        lambda cur, one, error: refuse(cur, one.entry, error),
    )


def _known_kind(entry: Entry) -> FactKind:
    kind = kind_of(entry)
    if kind is None:
        raise MalformedFact(f"unknown kind {entry.fields.get('k')!r}")
    return kind
