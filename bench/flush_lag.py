"""How far Postgres is behind Redis while people trade, for bench/flush.py.

The flusher is the service as it is, a process of its own, as are the people. Nothing but the
flusher brings facts to Postgres: with an api-server most are there before it looks. An observer
asks Postgres every few milliseconds what it shows; lag is from Redis' own time of the fact to the
end of the first query that shows it, commit, fsync and the observer's own pause included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import gevent
from flush_book import CLUBS, Book
from flush_trader import Made
from touchline.store.postgres import Postgres
from trades_cpu import cpu_s

HERE = Path(__file__).resolve().parent
PEOPLE = 2_000
WATCHED = 200  #: of them, whose wallets and holdings are looked at
LOOK_S = 0.004
WARM_S = 1.5  #: of the trades, left out
READY_S = 60.0
LATE_S = 10.0  #: how long the last trades are waited for
_LOOK = f"""
SELECT array(SELECT coalesce((SELECT max(seq) FROM trades WHERE idx = i), 0)
             FROM generate_series(1, {CLUBS}) i ORDER BY i)
 || array(SELECT version FROM instruments WHERE idx <= {CLUBS} ORDER BY idx)
 || array(SELECT version FROM wallets WHERE user_id BETWEEN 1 AND {WATCHED} ORDER BY user_id)
 || array(SELECT version FROM holdings WHERE user_id BETWEEN 1 AND {WATCHED} ORDER BY user_id)
"""


class Looks:
    """What Postgres showed and when: of everything looked at one list of numbers, none falling."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg
        self._at_ms: list[float] = []
        self._shown: list[list[int]] = []

    def look(self) -> None:
        """Look until killed."""
        while True:
            with self._pg.transaction() as cursor:
                cursor.execute(_LOOK)
                (shown,) = cursor.fetchone()
            self.note(time.time() * 1000, shown)
            gevent.sleep(LOOK_S)

    def note(self, at_ms: float, shown: list[int]) -> None:
        """What `_LOOK` has answered by *at_ms*."""
        self._at_ms.append(at_ms)
        self._shown.append(shown)

    def lags_ms(self, trades: Sequence[Made]) -> tuple[list[float], list[float]]:
        """Of the fact of each trade, and of the last of the states of those that are watched.

        Raises:
            RuntimeError: one of them was never shown.
        """
        series = list(zip(*self._shown, strict=True))
        facts, states = [], []
        for trade in trades:
            at = trade.idx - 1
            facts.append(self._shown_ms(series[at], trade.seq) - trade.at_ms)
            if trade.user <= WATCHED:
                club, wallet = CLUBS + at, 2 * CLUBS + trade.user - 1
                wanted = (
                    (club, trade.instrument),
                    (wallet, trade.wallet),
                    (wallet + WATCHED, trade.holding),
                )
                shown = (self._shown_ms(series[where], version) for where, version in wanted)
                states.append(max(shown) - trade.at_ms)
        return facts, states

    def level(self, trades: Sequence[Made]) -> bool:
        """Whether everything about *trades* has been shown."""
        try:
            self.lags_ms(trades)
        except RuntimeError:
            return False
        return True

    def _shown_ms(self, numbers: Sequence[int], wanted: int) -> float:
        found = bisect_left(numbers, wanted)
        if found == len(numbers):
            raise RuntimeError("Postgres never showed what Redis had")
        return self._at_ms[found]


def lag(book: Book, root: Path, rate: int, seconds: float) -> dict[str, float]:
    """Trade at *rate* for *seconds*; raises RuntimeError if anything is missing afterwards."""
    looks = Looks(book.pg)
    had = count_trades(book)
    with flusher(book, root / "flusher.log") as service, looking(looks.look):
        trader = start_trader(book, rate, seconds)
        before = cpu_s(service.pid)
        made = read_trades(trader)
        spent = cpu_s(service.pid) - before
        wait_for(lambda: looks.level(made[-1000:]), LATE_S)
    if count_trades(book) - had != len(made):
        raise RuntimeError("Postgres has not all trades")
    begun_ms = made[0].at_ms + 1000 * WARM_S
    facts, states = looks.lags_ms([trade for trade in made if trade.at_ms >= begun_ms])
    took_s = (made[-1].at_ms - made[0].at_ms) / 1000
    return {
        "per_s": len(made) / took_s,
        "flusher_us": 1e6 * spent / len(made),
        **figures("fact", facts),
        **figures("state", states),
    }


def figures(name: str, lags_ms: list[float]) -> dict[str, float]:
    parts = quantiles(lags_ms, n=100)
    return {
        f"{name}_p50_ms": parts[49],
        f"{name}_p99_ms": parts[98],
        f"{name}_max_ms": max(lags_ms),
    }


@contextmanager
def flusher(book: Book, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service, once it leads."""
    settings = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": book.servers.redis_url,
        "DATABASE_URL": book.servers.database_url,
        "BIND_ADDRESS": "127.0.0.1",
    }
    with log.open("wb") as out:
        command = [sys.executable, "-m", "touchline", "flusher"]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=settings)
        try:
            if not wait_for(lambda: book.redis.exists(book.keys.lease("flusher")), READY_S):
                raise RuntimeError(f"the flusher did not start:\n{log.read_text()[-4000:]}")
            yield process
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def looking(look: Callable[[], None]) -> Iterator[None]:
    greenlet = gevent.spawn(look)
    yield
    if greenlet.exception:
        raise greenlet.exception
    greenlet.kill()


def start_trader(book: Book, rate: int, seconds: float) -> Any:
    url, program = book.servers.redis_url, str(HERE / "flush_trader.py")
    command = [sys.executable, program, url, str(rate), str(seconds), str(PEOPLE)]
    trader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert trader.stdout is not None
    if trader.stdout.readline() != "begin\n":
        raise RuntimeError("the trader could not begin")
    return trader


def read_trades(trader: Any) -> list[Made]:
    with trader:
        said = trader.stdout.read()
    return [Made(*each) for each in json.loads(said)]


def count_trades(book: Book) -> int:
    with book.pg.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM trades")
        return int(cursor.fetchone()[0])


def wait_for(found: Callable[[], object], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found():
            return True
        gevent.sleep(0.05)
    return False
