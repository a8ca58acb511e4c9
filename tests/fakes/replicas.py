"""Two api-servers over one Redis and one Postgres, a releaser beside them, and losses of Redis.

All facts that were made are remembered in their order, and which of them somebody was told is in
Postgres.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from touchline.domain.halts import Halt, Phase
from touchline.domain.ticks import IndexChange
from touchline.store.commands import Accepted, AcceptOrder, Delayed, Made, Outcome
from touchline.store.entries import Entry
from touchline.store.fact_writer import FactWriter
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded, life_of, life_of_redis
from touchline.store.order_kinds import order_from
from touchline.store.orders import Orders
from touchline.store.rehydrate import rehydrate
from touchline.store.release import Release
from touchline.store.scanner import Scanner
from touchline.store.sequence import FactSequence, Stretch

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import facts_in
from tests.fakes.failing import Countdown, Killed
from tests.fakes.snapshots import put, take
from tests.fakes.stepping import Fate, Steps, Work

END_MS = 1 << 43  #: every order's release is before
DELAY_MS = 5_000
CLIENT = 3  #: whose orders wait

Fact = tuple[str, str]
"""Of a fact its id; of the record of an order that, and what it says of it."""

_KNOWN = """
SELECT id::text, '' FROM trades UNION ALL SELECT id::text, '' FROM cfd_events
 UNION ALL SELECT id::text, 'pending' FROM orders
 UNION ALL SELECT id::text, status FROM orders WHERE status <> 'pending'
