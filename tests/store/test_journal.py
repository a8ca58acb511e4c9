"""An account's journal: everything once and in order, however facts come to Postgres."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from touchline.domain.halts import Phase
from touchline.domain.ids import UserId, uuid7
from touchline.domain.refusals import Refusal, Refused
from touchline.domain.ticks import IndexChange
from touchline.store.commands import AcceptOrder, CreditCommand, Delayed, OrderDone
from touchline.store.journal import WAITING, Happening, Journal
from touchline.store.keys import OutboxName
from touchline.store.ledger import Ledger
from touchline.store.order_kinds import order_from
from touchline.store.parked import Parked
from touchline.store.sequence import FactSequence

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS, add_instruments, facts_in, spelled, trade_entry
from tests.fakes.failing import Meanwhile

pytestmark = pytest.mark.external

ANN = UserId(1)
REFUSED = Refused(Refusal.INSUFFICIENT_FUNDS, {"required_e4": 2, "available_e4": 1})


class Bank:
    """Books of which Postgres refuses one club's facts for a while, and what has happened so far.

    Facts go to Postgres only when told, and as many of them as told.
    """

    def __init__(self, books: Books) -> None:
        self.books = books
        self.sequence = FactSequence(books.redis, books.keys)
        self.ledger = Ledger(books.pg)
        self.journal = Journal(books.pg, self.sequence)
        self.made: dict[int, str] = {}
        books.rows("DELETE FROM instruments WHERE idx = 8")
        books.redis.set("lease", "me")
        for idx in books.clubs:
            change = IndexChange(idx=idx, now_ms=1, phase=Phase.LIVE)
            books.scripts.index_apply(change, "lease", "me")
        self.note()

    def note(self) -> None:
        """Keep what waits in the streams by now of what Ann is to be shown."""
        for name in OutboxName:
            for fact in facts_in(self.books.redis, self.books.keys.outbox(name)):
                pending = fact["k"] == "order" and fact["st"] != "rejected"
                if fact["uid"] == str(ANN) and not pending:
                    self.made[int(fact["turn"])] = fact["k"]

    def trade(self, idx: int) -> None:
        self.books.trade(ANN, idx)
        self.books.trade(UserId(2), idx)

    def position(self, idx: int) -> None:
        self.books.close(self.books.open(ANN, idx), 300)

    def gift(self) -> None:
        key = f"gift:{self.books.number()}"
        command = CreditCommand(uuid7(AT_MS), ANN, "prize", 5, key, "", AT_MS)
        self.books.scripts.wallet_credit(command)

    def rejection(self) -> None:
        command = replace(self.books.command(ANN), delay_ms=5_000)
        [delayed] = self.books.scripts.execute([command])
        assert isinstance(delayed, Delayed)
        order = order_from(command, delayed)
        self.books.scripts.execute([AcceptOrder(order)])
        self.books.scripts.orders_done([OrderDone(order, REFUSED, AT_MS)])

    def drain(self, most: int, *, die: bool = False) -> None:
        """Write the oldest facts, and take them off the streams unless that is too much to ask."""
        stretch = self.sequence.read({}, most)
        self.ledger.insert_facts(stretch.facts, stretch.life)
        if not die:
            self.sequence.delete(stretch.ids, stretch.life)

    def mend(self) -> None:
        """Have Postgres take what it refused."""
        if not self.books.rows("SELECT 1 FROM instruments WHERE idx = 8"):
            add_instruments(self.books.pg, 8)
        for table in OutboxName:
            self.books.rows(f"UPDATE {table} SET next_retry_at = now()")
            Parked(self.books.pg, table).retry()

    def do(self, what: str, number: int) -> None:
        match what:
            case "trade":
                self.trade(7 + number % 2)
            case "position":
                self.position(7 + number % 2)
            case "gift":
                self.gift()
            case "rejection":
                self.rejection()
            case "drain":
                self.drain(number)
            case "half a drain":
                self.drain(number, die=True)
            case "mend":
                self.mend()
        self.note()

    def happen(self, most: int) -> None:
        """What may come between the two looks of the journal: new facts, and a drain."""
        self.trade(7)
        self.note()
        self.drain(most)


WALKS = ("walk", "walk amid a drain")
STEPS = ("trade", "position", "gift", "rejection", "drain", "half a drain", "mend", *WALKS)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 5)), max_size=25))
def test_who_walks_the_journal_meets_everything_once_and_in_order(
    stores: Any, steps: list[tuple[str, int]]
) -> None:
    bank = Bank(Books(*stores()))
    seen: list[int] = []

    def walk(limit: int, journal: Journal = bank.journal) -> list[Happening]:
        found = journal.after(ANN, seen[-1] if seen else 0, limit)
        seen.extend(each.turn for each in found)
        assert seen == sorted(bank.made)[: len(seen)]
        assert [each.fact["k"] for each in found] == [bank.made[each.turn] for each in found]
        return found

    for what, number in steps:
        if what not in WALKS:
            bank.do(what, number)
        elif what == "walk":
            walk(number)
        else:
            # Before either look, so between them whichever comes first.
            happen = partial(bank.happen, number)
            pg: Any = Meanwhile(bank.books.pg, "transaction", happen)
            streams: Any = Meanwhile(bank.sequence, "read", happen)
            walk(number, Journal(pg, streams))

    while walk(3):
        pass
    assert seen == sorted(bank.made)
    bank.drain(1000)
    assert [each.turn for each in bank.journal.newest(ANN, 500)] == seen
    assert all(each.durable for each in bank.journal.newest(ANN, 500))


@pytest.fixture
def bank(redis: Any, pg: Any) -> Bank:
    return Bank(Books(redis, pg))


def test_the_newest_are_told_oldest_first(bank: Bank) -> None:
    for _ in range(3):
        bank.trade(7)
    bank.drain(2)
    bank.note()

    assert [each.turn for each in bank.journal.newest(ANN, 2)] == sorted(bank.made)[-2:]


def test_what_waits_in_redis_says_so_and_what_is_parked_counts_as_kept(bank: Bank) -> None:
    bank.trade(8)
    bank.drain(1000)
    bank.trade(7)

    told = bank.journal.newest(ANN, 2)

    assert bank.books.rows("SELECT count(*) FROM trade_outbox") == [(2,)]
    assert [(each.idx, each.durable) for each in told] == [(8, True), (7, False)]


def test_what_is_no_fact_is_left_out(bank: Bank) -> None:
    before = bank.journal.newest(ANN, 100)
    stream = bank.books.keys.trade_outbox
    for changes in ({"qty": "much"}, {"turn": "2 or 3"}, {"k": "rumour"}, {"id": ""}):
        fields = {**trade_entry(1).fields, "turn": "2", **changes}
        bank.books.redis.xadd(stream, spelled({**fields, "idx": "7"}))  # type: ignore[arg-type]
    bank.books.redis.xadd(stream, {"uid": "1", "turn": "3"})

    told = bank.journal.newest(ANN, 100)

    assert [each.turn for each in told if each.turn not in {2}] == [each.turn for each in before]


def test_a_long_backlog_ends_the_journal_without_a_gap(bank: Bank) -> None:
    for _ in range(WAITING):
        bank.gift()
    bank.position(7)
    bank.note()

    told = bank.journal.after(ANN, 0, 10_000)

    assert len(told) < len(bank.made)
    assert [each.turn for each in told] == sorted(bank.made)[: len(told)]
