"""The long run of bench/fanout.py: everybody there, some of them coming and going."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from fanout_install import install
from fanout_mix import mix
from fanout_phases import HUB, Stage, evicted, middle, stages
from fanout_process import rss_bytes

CHURN = 0.01  #: of the clients reconnect in a second
#: Of all instruments together. The real mix has 50, which at this size is more than one core sends.
TICKS_PER_S = 10.0
TURN_S = 10.0  #: between two looks at the memory
#: Before it is looked at everybody has come back four times: until then the allocator still finds
#: no room in what it has for what comes in another order than it went.
WARM_ROUNDS = 4
GROWTH = 0.01  #: of the memory, from the first fifth of what is looked at to the last


def hold(clients: int, seconds: float) -> dict[str, Any]:
    """Keep *clients* connected, in a thinner real mix, and see what becomes of the memory."""
    with stages([HUB], clients, "mix", install(set())) as (stage,):
        print(f"{clients} clients are connected, {stage.entry.idle_kib:.2f} KiB each", flush=True)
        stage.crowd.ask(do="churn", rate=CHURN * clients)
        warm_s = WARM_ROUNDS / CHURN
        turns = list(_turns(stage, clients, warm_s + seconds))
        stage.crowd.ask(do="churn", rate=0)
        time.sleep(5)
        report = stage.crowd.ask(do="report")
        looked_at = [turn for turn in turns if turn["at_s"] > warm_s]
        part = max(1, len(looked_at) // 5)
        first = middle(turn["rss_mib"] for turn in looked_at[:part])
        last = middle(turn["rss_mib"] for turn in looked_at[-part:])
        return {
            "goals": {
                "memory_growth": _at_most(GROWTH, last / first - 1),
                "connections_missing": _at_most(0, clients - report["open"]),
                "connections_lost": _at_most(0, sum(turn["lost"] for turn in turns)),
            },
            "clients": clients,
            "seconds": seconds,
            "evicted": evicted(stage.server),
            "turns": turns,
        }


def _turns(stage: Stage, clients: int, seconds: float) -> Iterator[dict[str, float]]:
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < seconds:
        plan = mix(range(1, clients + 1), TURN_S, number, ticks_per_s=TICKS_PER_S)
        run = stage.crowd.play(plan, to_the_end=False)
        number += 1
        turn = {
            "at_s": round(time.monotonic() - began, 1),
            "rss_mib": round(rss_bytes(stage.server.pid) / 2**20, 2),
            "messages_per_s": round(run.messages / run.seconds),
            "price_p99_ms": round(run.prices.get("p99_ms", math.nan), 1),
            "push_p99_ms": round(run.portfolios.get("p99_ms", math.nan), 1),
            "server_busy": round(run.server_s / run.seconds, 3),
            "clients_busy": round(run.clients_busy, 3),
            "lost": run.lost,
        }
        print(", ".join(f"{name} {value:,}" for name, value in turn.items()), flush=True)
        yield turn


def _at_most(goal: float, value: float) -> dict[str, object]:
    return {"value": round(value, 4), "goal": goal, "ok": value <= goal}
