"""The data directory: who owns it, what lies where, where its sockets are.

    owner.lock     held by the managing process alone
    servers.lock   inherited by every server process
    log/           what the servers say
    pg/, valkey/   their data
    run            directory of the sockets, or a link to a short one

Two locks, because "another Touchline runs here" and "servers of a killed
Touchline are still going down" need different answers: the first is refused,
the second waited out.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

OWNER_WAIT_S = 3.0  #: a predecessor told to stop may still be on its way out
ORPHANS_WAIT_S = 60.0  #: servers of a killed predecessor write a last checkpoint first
LOCK_POLL_S = 0.02
#: sun_path holds 107 bytes, and PostgreSQL appends "/.s.PGSQL.5432"
SOCKET_DIRECTORY_MAX = 90


class EmbeddedError(Exception):
    """The embedded servers cannot run; the text says why, for the person at the terminal."""


class DataDirectory:
    """The layout below *root*, and the locks on it."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))
        self.logs = self.root / "log"
        self.pg = self.root / "pg"
        self.valkey = self.root / "valkey"
        self._run = self.root / "run"
        self._locks: list[int] = []

    @property
    def sockets(self) -> Path:
        """The directory of the sockets, short enough for the kernel."""
        return Path(os.readlink(self._run)) if self._run.is_symlink() else self._run

    @property
    def servers_lock(self) -> int:
        """Descriptor that every server process must inherit."""
        return self._locks[-1]

    def take(self) -> None:
        """Create what is missing and lock the directory for this process and its servers.

        Raises:
            EmbeddedError: another process uses it, or it cannot be written.
        """
        try:
            for directory in (self.root, self.logs, self.valkey):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock("owner.lock", OWNER_WAIT_S, "is in use by another Touchline")
            self._lock("servers.lock", ORPHANS_WAIT_S, "still has servers of an earlier run")
            self._renew_socket_directory()
        except OSError as error:
            self._unlock()
            raise EmbeddedError(f"cannot use the data directory {self.root}: {error}") from error
        except BaseException:
            self._unlock()
            raise

    def release(self) -> None:
        """Give the directory back; the servers must be gone. Safe to repeat."""
        if self._locks:
            self._remove_short_directory()
        self._unlock()

    def in_use(self) -> bool:
        """Whether a living process manages this directory now.

        Raises:
            EmbeddedError: we may not look.
        """
        try:
            descriptor = os.open(self.root / "owner.lock", os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise EmbeddedError(f"cannot use the data directory {self.root}: {error}") from error
        try:
            # Shared, so that two who ask at once do not mistake each other for the owner.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _lock(self, name: str, wait_s: float, refusal: str) -> None:
        descriptor = os.open(self.root / name, os.O_RDWR | os.O_CREAT, 0o600)
        self._locks.append(descriptor)
        until = time.monotonic() + wait_s
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise EmbeddedError(f"the data directory {self.root} {refusal}") from None
            time.sleep(LOCK_POLL_S)

    def _unlock(self) -> None:
        while self._locks:
            os.close(self._locks.pop())

    def _renew_socket_directory(self) -> None:
        # Whatever is there is left over: we hold the lock that every server inherits.
        self._remove_short_directory()
        shutil.rmtree(self._run, ignore_errors=True)
        if len(os.fsencode(self._run)) <= SOCKET_DIRECTORY_MAX:
            self._run.mkdir(mode=0o700)
        else:
            self._run.symlink_to(tempfile.mkdtemp(prefix="touchline-"))

    def _remove_short_directory(self) -> None:
        if self._run.is_symlink():
            shutil.rmtree(self.sockets, ignore_errors=True)
            self._run.unlink()
