"""Valkey and PostgreSQL as durable as in production, to be killed, paused and started again."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from touchline.store.embedded import Embedded

from tests.embedded_process import Watched

VALKEY, POSTGRESQL = "Valkey", "PostgreSQL"
GONE_S = 30.0


class Servers:
    """Both servers below *root*, with `appendfsync always` and `fsync on`."""

    def __init__(self, root: Path) -> None:
        self._embedded = Embedded(root)
        self._root = root
        self._paused: list[int] = []
        self.redis_url = ""  #: of the Redis that has taken over, if one has

    def __enter__(self) -> Servers:
        self._embedded.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self._embedded.stop()

    @property
    def settings(self) -> dict[str, str]:
        """What the services are told of them."""
        addresses = self._embedded.addresses
        redis_url = self.redis_url or addresses.redis_url
        return {"REDIS_URL": redis_url, "DATABASE_URL": addresses.database_url}

    def kill(self, *names: str) -> None:
        """kill -9 every process of each server, at once; returns when they are gone."""
        family = [pid for name in names for pid in self._stop(name)]
        watched = [Watched(pid) for pid in family]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        assert all(each.gone(GONE_S) for each in watched)

    def empty(self) -> None:
        """Delete what Valkey, which is gone, has written."""
        shutil.rmtree(self._root / "valkey" / "appendonlydir")

    def put_aside(self) -> Path:
        """Have Valkey, which is gone, come back empty; where its log is then."""
        return (self._root / "valkey" / "appendonlydir").rename(self._root / "put aside")

    def bring_back(self, old: Path) -> None:
        """Have Valkey, which is gone, come back with its *old* log."""
        self.empty()
        old.rename(self._root / "valkey" / "appendonlydir")

    def end(self, name: str, how: signal.Signals) -> None:
        """Send *how* to the server's parent process alone; returns when that one is gone."""
        pid = self._embedded.pids[name]
        watched = Watched(pid)
        os.kill(pid, how)
        assert watched.gone(GONE_S)

    def pause(self, name: str) -> None:
        """Let no process of the server run until `mend`."""
        self._paused += self._stop(name)

    def mend(self) -> None:
        """Let what is paused go on, start what is gone; returns when both answer."""
        while self._paused:
            os.kill(self._paused.pop(), signal.SIGCONT)
        self._embedded.revive()

    def _stop(self, name: str) -> list[int]:
        """Stop the server's processes, the parent first so that no child is added."""
        pid = self._embedded.pids[name]
        os.kill(pid, signal.SIGSTOP)
        family = [pid, *_children(pid)]
        for one in family:
            os.kill(one, signal.SIGSTOP)
        return family


def _children(parent: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            _state, its_parent, *_ = stat.read_text().rpartition(")")[2].split()
            if int(its_parent) == parent:
                yield int(stat.parent.name)
