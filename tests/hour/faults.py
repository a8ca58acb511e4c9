"""What goes wrong during the hour, drawn from a seed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from random import Random

import gevent

from tests.faults.process import Service
from tests.faults.servers import POSTGRESQL, VALKEY, Servers

EVERY_S = 6.0  #: real seconds between two faults, on average
AWAY_S = (0.2, 4.0)
FROZEN_S = (1.0, 8.0)


class Faults:
    """Kills and pauses everything there is, one thing at a time, for ever."""

    def __init__(self, up: Service, servers: Servers, seed: int) -> None:
        self._up, self._servers = up, servers
        self._random = Random(seed)
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """Do one thing after the other until killed; leaves nothing broken behind."""
        doings: list[tuple[int, Callable[[], str]]] = [
            (14, self._kill_child),
            (2, self._kill_valkey),
            (2, self._kill_postgres),
            (1, self._kill_everything),
            (2, self._freeze),
        ]
        weights, choices = zip(*doings, strict=True)
        try:
            while True:
                gevent.sleep(self._random.expovariate(1 / EVERY_S))
                [doing] = self._random.choices(choices, weights)
                # It was going or coming at that moment, or the child was.
                with suppress(OSError, HTTPException, ValueError, AssertionError):
                    what = doing()
                    self.done[what] += 1
                    print(f"{time.strftime('%H:%M:%S')}  {what}", flush=True)
        finally:
            self._up.go_on()
            self._servers.mend()

    def _kill_child(self) -> str:
        children = [p[-1] for p in self._up.children() if p[-1] != "server-reviver"]
        name = self._random.choice(children)
        self._up.kill(name)
        return f"child {name} killed"

    def _kill_valkey(self) -> str:
        return self._kill_server(VALKEY)

    def _kill_postgres(self) -> str:
        return self._kill_server(POSTGRESQL)

    def _kill_server(self, name: str) -> str:
        self._servers.kill(name)
        gevent.sleep(self._random.uniform(*AWAY_S))
        self._servers.mend()
        return f"{name} killed"

    def _kill_everything(self) -> str:
        pid = self._up.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._up.wait()
        self._up.start_again()
        return "the process killed"

    def _freeze(self) -> str:
        self._up.pause()
        gevent.sleep(self._random.uniform(*FROZEN_S))
        self._up.go_on()
        return "the process frozen"
