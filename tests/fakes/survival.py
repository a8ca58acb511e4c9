"""An exchange on real servers whose Redis can be lost, and processes that die or stand still.

Beside it goes the `Timeline` that tells what should be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import redis as redis_module
from touchline.domain.refusals import Refused
from touchline.store.commands import CreditCommand, Credited, Filled, Made, Outcome, Replayed
from touchline.store.drain import Drain
from touchline.store.entries import Entry
from touchline.store.fact_drain import FactDrain
from touchline.store.fact_writer import FactWriter
from touchline.store.gate import Rehydrating
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.life import Superseded, life_of
from touchline.store.outage import OUTAGES
from touchline.store.outbox import open_outboxes
from touchline.store.outbox_drain import OutboxDrain
from touchline.store.parked import Parked
from touchline.store.position_commands import Happened, HappenedBefore
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.sequence import FactSequence, Stretch
from touchline.store.states import States

from tests.fakes.bookkeeping import START_E4, Books
from tests.fakes.failing import Killed
from tests.fakes.snapshots import Snapshot, put, take
from tests.fakes.stepping import Fate, Steps, Work
from tests.fakes.timeline import Moment, Timeline

NEVER_S = 3600.0  #: who stands still is not to be told that it took long

#: What Postgres knows: every fact, and every state.
KNOWN = """
SELECT 'fact', treasury_version::text, 0, 0 FROM wallet_postings WHERE user_id = 0
 UNION ALL SELECT 'wallet', user_id::text, cash_e4, locked_e4 FROM wallets
 UNION ALL SELECT 'holding', user_id || ':' || idx, qty, 0 FROM holdings
 UNION ALL SELECT 'position', id::text, qty, margin_e4 FROM cfd_positions
