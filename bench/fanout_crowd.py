"""The handle on bench/fanout_clients.py, and what a server did for its clients in a while."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout_mix import Publication
from fanout_process import cpu_s, end
from fanout_servers import Server

HERE = Path(__file__).resolve().parent
SAMPLED = 1_000  #: clients that look into their frames, at even distances among all
QUIET_S = 0.3  #: without a message: everything is delivered
DRAIN_S = 20.0  #: longest wait for that


@dataclass(frozen=True, slots=True)
class Run:
    """What became of some publications.

    Attributes:
        published: how many there were.
        messages: that arrived at all clients together.
        prices, portfolios: latencies of those sampled: samples, p50_ms, p99_ms, max_ms.
        server_s, clients_s: CPU seconds.
        beside_s: of processes beside the server, by name.
        seconds: of wall time, until everything had arrived.
        late_s: how far the publisher fell behind its plan, at most.
    """

    published: int
    messages: int
    bytes: int
    lost: int
    prices: dict[str, float]
    portfolios: dict[str, float]
    server_s: float
    clients_s: float
    beside_s: dict[str, float]
    seconds: float
    late_s: float

    @property
    def us_a_message(self) -> float:
        """CPU of the server for each message that arrived."""
        return 1e6 * self.server_s / max(1, self.messages)

    @property
    def clients_busy(self) -> float:
        """The share of a core that the clients used; near 1 they are what is measured."""
        return self.clients_s / self.seconds


class Crowd:
    """All clients of one server, in a process of their own."""

    def __init__(
        self, process: subprocess.Popen[str], server: Server, clients: int, channels: str
    ) -> None:
        self._process = process
        self._server = server
        self._channels = channels
        self._look_each = max(1, clients // SAMPLED)

    def open(self, count: int, *, rate: float = 0.0, deaf: float = 0.0) -> dict[str, Any]:
        """Let so many more connect; return when the last has, with "seconds"."""
        return self.ask(
            do="open",
            count=count,
            rate=rate,
            deaf=deaf,
            look_each=self._look_each,
            port=self._server.port,
            channels=self._channels,
            private_key=self._server.private_key,
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command of fanout_clients.py, return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clients have ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def play(self, publications: Sequence[Publication], *, to_the_end: bool = True) -> Run:
        """Publish all of that, wait until it has arrived, and count.

        Not *to_the_end* while clients come back: they are always shown something.
        """
        self.ask(do="clear")
        before, began = self._cpu(), time.monotonic()
        late_s = self._publish(publications, began)
        report = self._drained() if to_the_end else self.ask(do="report")
        seconds = time.monotonic() - began
        spent = {name: after - before[name] for name, after in self._cpu().items()}
        return Run(
            published=len(publications),
            messages=report["messages"],
            bytes=report["bytes"],
            lost=report["lost"],
            prices=report["prices"],
            portfolios=report["portfolios"],
            server_s=spent.pop("server"),
            clients_s=spent.pop("clients"),
            beside_s=spent,
            seconds=seconds,
            late_s=late_s,
        )

    def _publish(self, publications: Sequence[Publication], began: float) -> float:
        late_s, publisher = 0.0, self._server.publisher
        for publication in publications:
            wait_s = began + publication.at - time.monotonic()
            if wait_s > 0:
                time.sleep(wait_s)
            late_s = max(late_s, -wait_s)
            if publication.price is not None:
                publisher.price(publication.price)
            elif publication.user is not None:
                publisher.portfolio(publication.user)
        return late_s

    def _drained(self) -> dict[str, Any]:
        until, seen = time.monotonic() + DRAIN_S, -1
        while True:
            report = self.ask(do="report")
            if report["messages"] == seen or time.monotonic() > until:
                return report
            seen = report["messages"]
            time.sleep(QUIET_S)

    def _cpu(self) -> dict[str, float]:
        pids = {"server": self._server.pid, "clients": self._process.pid, **self._server.beside}
        return {name: cpu_s(pid) for name, pid in pids.items()}


@contextmanager
def open_crowd(server: Server, board: Path, clients: int, channels: str) -> Iterator[Crowd]:
    """The *clients* that *server* will have, none of which is connected yet."""
    command = [sys.executable, str(HERE / "fanout_clients.py"), str(board)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        yield Crowd(process, server, clients, channels)
    finally:
        end(process)
