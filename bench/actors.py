"""What an actor costs: ours, stock pykka's and a bare gevent queue side by side.

    python bench/actors.py [--quick] [--json]

All three count messages on the same patched gevent; ours is the child of a supervisor, as in
production. Rates are per second of CPU time. The three take turns within one process, and a ratio
is the median of those of the rounds, so that little depends on what else the machine does. Memory
is the growth of a fresh process by 10,000 actors that have handled one message each.

Goals: tell 0.9 and ask 1.2 times as fast as stock pykka, memory 0.9 times its own, and a timer of
1 ms beside a backlog of 300,000 messages never held up for more than 5 ms.
"""

# ruff: noqa: E402 — everything imported below must find the patched modules
from __future__ import annotations

from gevent import monkey

monkey.patch_all()  # stock pykka's threads, locks and queues become gevent's

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import gevent
import structlog
from counters import BACKLOG, MESSAGE, VARIANTS, Peer
from touchline.actors.address import ASK_S

TELL_RATIO = 0.9
ASK_RATIO = 1.2
MEMORY_RATIO = 0.9
PAUSE_MS = 5.0

TELLS = 50_000  #: in one round
ASKS = 3_000
ACTORS = 10_000
TIMER_S = 0.001
DRAIN_S = 60.0  #: for a backlog to be handled, however slow the machine
PAGE = os.sysconf("SC_PAGE_SIZE")  #: bytes


class Pause(NamedTuple):
    """The longest sleep of 1 ms, in ms; the first is the one judged."""

    cpu: float  #: CPU time this process used meanwhile: how long its loop was held up
    wall: float  #: with what other processes took of the machine


class Measured(NamedTuple):
    """All rounds of one variant."""

    tells: list[float]  #: a second of CPU time
    asks: list[float]  #: a second of CPU time
    bytes: list[float]  #: an actor
    pauses: list[Pause]

    def summary(self) -> dict[str, float]:
        """The median of everything, but the worst of the pauses."""
        return {
            "tell_per_s": round(median(self.tells)),
            "ask_per_s": round(median(self.asks)),
            "bytes_per_actor": round(median(self.bytes)),
            "worst_pause_ms": round(max(pause.cpu for pause in self.pauses), 2),
            "worst_pause_wall_ms": round(max(pause.wall for pause in self.pauses), 2),
        }


def tell_all(peer: Peer, count: int) -> None:
    tell = peer.tell
    for _ in range(count):
        tell(MESSAGE)


def tell_rate(peer: Peer) -> float:
    """Messages told and handled in a second."""
    before = peer.ask(ASK_S)
    gc.collect()
    began = time.process_time()
    tell_all(peer, TELLS)
    after = peer.ask(DRAIN_S)  # answered when all before it have been handled
    took_s = time.process_time() - began
    if after - before != TELLS + 1:
        raise RuntimeError(f"{after - before - 1} of {TELLS} messages were handled")
    return TELLS / took_s


def ask_rate(peer: Peer) -> float:
    """Answers got in a second."""
    ask = peer.ask
    gc.collect()
    began = time.process_time()
    for _ in range(ASKS):
        ask(ASK_S)
    return ASKS / (time.process_time() - began)


def worst_pause(peer: Peer) -> Pause:
    """The longest a timer is held up while a backlog is being handled."""
    gc.collect()
    tell_all(peer, BACKLOG)
    drained = gevent.spawn(peer.ask, DRAIN_S)
    cpu, wall = [0.0], [0.0]
    while not drained.ready():
        began, began_cpu = time.perf_counter(), time.process_time()
        gevent.sleep(TIMER_S)
        cpu.append(time.process_time() - began_cpu)
        wall.append(time.perf_counter() - began)
    drained.get()
    return Pause(max(cpu) * 1000, max(wall) * 1000)


