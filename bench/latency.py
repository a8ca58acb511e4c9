"""How long until a trader sees it: a goal in the feed, an own trade.

    python bench/latency.py [--quick] [--json]

Starts `touchline up` at real speed, moves its calendar to shortly before each
goal, and notes when the price of a club in that match arrives at a WebSocket
client. Then sends 50 orders a second over HTTP and notes when each one's push
arrives, counted from the moment before the request was sent.

Goals: a goal within the poll interval (2 s) + 250 ms, a push within 50 ms, both p99.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from touchline.matchserver.matches import GOALS, Season  # noqa: E402
from touchline.matchserver.season import generate_season  # noqa: E402
from touchline.services.up import MATCH_SERVER_TOKEN  # noqa: E402

from tests.running import Up  # noqa: E402 — the path above makes it importable

SEED = 11
POLL_S = 2.0
GOAL_S = POLL_S + 0.250
PUSH_S = 0.050
RATE = 50  #: orders a second
BEFORE_GOAL_MS = 3_000  #: the calendar stops this long before the goal


@dataclass
class Listener:
    """One WebSocket client; notes when each frame that matters arrived."""

    socket: ClientConnection
    prices: list[tuple[float, int, str]] = field(default_factory=list)
    pushes: dict[str, float] = field(default_factory=dict)

    def listen(self) -> None:
        for raw in self.socket:
            at = time.perf_counter()
            frame = json.loads(raw)
            channel = frame.get("channel", "")
            if frame["op"] == "update" and channel.startswith("price:"):
                self.prices.append((at, int(channel[6:]), frame["data"].get("why", "")))
            elif frame["op"] == "update" and channel == "portfolio":
                self.pushes[frame["data"]["client_order_id"]] = at


def sign_in(up: Up, email: str) -> str:
    return str(up.post("/v1/auth/dev-login", {"email": email})["access_token"])


@contextmanager
def open_listener(up: Up, token: str) -> Iterator[Listener]:
    ticket = up.post("/v1/ws-token", token=token)
    with connect(f"{ticket['url']}?token={ticket['token']}") as socket:
        socket.send(json.dumps({"op": "subscribe", "id": 1, "channels": ["price:*", "portfolio"]}))
        listener = Listener(socket)
        threading.Thread(target=listener.listen, daemon=True).start()
        yield listener


def advance(up: Up, by_ms: int) -> int:
    url = up.address("match server").split("/v3/")[0] + "/_ctl/advance"
    request = urllib.request.Request(url, json.dumps({"ms": by_ms}).encode(), method="POST")
    request.add_header("Authorization", MATCH_SERVER_TOKEN)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(json.loads(answer.read())["now_ms"])


def goals_of(season: Season, most: int) -> list[tuple[int, str, str]]:
    """(calendar ms, home, away) of goals that stand alone for ten seconds."""
    found = sorted(
        (incident.at_ms, match.home.name, match.away.name)
        for match in season.matches
        for incident in match.incidents
        if incident.kind in GOALS and incident.reversed_ms is None
    )
    alone = [
        goal
        for before, goal, after in zip(found, found[1:], found[2:], strict=False)
        if goal[0] - before[0] > 10_000 and after[0] - goal[0] > 10_000
    ]
    return alone[:most]


def measure_goals(up: Up, listener: Listener, most: int) -> list[float]:
    """Seconds from each goal to the first price of one of its clubs at the client."""
    clubs = {c["name"]: c["idx"] for c in up.get("/v1/instruments?limit=200")["data"]}
    delays = []
    for at_ms, home, away in goals_of(generate_season(SEED), most):
        now_ms = advance(up, 0)
        now_ms = advance(up, max(0, at_ms - BEFORE_GOAL_MS - now_ms))
        goal_at = time.perf_counter() + (at_ms - now_ms) / 1000
        if goal_at < time.perf_counter():
            continue
        mine = {clubs[home], clubs[away]}
        deadline = goal_at + 8
        while time.perf_counter() < deadline:
            seen = [at for at, idx, why in listener.prices if at > goal_at and idx in mine]
            if seen:
                delays.append(seen[0] - goal_at)
                break
            time.sleep(0.01)
        else:
            delays.append(float("inf"))
    return delays


def measure_pushes(up: Up, token: str, listener: Listener, seconds: float) -> list[float]:
    """Seconds from sending each order to its push, at RATE orders a second."""
    sent: dict[str, float] = {}
    clubs = [c["idx"] for c in up.get("/v1/instruments?limit=200")["data"]]
    threads = []

    def send(number: int) -> None:
        name = f"bench-{number}"
        body = {
            "instrument": clubs[number % len(clubs)],
            "side": "buy",
            "quantity": "0.010",
            "client_order_id": name,
        }
        sent[name] = time.perf_counter()
        try:
            up.post("/v1/orders", body, token=token, key=name)
        except urllib.error.HTTPError as refused:
            if refused.code != 409:  # halted for a goal: no push is due
                raise
            del sent[name]

    start = time.perf_counter()
    for number in range(int(RATE * seconds)):
        time.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        threads.append(threading.Thread(target=send, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join(20)
    time.sleep(1)
    return [listener.pushes.get(name, float("inf")) - at for name, at in sent.items()]


def p(values: list[float], share: float) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="fewer goals and orders, under 50 s")
    options.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory) / "data"
        with Up(data, "--season", str(SEED), "--speed", "1") as up:
            token = sign_in(up, "bench@example.com")
            with open_listener(up, token) as listener:
                pushes = measure_pushes(up, token, listener, 6 if chosen.quick else 20)
                goals = measure_goals(up, listener, 5 if chosen.quick else 40)
    result = {
        "goals": {
            "goal_to_client_p99_s": row(p(goals, 0.99), GOAL_S),
            "trade_push_p99_s": row(p(pushes, 0.99), PUSH_S),
        },
        "goal_to_client_p50_s": round(p(goals, 0.5), 4),
        "trade_push_p50_s": round(p(pushes, 0.5), 4),
        "goals_measured": len(goals),
        "trades_measured": len(pushes),
    }
    for what, values in (("goal  → client", goals), ("trade → push  ", pushes)):
        p50, p99 = p(values, 0.5), p(values, 0.99)
        print(f"{what}  p50 {p50:7.3f} s  p99 {p99:7.3f} s  n {len(values)}")
    if chosen.json:
        print(json.dumps(result))
    return 0 if all(goal["ok"] for goal in result["goals"].values()) else 1


def row(value: float, goal: float) -> dict[str, object]:
    return {"value": round(value, 4), "goal": goal, "ok": value <= goal}


if __name__ == "__main__":
    sys.exit(main())
