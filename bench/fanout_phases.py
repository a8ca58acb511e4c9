"""What bench/fanout.py measures, one function for each thing it asks."""

from __future__ import annotations

import re
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from fanout_crowd import Crowd, Run, open_crowd
from fanout_frames import open_board
from fanout_hub import MarketPublisher, run_hub
from fanout_install import Installed
from fanout_mix import flood, listeners, mix, uniform
from fanout_process import cpu_s, rss_bytes
from fanout_servers import PEER_LIST, Server

HUB = "hub"
RATE = 10.0  #: updates a second of the one price in the uniform broadcast
FIRST = 900  #: clients of the first rush, which every server is to take as fast as it can
SETTLE_S = 1.0
GOAL_EVERY_S = 0.7
DEAF = 0.1
FILL_S = 3.0  #: of all prices; then the kernel takes nothing more for those that do not read
EVICT_S = 15.0  #: within which the hub closes them, after ten seconds in which nothing went out


@dataclass(slots=True)
class Entry:
    """A server with so many clients: what that took, and what each round came to."""

    server: str
    clients: int
    connects_per_s: float = 0.0
    us_a_connect: float = 0.0
    idle_kib: float = 0.0
    busy_kib: float = 0.0
    runs: list[Run] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Medians over the rounds."""
        sent = sum(run.published for run in self.runs) * self.clients
        return {
            "server": self.server,
            "clients": self.clients,
            "us_a_message": middle(run.us_a_message for run in self.runs),
            "p50_ms": middle(run.prices["p50_ms"] for run in self.runs),
            "p99_ms": middle(run.prices["p99_ms"] for run in self.runs),
            "max_ms": middle(run.prices["max_ms"] for run in self.runs),
            "arrived": round(sum(run.messages for run in self.runs) / max(1, sent), 3),
            "lost": sum(run.lost for run in self.runs),
            "clients_busy": middle(run.clients_busy for run in self.runs),
            "idle_kib": round(self.idle_kib, 2),
            "busy_kib": round(self.busy_kib, 2),
            "connects_per_s": round(self.connects_per_s),
            "us_a_connect": round(self.us_a_connect),
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """A server and its clients, all of them connected."""

    server: Server
    crowd: Crowd
    entry: Entry
    empty_bytes: int  #: memory of the server before the first client


@contextmanager
def stages(
    names: Sequence[str], clients: int, channels: str, installed: Installed, deaf: float = 0.0
) -> Iterator[list[Stage]]:
    """Each server of *names* with so many *clients* of its own, at the same time."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        root = Path(directory)
        yield [_staged(stack, root, name, clients, channels, installed, deaf) for name in names]


def _staged(
    stack: ExitStack,
    root: Path,
    name: str,
    clients: int,
    channels: str,
    installed: Installed,
    deaf: float,
) -> Stage:
    times = root / f"{name}.times"
    board = open_board(times)
    if name == HUB:
        server = stack.enter_context(run_hub(board, root))
    else:
        peer = next(peer for peer in PEER_LIST if peer.name == name)
        server = stack.enter_context(peer.run(installed, board, root))
    crowd = stack.enter_context(open_crowd(server, times, clients, channels))
    entry, empty = Entry(name, clients), rss_bytes(server.pid)
    _open(server, crowd, entry, deaf)
    time.sleep(SETTLE_S)
    entry.idle_kib = (rss_bytes(server.pid) - empty) / 1024 / clients
    return Stage(server, crowd, entry, empty)


def _open(server: Server, crowd: Crowd, entry: Entry, deaf: float) -> None:
    first = min(entry.clients, FIRST)
    before = cpu_s(server.pid)
    opened = crowd.open(first, deaf=deaf)
    entry.connects_per_s = first / opened["seconds"]
    entry.us_a_connect = 1e6 * (cpu_s(server.pid) - before) / first
    if entry.clients > first:
        crowd.open(entry.clients - first, rate=server.rate, deaf=deaf)


def broadcast(
    names: Sequence[str], clients: int, rounds: int, seconds: float, installed: Installed
) -> list[Entry]:
    """One price to everybody, ten times a second, by turns."""
    with stages(names, clients, "one", installed) as staged:
        for _ in range(rounds):
            for stage in staged:
                stage.entry.runs.append(stage.crowd.play(uniform(RATE, seconds)))
        for stage in staged:
            busy = rss_bytes(stage.server.pid) - stage.empty_bytes
            stage.entry.busy_kib = busy / 1024 / clients
        return [stage.entry for stage in staged]