"""


class Gate:
    """A client for services: *real*, but while *shut* nobody gets a connection."""

    def __init__(self, real: redis_module.Redis) -> None:
        self.shut = False
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if self.shut:
            raise Rehydrating("Redis has restarted and is being put back")
        return getattr(self._real, name)


@dataclass(frozen=True, slots=True)
class Kept:
    """What Redis had at one moment, up to the fact with the version *held*."""

    keys: Snapshot
    held: int


class Replica:
    """One api-server: what it has made, and the writer that makes that durable."""

    def __init__(self, exchange: Survival) -> None:
        self.steps = Steps()
        self.made: list[Made] = []
        self._exchange = exchange
        self._sequence = self.steps.guard(FactSequence(exchange.client, exchange.keys))
        self._ledger = self.steps.guard(Ledger(exchange.books.pg))
        self._writer = FactWriter(self._sequence, self._ledger, NEVER_S)

    def write(self) -> None:
        """What `trade-writer` does with what waits for it."""
        made, self.made = self.made, []
        if not made:
            return
        entries: dict[OutboxName, list[Entry]] = {}
        for each in made:
            entries.setdefault(each.outbox, []).append(Entry(each.entry_id, each.entry))
        versions = {(each.outbox, each.entry_id): int(each.entry["tv"]) for each in made}
        stretch = Stretch(entries, life_of(min(versions.values())))
        try:
            written = self._writer.write(stretch)
        except Superseded:
            known = self._ledger.known(stretch.facts)
            self._promise([version for name, version in versions.items() if name in known])
            return
        if written is not None:
            self._promise(versions.values())
            self._sequence.delete(written.ids, written.life)

    def _promise(self, versions: Iterable[int]) -> None:
        for version in versions:
            self._exchange.timeline.promise(version)


class Survival:
    """The exchange, its losses, and what should have become of it."""

    def __init__(self, redis: redis_module.Redis, pg: Postgres) -> None:
        self.client: Any = Gate(redis)
        self.timeline = Timeline()
        self.kept: list[Kept] = []
        self.frozen: list[Work] = []
        self._losses = 0
        redis.script_flush()  # every story begins alike
        self.books = Books(redis, pg)
        self.keys = self.books.keys
        for number, user in enumerate(self.books.users, 1):
            world = self.timeline.world.paid(user, START_E4)
            self.timeline.goes_on(Moment(number, world, f"welcome:{user}"))
        rehydrate(redis, self.keys, pg)

    def carry_out(self, command: Any, key: str) -> Outcome | Credited:
        """*command*, which must do what its *key* and the story say."""
        outcome: Any
        if isinstance(command, CreditCommand):
            outcome = self.books.scripts.wallet_credit(command)
        else:
            [outcome] = self.books.scripts.execute([command])
        before = isinstance(outcome, Replayed | HappenedBefore) or (
            isinstance(outcome, Credited) and outcome.entry_id is None
        )
        assert before == (key in self.timeline.keys), f"{key}: {outcome}"
        if not (before or isinstance(outcome, Refused)):
            self._note(outcome, key)
        return outcome

    def _note(self, outcome: Filled | Happened | Credited, key: str) -> None:
        world = self.timeline.world
        match outcome:
            case Filled():
                world = world.traded(outcome.fill)
            case Happened():
                world = world.moved(outcome.event)
            case Credited():
                world = world.paid(int(outcome.entry["uid"]), int(outcome.entry["amount"]))
        self.timeline.goes_on(Moment(int(outcome.entry["tv"]), world, key))

    def drain(self, steps: Steps) -> Drain:
        """The way to Postgres of a process that *steps* may kill or freeze."""
        pg = self.books.pg
        sequence = steps.guard(FactSequence(self.client, self.keys))
        facts = FactDrain(sequence, steps.guard(Ledger(pg)))
        outboxes = {
            name: OutboxDrain(name, outbox, facts, Parked(pg, name))
            for name, outbox in open_outboxes(self.client, self.keys).items()
        }
        states = States(self.client, self.keys, self.books.scripts)
        return Drain(facts, outboxes, steps.guard(states, held=("write",)), pg)

    def work(self, steps: Steps, call: Callable[[], object], fate: Fate | None) -> bool:
        """Have *call* done, or meet its *fate*; whether it lives and can be asked again."""
        steps.begin(fate)
        was_shut, losses = self.client.shut, self._losses

        def waiting_out() -> None:
            try:
                call()
            except OUTAGES:
                assert was_shut or self._losses > losses, "an outage without a cause"

        work = Work(steps, waiting_out)
        if work.frozen:
            self.frozen.append(work)
            return False
        try:
            work.thaw()
        except Killed:
            return False
        steps.fate = None
        return True

    def thaw(self, number: int) -> None:
        """One of those that stand still goes on."""
        self.frozen.pop(number % len(self.frozen)).thaw()

    def keep(self) -> None:
        """Have Redis write down what it has."""
        self.kept.append(Kept(take(self.books.redis), self.timeline.held))

    def restart(self) -> None:
        """Redis restarts, and has lost nothing."""
        self.client.shut = True
        self._losses += 1
        self.books.redis.script_flush()
        self.books.redis.set(self.keys.meta("run_id"), "the one before")

    def go_back(self, number: int) -> None:
        """Redis restarts as it was at one of the moments it has written down."""
        self.kept = self.kept[: number % len(self.kept) + 1]
        kept = self.kept[-1]
        put(self.books.redis, kept.keys)
        self.timeline.held = kept.held
        self.restart()

    def empty(self) -> None:
        """Redis restarts without anything."""
        self.books.redis.flushdb()
        self.kept.clear()
        self.timeline.held = 0
        self.restart()

    def put_back(self, fate: Fate | None = None) -> None:
        """Rehydrate: the story goes on from the newest moment that Redis or Postgres knew of."""
        expected = max(self.known_up_to(), self.timeline.held)
        steps = Steps()
        redis, pg = steps.client(self.books.redis), steps.guard(self.books.pg)
        if self.work(steps, lambda: rehydrate(redis, self.keys, pg), fate):
            self.timeline.rewind(expected)
            assert self.known_up_to() == self.timeline.held
            self.client.shut = False

    def known_up_to(self) -> int:
        """The newest version of the treasury that Postgres knows of a fact."""
        [(version,)] = self.books.rows(
            "SELECT coalesce(max(treasury_version), 0) FROM wallet_postings WHERE user_id = 0"
        )
        assert isinstance(version, int)
        return version

    def refuse(self, user: int | None) -> None:
        """Have Postgres refuse what *user* does, or nobody any more."""
        for table in ("trades", "cfd_events"):
            change = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS no_more"
            if user is not None:
                change += f", ADD CONSTRAINT no_more CHECK (user_id <> {user}) NOT VALID"
            self.books.rows(change)

    def retry_parked(self) -> None:
        """Have all parked facts tried again now."""
        for name, outbox in self.books.drain().outboxes.items():
            self.books.rows(f"UPDATE {name.value} SET next_retry_at = now()")
            outbox.retry_parked()

    # What must be so -------------------------------------------------------------------------

    def check_postgres(self) -> None:
        """Postgres has a beginning of the story, and no state of later."""
        rows = self.books.rows(KNOWN)
        facts = sorted(int(name) for kind, name, *_ in rows if kind == "fact")
        assert facts == self.timeline.versions[: len(facts)], "no beginning of what happened"
        assert max(facts, default=0) >= self.timeline.promised
        past = [moment.world.rows for moment in self.timeline.until(max(facts, default=0))]
        for kind, name, *told in rows:
            if kind != "fact":
                ahead = f"{kind} {name} was never {told}"
                assert any(tuple(told) == world.get((kind, name)) for world in past), ahead

    def check_redis(self) -> None:
        """Redis is where the story is, and no money is made or lost."""
        world, hot = self.timeline.world, self.books.hot
        wallets = {user: hot.wallet(user) for user in (0, *self.books.users)}
        told = {user: (each.cash_e4, each.locked_e4) for user, each in wallets.items()}
        assert told == {user: world.wallets[user] for user in told}
        assert sum(map(sum, told.values())) == 0
        held = {
            (user, idx): holding.qty
            for user in self.books.users
            for idx, holding in hot.holdings(user).items()
        }
        assert held == {place: qty for place, qty in world.holdings.items() if place in held or qty}
        for club in hot.instruments():
            assert club.inventory == world.inventory(club.idx)
        open_ones = {each.id: each for each in self.books.positions() if each.qty}
        assert {name: (each.qty, each.margin_e4) for name, each in open_ones.items()} == {
            name: (abs(stake.qty), stake.margin_e4) for name, stake in world.stakes.items()
        }

    def end(self) -> None:
        """Everybody ends in peace: then everything is everywhere, once."""
        while self.frozen:
            self.thaw(0)
        self.refuse(None)
        if self.client.shut:
            self.put_back()
        self.retry_parked()
        assert self.books.drain().everything().complete
        self.check_redis()
        self.check_postgres()
        assert self.known_up_to() == self.timeline.held
        assert self.books.differences() == []
        report = reconcile(self.books.redis, self.keys, self.books.pg)
        assert report.ok, report.as_text()
