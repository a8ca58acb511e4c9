"""The ws-server of bench/fanout.py: the service as it is, its Redis, and a feed that moves prices.

Prices are published by the script that the feed uses, and portfolios by that of a grant.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fanout_mix import INSTRUMENTS
from fanout_process import server_process
from fanout_servers import READY_S, Publisher, Server, wait_for
from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx, UserId, uuid7
from touchline.domain.ticks import IndexChange
from touchline.http.handshake import HANDSHAKE_BURST, HANDSHAKES_PER_S
from touchline.http.keys import new_keypair
from touchline.store.commands import CreditCommand
from touchline.store.embedded import Embedded
from touchline.store.embedded.manager import VALKEY
from touchline.store.keys import Keys
from touchline.store.postgres import Postgres
from touchline.store.redis_client import open_redis
from touchline.store.schema import apply_schema
from touchline.store.scripts import Scripts
from trades_exchange import free_port

FEED = "the feed of bench/fanout.py"
_MARKET = f"""
INSERT INTO teams (id, name, short_code)
 SELECT i, 'Club ' || i, 'C' || i FROM generate_series(1, {INSTRUMENTS}) i;
INSERT INTO instruments (idx, symbol, name, team_id, base_px, index_px, depth, qcap, user_cap,
  half_spread_ppm, fee_ppm, order_max, max_leverage, mark_clamp_ppm, bid_px, ask_px, mark_px)
 SELECT i, 'C' || i, 'Club ' || i, i, 1000000, 1000000, 10000000, 5000000, 5000000,
  1000, 1000, 50000, 10, 5000, 999000, 1001000, 1000000
 FROM generate_series(1, {INSTRUMENTS}) i;
"""


class MarketPublisher(Publisher):
    """Moves the market of the hub's Redis."""

    def __init__(self, board: memoryview, redis_url: str) -> None:
        super().__init__(board)
        self._client = open_redis(redis_url)
        keys = Keys()
        self._scripts = Scripts(self._client, keys)
        self._lease = keys.lease("bench-feed")
        self._client.set(self._lease, FEED)

    def goal(self, number: int) -> None:
        """Publish that *number* is halted for a goal."""
        self.note_price(number)
        self._apply(IndexChange(idx=InstrumentIdx(number), now_ms=_now_ms(), halt=Halt.EVENT))

    def resume(self, number: int) -> None:
        """Publish that it is open again."""
        self.note_price(number)
        self._apply(IndexChange(idx=InstrumentIdx(number), now_ms=_now_ms(), halt=Halt(0)))

    def _price(self, number: int, seq: int) -> None:
        self._apply(IndexChange(idx=InstrumentIdx(number), now_ms=_now_ms(), heartbeat=True))

    def _portfolio(self, user: int, seq: int) -> None:
        now_ms = _now_ms()
        key = f"bench:{user}:{seq}"
        grant = CreditCommand(uuid7(now_ms), UserId(user), "grant", 1, key, "", now_ms)
        self._scripts.wallet_credit(grant)

    def _apply(self, change: IndexChange) -> None:
        self._scripts.index_apply(change, self._lease, FEED)


@contextmanager
def run_hub(board: memoryview, root: Path) -> Iterator[Server]:
    """Start everything below *root*; it ends with the block."""
    private_key, public_keys = new_keypair()
    port = free_port()
    # What a disk takes is no part of the fan-out, and no peer has one; bench/latency.py has it.
    with Embedded(root / "data", fsync=False) as servers:
        pg = Postgres(servers.database_url, size=1)
        apply_schema(pg)
        with pg.transaction() as cursor:
            cursor.execute(_MARKET)
        pg.close()
        settings = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": servers.redis_url,
            "DATABASE_URL": servers.database_url,
            "BIND_ADDRESS": "127.0.0.1",
            "WS_PORT": str(port),
            "WS_ALLOWED_ORIGINS": "https://bench.example",
            "LIMIT_HANDSHAKES_PER_S": "1000000",  # all clients have one address
            "JWT_PUBLIC_KEYS": public_keys,
        }
        log = root / "ws-server.log"
        command = [sys.executable, "-m", "touchline", "ws-server"]
        with server_process(command, log, settings) as process:
            wait_for(port, log)
            _wait_until_ready(port, log)
            yield Server(
                "hub",
                process.pid,
                port,
                MarketPublisher(board, servers.redis_url),
                private_key=private_key,
                rate=0.95 * HANDSHAKES_PER_S,
                burst=round(0.9 * HANDSHAKE_BURST),
                beside={"redis": servers.pids[VALKEY]},
            )


def _wait_until_ready(port: int, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
        except OSError:  # not there yet, or 503
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the ws-server is not ready:\n{log.read_text()[-2000:]}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
