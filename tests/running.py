"""Real processes under test: `touchline up` and what a client needs to talk to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests import leaks

READY_S = 60.0  #: seconds a start may take on a loaded machine
STOP_S = 60.0  #: seconds an orderly stop may take there


def plain_environment() -> dict[str, str]:
    """This process' environment without what would be a setting, or is meant for the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_URL") and not name.startswith("TOUCHLINE_TEST_")
    }


@dataclass
class Up:
    """`touchline up` as a child process; `with Up(dir, "--season", "7") as up: up.api …`."""

    data_dir: Path
    arguments: tuple[str, ...]
    command: tuple[str, ...] = (sys.executable, "-m", "touchline")
    settings: dict[str, str] = field(init=False)
    process: subprocess.Popen[str] = field(init=False)
    lines: list[str] = field(default_factory=list)

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        command: tuple[str, ...] | None = None,
        settings: Mapping[str, str] | None = None,
    ):
        self.data_dir, self.arguments, self.lines = data_dir, arguments, []
        self.settings = dict(settings or {})
        if command is not None:
            self.command = command

    def __enter__(self) -> Up:
        self._log = open(self.data_dir.with_suffix(".log"), "a")
        self.process = subprocess.Popen(
            [
                *self.command,
                *("up", "--data-dir", str(self.data_dir), "--api-port", "0", "--ws-port", "0"),
                *self.arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=plain_environment() | self.settings,
        )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(READY_S):
            self.kill()
            raise AssertionError(f"not ready in {READY_S} s:\n{self.log()}")
        if self.process.poll() is not None and not self.address("API"):
            raise AssertionError(f"ended at start:\n{self.log()}")
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _why: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self.stop()
        self._log.close()
        said = self.data_dir.with_suffix(".log").read_text(errors="replace")
        leaks.heard("the output of up", "\n".join(self.lines) + said)

    def stop(self) -> int:
        """Ask it to stop as Ctrl-C does; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.finish(STOP_S)

    def kill(self) -> None:
        """kill -9, and nothing else."""
        self.process.kill()
        self.process.wait()

    def finish(self, timeout_s: float) -> int:
        """Wait for it to end by itself; returns its exit code."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {timeout_s} s:\n{self.log()}") from None
        self._reader.join(10)
        return code

    def log(self) -> str:
        return "\n".join(self.lines) + "\n" + self.data_dir.with_suffix(".log").read_text()[-6000:]

    def address(self, what: str) -> str:
        """The address printed on the line that names *what* ("API", "WebSocket")."""
        for line in self.lines:
            if what in line and (found := re.search(r"(https?|wss?)://\S+", line)):
                return found[0].rstrip("/")
        return ""

    @property
    def api(self) -> str:
        return self.address("API")

    def summary(self) -> dict[str, Any]:
        """The JSON object on the last line of stdout (`--until-finished`)."""
        value: dict[str, Any] = json.loads(self.lines[-1])
        return value

    def get(self, path: str, token: str = "") -> Any:
        return self.request("GET", path, token=token)

    def post(self, path: str, body: object = None, token: str = "", key: str = "") -> Any:
        return self.request("POST", path, body, token, key)

    def request(
        self, method: str, path: str, body: object = None, token: str = "", key: str = ""
    ) -> Any:
        """One JSON request; an HTTP error is raised as urllib raises it."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("Touchline is ready"):
                self._ready.set()
        self._ready.set()
