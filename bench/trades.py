"""What a trade costs: over HTTP, through the executor alone, and by its peers in the same run.

    python bench/trades.py [--quick] [--json]

Starts embedded servers and an api-server of its own, and loads it from another process over 64
keep-alive connections. A trade over HTTP is a whole order: token, validation, idempotency, the
script in Redis, the row in Postgres, the answer. Rates are per second of CPU, because the machine
is shared: of the api-server, of Redis or of Postgres, as said. Peers take turns in rounds, and a
ratio is the median of those of the rounds.

(a) the same server answering the same requests with a fixed JSON: connection, Flask and hooks.
(b) the same script sent by redis-benchmark, alone or 16 in a pipeline.
(c) the same trade as one Postgres transaction with row locks, sent by pgbench.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from trades_exchange import FIXED_PATH, HERE, Exchange, Run, open_exchange
from trades_peers import Peer, evalsha, fill_peers, one_transaction

TRADERS = 64
TRADES_PATH = "/v1/orders"
FIXED_RATIO = 0.7
P99_S = 0.025
EXECUTOR_RATIO = 0.6
PIPELINE = 16  #: what redis-benchmark sends at once in (b), pipelined


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything is measured."""

    rounds: int
    load_s: float
    peer_s: float
    calls: int  #: of (b) in a round
    latency_s: float


FULL, QUICK = Plan(7, 4.0, 4.0, 12_000, 15.0), Plan(3, 1.0, 1.0, 2_000, 4.0)


@dataclass(slots=True)
class Rounds:
    """Everything measured, a value for each round."""

    fixed: list[Run] = field(default_factory=list)
    trades: list[Run] = field(default_factory=list)
    single: list[Peer] = field(default_factory=list)
    pipelined: list[Peer] = field(default_factory=list)
    transaction: list[Peer] = field(default_factory=list)
    executor: list[dict[str, float]] = field(default_factory=list)


def measure(exchange: Exchange, plan: Plan) -> tuple[Rounds, Run]:
    """All rounds, and the load at half of the saturation."""
    rounds = Rounds()
    fill_peers(exchange)
    exchange.load(TRADES_PATH, 3.0)  # what is made once: connections, caches, scripts
    for _ in range(plan.rounds):
        rounds.fixed.append(exchange.load(FIXED_PATH, plan.load_s))
        rounds.trades.append(exchange.load(TRADES_PATH, plan.load_s))
        rounds.single.append(evalsha(exchange, 1, plan.calls))
        rounds.pipelined.append(evalsha(exchange, PIPELINE, plan.calls))
        rounds.executor.append(executor(exchange, plan.peer_s))
        rounds.transaction.append(one_transaction(exchange, plan.peer_s))
    half = median(run.per_s for run in rounds.trades) / 2
    return rounds, exchange.load(TRADES_PATH, plan.latency_s, rate=half)


def executor(exchange: Exchange, seconds: float) -> dict[str, float]:
    """The executor in a process of its own; see there."""
    program = str(HERE / "trades_executor.py")
    command = [sys.executable, program, exchange.servers.redis_url, str(seconds)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def judge(rounds: Rounds, half: Run) -> dict[str, Any]:
    """The goals, and whether they are reached."""
    ours = [run.per_core_s for run in rounds.trades]
    fixed = [run.per_core_s for run in rounds.fixed]
    transactions = [peer.per_core_s for peer in rounds.transaction]
    # As if the executor and Redis had one core between them: what overlaps is not in its favour.
    batched = [both_per_core_s(run) for run in rounds.executor]
    pipelined = [peer.per_core_s for peer in rounds.pipelined]
    return {
        "http_to_fixed_ratio": at_least(FIXED_RATIO, ratio(ours, fixed)),
        "p99_at_half_s": at_most(P99_S, half.result.p99_s),
        "http_to_transaction_ratio": at_least(1.0, ratio(ours, transactions)),
        "executor_to_pipelined_ratio": at_least(EXECUTOR_RATIO, ratio(batched, pipelined)),
    }


def both_per_core_s(run: dict[str, float]) -> float:
    return 1 / (1 / run["per_core_s"] + 1 / run["per_redis_core_s"])


def ratio(values: list[float], others: list[float]) -> float:
    """The median of the ratios within each round."""
    return median(value / other for value, other in zip(values, others, strict=True))


def at_least(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 3), "goal": goal, "ok": value >= goal}


