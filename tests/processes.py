"""The services and commands as processes of their own, and what a test needs to talk to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import psycopg2

from tests import leaks
from tests.running import STOP_S

PATIENCE_S = 60.0


class Process:
    """One service; its output is kept, its port read from its own health page."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self.lines: list[str] = []
        leaks.know_settings(env)
        self._named = " ".join(arguments)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "touchline", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"], **env},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(STOP_S)
        leaks.heard(self._named, "".join(self.lines))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(self.process.stdout)


def eventually(seen: Callable[[], Any], *watched: Process) -> Any:
    """What *seen* returns once it is true; OSErrors of a server that starts count as not yet."""
    said = AssertionError(f"not within {PATIENCE_S} s", [one.lines for one in watched])
    with gevent.Timeout(PATIENCE_S, said):
        while True:
            try:
                if value := seen():
                    return value
            except OSError:
                pass
            gevent.sleep(0.05)


def ask(url: str, body: object = None, **headers: str) -> Any:
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    with urllib.request.urlopen(urllib.request.Request(url, data, given), timeout=10) as answer:
        return json.loads(answer.read())


def a_match_that_begins_now(path: Path) -> Path:
    now = datetime.now(UTC)
    match = {
        "round": "Final",
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H:%M"),
        "team1": "Northgate",
        "team2": "Southport",
        "score": {"ht": [0, 0], "ft": [0, 1]},
    }
    path.write_text(json.dumps({"name": "Today's Cup", "matches": [match]}))
    return path


def refusal(*arguments: str, **env: str) -> str:
    """The one line with which a command ends instead of doing its work."""
    ended = subprocess.run(
        [sys.executable, "-m", "touchline", *arguments],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = (ended.stdout + ended.stderr).splitlines()

    assert (ended.returncode, len(said)) == (2, 1), said
    return said[0]


def asks_for_passwords(database_url: str) -> None:
    """Make the role "careful", which signs in with a password."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE careful LOGIN PASSWORD 'loud'")
        cursor.execute("SHOW hba_file")
        rules = Path(cursor.fetchone()[0])
        rules.write_text(f"local all careful scram-sha-256\n{rules.read_text()}")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()

    def turned_away() -> bool:
        try:
            psycopg2.connect(database_url, user="careful", password="no").close()
        except psycopg2.OperationalError:
            return True
        return False

    eventually(turned_away)
