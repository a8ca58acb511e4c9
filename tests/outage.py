"""An outage of Postgres at trading speed: how fast Redis fills, and how fast it is caught up.

    python -m tests.outage [--facts 500000] [--users 500]

Kills the Postgres of a pair of servers that are as durable as in production, fills the streams with
real trades, starts Postgres again and a real flusher, and waits until nothing is left. Then every
trade is in Postgres once and the books agree, or the exit code is 1. A simulated outage of an hour
is a number of facts: 2,000 trades a second are 7.2 million, and of those `--facts` are a part.
"""

# ruff: noqa: E402 - patching comes first

from gevent import monkey

monkey.patch_all()

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import gevent
import redis as redis_module
from touchline.domain.ids import uuid7
from touchline.domain.instrument import new_instrument
from touchline.domain.trading import Side
from touchline.store.commands import CreditCommand, Filled, TradeCommand
from touchline.store.hot import Hot
from touchline.store.keys import Keys, OutboxName, State
from touchline.store.postgres import Postgres, install_wait_callback
from touchline.store.reconcile import reconcile
from touchline.store.recovery import Recovery
from touchline.store.redis_client import open_redis
from touchline.store.schema import apply_schema
from touchline.store.scripts import Scripts

from tests.embedded_process import short_directory
from tests.fakes.facts import add_instruments, add_users
from tests.faults.ports import free_ports
from tests.faults.process import Service
from tests.faults.servers import POSTGRESQL, Servers

KEYS = Keys()
CLUBS = tuple(range(1, 21))
START_E4 = 100_000_000
BATCH = 256  #: orders in one pipeline, as `trade-executor` sends them
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Outage:
    """What came of it.

    Attributes:
        bytes_each: of Redis' memory for a fact that waits, its idempotency key included.
        stream_bytes_each: of that, what the stream alone takes.
    """

    facts: int
    filled_s: float
    caught_up_s: float
    bytes_each: float
    stream_bytes_each: float
    lost: int
    duplicated: int
    books: str

    @property
    def ok(self) -> bool:
        return not (self.lost or self.duplicated or self.books)

    def __str__(self) -> str:
        return (
            f"{self.facts} trades in {self.filled_s:.1f} s ({self.facts / self.filled_s:.0f}/s)"
            f" while Postgres was away\n"
            f"{self.bytes_each:.0f} bytes of Redis' memory each,"
            f" {self.stream_bytes_each:.0f} of them in the stream\n"
            f"all in Postgres {self.caught_up_s:.1f} s after it was back"
            f" ({self.facts / self.caught_up_s:.0f}/s)\n"
            f"acknowledged: {self.facts} by redis; lost: {self.lost};"
            f" duplicated: {self.duplicated}\n"
            f"{self.books or 'reconcile: ok'}"
        )


def outage(root: Path, facts: int, users: int) -> Outage:
    """Have *facts* trades made by *users* while Postgres is away, and brought there afterwards."""
    with Servers(root / "servers") as servers:
        settings = servers.settings
        client, pg = open_redis(settings["REDIS_URL"]), Postgres(settings["DATABASE_URL"])
        scripts = Scripts(client, KEYS)
        _open_market(client, scripts, pg, users)
        servers.kill(POSTGRESQL)
        memory = _memory(client)
        began_at = time.monotonic()
        made = _traded(scripts, facts, users)
        filled_s = time.monotonic() - began_at
        grown = _memory(client) - memory
        stream = client.memory_usage(KEYS.trade_outbox, samples=0) or 0
        servers.mend()
        caught_up_s = _caught_up(root, settings, client)
        found = _found(pg)
        report = reconcile(client, KEYS, pg)
        pg.close()
        client.close()
    return Outage(
        facts=len(made),
        filled_s=filled_s,
        caught_up_s=caught_up_s,
        bytes_each=grown / facts,
        stream_bytes_each=stream / facts,
        lost=len(made - found.keys()),
        duplicated=sum(times > 1 for times in found.values()),
        books="" if report.ok else report.as_text(),
    )


def _open_market(client: redis_module.Redis, scripts: Scripts, pg: Postgres, users: int) -> None:
    apply_schema(pg)
    add_instruments(pg, *CLUBS)
    add_users(pg, *range(1, users + 1))
    for idx in CLUBS:
        Hot(client, KEYS).create_instrument(new_instrument(idx, f"CLUB{idx}", f"Club {idx}"))
    Recovery(client, KEYS, pg, monotonic=time.monotonic).run()  # opens the gate
    for user in range(1, users + 1):
        now_ms = _now_ms()
        scripts.wallet_credit(
            CreditCommand(
                *(uuid7(now_ms), user, "grant", START_E4, f"welcome:{user}", "start", now_ms)
            )
        )


def _traded(scripts: Scripts, facts: int, users: int) -> set[str]:
    """The ids of so many trades; all orders go through."""
    made: set[str] = set()
    orders = _orders(users)
    while len(made) < facts:
        batch = list(islice(orders, min(BATCH, facts - len(made))))
        outcomes = scripts.execute(batch)
        assert all(isinstance(outcome, Filled) for outcome in outcomes), outcomes
        made |= {order.trade_id for order in batch}
    return made


def _orders(users: int) -> Iterator[TradeCommand]:
    """Everybody buys one share of some club, then sells it, and again."""
    for number in count():
        turn, user = divmod(number, users)
        now_ms = _now_ms()
        yield TradeCommand(
            trade_id=uuid7(now_ms),
            user=user + 1,
            idx=CLUBS[(user + turn // 2) % len(CLUBS)],
            side=Side("sell" if turn % 2 else "buy"),
            qty=1000,
            bound_px=None,
            idem_key=f"key-{turn}",
            fingerprint="outage",
            client_order_id=None,
            now_ms=now_ms,
        )


def _caught_up(root: Path, settings: dict[str, str], client: redis_module.Redis) -> float:
    """Seconds until a flusher has brought everything to Postgres, its own start included."""
    (port,) = free_ports(1)
    env = settings | {"HEALTH_PORT": str(port), "BIND_ADDRESS": "127.0.0.1"}
    began_at = time.monotonic()
    with Service(root / "flusher", f"http://127.0.0.1:{port}", ("flusher",), env) as flusher:
        while _left(client):
            assert flusher.pid is not None, flusher.said()
            gevent.sleep(LOOK_S)
        took_s = time.monotonic() - began_at
        assert flusher.stop() == 0
    return took_s


def _left(client: redis_module.Redis) -> int:
    with client.pipeline(transaction=False) as pipe:
        for name in OutboxName:
            pipe.xlen(KEYS.outbox(name))
        for state in State:
            pipe.scard(KEYS.dirty(state))
        return sum(pipe.execute())


def _found(pg: Postgres) -> dict[str, int]:
    """How often each trade is in Postgres."""
    with pg.transaction(longest_s=600) as cursor:
        cursor.execute("SELECT id::text, count(*) FROM trades GROUP BY 1")
        return dict(cursor.fetchall())


def _memory(client: redis_module.Redis) -> int:
    info: Any = client.info("memory")
    return int(info["used_memory"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=500_000)
    parser.add_argument("--users", type=int, default=500)
    chosen = parser.parse_args(arguments)
    install_wait_callback()
    with short_directory() as root:
        result = outage(root, chosen.facts, chosen.users)
    print(result)
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
