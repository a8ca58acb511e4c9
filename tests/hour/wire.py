"""Many traders' requests over a few kept connections, repeated until they are answered."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

import gevent
from gevent.queue import LifoQueue

ANSWER_S = 20.0
AGAIN_S = 0.3
NOT_NOW = frozenset({429, 503})  #: statuses that ask to come again
AWAY = (OSError, HTTPException, ValueError)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status, its JSON, and the version in its ETag if it has one."""

    status: int
    body: Any
    version: str | None


@dataclass
class Line:
    """The way to one api-server, for all traders together."""

    port: int
    connections: int = 64
    answer_s: float = ANSWER_S
    statuses: Counter[int] = field(default_factory=Counter)
    away: int = 0  #: times nobody answered

    def __post_init__(self) -> None:
        self._idle: LifoQueue = LifoQueue()
        for _ in range(self.connections):
            self._idle.put(None)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        """The answer to a request that is repeated as it is until there is one."""
        while True:
            try:
                said = self.once(method, path, body, headers)
            except AWAY:
                self.away += 1
            else:
                self.statuses[said.status] += 1
                if said.status not in NOT_NOW:
                    return said
            gevent.sleep(AGAIN_S)

    def once(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Said:
        """The answer to one request. Raises one of `AWAY`: whether it was carried out is open."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given["Content-Type"] = "application/json"
        with self._connection() as connection:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, given)
            answer = connection.getresponse()
            raw = answer.read()
            return Said(answer.status, json.loads(raw or b"null"), answer.headers.get("ETag"))

    @contextmanager
    def _connection(self) -> Iterator[HTTPConnection]:
        kept = self._idle.get()
        connection = kept or HTTPConnection("127.0.0.1", self.port, timeout=self.answer_s)
        kept = None
        try:
            yield connection
            kept = connection
        finally:
            if kept is None:
                connection.close()
            self._idle.put(kept)
