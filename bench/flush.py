"""From Redis into Postgres: rows and facts a second, and how far behind Postgres is.

    python bench/flush.py [--quick] [--json]

Starts embedded servers of its own, as durable as in production.

Statement: `States.write` with as many rows at once, beside its peers, in a process without gevent's
wait callback, in which COPY works; and once more with it, as our services have it (`service`).
End to end: that many states are dirty, and `Drain.flush` runs until none is, fence included.
Catch-up: trades that the real script made wait in the stream, and `Drain.facts` runs until it is
empty. Lag: the flusher as a service while people trade 2,000 times a second.

Rates are per second of wall time. Beside them is CPU, in µs a row: of the client, of Redis, and of
Postgres with all its processes, for the statement of its backend alone; and rows per second of all
that together, which is what wall time would be if nothing else wanted the cores and no disk were
waited for, since everything but the lag works in turns. The ratio to single rows is of those.
"""

# ruff: noqa: E402 - patching comes first
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flush_book import Book, Members, Spent, everything, mix, open_book, size, wallets
from flush_lag import HERE, PEOPLE, count_trades, lag
from flush_peers import SINGLE
from touchline.services.supervise import spare_garbage
from touchline.store.fence import Fence
from touchline.store.postgres import install_wait_callback

Figures = dict[str, float]

STATEMENT_S, SINGLE_RATIO = 70_000, 10.0
FLUSH_S, CATCH_UP_S = 20_000, 30_000
TRADES_S, LAG_MS = 2_000, 300.0
ROWS_A_SIZE = 20_000  #: flushed altogether at each size, at least once


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    mode: str  #: of bench/flush_statement.py
    sizes: tuple[int, ...]
    facts: int
    lag_s: float

    @property
    def people(self) -> int:
        """Twice as many as are ever dirty: who is not trading has a row too."""
        return 2 * self.sizes[-1]


FULL = Plan("plain", (1_000, 10_000, 100_000), 100_000, 20.0)
QUICK = Plan("quick", (1_000, 10_000), 10_000, 5.0)


def statement(book: Book, plan: Plan, mode: str) -> dict[str, dict[str, Figures]]:
    """The statement by itself in a process of its own; see there."""
    program = str(HERE / "flush_statement.py")
    urls = (book.servers.redis_url, book.servers.database_url)
    command = [sys.executable, program, *urls, mode, *map(str, (plan.people, *plan.sizes))]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, dict[str, Figures]] = json.loads(said)
    return found


