"""Valkey and PostgreSQL, each on a disk of its own that a test can fill."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from touchline.store.embedded import postgresql, valkey

from tests.embedded_process import EmbeddedProcess
from tests.small_disk import SmallDisk

from .servers import POSTGRESQL, VALKEY, Servers

ROOM = "250m"  #: a new cluster with some log, and as much again


class CrampedServers(Servers):
    """One server of each of two pairs: of the other, its fellow on the same disk, nobody asks.

    Skips the test where no disk can be mounted.
    """

    def __init__(self) -> None:
        self._held = ExitStack()
        self._disks: dict[str, SmallDisk] = {}
        self._processes: dict[str, EmbeddedProcess] = {}
        self._sockets: dict[str, Path] = {}
        self._full: set[str] = set()

    def __enter__(self) -> CrampedServers:
        with self._held as starting:
            for name in (VALKEY, POSTGRESQL):
                self._start(name, starting)
            self._held = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self._held.close()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "REDIS_URL": valkey.address(self._sockets[VALKEY]),
            "DATABASE_URL": postgresql.address(self._sockets[POSTGRESQL]),
        }

    def fill(self, *names: str) -> None:
        """Leave the disk of each no byte of room, until `mend`."""
        for name in names:
            self._disks[name].fill()
            self._full.add(name)

    def make_room(self) -> None:
        """Give back what `fill` took, and start nothing."""
        while self._full:
            self._disks[self._full.pop()].make_room()

    def mend(self) -> None:
        """Make room, and start what has ended for lack of it."""
        self.make_room()
        for process in self._processes.values():
            process.revive()

    def _start(self, name: str, held: ExitStack) -> None:
        # Not pytest's own directory: its path leaves sockets no room.
        root = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="disk-")))
        disk = self._disks[name] = SmallDisk(root, ROOM)
        held.callback(disk.remove)
        process = EmbeddedProcess(root / "s", through=disk.through, fsync=True)
        held.callback(process.end)
        self._processes[name] = process
        self._sockets[name] = disk.seen(root / "s" / "run")
