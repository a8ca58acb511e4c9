"""The bot engine in a tree with those whom it trades through: a death is nobody's loss."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.order_releaser import OrderReleaser
from touchline.actors.trading.writer import TradeWriter
from touchline.actors.tree import Tree
from touchline.store.lease import Lease
from touchline.store.ledger import Ledger
from touchline.store.orders import Orders
from touchline.store.outage import OUTAGES
from touchline.store.release import Release
from touchline.store.sequence import FactSequence

from tests.fakes.bot_match import BotMatch
from tests.fakes.clock import FakeClock
from tests.fakes.facts import AT_MS
from tests.fakes.probe import wait_for

SPEED = 100
POLL_S = 0.05


class FastClock(FakeClock):
    """A calendar that runs by itself."""

    def calendar(self) -> int:
        return AT_MS + int((time.monotonic() - self._start_s) * 1000 * SPEED)

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def match(redis, pg) -> BotMatch:
    clock = FastClock(monotonic_s=time.monotonic())
    return BotMatch(redis, pg, Addresses().of("nobody"), clock=clock)


@pytest.fixture
def tree(match: BotMatch) -> Iterator[Tree]:
    books, clock, addresses = match.books, match.clock, Addresses()
    match.executor, writer = addresses.of("trade-executor"), addresses.of("trade-writer")
    sequence = FactSequence(books.redis, books.keys)
    orders = Orders(books.redis, books.keys, books.pg)
    release = Release(orders, books.hot, books.scripts, match.scanner)
    due = Lease(books.redis, books.keys.lease("order-release"), monotonic=time.monotonic)
    tree = Tree.start(
        [
            Child("trade-writer", lambda: TradeWriter(sequence, Ledger(books.pg))),
            Child("trade-executor", lambda: TradeExecutor(books.scripts, writer)),
            Child(
                "order-releaser",
                lambda: OrderReleaser(release, due, clock.calendar, time.monotonic),
            ),
            Child("bot-engine", lambda: match.another(POLL_S), parkable=True),
        ],
        name="root",
        addresses=addresses,
        outages=OUTAGES,
    )
    yield tree
    tree.stop()


def traded(match: BotMatch) -> int:
    return sum(
        count
        for (_, result), count in match.meter.results.items()
        if result in ("filled", "pending")
    )


def test_bots_trade_by_themselves_and_go_on_after_a_crash(match: BotMatch, tree: Tree) -> None:
    wait_for(lambda: traded(match) > 5)

    tree.tell("bot-engine", "nonsense")
    (engine,) = (each for each in tree.snapshot().children if each.name == "bot-engine")
    before = traded(match)
    wait_for(lambda: traded(match) > before + 5)

    (engine,) = (each for each in tree.snapshot().children if each.name == "bot-engine")
    assert engine.ends == {"crash": 1}
    others = [each for each in tree.snapshot().children if each.name != "bot-engine"]
    assert [each.ends for each in others] == [{}, {}, {}]
    tree.stop()
    assert match.agree()


def test_a_stopped_engine_leaves_its_lease_to_the_next(match: BotMatch, tree: Tree) -> None:
    wait_for(lambda: match.books.redis.exists(match.books.keys.lease("bots")))

    tree.stop()

    assert not match.books.redis.exists(match.books.keys.lease("bots"))
