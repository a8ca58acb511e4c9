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
EVERY_TICK = client_frame(
    TEXT, b'{"op":"subscribe","id":1,"channels":["price:*","portfolio"],"conflated":false}'
)
PATIENCE_S = 60.0  #: heartbeats come every 15 s


@dataclass
class Honest:
    """One of them, of *user*; listens to everything from the start.

    Attributes:
        ticks: whether it wants every tick.
        told: op and `seq` of each message, by channel.
        end: how the connection ended, if it did; it should not.
    """

    port: int
    token: str
    user: int
    ticks: bool = False
    told: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    end: str = ""

    def __post_init__(self) -> None:
        self._peer = Peer.of(self.port, self.token)
        self._peer.sock.settimeout(PATIENCE_S)
        self._peer.say(EVERY_TICK if self.ticks else LISTEN)
        self._resynced: set[str] = set()
        self._silent: list[object] = []  # jumps to a snapshot of which no resync told
        self._listening = gevent.spawn(self._listen)

    def leave(self) -> None:
        self._listening.kill()
        self._peer.leave()

    def newest(self, channel: str) -> int:
        """The last number it was told; -1 before the first."""
        return self.told[channel][-1][1] if self.told[channel] else -1

    def missed(self) -> list[object]:
        """Where a number was not the next one, or not a later one where prices may jump."""
        return self._silent + [
            (self.user, channel, before, after)
            for channel, told in self.told.items()
            for before, after in pairwise(told)
            if not follows(before[1], *after, every=self._has_all(channel))
        ]

    def _has_all(self, channel: str) -> bool:
        return self.ticks or channel == "portfolio"

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
            if message["op"] == "resync":
                self._resynced.add(message["channel"])
            if "seq" in message:
                self._note(message["channel"], message["op"], message["seq"])
        else:
            self.end = repr((opcode, payload))
        return not self.end

    def _note(self, channel: str, op: str, seq: int) -> None:
        if op == "snapshot":
            jumps = self.told[channel] and seq > self.newest(channel) and self._has_all(channel)
            if jumps and channel not in self._resynced:
                self._silent.append((self.user, channel, self.newest(channel), seq))
            self._resynced.discard(channel)
        self.told[channel].append((op, seq))


def follows(before: int, op: str, seq: int, *, every: bool) -> bool:
    """Whether *seq* may come after *before* where numbers never go back."""
    if op == "snapshot":
        return seq >= before
    return seq == before + 1 if every else seq > before