def take_turns(
    measure: Callable[[Peer], Any], peers: dict[str, Peer], rounds: int
) -> dict[str, list[Any]]:
    """What *measure* returns for each peer, once a round, after a round that does not count."""
    results: dict[str, list[Any]] = {name: [] for name in peers}
    for _ in range(rounds + 1):
        for name, peer in peers.items():
            results[name].append(measure(peer))
    return {name: values[1:] for name, values in results.items()}


def memory(name: str) -> float:
    """Bytes an actor takes, measured in a fresh process."""
    command = [sys.executable, __file__, "--grow", name]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1])


def grow(name: str) -> None:
    """Print by how many bytes this process grows for each actor, and end it."""
    with ExitStack() as running:
        for actors in (1, ACTORS):  # the first pays for what all share
            before = resident_bytes()
            for peer in running.enter_context(VARIANTS[name](actors)):
                peer.tell(MESSAGE)
            peer.ask(DRAIN_S)  # they wake in turn: when the last has answered, all have handled
            grown = resident_bytes() - before
        print(grown / ACTORS, flush=True)
        os._exit(0)  # to stop them in good order takes longer than to measure them


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def measure(*, quick: bool) -> dict[str, Measured]:
    """Everything about each variant."""
    rounds, pauses, processes = (7, 3, 1) if quick else (21, 7, 3)
    with ExitStack() as running:
        peers = {name: next(running.enter_context(start(1))) for name, start in VARIANTS.items()}
        tells = take_turns(tell_rate, peers, rounds)
        asks = take_turns(ask_rate, peers, rounds)
        worst = take_turns(worst_pause, peers, pauses)
    sizes = {name: [memory(name) for _ in range(processes)] for name in VARIANTS}
    return {name: Measured(tells[name], asks[name], sizes[name], worst[name]) for name in VARIANTS}


def judge(measured: dict[str, Measured]) -> dict[str, Any]:
    """The goals, and whether they are reached."""
    mine, theirs = measured["ours"], measured["stock"]
    return {
        "tell_ratio": at_least(TELL_RATIO, ratio(mine.tells, theirs.tells)),
        "ask_ratio": at_least(ASK_RATIO, ratio(mine.asks, theirs.asks)),
        "memory_ratio": at_most(MEMORY_RATIO, ratio(mine.bytes, theirs.bytes)),
        "worst_pause_ms": at_most(PAUSE_MS, max(pause.cpu for pause in mine.pauses)),
    }


def ratio(values: list[float], others: list[float]) -> float:
    """The median of the ratios within each round."""
    return median(value / other for value, other in zip(values, others, strict=True))


def at_least(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 3), "goal": goal, "ok": value >= goal}


def at_most(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 3), "goal": goal, "ok": value <= goal}


def show(measured: dict[str, Measured], goals: dict[str, Any]) -> None:
    """Print the table for people."""
    print(f"{'':14}{'tell/s':>10}{'ask/s':>10}{'bytes each':>12}{'pause ms':>10}{'(wall)':>9}")
    for name, of in measured.items():
        tell, ask, size, cpu, wall = of.summary().values()
        print(f"{name:14}{tell:10,.0f}{ask:10,.0f}{size:12,.0f}{cpu:10.2f}{wall:9.2f}")
    theirs = measured["stock"]
    for name, of in measured.items():
        if of is not theirs:
            print(
                f"{name + ' / stock':14}{ratio(of.tells, theirs.tells):10.2f}"
                f"{ratio(of.asks, theirs.asks):10.2f}{ratio(of.bytes, theirs.bytes):12.2f}"
            )
    for name, goal in goals.items():
        print(f"{'ok    ' if goal['ok'] else 'MISSED'} {name} {goal['value']}, goal {goal['goal']}")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer rounds, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options.add_argument("--grow", choices=VARIANTS, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if chosen.grow:
        grow(chosen.grow)
    measured = measure(quick=chosen.quick)
    goals = judge(measured)
    show(measured, goals)
    if chosen.json:
        print(json.dumps({"goals": goals} | {n: of.summary() for n, of in measured.items()}))
    return 0 if all(goal["ok"] for goal in goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
