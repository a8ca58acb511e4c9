"""Starts and stops the two embedded servers together, or finds them running.

Source: docs/decisions/0007-embedded-servers.md.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..outage import OUTAGES
from . import postgresql, valkey
from .accounts import Account, candidates
from .datadir import DataDirectory, EmbeddedError
from .process import ServerProcess

START_S = 120.0  #: recovery after a crash reads the log since the last checkpoint
ATTACH_S = 10.0  #: servers of a running Touchline answer, or are seconds from it
POLL_S = 0.01

VALKEY, POSTGRESQL = "Valkey", "PostgreSQL"
_ANSWERS = {VALKEY: valkey.answers, POSTGRESQL: postgresql.answers}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the two servers answer."""

    redis_url: str
    database_url: str


class Embedded:
    """Valkey and PostgreSQL with their data below *root*, living as long as this process.

    Use it as a context manager, or `start` and `stop`, from the main thread.
    If this process is killed the servers shut down in order by themselves;
    the next start waits for them, then recovers what they had.

    Args:
        root: data directory, made if missing; of one running manager at a time.
        fsync: off for tests only: data then survive a kill of the servers, not of the machine.
        accounts: as whom PostgreSQL may run, in this order; by default what suits this user.
    """

    def __init__(
        self, root: Path, *, fsync: bool = True, accounts: Sequence[Account] | None = None
    ) -> None:
        self._directory = DataDirectory(root)
        self._fsync = fsync
        self._accounts = candidates() if accounts is None else accounts
        self._servers: dict[str, ServerProcess] = {}

    def start(self) -> None:
        """Return when both servers answer.

        Raises:
            EmbeddedError: they cannot; the text says why, and nothing is left running.
        """
        self._directory.take()
        try:
            self.revive()
        except BaseException:  # Ctrl-C too must not leave half of them behind
            self.stop()
            raise

    def revive(self) -> tuple[str, ...]:
        """Start each server that does not run, wait until it answers, and return their names.

        Raises:
            EmbeddedError: a server cannot start again.
        """
        gone = tuple(name for name in _ANSWERS if self._exited(name))
        # Both before waiting: Valkey loads its data while PostgreSQL recovers.
        try:
            for name in gone:
                self._servers[name] = self._starters[name]()
        except OSError as error:
            raise EmbeddedError(f"the embedded servers cannot start: {error}") from error
        for name in gone:
            self._wait_for(name)
        return gone

    def stop(self) -> None:
        """Stop both servers in order and give the data directory back; safe to repeat."""
        for server in self._servers.values():
            server.ask_to_stop()
        for server in self._servers.values():
            server.stop()
        self._servers.clear()
        self._directory.release()

    @property
    def addresses(self) -> Addresses:
        """Where the servers answer, once started."""
        return _addresses(self._directory)

    @property
    def redis_url(self) -> str:
        """URL of Valkey (`unix://…`), once started."""
        return self.addresses.redis_url

    @property
    def database_url(self) -> str:
        """libpq URL of PostgreSQL, once started."""
        return self.addresses.database_url

    @property
    def pids(self) -> dict[str, int]:
        """Process id by server name, for those who watch or kill them."""
        return {name: server.pid for name, server in self._servers.items()}

    @staticmethod
    def attach(root: Path) -> Addresses | None:
        """The addresses of the servers that another process runs on *root*; None if nobody does.

        Raises:
            EmbeddedError: *root* is in use, but its servers do not answer.
        """
        directory = DataDirectory(root)
        if not directory.in_use():
            return None
        until = time.monotonic() + ATTACH_S
        while True:
            try:
                for answers in _ANSWERS.values():
                    answers(directory.sockets)
            except OUTAGES as error:
                if time.monotonic() > until:
                    raise EmbeddedError(
                        f"{root} is in use, but its servers do not answer: {error}"
                    ) from error
                time.sleep(POLL_S)
            else:
                return _addresses(directory)

    def __enter__(self) -> "Embedded":
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _starters(self) -> dict[str, Callable[[], ServerProcess]]:
        directory, fsync = self._directory, self._fsync
        return {
            VALKEY: lambda: valkey.start(directory, fsync=fsync),
            POSTGRESQL: lambda: postgresql.start(directory, self._accounts, fsync=fsync),
        }

    def _exited(self, name: str) -> bool:
        return name not in self._servers or self._servers[name].exited()

    def _wait_for(self, name: str) -> None:
        server, until = self._servers[name], time.monotonic() + START_S
        while True:
            try:
                return _ANSWERS[name](self._directory.sockets)
            except OUTAGES as error:
                if server.exited():
                    raise EmbeddedError(f"{name} ended at its start: {server.said()}") from error
                if time.monotonic() > until:
                    raise EmbeddedError(
                        f"{name} is not ready after {START_S:g} s: {server.said()}"
                    ) from error
            time.sleep(POLL_S)


@contextmanager
def reachable(root: Path) -> Iterator[Addresses]:
    """Yield the addresses of the servers on *root*: the running ones, or ours for this while.

    Raises:
        EmbeddedError: there are no data below *root*, or the servers cannot run.
    """
    running = Embedded.attach(root)
    if running is not None:
        yield running
        return
    if not DataDirectory(root).pg.exists():
        raise EmbeddedError(f"{root} holds no data of Touchline")
    with Embedded(root) as servers:
        yield servers.addresses


def _addresses(directory: DataDirectory) -> Addresses:
    sockets = directory.sockets
    return Addresses(valkey.address(sockets), postgresql.address(sockets))
