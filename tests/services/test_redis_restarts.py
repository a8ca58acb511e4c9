"""Redis restarts under running services, complete, older or empty: the books stay right."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import gevent
import gevent.socket
import pytest
from gevent.event import AsyncResult
from touchline.actors.address import Addresses
from touchline.actors.child import Child
from touchline.actors.events import BackedOff, Crashed, Event, GaveUp, Killed, Parked
from touchline.actors.trading.executor import TradeExecutor
from touchline.actors.trading.messages import Execute, Executed
from touchline.actors.trading.writer import TradeWriter
from touchline.actors.tree import Tree
from touchline.config import Servers
from touchline.domain.clock import system_calendar
from touchline.domain.refusals import Refused
from touchline.services import flusher
from touchline.services.books import reconcile_books
from touchline.services.boot import prepare, rehydrator
from touchline.services.health import ServiceHealth
from touchline.services.stores import Stores, open_stores
from touchline.store.commands import Filled, Replayed, TradeCommand
from touchline.store.embedded import Embedded
from touchline.store.gate import Rehydrating
from touchline.store.keys import OutboxName
from touchline.store.outage import OUTAGES
from touchline.store.pubsub import Broadcasts
from touchline.store.reconcile import reconcile

from tests.fakes.bookkeeping import START_E4, Books

PATIENCE_S = 30.0


class RestartedRedis:
    """Embedded servers whose Redis can be killed and come back with what it had earlier."""

    def __init__(self, root: Path, embedded: Embedded) -> None:
        self.embedded = embedded
        self._data, self._kept = root / "valkey", root.with_name("kept")

    @property
    def servers(self) -> Servers:
        return Servers(self.embedded.redis_url, self.embedded.database_url, "")

    def keep(self) -> None:
        """Remember what the append-only file has now."""
        shutil.copytree(self._data, self._kept)

    def restart(self) -> None:
        """kill -9 and start again; nothing is lost."""
        self._kill()
        self.embedded.revive()

    def restart_as_kept(self) -> None:
        """The same, but everything since `keep` is lost."""
        self._kill()
        shutil.rmtree(self._data)
        shutil.copytree(self._kept, self._data)
        self.embedded.revive()

    def restart_empty(self) -> None:
        """The same, but everything is lost."""
        self._kill()
        for each in self._data.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        self.embedded.revive()

    def _kill(self) -> None:
        pid = self.embedded.pids["Valkey"]
        pidfd = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        gevent.socket.wait_read(pidfd, PATIENCE_S)
        os.close(pidfd)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RestartedRedis]:
    root = tmp_path / "data"
    with Embedded(root, fsync=False) as embedded:
        yield RestartedRedis(root, embedded)


@pytest.fixture
def stores(world: RestartedRedis) -> Iterator[Stores]:
    """The stores of a running service."""
    stores = open_stores(world.servers, "api-server", connections=8)
    prepare(stores)
    yield stores
    stores.close()


@pytest.fixture
def others(world: RestartedRedis, stores: Stores) -> Iterator[Stores]:
    """The stores of another one."""
    others = open_stores(world.servers, "flusher", connections=4)
    prepare(others)
    yield others
    others.close()


@pytest.fixture
def books(stores: Stores) -> Books:
    """Some trading, everything in Postgres, over the stores of a running service."""
    books = Books(stores.redis, stores.pg)
    books.some_trades()
    assert books.drain().everything().complete
    return books


def assert_books_agree(books: Books) -> None:
    assert books.drain().everything().complete
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()
    assert books.differences() == []


def test_a_durable_trade_that_redis_lost_is_neither_lost_nor_made_again(
    world: RestartedRedis, stores: Stores, others: Stores, books: Books
) -> None:
    world.keep()
    command = books.command(user=2, idx=8, key="durable")
    (first,) = stores.scripts.execute([command])
    assert isinstance(first, Filled)
    books.drain().everything()  # its owner was told that Postgres has it
    wallet, holding = stores.hot.wallet(2), stores.hot.holdings(2)[8]
    others.hot.wallet(2)

    world.restart_as_kept()
    for each in (stores, others):
        with pytest.raises(Rehydrating):
            each.scripts.execute([books.command(user=2, idx=8)])
        with pytest.raises(Rehydrating):
            each.scripts.execute([command])
    assert others.recovery.run()

    assert stores.hot.wallet(2).cash_e4 == wallet.cash_e4
    assert stores.hot.holdings(2)[8].qty == holding.qty
    assert isinstance(books.trade(user=2, idx=8), Filled)
    assert stores.scripts.execute([command]) == [Replayed(first.fill)]
    assert not isinstance(books.trade(user=3, idx=8), Refused)
    assert_books_agree(books)


def test_an_empty_redis_does_not_pay_the_start_balance_again(
    world: RestartedRedis, stores: Stores, books: Books
) -> None:
    before = stores.hot.wallet(1).cash_e4

    world.restart_empty()
    with pytest.raises(Rehydrating):
        stores.hot.wallet(1)  # what the sign-in asks before it grants
    with pytest.raises(Rehydrating):
        books.grant(1)
    assert stores.recovery.run()
    books.grant(1)

    assert stores.hot.wallet(1).cash_e4 == before != START_E4
    assert_books_agree(books)


def test_a_restart_that_lost_nothing_changes_nothing(
    world: RestartedRedis, stores: Stores, books: Books
) -> None:
    books.some_trades()  # not flushed: only Redis has their states
    before = [stores.hot.wallet(user) for user in books.users]

    world.restart()
    assert stores.recovery.due()
    assert stores.recovery.run()

    assert not stores.recovery.due()
    assert [stores.hot.wallet(user) for user in books.users] == before
    assert_books_agree(books)


def test_two_processes_that_put_redis_back_at_once_put_it_back_once(
    world: RestartedRedis, stores: Stores, others: Stores, books: Books
) -> None:
    world.restart_empty()

    done = gevent.joinall(
        [gevent.spawn(each.recovery.run) for each in (stores, others)], raise_error=True
    )

    assert any(each.value for each in done)
    assert not stores.recovery.due()
    assert len({stores.hot.wallet(user).version for user in books.users}) == 1
    books.some_trades()
    assert_books_agree(books)


def test_a_subscription_is_held_back_as_well(
    world: RestartedRedis, stores: Stores, books: Books
) -> None:
    world.restart_empty()
    broadcasts = Broadcasts(stores.open_pubsub())

    with pytest.raises(Rehydrating):
        broadcasts.open()
    assert stores.recovery.run()
    broadcasts.open()

    broadcasts.close()


def test_reconcile_looks_at_a_redis_that_nobody_else_may_enter(
    world: RestartedRedis, stores: Stores, books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    world.restart()

    assert reconcile_books(world.servers, Path("/nowhere"), as_json=False) == 0

    assert "reconcile: ok" in capsys.readouterr().out
    assert stores.recovery.due()


def test_a_running_service_waits_recovers_by_itself_and_spends_no_restart(
    world: RestartedRedis, stores: Stores, books: Books
) -> None:
    world.keep()
    events: list[Event] = []
    addresses = Addresses()
    writer = addresses.of("trade-writer")
    tree = Tree.start(
        [
            rehydrator(stores),
            *flusher.children(stores, ServiceHealth("tests", stores), 0.1, system_calendar),
            Child("trade-writer", lambda: TradeWriter(stores.facts, stores.ledger)),
            Child("trade-executor", lambda: TradeExecutor(stores.scripts, writer)),
        ],
        name="root",
        addresses=addresses,
        outages=OUTAGES,
        on_event=events.append,
    )
    try:
        command = books.command(user=2, key="before the loss")
        first = ordered(tree, command)
        world.restart_as_kept()
        with gevent.Timeout(PATIENCE_S):
            while not isinstance(again := ordered(tree, command), Executed):
                gevent.sleep(0.05)  # as a client does that was told to come again
        with gevent.Timeout(PATIENCE_S):
            while (
                stores.hot.wallet(2).version < 1 << 32
                or stores.outboxes[OutboxName.TRADES].length()
            ):
                gevent.sleep(0.05)
        restarts = {child.name: child.restarts for child in tree.snapshot().children}
    finally:
        tree.stop()

    assert isinstance(first, Executed)
    assert first.durable == "postgres"
    assert isinstance(first.outcome, Filled)
    assert again.outcome == Replayed(first.outcome.fill)
    assert set(restarts.values()) == {0}
    assert any(isinstance(event, BackedOff) for event in events)
    assert not [e for e in events if isinstance(e, Crashed | GaveUp | Killed | Parked)]
    assert_books_agree(books)


def ordered(tree: Tree, command: TradeCommand) -> object:
    """What the executor answers within a second; the order is withdrawn if it does not."""
    reply: AsyncResult = AsyncResult()
    tree.tell("trade-executor", Execute(command, reply))
    if reply.wait(1.0) is None:
        reply.set(None)
    return reply.get()
