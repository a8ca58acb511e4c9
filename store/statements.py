"""Reads all that ever moved one wallet out of the ledger, page by page and of one moment.

A cursor in Postgres and not one query a page: no index leads by a wallet's versions, which every
trade would have to pay for, so each page would sort the whole ledger of its user anew.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..domain.ids import TREASURY, UserId
from ..domain.statement import Balance, Posting
from .entries import Entry
from .facts import kind_of
from .outbox import Outboxes
from .postgres import Postgres
from .refusals import Cursor

PAGE = 1000  #: postings, or entries of a stream, read at a time
LONGEST_S = 3600.0  #: whoever reads it in a pager takes their time
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AT = "(extract(epoch FROM {}) * 1000)::bigint"

#: Every fact as both of its sides need it; the views do not tell times.
_FACTS = f"""
SELECT user_id, wallet_version, treasury_version, {_AT.format("executed_at")} AS at_ms,
       side AS kind, id, CASE side WHEN 'buy' THEN -value_e4 ELSE value_e4 END - fee_e4 AS delta_e4,
       0::bigint AS locked_delta_e4, cash_after_e4, locked_after_e4, treasury_after_e4,
       idx, NULL AS side, qty, px, fee_e4, '' AS note, false AS parked
  FROM trades
UNION ALL
SELECT user_id, wallet_version, treasury_version, {_AT.format("created_at")}, kind, id, amount_e4,
       0, cash_after_e4, locked_after_e4, treasury_after_e4,
       NULL, NULL, NULL, NULL, 0, coalesce(note, ''), false
  FROM wallet_ledger
UNION ALL
SELECT user_id, wallet_version, treasury_version, {_AT.format("happened_at")}, kind, id,
       pnl_e4 - fee_e4 - margin_moved_e4, margin_moved_e4,
       cash_after_e4, locked_after_e4, treasury_after_e4,
       idx, side, qty, px, fee_e4, coalesce(reason, ''), false
  FROM cfd_events
UNION ALL
SELECT (p->>'uid')::bigint, (p->>'wv')::bigint, (p->>'tv')::bigint, (p->>'at')::bigint,
       CASE p->>'k' WHEN 'grant' THEN p->>'kind' ELSE p->>'side' END, id,
       CASE WHEN p->>'k' = 'grant' THEN (p->>'amount')::bigint
            WHEN p->>'side' = 'buy' THEN -(p->>'val')::bigint - (p->>'fee')::bigint
            ELSE (p->>'val')::bigint - (p->>'fee')::bigint END,
       0, (p->>'cash')::bigint, (p->>'locked')::bigint, (p->>'tcash')::bigint,
       (p->>'idx')::int, NULL, (p->>'qty')::bigint, (p->>'px')::bigint,
       coalesce((p->>'fee')::bigint, 0), coalesce(p->>'note', ''), true
  FROM (SELECT id, payload AS p FROM parked_facts
         WHERE payload->>'k' IN ('trade', 'grant')) AS parked
UNION ALL
SELECT (p->>'uid')::bigint, (p->>'wv')::bigint, (p->>'tv')::bigint, (p->>'ms')::bigint,
       p->>'k', id, (p->>'pnl')::bigint - (p->>'fee')::bigint - (p->>'dm')::bigint,
       (p->>'dm')::bigint, (p->>'cash')::bigint, (p->>'locked')::bigint, (p->>'tcash')::bigint,
       (p->>'idx')::int, p->>'side', (p->>'tqty')::bigint, nullif(p->>'px', '')::bigint,
       (p->>'fee')::bigint, coalesce(p->>'reason', ''), true
  FROM (SELECT id, payload AS p FROM parked_events) AS parked
