"""A process of its own that runs the embedded servers, to be killed by tests."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from touchline.store.embedded import Addresses, Embedded, EmbeddedError
from touchline.store.postgres import Postgres, install_wait_callback
from touchline.store.redis_client import open_redis

REPOSITORY = Path(__file__).resolve().parents[1]

CHILD = """
from gevent import monkey
monkey.patch_all()
import sys
from tests.embedded_process import serve
serve(*sys.argv[1:])
"""


class EmbeddedProcess:
    """The embedded servers on *root* in a child process, which lasts until `kill` or `end`.

    Args:
        through: put before the command, to run it as somebody else or elsewhere.

    Raises:
        EmbeddedError: they could not start there.
    """

    def __init__(self, root: Path, through: Sequence[str] = (), *, fsync: bool = False) -> None:
        durable = ["fsync"] if fsync else []
        self._process = subprocess.Popen(
            [*through, sys.executable, "-c", CHILD, str(root), *durable],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            ready = self._heard()
        except EmbeddedError:
            self.end()
            raise
        self.redis_url: str = ready["redis"]
        self.database_url: str = ready["database"]
        self.pids: dict[str, int] = ready["pids"]

    def revive(self) -> list[str]:
        """Let it start what has died, and return the names.

        Raises:
            EmbeddedError: a server cannot start again.
        """
        assert self._process.stdin is not None
        self._process.stdin.write("revive\n")
        self._process.stdin.flush()
        heard = self._heard()
        self.pids = heard["pids"]
        return list(heard["revived"])

    def kill(self) -> None:
        """kill -9 it; its servers are on their own then."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it stop its servers and end."""
        self._process.communicate()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        heard: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in heard:
            raise EmbeddedError(heard["error"])
        return heard


def serve(root: str, durable: str = "") -> None:
    """Run the servers, say where they are, and stop them at the end of the input."""
    install_wait_callback()
    try:
        with Embedded(Path(root), fsync=bool(durable)) as servers:
            _say(redis=servers.redis_url, database=servers.database_url, pids=servers.pids)
            for _line in sys.stdin:
                _revive(servers)
    except EmbeddedError as error:
        _say(error=str(error))


def _revive(servers: Embedded) -> None:
    try:
        _say(revived=servers.revive(), pids=servers.pids)
    except EmbeddedError as error:
        _say(error=str(error))


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


class Memory:
    """What one test stores in both servers, apart from what other tests stored there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def add(self, servers: "Servers", value: str) -> None:
        """Store *value* in both."""
        client = open_redis(servers.redis_url)
        client.sadd(self._name, value)
        client.close()
        pg = Postgres(servers.database_url, size=1)
        with pg.transaction() as cursor:
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {self._name} (value TEXT PRIMARY KEY)")
            cursor.execute(f"INSERT INTO {self._name} VALUES (%s)", (value,))
        pg.close()

    def of(self, servers: "Servers") -> set[str]:
        """What both hold, which must be the same."""
        client = open_redis(servers.redis_url)
        members = set(client.smembers(self._name))
        client.close()
        pg = Postgres(servers.database_url, size=1)
        with pg.transaction() as cursor:
            cursor.execute(f"SELECT value FROM {self._name}")
            rows = {value for (value,) in cursor.fetchall()}
        pg.close()
        assert members == rows
        return members


Servers = Addresses | Embedded | EmbeddedProcess


@contextmanager
def short_directory() -> Iterator[Path]:
    """Yield a new directory that only we may enter, with a path that leaves sockets room.

    pytest's own are too long for sockets to fit into the data directory itself.
    """
    directory = Path(tempfile.mkdtemp(prefix="embedded-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


class Watched:
    """A process that may end at any time; made while it lives, so its id cannot mean another."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)

    def gone(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, after waiting for that as long."""
        return bool(select.select([self._pidfd], [], [], within_s)[0])

    def __del__(self) -> None:
        os.close(self._pidfd)
