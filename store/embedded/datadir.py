"""The data directory: who owns it, what lies where, where its sockets are.

    owner.lock                     held by the managing process alone
    postgres.lock, valkey.lock     held by the processes of that server, by inheritance
    log/                           what the servers say
    pg/, valkey/                   their data
    run                            directory of the sockets, or a link to a better one

Separate locks, because "another Touchline runs here" and "servers of a killed
Touchline are still going down" need different answers: the first is refused,
the second waited out. A lock lasts until the last process that inherited it
has ended, so whoever takes it knows that none is left.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER_WAIT_S = 0.5  #: somebody who only looks holds the lock for an instant
ORPHANS_WAIT_S = 60.0  #: servers of a killed owner write a last checkpoint first
LOCK_POLL_S = 0.01
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
        self._owner_lock: int | None = None

    @property
    def sockets(self) -> Path:
        """The directory of the sockets, by a name that the kernel and libpq can take."""
        return Path(os.readlink(self._run)) if self._run.is_symlink() else self._run

    def take(self) -> None:
        """Make this process the owner, creating what is missing.

        Raises:
            EmbeddedError: another process is, or the directory cannot be written.
        """
        refusal = f"the data directory {self.root} is in use by another Touchline"
        try:
            for directory in (self.root, self.logs, self.valkey):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._owner_lock = _locked(self.root / "owner.lock", OWNER_WAIT_S, refusal)
            self._renew_socket_directory()
        except OSError as error:
            self.release()
            raise EmbeddedError(f"cannot use the data directory {self.root}: {error}") from error

    def release(self) -> None:
        """Let another process own the directory; the servers must be gone. Safe to repeat."""
        if self._owner_lock is not None:
            self._remove_linked_directory()
            os.close(self._owner_lock)
            self._owner_lock = None

    @contextmanager
    def server_lock(self, server: str) -> Iterator[int]:
        """Yield the descriptor that every process of *server* must inherit.

        Waits until no process of an earlier *server* is left.

        Raises:
            EmbeddedError: one still is after `ORPHANS_WAIT_S`.
        """
        refusal = f"a {server} of an earlier run still uses {self.root}"
        lock = _locked(self.root / f"{server}.lock", ORPHANS_WAIT_S, refusal)
        try:
            yield lock
        finally:
            os.close(lock)

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

    def _renew_socket_directory(self) -> None:
        self._remove_linked_directory()
        shutil.rmtree(self._run, ignore_errors=True)
        # libpq reads a comma as the end of one host and the start of another.
        if len(os.fsencode(self._run)) <= SOCKET_DIRECTORY_MAX and "," not in str(self._run):
            self._run.mkdir(mode=0o700)
        else:
            self._run.symlink_to(tempfile.mkdtemp(prefix="touchline-"))

    def _remove_linked_directory(self) -> None:
        if self._run.is_symlink():
            shutil.rmtree(self.sockets, ignore_errors=True)
            self._run.unlink()


def _locked(path: Path, wait_s: float, refusal: str) -> int:
    """Return a descriptor that holds the lock on *path*."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + wait_s
        while not _lock(descriptor):
            if time.monotonic() > until:
                raise EmbeddedError(refusal)
            time.sleep(LOCK_POLL_S)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
