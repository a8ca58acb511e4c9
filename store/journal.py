"""What happened to one account, in the one order in which all facts were made.

Postgres has a beginning of that order and nothing of what comes after it (docs/decisions/0022), so
whoever walks by it misses nothing that comes later, whichever table that goes to. What is still in
the streams comes behind it: they are read first, and what has left them is in Postgres by then.

Source: docs/decisions/0037-a-journal-by-turns.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from ..domain.ids import UserId
from ..domain.pushes import FillPush, OrderPush, PositionPush, Push, WalletPush
from .entries import Entry
from .facts import EVENT, GRANT, KINDS, ORDER, TRADE, FactKind, MalformedFact
from .order_wire import order_of
from .position_hashes import event_of
from .postgres import Postgres
from .refusals import Cursor
from .sequence import FactSequence
from .wire import fill_of

#: Facts of each stream that are looked through; if more wait, the journal ends there for now.
WAITING = 500

_KINDS: tuple[tuple[str, FactKind, str], ...] = (
    ("trade", TRADE, ""),
    ("grant", GRANT, ""),
    ("order", ORDER, " AND status = 'rejected'"),
    ("", EVENT, ""),  # its own column says which it is
)

# Refused by Postgres until something else is there, and in its tables then. Few, if any.
_PARKED = """
SELECT payload FROM trade_outbox WHERE NOT malformed AND payload->>'uid' = %(user)s
UNION ALL
SELECT payload FROM position_outbox WHERE NOT malformed AND payload->>'uid' = %(user)s"""

_WHEN = {"trade": "at", "grant": "at", "order": "done"}

_DIGITS = 19  #: of numbers that Postgres cannot hold
_NONSENSE = (KeyError, ValueError, msgspec.DecodeError)

Fact = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Happening:
    """One fact of an account: its place (*turn*) among all facts, and whether Postgres has it."""

    turn: int
    fact: Fact
    durable: bool

    @property
    def idx(self) -> int | None:
        """The instrument; None if it is about money alone."""
        return int(self.fact["idx"]) if "idx" in self.fact else None

    @property
    def at_ms(self) -> int:
        """When it happened, calendar ms."""
        return int(self.fact[_WHEN.get(self.fact["k"], "ms")])

    def push(self, symbol: str) -> Push:
        """What its owner was told when it happened in the instrument called *symbol*."""
        match self.fact["k"]:
            case "trade":
                return FillPush(fill_of(self.fact), symbol)
            case "grant":
                amounts = (int(self.fact[each]) for each in ("amount", "cash", "locked"))
                return WalletPush(self.fact["kind"], *amounts)
            case "order":
                return OrderPush(order_of(self.fact), symbol)
            case _:
                return PositionPush(event_of(self.fact), symbol)


class Journal:
    """The journals of all accounts."""

    def __init__(self, pg: Postgres, sequence: FactSequence) -> None:
        self._pg = pg
        self._sequence = sequence

    def after(self, user: UserId, turn: int, limit: int) -> list[Happening]:
        """The first *limit* things that happened to *user* after *turn*."""
        waiting = self._waiting(user)
        return _together(self._recorded(user, turn, limit), waiting, turn)[:limit]

    def newest(self, user: UserId, limit: int) -> list[Happening]:
        """The last *limit* things that happened to *user*, the oldest of them first."""
        waiting = self._waiting(user)
        return _together(self._recorded(user, None, limit), waiting, 0)[-limit:]

    def _waiting(self, user: UserId) -> list[Happening]:
        # To be read before Postgres: what is in neither then had not happened.
        stretch = self._sequence.read({}, WAITING)
        return list(_shown((entry.fields for entry in stretch.facts), user, durable=False))

    def _recorded(self, user: UserId, after: int | None, limit: int) -> list[Happening]:
        with self._pg.transaction() as cursor:
            # Of one moment: a parked fact may be on its way to its table.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            found = [each for kind in _KINDS for each in _rows(cursor, kind, user, after, limit)]
            cursor.execute(_PARKED, {"user": str(user)})
            parked = (payload for (payload,) in cursor.fetchall())
            return found + list(_shown(parked, user, durable=True))


def _rows(
    cursor: Cursor, kind: tuple[str, FactKind, str], user: UserId, after: int | None, limit: int
) -> Iterator[Happening]:
    name, fact, besides = kind
    beyond, order = ("IS NOT NULL", "DESC") if after is None else ("> %(after)s", "ASC")
    cursor.execute(
        f"SELECT turn, {fact.spelled} FROM {fact.table} WHERE user_id = %(user)s"
        f" AND turn {beyond}{besides} ORDER BY turn {order} LIMIT %(limit)s",
        {"user": user, "after": after, "limit": limit},
    )
    for turn, *row in cursor.fetchall():
        yield Happening(turn, {"k": name, **fact.fields(row)}, durable=True)


def _together(
    recorded: Iterable[Happening], waiting: Iterable[Happening], after: int
) -> list[Happening]:
    """All of them after *after*, each once, in their order."""
    found = {each.turn: each for each in (*waiting, *recorded) if each.turn > after}
    return [found[turn] for turn in sorted(found)]


def _shown(facts: Iterable[Fact], user: UserId, *, durable: bool) -> Iterator[Happening]:
    """Those *facts* that belong into the journal of *user*; what is nonsense waits for a person."""
    for fact in facts:
        turn, kind = fact.get("turn", ""), KINDS.get(fact.get("k", ""))
        own = fact.get("uid") == str(user) and turn.isdecimal() and len(turn) < _DIGITS
        if own and kind and (kind is not ORDER or fact.get("st") == "rejected"):
            with suppress(MalformedFact, *_NONSENSE):
                whole = {"k": fact["k"], **kind.fields(kind.row(Entry("", fact))[:-1])}
                happening = Happening(int(turn), whole, durable)
                happening.push("")  # a person may have added what no script does
                yield happening
