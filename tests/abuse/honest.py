"""Clients who do nothing wrong: they read, answer pings, and remember what they were told."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

import gevent

from tests.fakes.client_frames import PING, PONG, TEXT, client_frame
from tests.fakes.peer import Peer

LISTEN = client_frame(TEXT, b'{"op":"subscribe","id":1,"channels":["price:*","portfolio"]}')
PATIENCE_S = 60.0  #: heartbeats come every 15 s


@dataclass
class Honest:
    """One of them, of *user*; listens to everything from the start.

    Attributes:
        told: op and `seq` of each message, by channel.
        end: how the connection ended, if it did; it should not.
    """

    port: int
    token: str
    user: int
    told: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    end: str = ""

    def __post_init__(self) -> None:
        self._peer = Peer.of(self.port, self.token)
        self._peer.sock.settimeout(PATIENCE_S)
        self._peer.say(LISTEN)
        self._listening = gevent.spawn(self._listen)

    def leave(self) -> None:
        self._listening.kill()
        self._peer.leave()

    def newest(self, channel: str) -> int:
        """The last number it was told; -1 before the first."""
        return self.told[channel][-1][1] if self.told[channel] else -1

    def missed(self) -> list[object]:
        """Where a number was not the next one, or not a later one where prices may jump."""
        return [
            (self.user, channel, before, after)
            for channel, told in self.told.items()
            for before, after in pairwise(told)
            if not follows(channel, before[1], *after)
        ]

    def _listen(self) -> None:
        try:
            while frame := self._peer.frame():
                if not self._take(*frame):
                    return
        except OSError as why:
            self.end = repr(why)

    def _take(self, opcode: int, payload: bytes) -> bool:
        if opcode == PING:
            self._peer.say(client_frame(PONG, payload))
        elif opcode == TEXT:
            message = json.loads(payload)
            if "seq" in message:
                self.told[message["channel"]].append((message["op"], message["seq"]))
        else:
            self.end = repr((opcode, payload))
        return not self.end


def follows(channel: str, before: int, op: str, seq: int) -> bool:
    """Whether *seq* may come after *before* where numbers never go back."""
    if op == "snapshot":
        return seq >= before
    return seq == before + 1 if channel == "portfolio" else seq > before