"""


def stretch_of(*made: Made) -> Stretch:
    """What has just been made, as its maker hands it on."""
    entries: dict[OutboxName, list[Entry]] = {}
    for each in made:
        entries.setdefault(each.outbox, []).append(Entry(each.entry_id, each.entry))
    return Stretch(entries, life_at(made[0]))


def life_at(made: Made) -> int:
    """The life of Redis in which it was made."""
    return life_of(int(made.entry["turn"]))


def in_play(books: Books) -> None:
    """Orders that are to wait do so from now on."""
    books.redis.set("lease", "feed")
    for idx in books.clubs:
        feed(books, idx, phase=Phase.LIVE)


def feed(books: Books, idx: int = 7, **changes: Any) -> None:
    """What the feed says of a club."""
    books.scripts.index_apply(IndexChange(idx=idx, now_ms=1, **changes), "lease", "feed")


def sent(books: Books, **given: Any) -> Outcome | Delayed:
    """An order that has to wait, as the executor handles it."""
    command = replace(books.command(**{"user": CLIENT} | given), delay_ms=DELAY_MS)
    [outcome] = books.scripts.execute([command])
    if isinstance(outcome, Delayed):
        [outcome] = books.scripts.execute([AcceptOrder(order_from(command, outcome))])
    return outcome


class Replicas:
    """The story; each method is a step of it."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.made: list[Fact] = []
        self.told: set[Fact] = set()
        self._story = books.command().idem_key
        #: Of the orders that were filed, the keys that their client gave them.
        self.keys: dict[str, str] = {}
        self._ledger = Ledger(books.pg)
        sequence = FactSequence(books.redis, books.keys)
        self._writers = {name: FactWriter(sequence, self._ledger, 5.0) for name in "ab"}
        self._unwritten: dict[str, list[Made]] = {name: [] for name in "ab"}
        self._frozen: list[Work] = []
        in_play(books)
        books.drain().everything()
        self._kept = [take(books.redis)]

    def __str__(self) -> str:
        """How far the story is."""
        life = life_of_redis(self.books.redis, self.books.keys)
        unwritten = {name: len(facts) for name, facts in self._unwritten.items()}
        return (
            f"life {life}, {len(self.made)} made, {len(self.told)} told, unwritten {unwritten},"
            f" {len(self._frozen)} frozen"
        )

    def trade(self, name: str) -> None:
        self._keep(name, self.books.trade(user=2, qty=7))

    def open(self, name: str) -> None:
        self._keep(name, self.books.scripts.execute([self.books.open_command()])[0])

    def order(self, name: str, key: str = "once") -> None:
        """The client sends an order, or sends it again."""
        key = f"{self._story}-{key}"
        outcome = sent(self.books, qty=9, key=key)
        if isinstance(outcome, Accepted):
            self.keys[outcome.order.order_id] = key
        self._keep(name, outcome)

    def another(self, name: str) -> None:
        self.order(name, "another")

    def write(self, name: str) -> None:
        facts, self._unwritten[name] = self._unwritten[name], []
        for life in sorted(set(map(life_at, facts))):
            stretch = stretch_of(*(fact for fact in facts if life_at(fact) == life))
            known = {(outbox, one.id) for outbox in stretch.entries for one in stretch.facts}
            try:
                self._writers[name].write(stretch)
            except Superseded:
                known = self._ledger.known(stretch.facts)
            told = [f for f in facts if life_at(f) == life and (f.outbox, f.entry_id) in known]
            self.told |= {_fact(fact.entry) for fact in told}

    def drain(self, _: str = "") -> None:
        self.books.drain().facts()

    def release(self, _: str = "") -> None:
        self._release(self.books.scripts)

    def die(self, _: str = "") -> None:
        """The releaser dies before it closes the records of what it has carried out."""
        with suppress(Killed):
            self._release(Countdown(2).guard(self.books.scripts))

    def freeze(self, _: str = "") -> None:
        """The releaser stands still before it carries out what is due."""
        steps = Steps()
        steps.begin(Fate("freeze", 1, False))
        work = Work(steps, lambda: self._release(steps.guard(self.books.scripts)))
        self._frozen += [work] if work.frozen else []

    def thaw(self, _: str = "") -> None:
        if self._frozen:
            self._frozen.pop(0).thaw()

    def halt(self, _: str = "") -> None:
        """What is released meanwhile is rejected."""
        feed(self.books, halt=Halt.EVENT)

    def lift(self, _: str = "") -> None:
        feed(self.books, halt=Halt(0))

    def keep(self, _: str = "") -> None:
        self._kept.append(take(self.books.redis))

    def empty(self, _: str = "") -> None:
        self.books.redis.flushdb()
        self._put_back()

    def fall_back(self, _: str = "") -> None:
        """Redis restarts as it was when it was kept, were it long since and in another life."""
        put(self.books.redis, self._kept[-1])
        self._put_back()

    def further(self, _: str = "") -> None:
        """It restarts as it was when it was kept the time before, as an old primary would."""
        put(self.books.redis, self._kept[-2:][0])
        self._put_back()

    def restart(self, _: str = "") -> None:
        self._put_back()

    def look(self) -> None:
        """Take in what has been made, and hold against it what Postgres has."""
        found: dict[Fact, int] = {}
        for name in OutboxName:
            facts = facts_in(self.books.redis, self.books.keys.outbox(name))
            found |= {_fact(fields): int(fields["turn"]) for fields in facts}
        self.made += sorted(found.keys() - set(self.made), key=lambda fact: found[fact])
        known = self._known()
        there = [fact in known for fact in self.made]
        assert there == sorted(there, reverse=True), "no beginning of what happened"
        assert self.told <= known, "what was told to be in Postgres is not there"

    def end(self) -> None:
        """Everybody goes on, and what waits is carried out."""
        while self._frozen:
            self.thaw()
        for name in "ab":
            self.write(name)
        self.lift()
        self.release()
        self.look()
        assert self.books.drain().everything().complete

    def filled(self) -> list[str]:
        """Orders that have traded."""
        traded = self.books.rows("SELECT id::text FROM trades")
        return [order for (order,) in traded if order in self.keys]

    def _put_back(self) -> None:
        self.books.redis.set(self.books.keys.meta("run_id"), "the one before")
        rehydrate(self.books.redis, self.books.keys, self.books.pg)
        # What is not in Postgres by now is lost, and has not happened.
        known = self._known()
        self.made = [fact for fact in self.made if fact in known]
        in_play(self.books)

    def _known(self) -> set[Fact]:
        return set(self.books.rows(_KNOWN))

    def _keep(self, name: str, outcome: object) -> None:
        if isinstance(outcome, Made):
            self._unwritten[name].append(outcome)

    def _release(self, scripts: Any) -> None:
        books = self.books
        scanner = Scanner(books.redis, books.keys, books.scripts, lambda: END_MS)
        orders = Orders(books.redis, books.keys, books.pg)
        Release(orders, books.hot, scripts, scanner).run(END_MS, lambda: True)


def _fact(fields: Mapping[str, str]) -> Fact:
    return fields.get("event") or fields["id"], fields.get("st", "")
