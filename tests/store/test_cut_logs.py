"""Redis comes back with the beginning of its log, cut anywhere: what Postgres was told stays."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn
from touchline.store.commands import Filled, Replayed, TradeCommand
from touchline.store.drain import drain_everything
from touchline.store.embedded import Embedded
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.reconcile import reconcile
from touchline.store.recovery import Recovery
from touchline.store.redis_client import open_redis
from touchline.store.schema import apply_schema
from touchline.store.scripts import Scripts

from tests.conftest import execute
from tests.embedded_process import Watched, short_directory
from tests.fakes.bookkeeping import Books

CUTS = 16  #: in the last second of the log, besides its edges
TURNS = 4  #: rounds of trading in that second
GONE_S = 30.0
KEYS = Keys()


class Crashed:
    """Servers that were traded on until Redis was killed; Postgres as it was is kept.

    Attributes:
        durable: orders whose owners were told that Postgres has them.
        others: orders whose owners were told that only Redis has them.
    """

    def __init__(self, root: Path, embedded: Embedded) -> None:
        self._embedded = embedded
        self._data, self._kept = root / "valkey", root / "kept"
        client, pg = open_redis(embedded.redis_url), Postgres(embedded.database_url)
        apply_schema(pg)
        books = Books(client, pg)
        assert Recovery(client, KEYS, pg, monotonic=time.monotonic).run()
        books.some_trades()
        books.some_positions()
        assert books.drain().everything().complete
        self.since = self._log.stat().st_size
        self.durable, self.others = _last_second(books)
        client.close()
        pg.close()
        self._kill()
        self.upto = self._log.stat().st_size
        shutil.copytree(self._data, self._kept)

    @contextmanager
    def come_back(self, cut_at: int) -> Iterator[Revived]:
        """Start Redis with *cut_at* bytes of its log, beside Postgres as it was."""
        shutil.rmtree(self._data)
        shutil.copytree(self._kept, self._data)
        os.truncate(self._log, cut_at)
        self._embedded.revive()
        name, base = f"cut_{cut_at}", self._embedded.database_url
        other = make_dsn(base, dbname="postgres")  # a template must be in nobody's use
        execute(other, f"CREATE DATABASE {name} TEMPLATE touchline")
        client = open_redis(self._embedded.redis_url)
        pg = Postgres(make_dsn(base, dbname=name), size=4)
        yield Revived(client, pg)
        pg.close()
        client.close()
        execute(other, f"DROP DATABASE {name}")
        self._kill()

    @property
    def _log(self) -> Path:
        return next(self._data.glob("**/*.incr.aof"))

    def _kill(self) -> None:
        pid = self._embedded.pids["Valkey"]
        watched = Watched(pid)
        os.kill(pid, signal.SIGKILL)
        assert watched.gone(GONE_S)


class Revived:
    """Both servers after one of the cuts."""

    def __init__(self, client: object, pg: Postgres) -> None:
        self.redis, self.pg = client, pg
        self.scripts = Scripts(client, KEYS)

    def recover(self) -> None:
        """What a service does at its boot."""
        assert Recovery(self.redis, KEYS, self.pg, monotonic=time.monotonic).run()

    def order(self, command: TradeCommand) -> object:
        (outcome,) = self.scripts.execute([command])
        return outcome

    def assert_books_agree(self) -> None:
        assert drain_everything(self.redis, KEYS, self.scripts, self.pg).complete
        report = reconcile(self.redis, KEYS, self.pg)
        assert report.ok, report.as_text()

    def trades(self) -> dict[str, int]:
        """How many trades Postgres has by idempotency key."""
        with self.pg.transaction() as cursor:
            cursor.execute("SELECT idem_key, count(*) FROM trades GROUP BY 1")
            return dict(cursor.fetchall())


def _last_second(books: Books) -> tuple[dict[str, TradeCommand], dict[str, TradeCommand]]:
    """Orders and positions: the orders that became durable, and those that did not."""
    durable: dict[str, TradeCommand] = {}
    for turn in range(TURNS):
        durable |= _filled(books)
        books.some_positions()
        _written(books)
        if turn == TURNS // 2:  # so that some states are newer in Postgres than in a cut log
            books.drain().flush()
    return durable, _filled(books)


def _filled(books: Books) -> dict[str, TradeCommand]:
    """Orders of everybody, carried out, by their keys."""
    orders = [books.command(user=user) for user in books.users]
    assert all(isinstance(outcome, Filled) for outcome in books.scripts.execute(orders))
    return {order.idem_key: order for order in orders}


def _written(books: Books) -> None:
    """What `trade-writer` does."""
    assert books.drain().facts().complete


@pytest.fixture
def crashed() -> Iterator[Crashed]:
    with short_directory() as root, Embedded(root, fsync=False) as embedded:
        yield Crashed(root, embedded)


def cuts(crashed: Crashed) -> list[int]:
    """Lengths of the log: its edges, and places in between, most of them amid a command."""
    chosen = random.Random(crashed.upto)
    between = chosen.sample(range(crashed.since, crashed.upto), CUTS)
    return [0, crashed.since, *sorted(between), crashed.upto - 1, crashed.upto]


def test_wherever_the_log_is_cut_durable_trades_stay_and_the_books_agree(crashed: Crashed) -> None:
    lost = set()
    for cut_at in cuts(crashed):
        with crashed.come_back(cut_at) as revived:
            before = revived.trades()
            revived.recover()
            revived.assert_books_agree()
            after = revived.trades()

            assert crashed.durable.keys() <= before.keys() <= after.keys()
            for key, order in crashed.durable.items():
                assert isinstance(revived.order(order), Replayed), (cut_at, key)
            # Sent again, as their owners would: what is lost is made, what is not is replayed.
            for key, order in crashed.others.items():
                expected = Replayed if key in after else Filled
                assert isinstance(revived.order(order), expected), (cut_at, key)
            lost.add(len(crashed.others.keys() - after.keys()))

            revived.assert_books_agree()
            assert set(revived.trades().values()) == {1}
    assert lost >= {0, len(crashed.others)}  # the cuts did reach where it hurts, and the end
    print(
        f"acknowledged: {len(crashed.durable)} by postgres, {len(crashed.others)} by redis;"
        f" lost: none of postgres, {min(lost)} to {max(lost)} of redis; duplicated: 0"
    )
