"""A person's program that follows their portfolio and all prices, over whichever ws-server."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Any, Never
from urllib.parse import urlsplit

import gevent
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .load import AWAY
from .person import Person, Push
from .process import ANSWER_S, Service

ABNORMAL = 1006  #: there was no close frame
STAY_S = 1.0  #: of one who wanders, at most
OPEN_S = 2.0  #: then another server is tried
HANG_UP_S = 1.0  #: a server that stands still answers no close


class Follower:
    """Connected to *server* once this returns, and shown the portfolio.

    Attributes:
        pushed: what was pushed of the portfolio, on all connections so far.
        seq: number of the last message of it.
        positions: ids of those in the last snapshot. found: of those in the first.
        prices: the newest number of each instrument.
        gaps: numbers of the portfolio that were jumped over untold.
        closed: codes and reasons of the connections that were.
        windows: from when until when (Unix ms) there was no connection.
    """

    def __init__(self, person: Person, server: Service) -> None:
        self.person = person
        self.pushed: list[Push] = []
        self.seq: int | None = None
        self.positions: set[str] = set()
        self.found: set[str] = set()
        self.prices: dict[int, int] = {}
        self.gaps: list[tuple[int, int]] = []
        self.closed: list[tuple[int, str]] = []
        self.windows: list[tuple[int, int]] = []
        self._open(server, {"op": "subscribe", "channels": ["price:*", "portfolio"]})
        with gevent.Timeout(ANSWER_S):
            while self.seq is None:
                gevent.sleep(0.01)

    @property
    def is_connected(self) -> bool:
        return not self._listening.ready()

    def stay(self, servers: Sequence[Service]) -> Never:
        """Connect to another of *servers*, as it asks for, whenever one sends us away."""
        while True:
            self._listening.join()
            _, reason = self.closed[-1]
            gevent.sleep(int(reason.removeprefix("retry_ms=") or 0) / 1000)
            self.come_back(servers)

    def wander(self, servers: Sequence[Service]) -> Never:
        """Hang up and connect to another of *servers*, again and again, at once or soon after."""
        while True:
            gevent.sleep(random.random() * STAY_S)
            self.leave()
            gevent.sleep(random.choice((0.0, random.random() * STAY_S)))
            self.come_back(servers)

    def leave(self) -> None:
        """Hang up; a second time changes nothing."""
        self._socket.close()
        self._listening.join(ANSWER_S)

    def told(self, event: str) -> list[Any]:
        """Data of all pushes of one kind."""
        return [push.data for push in self.pushed if push.event == event]

    def come_back(self, servers: Sequence[Service]) -> None:
        resume = {"op": "resume", "price": {"*": 0}, "portfolio": self.seq}
        for server in random.sample(servers, len(servers)):
            try:
                self._open(server, resume)
            except AWAY:  # it is being replaced
                continue
            self.windows.append((self._closed_ms, self._opening_ms))
            return

    def _open(self, server: Service, request: dict[str, Any]) -> None:
        query = urlsplit(self.person.ticket()).query
        url = f"ws{server.url.removeprefix('http')}/ws?{query}"
        # Not afterwards: a replay may be over by the time that this greenlet has its turn.
        self._opening_ms = _now_ms()
        self._socket = connect(
            url, open_timeout=OPEN_S, close_timeout=HANG_UP_S, max_queue=None
        ).__enter__()
        self._socket.send(json.dumps({"id": 1, **request}))
        self._listening = gevent.spawn(self._listen)

    def _listen(self) -> None:
        try:
            while True:
                self._heard(json.loads(self._socket.recv()))
        except ConnectionClosed as closed:
            self._closed_ms = _now_ms()
            last = closed.rcvd
            self.closed.append((last.code, last.reason) if last else (ABNORMAL, ""))

    def _heard(self, frame: dict[str, Any]) -> None:
        if frame["op"] not in ("snapshot", "update"):
            assert frame.get("ok", True), frame
        elif frame["channel"] == "portfolio":
            self._portfolio(frame)
        else:
            self.prices[int(frame["channel"].partition(":")[2])] = frame["seq"]

    def _portfolio(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "update":
            if frame["seq"] != (self.seq or 0) + 1:
                self.gaps.append((self.seq or 0, frame["seq"]))
            self.pushed.append(Push(frame["event"], frame["data"]))
        else:
            self.positions = {each["position_id"] for each in frame["data"]["positions"]}
            if self.seq is None:
                self.found = self.positions
        self.seq = frame["seq"]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
