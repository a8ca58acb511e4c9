"""What bench/trades.py runs against: embedded servers, a market, an api-server, and traders."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from touchline.http.keys import new_keypair
from touchline.store.embedded import Embedded
from touchline.store.embedded.manager import POSTGRESQL, VALKEY
from touchline.store.postgres import Postgres
from touchline.store.schema import apply_schema
from trades_clients import Load, Result
from trades_cpu import cpu_s, family_cpu_s

HERE = Path(__file__).resolve().parent
INSTRUMENTS = 20  #: that clients trade; as many more are for the peers
FIXED_PATH = "/v1/fixed"  #: the route that trades_server.py adds
READY_S = 60.0
_MARKET = f"""
INSERT INTO teams (id, name, short_code)
 SELECT i, 'Club ' || i, 'C' || i FROM generate_series(1, {2 * INSTRUMENTS}) i;
INSERT INTO instruments (idx, symbol, name, team_id, base_px, index_px, depth, qcap, user_cap,
  half_spread_ppm, fee_ppm, order_max, max_leverage, mark_clamp_ppm, bid_px, ask_px, mark_px)
 SELECT i, 'C' || i, 'Club ' || i, i, 1000000, 1000000, 10000000, 5000000, 5000000,
  1000, 1000, 50000, 10, 5000, 999000, 1001000, 1000000
 FROM generate_series(1, {2 * INSTRUMENTS}) i;
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds, by who spent them."""

    api: float
    redis: float
    postgres: float

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.api - other.api, self.redis - other.redis, self.postgres - other.postgres)

    @property
    def total(self) -> float:
        return self.api + self.redis + self.postgres


@dataclass(frozen=True, slots=True)
class Run:
    """What one load got, and what that cost."""

    result: Result
    spent: Spent

    @property
    def done(self) -> int:
        """Requests answered 201. Raises RuntimeError if others were answered otherwise."""
        if set(self.result.answers) != {"201"}:
            raise RuntimeError(f"not all were answered 201: {self.result.answers}")
        return self.result.answers["201"]

    @property
    def per_s(self) -> float:
        return self.done / self.result.seconds

    @property
    def per_core_s(self) -> float:
        """Requests for each second of CPU of the api-server."""
        return self.done / self.spent.api


@dataclass(slots=True)
class Exchange:
    """Everything that runs, and how to load it."""

    servers: Embedded
    api: subprocess.Popen[bytes]
    port: int
    tokens: list[str]
    runs: int = 0

    def spent(self) -> Spent:
        pids = self.servers.pids
        return Spent(cpu_s(self.api.pid), cpu_s(pids[VALKEY]), family_cpu_s(pids[POSTGRESQL]))

    def look(self, path: str) -> tuple[int, str]:
        """How many bytes *path* is answered with, and their ETag."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return len(answer.read()), answer.headers["ETag"]

    def load(self, path: str, measure_s: float, *, rate: float = 0.0, warm_s: float = 0.5) -> Run:
        """Let every trader send requests to *path*, and count."""
        self.runs += 1
        load = Load(
            port=self.port,
            path=path,
            tokens=self.tokens,
            instruments=INSTRUMENTS,
            name=f"r{self.runs}",
            warm_s=warm_s,
            measure_s=measure_s,
            rate=rate,
        )
        command = [sys.executable, str(HERE / "trades_clients.py")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as traders:
            assert traders.stdin is not None
            assert traders.stdout is not None
            traders.stdin.write(json.dumps(asdict(load)))
            traders.stdin.close()
            if traders.stdout.readline() != "begin\n":
                raise RuntimeError("the traders could not begin")
            before = self.spent()
            result = Result(**json.loads(traders.stdout.readline()))
            return Run(result, self.spent() - before)


@contextmanager
def open_exchange(root: Path, traders: int) -> Iterator[Exchange]:
    """Start everything below *root*; it ends with the block."""
    with Embedded(root) as servers:
        pg = Postgres(servers.database_url, size=1)
        apply_schema(pg)
        with pg.transaction() as cursor:
            cursor.execute(_MARKET)
        pg.close()
        port = free_port()
        with api_server(servers, port, root / "api-server.log") as api:
            tokens = [sign_in(port, number) for number in range(traders)]
            yield Exchange(servers, api, port, tokens)


@contextmanager
def api_server(servers: Embedded, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    private_key, public_keys = new_keypair()
    settings = {
        "PATH": os.environ["PATH"],
        "REDIS_URL": servers.redis_url,
        "DATABASE_URL": servers.database_url,
        "BIND_ADDRESS": "127.0.0.1",
        "API_PORT": str(port),
        "JWT_PRIVATE_KEY": private_key,
        "JWT_PUBLIC_KEYS": public_keys,
        "WS_PUBLIC_URL": "ws://127.0.0.1:9/ws",
        # Nobody listens there: the feed is waited for, as in an outage.
        "SPORTMONKS_URL": "http://127.0.0.1:9/v3/football",
        "SPORTMONKS_TOKEN": "none",
        "AUTH_DEV": "1",
        # All traders have one address, and each trades as fast as it can.
        "LIMIT_ADDRESS_PER_S": "1000000",
        "LIMIT_ORDERS_PER_S": "1000000",
        "LIMIT_READS_PER_S": "1000000",
        "LIMIT_SIGN_INS_PER_S": "1000000",
    }
    command = [sys.executable, str(HERE / "trades_server.py")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=settings)
        try:
            wait_until_ready(process, port, log)
            yield process
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            # Not /readyz: without a feed the service is ready to trade and does not say so.
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/instruments", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the api-server did not start:\n{log.read_text()[-4000:]}")


def sign_in(port: int, number: int) -> str:
    body = json.dumps({"email": f"trader-{number}@example.com"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/auth/dev-login", body)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.loads(answer.read())["access_token"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
