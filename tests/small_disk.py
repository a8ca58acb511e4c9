"""A disk that is small enough to be full, for programs that a test starts."""

import errno
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

MOUNT = 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec cat'
#: Root keeps its accounts; anybody else becomes root of a namespace of his own, who may mount.
UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
ENTER = ["--mount"] if os.geteuid() == 0 else ["--user", "--preserve-credentials", "--mount"]


class SmallDisk:
    """A file system of *size* (such as `90m`) on *place*, for programs run `through` it.

    Skips the test where this user may mount nothing, not even for himself.
    """

    def __init__(self, place: Path, size: str) -> None:
        self._place = place
        self._holder = subprocess.Popen(
            [*UNSHARE, "sh", "-c", MOUNT, str(place), size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "mounted\n":
            _, why = self._holder.communicate()
            pytest.skip(f"no file system can be mounted here: {why.strip()}")

    @property
    def through(self) -> Sequence[str]:
        """What to put before a command that shall see the disk."""
        enter = ["nsenter", *ENTER, "--target", str(self._holder.pid), "--"]
        # Entering leads to the root directory.
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', os.getcwd()]

    def seen(self, path: Path) -> Path:
        """*path* on the disk, by a name that works from outside."""
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def fill(self, *, leaving: int = 0) -> None:
        """Leave so many bytes of room."""
        place = self.seen(self._place)
        with (place / "ballast").open("wb") as file:
            while True:
                room = os.statvfs(place)
                try:
                    os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leaving)
                except OSError as why:
                    if why.errno != errno.ENOSPC:
                        raise  # else somebody has taken some of the room meanwhile
                else:
                    return

    def make_room(self) -> None:
        """Undo `fill`."""
        self.seen(self._place / "ballast").unlink()

    def remove(self) -> None:
        """Forget the disk and all on it."""
        self._holder.communicate()
