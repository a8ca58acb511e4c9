"""What stops cost: ticks that meet none, one that meets 10,000, and a user's missed ticks.

    python bench/stops.py [--quick] [--json]

Uses the watch and the scanner as `stop-watcher` and `margin-reconnect-listener` do, on an embedded
Valkey. Costs are CPU time of this process and of Valkey together, so one core could do so much.
Beside it, in the same run, two other ways to find whom a tick concerns: a loop over positions in
memory, and Postgres with an index for each comparison.

Goals: a quiet tick costs the same with 1,000 as with 100,000 positions; 5,000 ticks a second on one
core; 10,000 breaches in one tick closed in order within 5 s while trades go on; 100,000 ticks a
second replayed for one user.
"""

# ruff: noqa: E402 - patching comes first
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
from stops_book import IDX, Book
from stops_peers import in_memory_us, in_postgres_us
from touchline.domain.halts import OPEN
from touchline.domain.ids import UserId, uuid7
from touchline.domain.position_events import By
from touchline.domain.positions import Stops
from touchline.domain.scanning import Cursor
from touchline.domain.ticks import Glance
from touchline.domain.trading import Side
from touchline.store import watch
from touchline.store.commands import Filled, TradeCommand
from touchline.store.embedded import Embedded
from touchline.store.keys import Keys
from touchline.store.lease import Lease
from touchline.store.position_hashes import position_of
from touchline.store.redis_client import open_redis
from touchline.store.scanner import Scanner
from touchline.store.scripts import Scripts
from touchline.store.watch import Due, Passed, Watch

SIZES = (1_000, 10_000, 100_000)
FAR = Stops(900_000, 1_100_000, None)  #: at 100.0000: nothing comes near them
NEAR = Stops(995_000, 1_100_000, None)
TRADER, WATCHED = UserId(999_999), UserId(1)
TRADES_S = 100  #: trades a second while 10,000 positions are closed
FLAT, TICKS_S, BREACH_S, REPLAY_S = 1.3, 5_000, 5.0, 100_000
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Bench:
    """The servers, and what works on them."""

    redis: Any
    valkey: int
    database_url: str
    quick: bool

    def cpu_s(self) -> float:
        """CPU seconds of this process and of Valkey."""
        return time.process_time() + cpu_s(self.valkey)


