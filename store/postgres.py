"""A pool of Postgres connections that waits instead of failing, made for gevent.

psycopg2 blocks in C, which would stop every greenlet of the process for the
length of a query. `install_wait_callback` makes it wait on the event loop
instead (measured: a 0.5 s query delayed other greenlets by 516 ms without it,
by 10 ms with it). In that mode COPY and large objects do not work, and libpq
ignores connect_timeout, so the pool keeps the time itself.
"""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gevent
import psycopg2
from gevent import monkey
from gevent.lock import BoundedSemaphore
from gevent.socket import wait_read, wait_write
from psycopg2 import extensions

from .outage import PoolTimeout

MAX_AGE_S = 1800.0  #: seconds a connection is reused; bounds what one backend's caches can grow to
GRACE_S = 1.0  #: for the server to cancel a statement by itself, and for the commit
IDLE_TRANSACTION_MS = 15_000  #: the server ends a transaction whose client went silent

# select() fails on descriptors above 1023, which a ws-server has; the original
# poll, asked without waiting, costs one system call and never switches.
_poll = monkey.get_original("select", "poll")


def install_wait_callback() -> None:
    """Let psycopg2 wait on the gevent loop; once a process, after monkey patching."""
    extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:
    while (state := connection.poll()) != extensions.POLL_OK:
        if state == extensions.POLL_READ:
            wait_read(connection.fileno())
        elif state == extensions.POLL_WRITE:
            wait_write(connection.fileno())
        else:
            raise psycopg2.OperationalError(f"unexpected poll state {state}")


@dataclass(frozen=True, slots=True)
class _Pooled:
    connection: Any
    born_s: float

    def usable(self) -> bool:
        """Open, young, and silent: readable while idle means the server closed or warned."""
        if self.connection.closed or time.monotonic() - self.born_s > MAX_AGE_S:
            return False
        poll = _poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)  # an error or a hang-up is reported unasked


class Postgres:
    """At most *size* connections to *dsn*, the last one returned used first.

    Args:
        dsn: libpq URL (`postgresql://…`) or key=value string.
        wait_s: longest wait for a free connection, then `PoolTimeout`.
        connect_timeout_s: longest wait for a new connection.
        statement_timeout_s: the server cancels a statement after this time; a
            transaction that takes `GRACE_S` longer is given up on this side, for a
            server that is frozen or cut off cancels nothing.
        role: shown as application_name in pg_stat_activity.

    A greenlet killed while it waits for COMMIT cannot know whether it
    happened; write statements that may be repeated.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int = 8,
        wait_s: float = 5.0,
        connect_timeout_s: float = 3.0,
        statement_timeout_s: float = 10.0,
        role: str = "touchline",
    ) -> None:
        self._dsn = dsn
        self._wait_s = wait_s
        self._connect_timeout_s = connect_timeout_s
        self._settings = {
            "application_name": role,
            "client_encoding": "UTF8",
            "options": f"-c statement_timeout={int(statement_timeout_s * 1000)}"
            f" -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS} -c timezone=UTC",
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        }
        self._longest_s = statement_timeout_s + GRACE_S
        self._free = BoundedSemaphore(size)
        self._idle: list[_Pooled] = []
        self._closed = False

    @contextmanager
    def transaction(self, longest_s: float | None = None) -> Iterator[Any]:
        """Yield a cursor; commit when the block ends, roll back when it raises.

        Args:
            longest_s: how long a statement may take, where the pool's own time is too short.

        Raises:
            PoolTimeout: all connections stayed in use for `wait_s`.
            psycopg2.OperationalError: the server cannot be reached, or does not answer.
        """
        with self._connection(longest_s) as connection:
            yield from _run(connection, longest_s)

    @contextmanager
    def statement(self) -> Iterator[Any]:
        """Yield a cursor of which every statement is a transaction, and one round trip.

        Raises: as `transaction`.
        """
        with self._connection(None) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    @contextmanager
    def _connection(self, longest_s: float | None) -> Iterator[Any]:
        if not self._free.acquire(timeout=self._wait_s):
            raise PoolTimeout(f"no free connection to Postgres within {self._wait_s:g} s")
        try:
            pooled = self._take()
            try:
                with self._deadline(longest_s):
                    yield pooled.connection
            finally:
                self._give_back(pooled)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the idle connections now and those in use when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()

    def _deadline(self, longest_s: float | None) -> gevent.Timeout:
        seconds = self._longest_s if longest_s is None else longest_s + GRACE_S
        return gevent.Timeout(
            seconds, psycopg2.OperationalError(f"no answer from Postgres within {seconds:g} s")
        )

    def _take(self) -> _Pooled:
        while self._idle:
            pooled = self._idle.pop()
            if pooled.usable():
                return pooled
            pooled.connection.close()
        late = psycopg2.OperationalError(
            f"no connection to Postgres within {self._connect_timeout_s:g} s"
        )
        with gevent.Timeout(self._connect_timeout_s, late):
            return _Pooled(psycopg2.connect(self._dsn, **self._settings), time.monotonic())

    def _give_back(self, pooled: _Pooled) -> None:
        connection = pooled.connection
        # Anything but "idle" means that commit or rollback failed halfway: its
        # state is in doubt, and a fresh connection is cheaper than a guess.
        clean = (
            not connection.closed
            and connection.get_transaction_status() == extensions.TRANSACTION_STATUS_IDLE
        )
        if clean and not self._closed:
            self._idle.append(pooled)
        else:
            connection.close()


def _run(connection: Any, longest_s: float | None) -> Iterator[Any]:
    connection.autocommit = False  # its last use may have been a statement
    try:
        with connection.cursor() as cursor:
            if longest_s is not None:
                cursor.execute(f"SET LOCAL statement_timeout = {round(longest_s * 1000)}")
            yield cursor
        connection.commit()
    except Exception:
        _roll_back(connection)
        raise


def _roll_back(connection: Any) -> None:
    """Undo, quietly: the error that brought us here is the one worth reporting."""
    try:
        if not connection.closed:
            connection.rollback()
    except psycopg2.Error:
        connection.close()
