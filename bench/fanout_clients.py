"""The clients of bench/fanout.py, a process of their own: what they compute is not counted.

    python bench/fanout_clients.py BOARD

Reads commands from stdin, each a JSON object in a line, and answers each with one on stdout:

    {"do": "open", "count": 900, …}  let so many more connect; see Crowd._do_open and Order
    {"do": "clear"}                  forget what was counted
    {"do": "report"}                 what was counted since
    {"do": "deafen"}                 let those of the open command's share read no more
    {"do": "churn", "rate": 40}      from now on let so many a second hang up and come back

All sockets are non-blocking, below one epoll; a sample of the clients looks into its frames.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout_frames import open_board
from fanout_line import Line, Tally
from fanout_mix import choice_of
from touchline.http.tokens import Signer

UNDER_WAY = 64  #: handshakes at once
SOURCES = 8  #: addresses that clients connect from: each has some 28,000 ports
BUFFER_BYTES = 256 * 1024
AGAIN_S = 1.0  #: before a client that was refused tries again
#: How far from the server the clients are. Woken by every message they would cost the server a
#: signal to another core each, which no client across a network does.
LOOK_S = 0.001
READ, WRITE = select.EPOLLIN, select.EPOLLOUT


@dataclass(frozen=True, slots=True)
class Order:
    """How lines are opened.

    Attributes:
        channels: "one" price, "all" of them (of the hub), or "mix": some and the portfolio.
        rate: lines a second; 0 for as many as are answered.
        signer: of the hub's tokens; None for a peer, whose clients say all in the path.
        deaf: the share of those that will not read.
        look_each: every so many clients one looks into its frames.
    """

    port: int
    channels: str
    rate: float
    signer: Signer | None
    deaf: float
    look_each: int

    def path(self, user: int) -> str:
        if self.signer is not None:
            return f"/ws?token={self.signer.ws_token(user, 'bench')}"
        return "/sub/" + ",".join(self._names(user, f"portfolio:{user}"))

    def ask(self, user: int) -> bytes:
        if self.signer is None:
            return b""
        names = self._names(user, "portfolio")
        return json.dumps({"op": "subscribe", "id": 1, "channels": names}).encode()

    def will_be_deaf(self, user: int) -> bool:
        return bool(self.deaf) and user % round(1 / self.deaf) == 0

    def _names(self, user: int, portfolio: str) -> list[str]:
        if self.channels == "one":
            return ["price:1"]
        if self.channels == "all":
            return ["price:*"]
        return [*(f"price:{number}" for number in choice_of(user)), portfolio]


class Rate:
    """Allows so many a second; 0 is no limit."""

    BURST = 16.0

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._at = time.monotonic()
        self._allowed = 0.0

    def allows_one(self) -> bool:
        if not self._per_s:
            return True
        now = time.monotonic()
        self._allowed = min(self.BURST, self._allowed + (now - self._at) * self._per_s)
        self._at = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True


class Crowd:
    """All clients."""

    def __init__(self, board: memoryview) -> None:
        self._epoll = select.epoll()
        self._epoll.register(sys.stdin.fileno(), READ)
        self._buffer = bytearray(BUFFER_BYTES)
        self._tally = Tally(board)
        self._lines: dict[int, Line] = {}
        self._ready: dict[Line, None] = {}  # the longest open first
        self._due: deque[int] = deque()  # users that are to connect
        self._later: deque[tuple[float, int]] = deque()  # those that were refused, and until when
        self._order: Order
        self._users = 0
        self._began_at: float | None = None  # while an answer to "open" is due
        self._opening, self._churn = Rate(0), Rate(1)
        self._churns = False
        self._deaf = 0
        self._refusals: Counter[str] = Counter()

    def run(self) -> None:
        """Obey until stdin ends."""
        while True:
            for fd, _ in self._epoll.poll(self._pause_s(), 4_096):
                line = self._lines.get(fd)
                if line is not None:
                    self._serve(line)
                elif not self._obey(sys.stdin.readline()):
                    return
            self._hang_up_some()
            self._connect_some()
            time.sleep(LOOK_S)

    def _pause_s(self) -> float:
        return 0.002 if self._due or self._later or self._churns else 1.0

    # -- commands

    def _obey(self, text: str) -> bool:
        if not text:
            return False
        command = json.loads(text)
        found = getattr(self, f"_do_{command.pop('do')}")(**command)
        if found is not None:
            print(json.dumps(found), flush=True)
        return True

    def _do_open(self, count: int, rate: float, private_key: str, **order: Any) -> None:
        signer = Signer(private_key) if private_key else None
        self._order = Order(signer=signer, rate=rate, **order)
        self._opening = Rate(rate)
        self._due.extend(range(self._users + 1, self._users + count + 1))
        self._users += count
        self._began_at = time.monotonic()

    def _do_clear(self) -> dict[str, Any]:
        self._tally.clear()
        self._refusals.clear()
        return {}

    def _do_report(self) -> dict[str, Any]:
        tally = self._tally
        return {
            "messages": tally.messages,
            "bytes": tally.bytes,
            "lost": tally.lost,
            "open": len(self._ready),
            "refusals": self._refusals,
            "prices": summary(tally.prices_ns),
            "portfolios": summary(tally.portfolios_ns),
        }

    def _do_deafen(self) -> dict[str, Any]:
        deaf = [line for line in self._ready if self._order.will_be_deaf(line.user)]
        for line in deaf:
            self._epoll.unregister(line.socket.fileno())
            del self._ready[line]
        self._deaf += len(deaf)
        return {"deaf": len(deaf)}

    def _do_churn(self, rate: float) -> dict[str, Any]:
        self._churn, self._churns = Rate(rate), rate > 0
        return {}

    # -- lines

    def _connect_some(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] < now:
            self._due.append(self._later.popleft()[1])
        under_way = len(self._lines) - len(self._ready) - self._deaf
        while self._due and under_way < UNDER_WAY and self._opening.allows_one():
            self._connect(self._due.popleft())
            under_way += 1
        if self._began_at is not None and len(self._ready) + self._deaf == self._users:
            print(json.dumps({"seconds": now - self._began_at, **self._do_report()}), flush=True)
            self._began_at = None

    def _connect(self, user: int) -> None:
        sampled = user % self._order.look_each == 0
        line = Line(user, self._tally, sampled=sampled, deaf=self._order.will_be_deaf(user))
        line.connect(f"127.0.0.{2 + user % SOURCES}", self._order.port)
        self._lines[line.socket.fileno()] = line
        self._epoll.register(line.socket.fileno(), WRITE)

    def _hang_up_some(self) -> None:
        while self._churns and self._ready and self._churn.allows_one():
            line = next(iter(self._ready))
            self._forget(line)
            self._due.append(line.user)

    def _serve(self, line: Line) -> None:
        try:
            if line.ready:
                got = line.socket.recv_into(self._buffer)
                if not got:
                    raise ConnectionError("hung up")
                line.take(self._buffer, got)
            else:
                self._shake(line)
        except BlockingIOError:
            pass
        except OSError as why:
            self._lost(line, why)

    def _shake(self, line: Line) -> None:
        if not line.knocked:
            line.knock(self._order.path(line.user))
            self._epoll.modify(line.socket.fileno(), READ)
            return
        line.shake(self._order.ask(line.user))
        if line.ready:
            self._ready[line] = None

    def _lost(self, line: Line, why: OSError) -> None:
        if line.ready:
            self._tally.lost += 1
        else:
            self._refusals[str(why)] += 1
            self._later.append((time.monotonic() + AGAIN_S, line.user))
        self._forget(line)

    def _forget(self, line: Line) -> None:
        self._ready.pop(line, None)
        del self._lines[line.socket.fileno()]
        with contextlib.suppress(OSError):
            line.socket.close()


def summary(latencies_ns: list[int]) -> dict[str, float]:
    """Milliseconds: nearest-rank percentiles."""
    if not latencies_ns:
        return {"samples": 0}
    ranked = sorted(latencies_ns)
    return {
        "samples": len(ranked),
        "p50_ms": ranked[len(ranked) // 2] / 1e6,
        "p99_ms": ranked[int(len(ranked) * 0.99)] / 1e6,
        "max_ms": ranked[-1] / 1e6,
    }


if __name__ == "__main__":
    Crowd(open_board(Path(sys.argv[1]))).run()
