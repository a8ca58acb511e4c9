"""Runs programs that must not outlive this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .accounts import Account
from .complaints import complaint
from .datadir import EmbeddedError

LAUNCHER = Path(__file__).with_name("launch.py")
TOOL_S = 120.0  #: seconds a helper program may take; initdb needs one, on a slow disk some more
TAIL_BYTES = 8000  #: how much of a log is searched for the reason of a failure
LOG_MAX_BYTES = 16_000_000  #: a longer log is put aside at the next start

#: Nothing of ours leaks into the servers: no locale, no PG* variables, no proxy.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom a program runs, and the lock it holds while it lives."""

    account: Account
    directory: Path
    lock: int


def run(argv: Sequence[str], place: Place, *, text: str = "") -> str:
    """Run a short program with *text* as its input; return what it printed.

    Raises:
        EmbeddedError: it failed; the message quotes its complaint.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own programs and arguments
            _launched(argv, place, signal.SIGKILL),
            input=text,
            capture_output=True,
            text=True,
            timeout=TOOL_S,
            env=ENVIRONMENT,
            pass_fds=(place.lock,),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EmbeddedError(f"{Path(argv[0]).name} took more than {TOOL_S:g} s") from None
    if done.returncode:
        said = complaint(done.stderr or done.stdout)
        raise EmbeddedError(f"{Path(argv[0]).name} failed: {said}")
    return done.stdout


class ServerProcess:
    """A server in the background, its log, and how it is asked to go.

    Args:
        stops: signals in the order of growing impatience, each with the
            seconds to wait for it; the first is also sent when we die.
    """

    def __init__(
        self,
        argv: Sequence[str],
        place: Place,
        log: Path,
        stops: Sequence[tuple[signal.Signals, float]],
    ) -> None:
        self._stops = stops
        self._log = log
        _rotate(log)
        with log.open("ab") as out:
            self._said_before = out.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                _launched(argv, place, stops[0][0]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=ENVIRONMENT,
                pass_fds=(place.lock,),
            )

    @property
    def pid(self) -> int:
        """Process id of the server, which replaced the launcher."""
        return int(self._process.pid)

    def exited(self) -> bool:
        """Whether the server has ended, for whatever reason."""
        return self._process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send the first, orderly signal and return at once."""
        if not self.exited():
            self._process.send_signal(self._stops[0][0])

    def stop(self) -> None:
        """Return when the server has ended, however it had to be done."""
        for number, wait_s in self._stops:
            if self.exited():
                return
            self._process.send_signal(number)
            try:
                self._process.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue
        self._process.kill()
        self._process.wait()

    def said(self) -> str:
        """Its complaint since it was started, in one line, and where the rest of its log is."""
        with self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._said_before, end - TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return f"{complaint(text)} (see {self._log})"


def _launched(argv: Sequence[str], place: Place, death_signal: signal.Signals) -> list[str]:
    # The kernel sends the death signal when the *thread* that started the
    # child ends, so a start from a worker thread would be a time bomb.
    # threading cannot tell under monkey patching; the kernel can.
    if int(os.readlink("/proc/thread-self").rpartition("/")[2]) != os.getpid():
        raise EmbeddedError("the embedded servers must be started from the main thread")
    return [
        *(sys.executable, "-I", "-S", str(LAUNCHER)),
        *(str(os.getpid()), str(int(death_signal)), place.account.name, str(place.directory)),
        *argv,
    ]


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(log.with_suffix(".log.1"))