def cpu_s(pid: int) -> float:
    """CPU seconds of another process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer ticks, under 50 s")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    with _servers(chosen.quick) as bench:
        quiet = {size: _quiet(bench, size) for size in SIZES}
        peers = {size: _peers(bench, size) for size in SIZES}
        breaches, replay = _breaches(bench), _replay(bench)
    goals = {
        "quiet_tick_100k_over_1k": _at_most(
            quiet[SIZES[-1]]["alone_us"] / quiet[SIZES[0]]["alone_us"], FLAT
        ),
        "ticks_per_core_second": _at_least(1e6 / quiet[SIZES[-1]]["alone_us"], TICKS_S),
        "breaches_10k_s": _at_most(breaches["wall_s"], BREACH_S),
        "breaches_in_order": {"value": breaches["in_order"], "goal": 1, "ok": breaches["ok"]},
        "replay_ticks_per_s": _at_least(replay["ticks_per_core_s"], REPLAY_S),
    }
    _show(quiet, peers, breaches, replay)
    result = {
        "goals": goals, "quiet": quiet, "peers": peers, "breaches": breaches, "replay": replay,
        "load": os.getloadavg(),
    }  # fmt: skip
    print("load average", os.getloadavg())
    if chosen.json:
        print(json.dumps(result))
    return 0 if all(goal["ok"] for goal in goals.values()) else 1


@contextmanager
def _servers(quick: bool) -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory() as directory,
        Embedded(Path(directory) / "s", fsync=False) as servers,
    ):
        client = open_redis(servers.addresses.redis_url, role="bench")
        yield Bench(client, servers.pids["Valkey"], servers.addresses.database_url, quick)
        client.close()


def _quiet(bench: Bench, size: int) -> dict[str, float]:
    """CPU µs of a tick that concerns nobody: when each comes alone, and when many wait."""
    book = Book.on(bench.redis)
    book.fill(size // 2, FAR)
    look = _watch(bench, book)
    alone, together = (2_000, 5_000) if bench.quick else (10_000, 50_000)
    return {
        "alone_us": _passing_us(bench, book, look, alone, 1),
        "together_us": _passing_us(bench, book, look, together, watch.TICKS),
    }


def _passing_us(
    bench: Bench, book: Book, look: Callable[[Cursor | None], Any], count: int, at_once: int
) -> float:
    """CPU µs for each of *count* ticks, of which so many are seen *at_once*."""
    book.tick([n % 7 - 3 for n in range(count)])
    began, usual = bench.cpu_s(), watch.TICKS
    watch.TICKS = at_once
    while isinstance(seen := look(None), Passed) and seen.more:
        pass
    watch.TICKS = usual
    return round((bench.cpu_s() - began) / count * 1e6, 1)


def _peers(bench: Bench, size: int) -> dict[str, float]:
    book = Book.on(bench.redis)
    book.fill(1, FAR)
    [key, *_] = bench.redis.keys(book.keys.pos("*"))
    position = position_of(bench.redis.hgetall(key))
    ticks = [
        Glance(f"{n}-0", n, 1_000_000, 999_000, 1_001_000, 1_000_000, OPEN) for n in range(200)
    ]
    some = ticks[: max(3, 200_000 // size)]
    return {
        "memory_us": round(in_memory_us(position, size, some), 1),
        "postgres_us": round(in_postgres_us(bench.database_url, size, ticks, cpu_s), 1),
    }


def _breaches(bench: Bench) -> dict[str, Any]:
    """One tick meets the stops of 10,000 of 20,000 positions while somebody trades."""
    book = Book.on(bench.redis)
    book.fill(10_000, NEAR)
    book.fund(TRADER)
    look, scanner = _watch(bench, book), _scanner(bench, book)
    book.tick([-200])
    trades: list[float] = []
    trading = gevent.spawn(_trade, bench, trades)
    began, cpu = time.monotonic(), bench.cpu_s()
    due = look(None)
    assert isinstance(due, Due)
    scan = scanner.begin({IDX: due.positions}, By.STOP_WATCHER, lease_owner="bench")
    while scan.step():
        gevent.sleep(0)
    wall_s, cpu_spent = time.monotonic() - began, bench.cpu_s() - cpu
    trading.kill()
    ids = [close.event.position.id for close in scan.happened]
    ranked = sorted(trades)
    return {
        "closed": len(ids),
        "wall_s": round(wall_s, 2),
        "cpu_us_each": round(cpu_spent / len(ids) * 1e6),
        "in_order": int(ids == sorted(ids)),
        "ok": len(ids) == 10_000 and ids == sorted(ids),
        "trades_meanwhile": len(trades),
        "trade_p99_ms": round(ranked[int(len(ranked) * 0.99)] * 1000, 1) if ranked else None,
    }


def _trade(bench: Bench, trades: list[float]) -> None:
    scripts = Scripts(bench.redis, Keys())
    for number in range(10**6):
        began = time.monotonic()
        command = TradeCommand(
            uuid7(number), TRADER, IDX, Side.BUY, 10, None, f"t{number}", "fp", None, 10**9
        )
        [outcome] = scripts.execute([command])
        assert isinstance(outcome, Filled), outcome
        trades.append(time.monotonic() - began)
        gevent.sleep(1 / TRADES_S)


def _replay(bench: Bench) -> dict[str, float]:
    """All ticks a user with 20 positions has missed."""
    book = Book.on(bench.redis)
    book.fill(10, FAR, users=1)
    scanner = _scanner(bench, book)
    count = 50_000 if bench.quick else 200_000
    book.tick([n % 7 - 3 for n in range(count)])
    ids = sorted(bench.redis.smembers(book.keys.open_by_user(WATCHED)))
    began, cpu = time.monotonic(), bench.cpu_s()
    assert not scanner.scan({IDX: ids}, By.RECONNECT_LISTENER)
    return {
        "positions": len(ids),
        "ticks": count,
        "ticks_per_core_s": round(count / (bench.cpu_s() - cpu)),
        "ticks_per_s": round(count / (time.monotonic() - began)),
    }


def _watch(bench: Bench, book: Book) -> Callable[[Cursor | None], Any]:
    lease = Lease(
        bench.redis, book.keys.lease("stop-watcher"), monotonic=time.monotonic, owner="bench"
    )
    assert lease.renew()
    bench.redis.persist(lease.key)  # nobody else is here to take it
    over = Watch(bench.redis, book.keys)
    return lambda dealt_with: over.look({IDX: dealt_with}, "bench", lease.token)[IDX]


def _scanner(bench: Bench, book: Book) -> Scanner:
    return Scanner(bench.redis, book.keys, book.scripts, lambda: 10**9)


def _at_most(value: float, goal: float) -> dict[str, Any]:
    return {"value": round(value, 3), "goal": goal, "ok": value <= goal}


def _at_least(value: float, goal: float) -> dict[str, Any]:
    return {"value": round(value), "goal": goal, "ok": value >= goal}


def _show(quiet: Any, peers: Any, breaches: Any, replay: Any) -> None:
    print("CPU µs of a tick that concerns nobody")
    print(f"{'positions':>10}{'alone':>10}{'together':>10}{'memory':>12}{'postgres':>10}")
    for size in SIZES:
        ours, other = quiet[size], peers[size]
        print(
            f"{size:>10,}{ours['alone_us']:>10}{ours['together_us']:>10}"
            f"{other['memory_us']:>12}{other['postgres_us']:>10}"
        )
    print("10,000 breaches in one tick:", breaches)
    print("replay:", replay)


if __name__ == "__main__":
    sys.exit(main())