def end_to_end(book: Book, members: Members) -> Figures:
    """Flush *members* again and again until enough were flushed."""
    fence, rows, parts = Fence(book.pg, "flusher"), size(members), []
    fence.take()
    for _ in range(max(1, ROWS_A_SIZE // rows)):
        book.mark(members)
        before, acked, more = book.spent(), 0, True
        while more:
            flushed = book.drain.flush(fence)
            acked, more = acked + flushed.acked, flushed.more
        parts.append(book.spent() - before)
        if acked != rows:
            raise RuntimeError(f"{acked} of {rows} states were flushed")
    return figures(parts, rows * len(parts))


def catch_up(book: Book, facts: int) -> Figures:
    """Make *facts* trades, and then bring them to the ledger."""
    had = count_trades(book)
    book.trade(facts, PEOPLE)
    before = book.spent()
    while not book.drain.facts().complete:
        pass
    spent = book.spent() - before
    if count_trades(book) - had != facts:
        raise RuntimeError("not all facts are in the ledger")
    return figures([spent], facts)


def figures(parts: Sequence[Spent], rows: int) -> Figures:
    return {
        "per_s": rows / sum(part.wall for part in parts),
        "client_us": 1e6 * sum(part.client for part in parts) / rows,
        "redis_us": 1e6 * sum(part.redis for part in parts) / rows,
        "server_us": 1e6 * sum(part.postgres for part in parts) / rows,
    }


def measure(book: Book, root: Path, plan: Plan) -> tuple[dict[str, Figures], dict[str, Any]]:
    """Everything, and the goals."""
    rows: dict[str, Figures] = {}
    book.mark(everything(plan.people))
    book.drain.everything()
    alone = statement(book, plan, plan.mode)
    service = statement(book, plan, "service")
    for what, ways in alone.items():
        rows |= {f"{what} {way}": found for way, found in ways.items()}
        rows |= {f"{what} {way}, service": found for way, found in service[what].items()}
    for count in plan.sizes:
        rows[f"wallets {count} end to end"] = end_to_end(book, wallets(count, plan.people))
        rows[f"mix {count} end to end"] = end_to_end(book, mix(count, plan.people))
    rows["catch-up"] = catch_up(book, plan.facts)
    book.drain.everything()
    rows["lag"] = lag(book, root, TRADES_S, plan.lag_s)
    return rows, judge(rows, plan.sizes)


def judge(rows: dict[str, Figures], sizes: Sequence[int]) -> dict[str, Any]:
    """The goals, and whether they are reached."""
    goals: dict[str, Any] = {}
    for count in sizes:
        # Both as the service runs them: written one by one, rows would wait on gevent's loop too.
        ours = rows[f"wallets {count} ours, service"]
        single = max(per_core_s(rows[f"wallets {count} {way}, service"]) for way in SINGLE)
        ratio = per_core_s(ours) / single
        goals[f"statement_{count}_rows_per_s"] = at_least(
            STATEMENT_S, rows[f"wallets {count} ours"]["per_s"]
        )
        goals[f"statement_{count}_to_single_row_ratio"] = at_least(SINGLE_RATIO, ratio)
        flushed = rows[f"mix {count} end to end"]["per_s"]
        goals[f"end_to_end_{count}_rows_per_s"] = at_least(FLUSH_S, flushed)
    goals["catch_up_trades_per_s"] = at_least(CATCH_UP_S, rows["catch-up"]["per_s"])
    goals["lag_trades_per_s"] = at_least(0.98 * TRADES_S, rows["lag"]["per_s"])
    for what in ("fact", "state"):
        goals[f"{what}_lag_p99_ms"] = at_most(LAG_MS, rows["lag"][f"{what}_p99_ms"])
    return goals


def per_core_s(row: Figures) -> float:
    """Rows for each second of CPU, whoever used it."""
    return 1e6 / sum(used for name, used in row.items() if name.endswith("_us"))


def at_least(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 1), "goal": goal, "ok": value >= goal}


def at_most(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 1), "goal": goal, "ok": value <= goal}


def show(rows: dict[str, Figures], goals: dict[str, Any]) -> None:
    """Print the table for people."""
    columns = ("per_s", "client_us", "redis_us", "server_us")
    print(f"{'':40}" + "".join(f"{column:>12}" for column in (*columns, "per_core_s")))
    for name, row in rows.items():
        cells = [f"{row[c]:12,.1f}" if c in row else f"{'':12}" for c in columns]
        print(f"{name:40}" + "".join(cells) + f"{per_core_s(row):12,.0f}")
    print("lag:", ", ".join(f"{name} {value:,.1f}" for name, value in rows["lag"].items()))
    for name, goal in goals.items():
        print(f"{'ok    ' if goal['ok'] else 'MISSED'} {name} {goal['value']}, goal {goal['goal']}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer rows and trades, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = options.parse_args()
    plan = QUICK if chosen.quick else FULL
    install_wait_callback()
    spare_garbage()
    others = os.getloadavg()[0]  # of those who use the machine beside us
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        with open_book(root / "data", plan.people) as book:
            rows, goals = measure(book, root, plan)
    show(rows, goals)
    print(f"load average before the run: {others:.2f} on {os.cpu_count()} cores")
    if chosen.json:
        print(json.dumps({"goals": goals, "load_average_before": others, "rows": rows}))
    return 0 if all(goal["ok"] for goal in goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
