"""A ws-server on one core, a market that moves, and honest clients on the other core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.ticks import IndexChange
from touchline.http.keys import new_keypair
from touchline.http.tokens import Signer
from touchline.store.embedded import Embedded
from touchline.store.redis_client import open_redis

from tests.embedded_process import REPOSITORY
from tests.fakes.exchange import ARS, EVE, LEASE, OWNER, TAG, Exchange
from tests.faults.ports import free_ports

SERVER_CORE, CLIENT_CORE = 0, 1
READY_S = 60.0
PROMPT_S = 0.005  #: a change of the market and the look at what it made take less
TICK_S = 0.1  #: between two prices
HERE = Path(__file__).parent


class Hub:
    """What is measured: latencies of prices and portfolio pushes, in seconds."""

    def __init__(self, port: int, private_key: str, exchange: Exchange, clients: Any, pid: int):
        self.port = port
        self.private_key = private_key
        self.pid = pid
        self._exchange = exchange
        self._clients = clients
        self._signer = Signer(private_key)
        self._sent: dict[tuple[str, int], float] = {}
        self._portfolio_user = UserId(1)
        self.late_s = 0.0  #: what the market's own commands took too long in this window

    def seat(self, prices: int) -> None:
        """Connect so many who listen to all prices, and one who follows a portfolio."""
        tokens = [self._signer.ws_token(n + 2, "session") for n in range(prices)]
        for first in range(0, prices, 100):  # a pipe takes 64 KiB at once
            self.report(tokens[first : first + 100], "price:*")
        self._exchange.fund(self._portfolio_user)
        self.report([self._signer.ws_token(self._portfolio_user, "session")], "portfolio")

    def window(self, seconds: float) -> dict[str, list[float]]:
        """Move the market for so long; the latency of every message, by channel."""
        self.report()
        self._sent.clear()
        self.late_s = 0.0
        ends = time.monotonic() + seconds
        number = 0
        while time.monotonic() < ends:
            began = time.monotonic()
            # Not one alone: at its ten updates a second the next would have to wait for the clock.
            self._tick((ARS, EVE)[number % 2])
            self._credit()
            # Two pushes a tick; the second between two ticks, when a flush is not under way.
            time.sleep(max(0.0, began + TICK_S / 2 - time.monotonic()))
            self._credit()
            number += 1
            time.sleep(max(0.0, began + TICK_S - time.monotonic()))
        time.sleep(0.3)  # what is on its way
        found: dict[str, list[float]] = {"price": [], "portfolio": []}
        report = self.report()
        if report["lost"]:
            raise AssertionError(f"{report['lost']} honest clients were disconnected")
        for channel, seq, at in report["arrived"]:
            sent_at = self._sent.get((channel, seq))
            if sent_at is not None:
                found[channel.partition(":")[0]].append(at - sent_at)
        return found

    def waited_s(self) -> float:
        """How long the server has waited for its core so far, because others had it."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9

    def busy_s(self) -> float:
        """CPU time of the server so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def report(self, tokens: list[str] | None = None, channel: str = "") -> Any:
        order = {"port": self.port, "tokens": tokens or [], "channel": channel}
        self._clients.stdin.write(json.dumps(order).encode() + b"\n")
        self._clients.stdin.flush()
        return json.loads(self._clients.stdout.readline())

    def _tick(self, idx: InstrumentIdx) -> None:
        at = time.time()
        change = IndexChange(idx=idx, now_ms=int(at * 1000), heartbeat=True)
        self._exchange.scripts.index_apply(change, LEASE, OWNER)
        inst = self._exchange.keys.inst(idx)
        self._sent[f"price:{idx}", int(self._exchange.client.hget(inst, "seq"))] = at
        self._note(at)

    def _credit(self) -> None:
        at = time.time()
        self._exchange.fund(self._portfolio_user, 10_000)
        seq = self._exchange.hot.portfolio(self._portfolio_user).seq
        self._sent["portfolio", seq] = at
        self._note(at)

    def _note(self, began_at: float) -> None:
        self.late_s += max(0.0, time.time() - began_at - PROMPT_S)


@contextmanager
def open_hub(root: Path) -> Iterator[Hub]:
    """Start everything below *root*; this process and all but the ws-server share a core."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    ahead(0)
    private_key, public_keys = new_keypair()
    [port] = free_ports(1)
    with ExitStack() as stack:
        servers = stack.enter_context(Embedded(root / "servers", fsync=False))
        env = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": servers.redis_url,
            "REDIS_KEY_TAG": TAG,
            "DATABASE_URL": servers.database_url,
            "BIND_ADDRESS": "127.0.0.1",
            "JWT_PUBLIC_KEYS": public_keys,
            "WS_PORT": str(port),
            "WS_ALLOWED_ORIGINS": "https://exchange.example",
            "LIMIT_HANDSHAKES_PER_S": "1000000",  # all clients have one address
        }
        log = stack.enter_context((root / "log").open("wb"))
        server = stack.enter_context(
            _process("-m", "touchline", "ws-server", env=env, stdout=log, stderr=log)
        )
        os.sched_setaffinity(server.pid, {SERVER_CORE})
        ahead(server.pid)
        clients = stack.enter_context(
            _process(str(HERE / "abuse_clients.py"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        _until_ready(port)
        exchange = Exchange(open_redis(servers.redis_url, role="bench"))
        exchange.list()
        hub = Hub(port, private_key, exchange, clients, server.pid)
        hub.window(1.0)  # the hub learns of a club that is new at its first tick
        yield hub


def ahead(pid: int) -> None:
    """Have a process go before all others of this machine, if that is allowed."""
    with suppress(PermissionError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))


@contextmanager
def _process(*command: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _until_ready(port: int) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if json.loads(answer.read())["status"] == "ready":
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the ws-server did not get ready")