def at_most(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 4), "goal": goal, "ok": value <= goal}


def summary(rounds: Rounds, half: Run) -> dict[str, dict[str, float]]:
    """Medians: a second of wall time, a second of CPU of whoever does the work, µs by process."""
    rows: dict[str, dict[str, float]] = {}
    for name, runs in (("fixed", rounds.fixed), ("trades", rounds.trades), ("half", [half])):
        rows[name] = {
            "per_s": median(run.per_s for run in runs),
            "per_core_s": median(run.per_core_s for run in runs),
            "api_us": median(1e6 * run.spent.api / run.done for run in runs),
            "redis_us": median(1e6 * run.spent.redis / run.done for run in runs),
            "postgres_us": median(1e6 * run.spent.postgres / run.done for run in runs),
            "p50_ms": median(1e3 * run.result.p50_s for run in runs),
            "p99_ms": median(1e3 * run.result.p99_s for run in runs),
        }
    rows["executor"] = {
        "per_s": median(run["per_s"] for run in rounds.executor),
        "per_core_s": median(map(both_per_core_s, rounds.executor)),
        "api_us": median(1e6 / run["per_core_s"] for run in rounds.executor),
        "redis_us": median(1e6 / run["per_redis_core_s"] for run in rounds.executor),
    }
    for name in ("single", "pipelined", "transaction"):
        peers: list[Peer] = getattr(rounds, name)
        rows[name] = {
            "per_s": median(peer.per_s for peer in peers),
            "per_core_s": median(peer.per_core_s for peer in peers),
        }
    return {name: {what: round(n, 2) for what, n in row.items()} for name, row in rows.items()}


TITLES = {
    "trades": "trades over HTTP",
    "fixed": "(a) fixed JSON over HTTP",
    "half": "trades, half that rate",
    "executor": "executor without HTTP",
    "pipelined": f"(b) EVALSHA, {PIPELINE} a pipeline",
    "single": "(b) EVALSHA, one by one",
    "transaction": "(c) one transaction",
}
COLUMNS = ("per_s", "per_core_s", "api_us", "redis_us", "postgres_us", "p50_ms", "p99_ms")


def show(rows: dict[str, dict[str, float]], goals: dict[str, Any]) -> None:
    """Print the table for people."""
    print(f"{'':28}" + "".join(f"{column:>13}" for column in COLUMNS))
    for name, title in TITLES.items():
        cells = (f"{rows[name][c]:13,.1f}" if c in rows[name] else f"{'':13}" for c in COLUMNS)
        print(f"{title:28}" + "".join(cells))
    for name, goal in goals.items():
        print(f"{'ok    ' if goal['ok'] else 'MISSED'} {name} {goal['value']}, goal {goal['goal']}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer, shorter rounds, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = options.parse_args()
    others = os.getloadavg()[0]  # of those who use the machine beside us
    with (
        tempfile.TemporaryDirectory() as directory,
        open_exchange(Path(directory) / "data", TRADERS) as exchange,
    ):
        rounds, half = measure(exchange, QUICK if chosen.quick else FULL)
    rows, goals = summary(rounds, half), judge(rounds, half)
    show(rows, goals)
    print(f"load average before the run: {others:.2f} on {os.cpu_count()} cores")
    if chosen.json:
        print(json.dumps({"goals": goals, "load_average_before": others} | rows))
    return 0 if all(goal["ok"] for goal in goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
