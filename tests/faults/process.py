"""One service as a process: what its health pages and its log say, and how a test ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import leaks
from tests.embedded_process import REPOSITORY
from tests.running import STOP_S

ANSWER_S = 10.0  #: an order waits 5 s for its outcome
ChildPath = tuple[str, ...]  #: names of supervisors from below the root to a child, which is last


def request(url: str, body: object = None, **headers: str) -> Any:
    """One JSON answer; a POST if there is a *body*. Raises OSError, an HTTPError with it."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    asked = urllib.request.Request(url, data, given)
    with urllib.request.urlopen(asked, timeout=ANSWER_S) as answer:
        return json.loads(answer.read())


class Service:
    """`touchline COMMAND` in a process of its own, through `tests.faults.service`.

    Args:
        root: an empty directory for its log and the door to its actors.
        url: of its health pages.
    """

    def __init__(self, root: Path, url: str, command: Sequence[str], env: Mapping[str, str]):
        self.url = url
        self.is_paused = False
        root.mkdir()
        self._door, self._log = root / "door", root / "log"
        self._command = [sys.executable, "-m", "tests.faults.service", str(self._door), *command]
        self._env = self._given = {"PATH": os.environ["PATH"], **env}
        leaks.know_settings(env)
        self._start()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        leaks.heard(f"the log of {self._log.parent.name}", self._log.read_text(errors="replace"))

    def _start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, cwd=REPOSITORY, env=self._env, stdout=out, stderr=out
            )

    # -- the process

    @property
    def pid(self) -> int | None:
        """None once it has ended."""
        return self._process.pid if self._process.poll() is None else None

    def wait(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(STOP_S)

    def start_again(self) -> None:
        """What a container runtime does when a process has ended."""
        self._door.unlink(missing_ok=True)  # it may have ended before it had one
        self._start()

    def replace(self, settings: Mapping[str, str]) -> int:
        """Stop it in order and start it with *settings* besides its own; how it had ended."""
        code = self.stop()
        self._env = self._given | settings
        self.start_again()
        return code

    def die(self) -> None:
        """kill -9; returns when it is gone."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it not run until `go_on`."""
        self.is_paused = True
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self.is_paused = False

    def stop(self) -> int:
        """Ask it to stop in order; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    # -- what it says of itself

    def is_ready(self) -> bool:
        return bool(request(f"{self.url}/readyz")["status"] == "ready")

    def version(self) -> str:
        return str(request(f"{self.url}/supervisor")["version"])

    def children(self) -> dict[ChildPath, dict[str, Any]]:
        """Every child below the root as /supervisor shows it, supervisors and what they hold."""
        return dict(_walk(request(f"{self.url}/supervisor")["tree"], ()))

    def detail(self, name: str) -> dict[str, Any]:
        """What child *name* says of itself; nothing while it is not there."""
        for path, child in self.children().items():
            if path[-1] == name:
                found: dict[str, Any] = child["detail"]
                return found
        return {}

    def said(self) -> list[str]:
        """The lines of its log so far."""
        return self._log.read_text().splitlines()

    # -- through its door

    def kill(self, name: str) -> None:
        """Throw GreenletExit into child *name*, or into the root."""
        assert self._told(name) == b"killed"

    def move_calendar(self, by_ms: int) -> None:
        """Move its calendar on; its leases, timers and tokens live in real time."""
        assert self._told(str(by_ms)) == b"moved"

    def _told(self, what: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_S)
            door.connect(str(self._door))
            door.sendall(what.encode())
            return door.recv(200)


def _walk(node: Mapping[str, Any], above: ChildPath) -> Iterator[tuple[ChildPath, dict[str, Any]]]:
    for child in node["children"]:
        path = (*above, child["name"])
        yield path, child
        yield from _walk(child, path)