"""

_OWN = "wallet_version, delta_e4, locked_delta_e4, cash_after_e4, locked_after_e4"
_HOUSE = "treasury_version, -delta_e4 - locked_delta_e4, 0, treasury_after_e4, 0"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose wallet it is."""

    id: UserId
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A fact in a stream of Redis that the ledger does not have yet."""

    stream: str
    kind: str
    fact_id: str


class Account:
    """One wallet as the ledger has it at one moment."""

    def __init__(self, cursor: Cursor, user: UserId) -> None:
        self._cursor = cursor
        self._user = user

    def row(self) -> Balance | None:
        """What the table of wallets has; None if there is no row."""
        self._cursor.execute(
            "SELECT cash_e4, locked_e4, version FROM wallets WHERE user_id = %s AND mode = 'paper'",
            (self._user,),
        )
        found = self._cursor.fetchone()
        return Balance(*found) if found else None

    def postings(self) -> Iterator[Posting]:
        """Every fact that moved the wallet, oldest first."""
        house = self._user == TREASURY
        self._cursor.execute(
            "DECLARE postings NO SCROLL CURSOR FOR"
            f" SELECT {_HOUSE if house else _OWN}, at_ms, facts.kind, facts.id::text, user_id,"
            " coalesce(symbol, facts.idx::text), side, qty, px, fee_e4, note, parked"
            f" FROM ({_FACTS}) AS facts LEFT JOIN instruments USING (idx)"
            f" {'' if house else 'WHERE user_id = %(user)s'} ORDER BY 1",
            {"user": self._user},
        )
        while True:
            self._cursor.execute(f"FETCH {PAGE} FROM postings")
            page = self._cursor.fetchall()
            yield from map(_posting, page)
            if len(page) < PAGE:
                return

    def waiting(self, outboxes: Outboxes) -> Iterator[Waiting]:
        """The wallet's facts that are in a stream and were not among the postings."""
        for name, outbox in outboxes.items():
            after = None
            while entries := outbox.read(PAGE, after):
                after = entries[-1].id
                yield from self._unrecorded(name, [each for each in entries if self._moves(each)])

    def _moves(self, entry: Entry) -> bool:
        if entry.fields.get("k") == "order":
            return False
        return self._user == TREASURY or entry.fields.get("uid") == str(self._user)

    def _unrecorded(self, stream: str, entries: Sequence[Entry]) -> Iterator[Waiting]:
        named = {_fact_id(entry): entry for entry in entries}
        self._cursor.execute(
            "SELECT id::text FROM (SELECT id FROM trades UNION ALL SELECT id FROM wallet_ledger"
            " UNION ALL SELECT id FROM cfd_events UNION ALL SELECT id FROM trade_outbox"
            " UNION ALL SELECT id FROM position_outbox) AS recorded WHERE id = ANY(%s::uuid[])",
            ([fact_id for fact_id in named if _UUID.fullmatch(fact_id)],),
        )
        recorded = {fact_id for (fact_id,) in self._cursor.fetchall()}
        for fact_id, entry in named.items():
            if fact_id not in recorded:
                yield Waiting(stream, entry.fields.get("k", "?"), fact_id)


class Statements:
    """The wallets of one ledger."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    def owner(self, named: str) -> Owner | None:
        """The user of this id or e-mail address."""
        by_id = named.isascii() and named.isdecimal() and len(named) <= 18
        where = "id = %s" if by_id else "lower(email) = lower(%s)"
        with self._pg.transaction() as cursor:
            # Of several with one address the one who signed in last: it may have passed on.
            cursor.execute(
                f"SELECT id, display_name, email FROM users WHERE {where}"
                " ORDER BY last_login_at DESC NULLS LAST, id DESC LIMIT 1",
                (named,),
            )
            found = cursor.fetchone()
        return Owner(UserId(found[0]), found[1], found[2]) if found else None

    @contextmanager
    def account(self, user: UserId) -> Iterator[Account]:
        """The wallet of *user*; all that is read of it is of one moment."""
        with self._pg.transaction(LONGEST_S) as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield Account(cursor, user)


def _fact_id(entry: Entry) -> str:
    kind = kind_of(entry)
    return kind.fact_id(entry) if kind else entry.fields.get("id", "")


def _posting(row: Sequence[Any]) -> Posting:
    version, amount, reserved, cash, locked, at_ms, kind, fact_id, user, *rest = row
    return Posting(version, at_ms, kind, fact_id, user, amount, reserved, cash, locked, *rest)
