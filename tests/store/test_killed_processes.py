"""Real processes, killed before each step of their work: the rest is done by the next.

`Countdown` and `Survival` say the same of greenlets that raise; there the pool and every
``finally`` still have their turn. Here nothing has: servers see connections end, within a
transaction of Postgres too. Marks of several states are taken off one by one, each in a round
trip, so what is between two chunks of marks is here as well.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import redis as redis_module
from touchline.domain.halts import Phase
from touchline.domain.orders import TradeTerms
from touchline.domain.positions import Stops
from touchline.domain.ticks import IndexChange
from touchline.domain.trading import Side
from touchline.store.commands import Accepted, AcceptOrder, Delayed
from touchline.store.embedded import Addresses
from touchline.store.order_kinds import order_from
from touchline.store.orders import Orders
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.rehydrate import rehydrate
from touchline.store.release import Release
from touchline.store.scanner import Scanner

from tests.fakes.bookkeeping import Books
from tests.fakes.facts import AT_MS
from tests.fakes.snapshots import put, take
from tests.mortal_process import MortalProcess

DELAY_MS = 5_000
TRAILING = Stops(None, None, trail_px=15_000)

#: What was made of orders, and the positions there were before them.
MADE = """
SELECT kind, count(*) FROM cfd_events WHERE kind <> 'change' GROUP BY kind
 UNION ALL SELECT 'trade', count(*) FROM trades ORDER BY 1
"""

#: States in Postgres whose fact the ledger lacks.
AHEAD_OF_LEDGER = """
SELECT user_id, version FROM wallets w WHERE version & 4294967295 > 0 AND NOT EXISTS
  (SELECT FROM wallet_postings p WHERE p.user_id = w.user_id AND p.version = w.version)
"""


@pytest.fixture(scope="module")
def process(servers: Addresses) -> Iterator[MortalProcess]:
    process = MortalProcess(servers)
    yield process
    process.end()


@pytest.fixture
def books(redis: redis_module.Redis, pg: Postgres) -> Books:
    books = Books(redis, pg)
    rehydrate(redis, books.keys, pg)
    books.open(user=3)
    return books


def died(process: MortalProcess, work: str, step: int, now_ms: int = 0) -> bool:
    """Whether the process that did *work* was killed before *step*; otherwise it ended well."""
    status = process.run(work, step, now_ms)
    assert status in (0, -signal.SIGKILL)
    return status != 0


def facts_made(books: Books) -> int:
    """Some facts of both streams, one of them of a position that stays open; how many."""
    books.trade(user=2, qty=10)
    books.trade(user=3, idx=8, qty=10)
    books.close(books.open(user=1, qty=10))
    add_margin(books)
    return 5


def add_margin(books: Books) -> None:
    [standing] = [each for each in books.positions() if each.qty]
    books.remargin(standing, 1_000)


def facts_known(books: Books) -> Any:
    return books.rows("SELECT count(*) FROM wallet_postings WHERE user_id <> 0")[0][0]


def assert_all_is_there(books: Books) -> None:
    """A clean drain brings what is left, and the two agree."""
    assert books.rows(AHEAD_OF_LEDGER) == []
    assert books.drain().everything().complete
    assert books.differences() == []


def assert_proved(books: Books) -> None:
    report = reconcile(books.redis, books.keys, books.pg)
    assert report.ok, report.as_text()


@pytest.mark.parametrize(("work", "least"), [("facts", 4), ("write", 4), ("flush", 15)])
def test_what_a_killed_process_leaves_on_its_way_arrives_once(
    books: Books, process: MortalProcess, work: str, least: int
) -> None:
    facts = len(books.users) + 1
    for step in count(1):
        facts += facts_made(books)
        killed = died(process, work, step)
        assert_all_is_there(books)
        assert facts_known(books) == facts
        if not killed:
            break

    assert step > least  # it did die before each of the steps
    assert_proved(books)


def test_a_killed_rehydration_leaves_its_rest_to_the_next(
    books: Books, process: MortalProcess
) -> None:
    for step in count(1):
        moment = take(books.redis)
        order = books.command(user=2, qty=10)
        books.scripts.execute([order])
        add_margin(books)
        books.drain().facts()
        before = _worth(books)
        put(books.redis, moment)
        books.redis.set(books.keys.meta("run_id"), "the one before")
        killed = died(process, "rehydrate", step)
        rehydrate(books.redis, books.keys, books.pg)

        assert _worth(books) == before
        assert books.redis.exists(books.keys.idem(2, order.idem_key))
        if not killed:
            break
    assert step > 30
    assert_all_is_there(books)
    assert_proved(books)


def test_a_killed_release_leaves_its_orders_to_the_next(
    books: Books, process: MortalProcess
) -> None:
    """Each is carried out once, under its release key, and its record says so."""
    books.redis.set("lease", "the feed")
    for idx in books.clubs:
        _quote(books, idx, bps=0)
    standing = books.open(user=1, qty=10, stops=TRAILING)
    for step in count(1):
        opening = books.open_command(user=1, qty=10, stops=TRAILING)
        waiting = [
            _filed(books, books.command(user=2, qty=100)),
            _filed(books, books.command(user=3, qty=100)),
            _filed(books, books.command(qty=100), amount_e4=500_000),
            _filed(books, books.close_command(standing)),
            _filed(books, opening),
        ]
        _quote(books, standing.idx, bps=20 * step)  # its stop follows: it is looked at first
        release_ms = max(order.release_ms for order in waiting)
        killed = died(process, "release", step, release_ms)
        while not _release(books, release_ms).level:
            pass
        assert_all_is_there(books)
        assert books.rows(MADE) == [("close", step), ("open", step + 2), ("trade", 3 * step)]
        if not killed:
            break
        [standing] = [each for each in books.positions() if each.qty and each.user == 1]

    assert step > 10
    assert books.rows("SELECT DISTINCT status FROM orders") == [("filled",)]
    assert_proved(books)


def _quote(books: Books, idx: int, bps: int) -> None:
    change = IndexChange(idx=idx, now_ms=AT_MS, phase=Phase.LIVE, offset_bps=bps)
    books.scripts.index_apply(change, "lease", "the feed")


def _filed(books: Books, command: Any, amount_e4: int | None = None) -> Any:
    command = replace(command, delay_ms=DELAY_MS)
    if amount_e4 is not None:
        command = replace(command, asked=TradeTerms(Side.BUY, None, amount_e4, None))
    [delayed] = books.scripts.execute([command])
    assert isinstance(delayed, Delayed), delayed
    [accepted] = books.scripts.execute([AcceptOrder(order_from(command, delayed))])
    assert isinstance(accepted, Accepted), accepted
    return accepted.order


def _release(books: Books, now_ms: int) -> Any:
    scanner = Scanner(books.redis, books.keys, books.scripts, lambda: now_ms)
    orders = Orders(books.redis, books.keys, books.pg)
    return Release(orders, books.hot, books.scripts, scanner).run(now_ms, lambda: True)


def _worth(books: Books) -> Any:
    wallets = [(w.cash_e4, w.locked_e4) for w in map(books.hot.wallet, (0, *books.users))]
    holdings = [
        (user, idx, holding.qty, holding.cost_e4)
        for user in books.users
        for idx, holding in books.hot.holdings(user).items()
    ]
    open_ones = [(each.id, each.qty, each.margin_e4) for each in books.positions() if each.qty]
    return wallets, holdings, open_ones
