"""What it costs to send prices to thousands of clients and how late they are, beside other servers.

    python bench/fanout.py [--quick] [--json] [--plot FILE]
    python bench/fanout.py --hold SECONDS

Starts the ws-server as it is, with a Redis of its own, and its peers (fanout_peers/), each with as
many clients; they broadcast by turns, and a ratio is the median of those of the rounds. Where there
are two cores the servers are on one, and clients, Redis and publisher on the other. Peers are
installed outside this tree by npm, pip and apt-get; what cannot be is skipped with a message.

`--hold` keeps as many connections as one process may open for so long, with one in a hundred
reconnecting every second, and looks at the memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from fanout_crowd import Run
from fanout_hold import hold
from fanout_install import Installed, install
from fanout_phases import HUB, Entry, broadcast, dead_readers, goals_scored, real_mix
from fanout_plot import plot
from fanout_process import CORES, prepare_this_process
from fanout_servers import PEER_LIST
from touchline.actors.hub.lobby import seats_for

MOST = 20_000
CPU_RATIO = 1.15
IDLE_KIB = 4.0
MIX_RATIO = 2.0
DEAF_RATIO = 1.2
GOAL_MS = 200.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of it is measured, and at which size the goals are looked at."""

    sizes: dict[int, int]  #: rounds, by number of clients
    seconds: float  #: of a round
    peers: tuple[str, ...]
    at: int
    mix_rounds: int
    deaf_rounds: int
    goal_clients: int
    goals: int


def full() -> Plan:
    peers = tuple(peer.name for peer in PEER_LIST)
    sizes = {1_000: 3, 4_000: 9, 10_000: 3, seats_for(MOST): 2}
    return Plan(sizes, 3.0, peers, 4_000, 5, 3, 10_000, 20)


QUICK = Plan({1_000: 2}, 2.0, ("uws",), 1_000, 2, 0, 1_000, 3)


def measure(plan: Plan, installed: Installed) -> dict[str, Any]:
    """Everything, with the goals."""
    names = [HUB, *(peer for peer in plan.peers if peer in installed.names)]
    entries: list[Entry] = []
    for clients, rounds in plan.sizes.items():
        entries += broadcast(names, clients, rounds, plan.seconds, installed)
        show_entries(entries[-len(names) :])
    result: dict[str, Any] = {"rows": [entry.row() for entry in entries]}
    pair = [name for name in (HUB, "uws") if name in names]
    result["mix"] = real_mix(pair, plan.at, plan.mix_rounds, plan.seconds, installed)
    show("the real mix", result["mix"])
    if plan.deaf_rounds:
        result["dead"] = dead_readers(plan.at, plan.deaf_rounds, plan.seconds, installed)
        show("dead readers", {HUB: result["dead"]})
    result["goal"] = goals_scored(plan.goal_clients, plan.goals, installed)
    show(f"a goal to {plan.goal_clients} clients", {HUB: result["goal"]})
    result["goals"] = judge(plan, [entry for entry in entries if entry.clients == plan.at], result)
    return result


def judge(plan: Plan, entries: list[Entry], result: dict[str, Any]) -> dict[str, Any]:
    """The goals, and whether they are reached; those of a peer that is not here are left out."""
    by_name = {entry.server: entry for entry in entries}
    ours = by_name[HUB]
    goals = {"idle_kib": at_most(IDLE_KIB, ours.idle_kib)}
    goals["goal_to_all_ms"] = at_most(GOAL_MS, result["goal"]["max_ms"])
    for peer, limit in (("uws", CPU_RATIO), ("nchan", 1.0), ("ws", 1.0)):
        if peer in by_name:
            goals[f"cpu_to_{peer}_ratio"] = at_most(limit, ratio(ours, by_name[peer], cpu))
    if "uws" in by_name:
        goals["p99_to_uws_ratio"] = at_most(1.0, ratio(ours, by_name["uws"], p99))
        mixed = result["mix"]
        worth = mixed[HUB]["worth_a_cpu_s"] / mixed["uws"]["worth_a_cpu_s"]
        goals["mix_worth_to_uws_ratio"] = at_least(MIX_RATIO, worth)
    if "dead" in result:
        beside = result["dead"]["p99_beside_ms"] / result["dead"]["p99_ms"]
        goals["dead_readers_p99_ratio"] = at_most(DEAF_RATIO, beside)
    return goals


def ratio(ours: Entry, theirs: Entry, of: Callable[[Run], float]) -> float:
    """The median of the ratios within each round."""
    return median(of(a) / of(b) for a, b in zip(ours.runs, theirs.runs, strict=True))


def cpu(run: Run) -> float:
    return run.us_a_message


def p99(run: Run) -> float:
    return run.prices["p99_ms"]


def at_most(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 3), "goal": goal, "ok": value <= goal}


def at_least(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 3), "goal": goal, "ok": value >= goal}


COLUMNS = {
    "us_a_message": "µs CPU",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "max_ms": "max ms",
    "arrived": "arrived",
    "idle_kib": "KiB idle",
    "busy_kib": "KiB busy",
    "connects_per_s": "connects/s",
    "us_a_connect": "µs each",
    "clients_busy": "clients",
}


def show_entries(entries: Sequence[Entry]) -> None:
    """Print a table for people."""
    print(f"{entries[0].clients:>6} clients" + "".join(f"{each:>12}" for each in COLUMNS.values()))
    for entry in entries:
        row = entry.row()
        print(f"{entry.server:14}" + "".join(f"{row[name]:12,.2f}" for name in COLUMNS))
    print(flush=True)


def show(title: str, found: dict[str, dict[str, float]]) -> None:
    """Print what was found of each server."""
    for name, values in found.items():
        print(f"{title}, {name}: " + ", ".join(f"{what} {n:,}" for what, n in values.items()))
    print(flush=True)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="1,000 clients, one peer, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options.add_argument("--plot", type=Path, help="draw latency and CPU over clients into an SVG")
    options.add_argument("--hold", type=float, help="hold the largest run for so many seconds")
    chosen = options.parse_args()
    others = os.getloadavg()[0]  # of those who use the machine beside us
    prepare_this_process()
    if chosen.hold:
        result = hold(seats_for(MOST), chosen.hold)
    else:
        plan = QUICK if chosen.quick else full()
        result = measure(plan, install(set(plan.peers)))
        if chosen.quick:
            print("left out: other sizes, other peers, dead readers")
    for name, goal in result["goals"].items():
        print(f"{'ok    ' if goal['ok'] else 'MISSED'} {name} {goal['value']}, goal {goal['goal']}")
    print(f"load average before the run: {others:.2f} on {len(CORES)} cores")
    if chosen.plot:
        plot(result["rows"], chosen.plot)
    if chosen.json:
        print(json.dumps(result | {"load_average_before": others}))
    return 0 if all(goal["ok"] for goal in result["goals"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
