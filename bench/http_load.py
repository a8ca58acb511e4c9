"""Clients of bench/http.py that keep their connections, a process of their own.

Reads an `Ask` with "seconds" as JSON from stdin and prints `Answers` as JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass

from trades_clients import LOOK_S, Line


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for, over and over: one connection for each of *headers*."""

    port: int
    path: str
    headers: list[str]


@dataclass(frozen=True, slots=True)
class Answers:
    """How many there were in so many seconds, by status; and how long each took."""

    counts: dict[str, int]
    seconds: float
    p50_s: float
    p99_s: float


def load(ask: Ask, seconds: float) -> Answers:
    """Have another process ask; return what it was answered."""
    command = [sys.executable, __file__]
    told = json.dumps(asdict(ask) | {"seconds": seconds})
    ended = subprocess.run(command, input=told, stdout=subprocess.PIPE, text=True, check=True)
    return Answers(**json.loads(ended.stdout))


def play(ask: Ask, seconds: float) -> Answers:
    waiting, counts, latencies = selectors.EpollSelector(), Counter[str](), list[float]()
    began = time.perf_counter()
    for headers in ask.headers:
        line = open_line(ask, headers)
        waiting.register(line.socket, selectors.EVENT_READ, line)
        line.send(time.perf_counter())
    now, asking = began, len(ask.headers)
    # To the last answer: what a server did for one that nobody waits for could not be told apart.
    while asking:
        time.sleep(LOOK_S)
        now = time.perf_counter()
        for key, _ in waiting.select(LOOK_S):
            status = key.data.answered()
            if not status:
                continue
            at = time.perf_counter()
            counts[status] += 1
            latencies.append(at - key.data.due_at)
            if at < began + seconds:
                key.data.send(at)
            else:
                asking -= 1
    ranked = sorted(latencies)
    half, most = ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)]
    return Answers(dict(counts), now - began, half, most)


def open_line(ask: Ask, headers: str) -> Line:
    link = socket.create_connection(("127.0.0.1", ask.port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A line numbers its requests, which gives each an id of its own.
    begin = f"GET {ask.path} HTTP/1.1\r\nHost: 127.0.0.1:{ask.port}\r\nX-Request-Id: bench-"
    request = begin.encode(), f"\r\n{headers}\r\n".encode()
    return Line(link, (request, request))


def main() -> None:
    told = json.loads(sys.stdin.read())
    seconds = told.pop("seconds")
    print(json.dumps(asdict(play(Ask(**told), seconds))), flush=True)


if __name__ == "__main__":
    main()
