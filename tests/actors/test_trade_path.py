"""An order's way through executor and writer in a tree, on real servers, with a real outage."""

import gevent
import psycopg2
import pytest
from gevent.event import AsyncResult
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.messages import Execute
from touchline.actors.trading.writer import TradeWriter
from touchline.actors.tree import Tree
from touchline.store.ledger import Ledger
from touchline.store.outage import OUTAGES
from touchline.store.sequence import FactSequence

from tests.fakes.bookkeeping import Books
from tests.fakes.failing import Away

WAIT_S = 5


@pytest.fixture
def books(redis, pg):
    return Books(redis, pg)


@pytest.fixture
def postgres(books):
    return Away(books.pg, psycopg2.OperationalError("gone"))


@pytest.fixture
def tree(books, postgres):
    addresses = Addresses()
    writer = addresses.of("trade-writer")
    sequence = FactSequence(books.redis, books.keys)
    tree = Tree.start(
        [
            Child("trade-writer", lambda: TradeWriter(sequence, Ledger(postgres))),
            Child("trade-executor", lambda: TradeExecutor(books.scripts, writer)),
        ],
        name="trading",
        addresses=addresses,
        outages=OUTAGES,
    )
    yield tree
    tree.stop()


def executed(tree, commands):
    """Answers to *commands*, each asked by a greenlet of its own as HTTP does."""

    def ask(command):
        reply = AsyncResult()
        tree.tell("trade-executor", Execute(command, reply))
        return reply.get(timeout=WAIT_S)

    asking = [gevent.spawn(ask, command) for command in commands]
    gevent.joinall(asking, raise_error=True)
    return [greenlet.value for greenlet in asking]


def test_many_orders_at_once_are_all_durable_when_they_are_answered(tree, books):
    commands = [books.command(user=1 + n % 3, qty=10) for n in range(100)]

    answers = executed(tree, commands)

    assert [answer.durable for answer in answers] == ["postgres"] * 100
    assert [answer.outcome.fill.trade_id for answer in answers] == [c.trade_id for c in commands]
    assert books.rows("SELECT count(*) FROM trades") == [(100,)]


def test_orders_are_executed_once_while_postgres_goes_and_comes(tree, books, postgres):
    first = books.command(key="same")
    before = executed(tree, [first])
    postgres.away = True
    during = executed(tree, [first, books.command(), books.command(user=2)])
    postgres.away = False

    assert [answer.durable for answer in before + during] == ["postgres", None, "redis", "redis"]
    assert books.drain().everything().complete
    assert books.rows("SELECT count(*) FROM trades") == [(3,)]
    assert books.differences() == []
