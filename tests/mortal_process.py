"""Processes that do one piece of work and are killed, by SIGKILL, before a step of it.

The product has no switch for that: the parts are the real ones, on a Redis and a Postgres of
which every round trip is a step. Before step n of all is after step n - 1 as well. Within a
transaction of Postgres each statement is a step, and so is the moment before its COMMIT and that
after it.

A Python that imports everything costs most of a second. So one does that, opens no connection and
starts no greenlet, and is forked for each of the works.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gevent import monkey
from touchline.store.drain import open_drain
from touchline.store.embedded import Addresses
from touchline.store.fact_writer import FactWriter
from touchline.store.hot import Hot
from touchline.store.keys import Keys
from touchline.store.ledger import Ledger
from touchline.store.life import life_of_redis
from touchline.store.orders import Orders
from touchline.store.postgres import Postgres, install_wait_callback
from touchline.store.redis_client import open_redis
from touchline.store.rehydrate import rehydrate
from touchline.store.release import Release
from touchline.store.scanner import Scanner
from touchline.store.scripts import Scripts
from touchline.store.sequence import FactSequence, Stretch

from tests.fakes.stepping import Fate, Steps

WITHIN_S = 5.0  #: as `trade-writer` gives it to a write, and more

CHILD = """
from gevent import monkey
monkey.patch_all()
import sys
from tests.mortal_process import serve
serve(*sys.argv[1:])
"""


class MortalProcess:
    """What is forked for each work; it knows the servers at *addresses*."""

    def __init__(self, addresses: Addresses) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, addresses.redis_url, addresses.database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, work: str, step: int, now_ms: int = 0) -> int:
        """The exit status of a process that does *work*, killed before *step* if it gets there.

        0 if it came to its end; negative if a signal ended it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([work, step, now_ms]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        """Have no more of it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(redis_url: str, database_url: str) -> None:
    """Fork for each line that comes in, and tell how the child ended."""
    fork, wait = monkey.get_original("os", "fork"), monkey.get_original("os", "waitpid")
    for line in sys.stdin:
        work, step, now_ms = json.loads(line)
        pid = fork()
        if not pid:
            _live(Mortal(redis_url, database_url, step), work, now_ms)
        print(os.waitstatus_to_exitcode(wait(pid, 0)[1]), flush=True)


def _live(mortal: Mortal, work: str, now_ms: int) -> None:
    """Do *work*, and end without a word to whoever has forked us."""
    status = 1
    os.dup2(2, 1)  # what is logged is no answer
    try:
        install_wait_callback()
        {
            "facts": mortal.facts,
            "flush": mortal.flush,
            "rehydrate": mortal.rehydrate,
            "release": lambda: mortal.release(now_ms),
            "write": mortal.write,
        }[work]()
        status = 0
    finally:
        os._exit(status)


class Mortal:
    """The works of one process."""

    def __init__(self, redis_url: str, database_url: str, step: int) -> None:
        steps = _LastSteps()
        steps.begin(Fate("kill", step, after=False))
        self._keys, self._unharmed = Keys(), open_redis(redis_url)
        self._redis = steps.client(self._unharmed)
        self._pg: Any = _Steady(Postgres(database_url), steps)
        self._scripts = Scripts(self._redis, self._keys)

    def facts(self) -> None:
        """What a drainer does."""
        open_drain(self._redis, self._keys, self._scripts, self._pg).facts()

    def flush(self) -> None:
        """What the flusher does."""
        open_drain(self._redis, self._keys, self._scripts, self._pg).flush()

    def write(self) -> None:
        """What `trade-writer` does with the newest fact; those before it are others'."""
        read = FactSequence(self._unharmed, self._keys).read({}, 1000)
        newest = {name: entries[-1:] for name, entries in read.entries.items()}
        life = life_of_redis(self._unharmed, self._keys)
        sequence = FactSequence(self._redis, self._keys)
        written = FactWriter(sequence, Ledger(self._pg), WITHIN_S).write(Stretch(newest, life))
        assert written is not None
        sequence.delete(written.ids, written.life)

    def release(self, now_ms: int) -> None:
        """What `order-releaser` does."""
        scanner = Scanner(self._redis, self._keys, self._scripts, lambda: now_ms)
        orders = Orders(self._redis, self._keys, self._pg)
        hot = Hot(self._redis, self._keys)
        Release(orders, hot, self._scripts, scanner).run(now_ms, lambda: True)

    def rehydrate(self) -> None:
        """What `rehydrator` does."""
        rehydrate(self._redis, self._keys, self._pg)


class _LastSteps(Steps):
    def _meet(self, fate: Fate) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class _Steady:
    """A pool whose statements, and whose commits, are steps."""

    def __init__(self, real: Postgres, steps: Steps) -> None:
        self._real, self._steps = real, steps

    @contextmanager
    def transaction(self, longest_s: float | None = None) -> Iterator[Any]:
        with self._real.transaction(longest_s) as cursor:
            yield _Cursor(cursor, self._steps)
            self._steps.run(_nothing)  # before it is committed
        self._steps.run(_nothing)  # and after

    @contextmanager
    def statement(self) -> Iterator[Any]:
        with self._real.statement() as cursor:
            yield _Cursor(cursor, self._steps)


class _Cursor:
    def __init__(self, real: Any, steps: Steps) -> None:
        self._real, self._steps = real, steps

    def execute(self, *args: Any) -> None:
        self._steps.run(lambda: self._real.execute(*args))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _nothing() -> None:
    pass
