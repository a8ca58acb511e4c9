"""Starts and stops the two embedded servers together, or finds them running."""

import os
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
        self._servers: list[ServerProcess] = []

    def start(self) -> None:
        """Return when both servers answer.

        Raises:
            EmbeddedError: they cannot; the text says why, and nothing is left running.
        """
        self._directory.take()
        try:
            # Valkey loads its data while PostgreSQL still makes its cluster.
            us = Account("self", os.geteuid())
            self._servers.append(valkey.start(self._directory, us, fsync=self._fsync))
            self._servers.append(
                postgresql.start(self._directory, self._accounts, fsync=self._fsync)
            )
            for server, answers in zip(
                self._servers, (valkey.answers, postgresql.answers), strict=True
            ):
                self._wait_for(server, answers)
        except OSError as error:
            self.stop()
            raise EmbeddedError(f"the embedded servers cannot start: {error}") from error
        except BaseException:  # Ctrl-C too must not leave half of them behind
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers in order and give the data directory back; safe to repeat."""
        for server in self._servers:
            server.ask_to_stop()
        for server in self._servers:
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
        return {server.name: server.pid for server in self._servers}

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
                valkey.answers(directory.sockets)
                postgresql.answers(directory.sockets)
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

    def _wait_for(self, server: ServerProcess, answers: Callable[[Path], None]) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                return answers(self._directory.sockets)
            except OUTAGES as error:
                if server.exited():
                    raise EmbeddedError(self._failure(server, "ended at its start")) from error
                if time.monotonic() > until:
                    raise EmbeddedError(
                        self._failure(server, f"is not ready after {START_S:g} s")
                    ) from error
            time.sleep(POLL_S)

    def _failure(self, server: ServerProcess, what: str) -> str:
        return f"{server.name} {what}: {server.said()}"


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