def real_mix(
    names: Sequence[str], clients: int, rounds: int, seconds: float, installed: Installed
) -> dict[str, dict[str, float]]:
    """Prices that clients chose and their portfolios, by turns; of each server, by the round.

    Worth is what a server without conflation delivers: for each tick everybody who listens to it,
    for each push its user. Whoever got a newer price instead has what the tick was worth.
    """
    users = range(1, clients + 1)
    follow = listeners(users)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with stages(names, clients, "mix", installed) as staged:
        for number in range(rounds):
            plan = mix(users, seconds, number)
            worth = sum(follow[each.price] if each.price else 1 for each in plan)
            for stage in staged:
                found[stage.server.name].append(_mixed(stage.crowd.play(plan), worth))
    return {
        name: {what: middle(run[what] for run in runs) for what in runs[0]}
        for name, runs in found.items()
    }


def _mixed(run: Run, worth: int) -> dict[str, float]:
    return {
        "worth": worth,
        "arrived": run.messages,
        "worth_a_cpu_s": worth / run.server_s,
        "us_a_worth": 1e6 * run.server_s / worth,
        "redis_us_a_worth": 1e6 * run.beside_s.get("redis", 0.0) / worth,
        "price_p50_ms": run.prices["p50_ms"],
        "price_p99_ms": run.prices["p99_ms"],
        "push_p50_ms": run.portfolios["p50_ms"],
        "push_p99_ms": run.portfolios["p99_ms"],
        "clients_busy": run.clients_busy,
    }


def dead_readers(
    clients: int, rounds: int, seconds: float, installed: Installed
) -> dict[str, float]:
    """The broadcast to all, then with a tenth of the clients reading no more."""
    with stages([HUB], clients, "all", installed, deaf=DEAF) as (stage,):
        alive = [stage.crowd.play(uniform(RATE, seconds)) for _ in range(rounds)]
        deaf = stage.crowd.ask(do="deafen")["deaf"]
        stage.crowd.play(flood(FILL_S))
        beside = [stage.crowd.play(uniform(RATE, seconds)) for _ in range(rounds)]
        return {
            "deaf": deaf,
            "evicted": _all_evicted(stage, deaf),
            "p99_ms": middle(run.prices["p99_ms"] for run in alive),
            "p99_beside_ms": middle(run.prices["p99_ms"] for run in beside),
            "us_a_message": middle(run.us_a_message for run in alive),
            "us_a_message_beside": middle(run.us_a_message for run in beside),
        }


def goals_scored(clients: int, goals: int, installed: Installed) -> dict[str, float]:
    """Milliseconds until a halt for a goal was with everybody who is looked at."""
    with stages([HUB], clients, "one", installed) as (stage,):
        publisher, latest = stage.server.publisher, []
        assert isinstance(publisher, MarketPublisher)
        for _ in range(goals):
            stage.crowd.ask(do="clear")
            publisher.goal(1)
            time.sleep(GOAL_EVERY_S)
            report = stage.crowd.ask(do="report")
            arrived = report["messages"] == clients
            latest.append(report["prices"]["max_ms"] if arrived else float("inf"))
            publisher.resume(1)
            time.sleep(GOAL_EVERY_S)
        return {"goals": goals, "p50_ms": middle(latest), "max_ms": max(latest)}


def _all_evicted(stage: Stage, deaf: int) -> int:
    """How many of the *deaf* the hub has closed, once it has closed all or had the time to."""
    until = time.monotonic() + EVICT_S
    while evicted(stage.server) < deaf and time.monotonic() < until:
        stage.crowd.play(uniform(RATE, 1.0))
    return evicted(stage.server)


def evicted(server: Server) -> int:
    """How many clients the hub has closed for not reading."""
    url = f"http://127.0.0.1:{server.port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        text = answer.read().decode()
    found = re.search(r'touchline_hub_departures_total{[^}]*reason="4408"[^}]*} (\d+)', text)
    return int(found[1]) if found else 0


def middle(values: Any) -> float:
    """The median, short enough to read."""
    return round(median(values), 3)
