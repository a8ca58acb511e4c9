"""The clients of bench/trades.py, a process of their own: what they compute is not counted.

Reads a `Load` as JSON from stdin. Prints "begin" when the measurement begins and a `Result` as
JSON when it ends; requests under way at either end are not counted.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field

SIDES = ("buy", "sell")  #: in turns, so that every client ends with what it began with
QUANTITY = "0.010"
#: How far from the server the clients are. One that sends its next request microseconds after an
#: answer keeps the server at its own connection, and the others wait for hundreds of milliseconds.
LOOK_S = 0.001


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: one connection for each of *tokens*, each with one request at a time."""

    port: int
    path: str
    tokens: list[str]
    instruments: int
    name: str  #: begins the idempotency keys; another one every time
    warm_s: float
    measure_s: float
    rate: float = 0.0  #: requests a second, at even distances; 0: the next after each answer


@dataclass(slots=True)
class Result:
    """What came back between "begin" and the end. Latencies in seconds."""

    seconds: float
    answers: dict[str, int]
    p50_s: float
    p99_s: float


@dataclass(slots=True)
class Line:
    """One keep-alive connection."""

    socket: socket.socket
    requests: tuple[tuple[bytes, bytes], ...]  #: before and after the idempotency key, by side
    sent: int = 0
    due_at: float = 0.0  #: of the request under way; when it should have been sent
    got: bytearray = field(default_factory=bytearray)

    def send(self, due_at: float) -> None:
        before, after = self.requests[self.sent % 2]
        self.sent += 1
        self.due_at = due_at
        self.socket.send(b"%b%08d%b" % (before, self.sent, after))

    def answered(self) -> str:
        """The status of the answer if it is complete, else ""."""
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise ConnectionError("the server hung up")
        self.got += chunk
        head = self.got.find(b"\r\n\r\n")
        if head < 0:
            return ""
        if self.got[9:12] in (b"204", b"304"):  # which have no body
            return self._whole()
        at = self.got.lower().index(b"content-length:", 0, head) + 15
        length = int(self.got[at : self.got.index(b"\r", at)])
        if len(self.got) < head + 4 + length:
            return ""
        return self._whole()

    def _whole(self) -> str:
        status = self.got[9:12].decode()
        self.got.clear()
        return status


def open_line(load: Load, number: int) -> Line:
    link = socket.create_connection(("127.0.0.1", load.port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    idx = number % load.instruments + 1
    return Line(link, tuple(request(load, number, idx, side) for side in SIDES))


def request(load: Load, number: int, idx: int, side: str) -> tuple[bytes, bytes]:
    body = json.dumps({"instrument": idx, "side": side, "quantity": QUANTITY})
    before = (
        f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1:{load.port}\r\n"
        f"Authorization: Bearer {load.tokens[number]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Idempotency-Key: {load.name}-{number}-"
    )
    return before.encode(), f"\r\n\r\n{body}".encode()


class Clock:
    """Says when the next request is due; keeps no count of a server that falls behind."""

    def __init__(self, rate: float) -> None:
        self._every_s = 1 / rate if rate else 0.0
        self._next_at = time.perf_counter()

    def due(self, now: float) -> float | None:
        """The time at which the next request should have been sent, if that is past."""
        if not self._every_s:
            return now
        if self._next_at > now:
            return None
        due_at, self._next_at = self._next_at, self._next_at + self._every_s
        return due_at


@dataclass(slots=True)
class Tally:
    """What is measured, from the moment it begins."""

    begun_at: float = 0.0
    latencies: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def begin(self, now: float) -> None:
        print("begin", flush=True)
        self.begun_at = now
        self.latencies.clear()
        self.answers.clear()

    def add(self, status: str, latency_s: float) -> None:
        self.latencies.append(latency_s)
        self.answers[status] += 1

    def result(self) -> Result:
        if not self.latencies:
            raise SystemExit("no answer at all")
        ranked = sorted(self.latencies)
        half, most = len(ranked) // 2, int(len(ranked) * 0.99)
        seconds = time.perf_counter() - self.begun_at
        return Result(seconds, dict(self.answers), ranked[half], ranked[most])


def play(load: Load) -> Result:
    lines = [open_line(load, number) for number in range(len(load.tokens))]
    waiting = selectors.EpollSelector()
    for line in lines:
        waiting.register(line.socket, selectors.EVENT_READ, line)
    clock, idle, tally = Clock(load.rate), deque(lines), Tally()
    begins_at = time.perf_counter() + load.warm_s
    while (now := time.perf_counter()) < begins_at + load.measure_s:
        if not tally.begun_at and now >= begins_at:
            tally.begin(now)
        while idle and (due_at := clock.due(now)) is not None:
            idle.popleft().send(due_at)
        if not load.rate:
            time.sleep(LOOK_S)
        for key, _ in waiting.select(LOOK_S):
            line = key.data
            if status := line.answered():
                tally.add(status, time.perf_counter() - line.due_at)
                idle.append(line)
    return tally.result()


if __name__ == "__main__":
    print(json.dumps(asdict(play(Load(**json.loads(sys.stdin.read()))))), flush=True)
