"""What bench/http.py measures, and how it is told."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from http_bare import bare_server
from http_load import Answers, Ask, load
from http_tokens import token_costs
from touchline.store.redis_client import open_redis
from trades_cpu import cpu_s
from trades_exchange import Exchange, open_exchange

PATH = "/v1/instruments"
PEOPLE = 32  #: connections, each of somebody else
QUIET_S = 2.0  #: to see what Redis reads when nobody is asked
REDIS_READS = 1.0  #: for a 304, at most; what Redis does besides in that time is subtracted


@dataclass(frozen=True, slots=True)
class Served:
    """A server while it is asked: how many requests a second of its CPU, and what Redis read."""

    per_core_s: float
    per_s: float
    p50_ms: float
    p99_ms: float
    redis_reads: float  #: for each request


class Bench:
    """The servers, and what to ask them."""

    def __init__(self, exchange: Exchange, bare_port: int, bare_pid: int, tag: str) -> None:
        self._exchange = exchange
        self._redis = open_redis(exchange.servers.redis_url)
        port, tokens = exchange.port, exchange.tokens
        signed = [f"Authorization: Bearer {token}\r\n" for token in tokens]
        known = f"If-None-Match: {tag}\r\n"
        self._asks = {
            "bare": (Ask(bare_port, PATH, [""] * PEOPLE), "200", bare_pid),
            "open": (Ask(port, PATH, [""] * PEOPLE), "200", exchange.api.pid),
            "signed": (Ask(port, PATH, signed), "200", exchange.api.pid),
            "unchanged": (
                Ask(port, PATH, [each + known for each in signed]),
                "304",
                exchange.api.pid,
            ),
        }

    @property
    def names(self) -> list[str]:
        return list(self._asks)

    def ask(self, name: str, seconds: float) -> Served:
        """Ask for so long. Raises RuntimeError unless all is answered as it should be."""
        ask, status, pid = self._asks[name]
        # What Redis reads from those who are always there goes on while it is asked.
        quiet_per_s = self._reads_in(QUIET_S) / QUIET_S
        before, reads, began_s = cpu_s(pid), self._reads(), time.monotonic()
        answers: Answers = load(ask, seconds)
        spent, reads = cpu_s(pid) - before, self._reads() - reads
        others = quiet_per_s * (time.monotonic() - began_s)
        if set(answers.counts) != {status}:
            raise RuntimeError(f"{name}: not all were answered {status}: {answers.counts}")
        count = answers.counts[status]
        return Served(
            per_core_s=count / spent,
            per_s=count / answers.seconds,
            p50_ms=1e3 * answers.p50_s,
            p99_ms=1e3 * answers.p99_s,
            redis_reads=max(0.0, reads - others) / count,
        )

    def _reads(self) -> int:
        return int(self._redis.info("stats")["total_reads_processed"])

    def _reads_in(self, seconds: float) -> int:
        before = self._reads()
        time.sleep(seconds)
        return self._reads() - before


@contextmanager
def open_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as root, open_exchange(Path(root), PEOPLE) as exchange:
        size, tag = exchange.look(PATH)
        with bare_server(size) as (port, pid):
            yield Bench(exchange, port, pid, tag)


def measure(rounds: int, seconds: float, checks: int) -> dict[str, Any]:
    with open_bench() as bench:
        found: dict[str, list[Served]] = {name: [] for name in bench.names}
        for _ in range(rounds):
            for name in bench.names:
                found[name].append(bench.ask(name, seconds))
    rows = {name: row(served, found["bare"]) for name, served in found.items()}
    reads = rows["unchanged"]["redis_reads"]
    goal = {"value": reads, "goal": REDIS_READS, "ok": reads <= REDIS_READS}
    goals = {"redis_reads_a_304": goal}
    bare = rows["bare"]["per_core_s"]
    tokens = {
        name: {"us": us, "per_core_s": round(1e6 / us), "to_bare": round(1e6 / us / bare, 2)}
        for name, us in token_costs(checks).items()
    }
    return {"rows": rows, "tokens": tokens, "goals": goals}


def row(served: list[Served], bare: list[Served]) -> dict[str, float]:
    """Medians over the rounds."""
    ratio = median(a.per_core_s / b.per_core_s for a, b in zip(served, bare, strict=True))
    return {
        "per_core_s": round(median(each.per_core_s for each in served)),
        "to_bare": round(ratio, 3),
        "per_s": round(median(each.per_s for each in served)),
        "p50_ms": round(median(each.p50_ms for each in served), 2),
        "p99_ms": round(median(each.p99_ms for each in served), 2),
        # What others read in the meantime is known to some thousandths alone.
        "redis_reads": round(median(each.redis_reads for each in served), 2),
    }


def show(result: dict[str, Any]) -> None:
    columns = ("per_core_s", "to_bare", "per_s", "p50_ms", "p99_ms", "redis_reads")
    print(f"{f'GET {PATH}':24}" + "".join(f"{each:>13}" for each in columns))
    for name, values in result["rows"].items():
        print(f"{name:24}" + "".join(f"{values[each]:13,}" for each in columns))
    for name, token in result["tokens"].items():
        print(f"{name:24}{token['per_core_s']:13,}{token['to_bare']:13,}{token['us']:13,.1f} µs")
    for name, goal in result["goals"].items():
        print(f"{'ok    ' if goal['ok'] else 'MISSED'} {name} {goal['value']}, goal {goal['goal']}")


def main(what: str | None) -> int:
    options = argparse.ArgumentParser(
        description=what, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="two short rounds, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = options.parse_args()
    others = os.getloadavg()[0]
    result = measure(2, 1.5, 300) if chosen.quick else measure(9, 4.0, 3_000)
    show(result)
    print(f"load average before the run: {others:.2f}")
    if chosen.json:
        print(json.dumps(result | {"load_average_before": others}))
    return 0 if all(goal["ok"] for goal in result["goals"].values()) else 1
