"""Prices to many clients: one system call for each, and as little else as possible.

Source: docs/decisions/0031-a-broadcast-goes-along-sockets.md.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, repeat
from operator import and_

from ...domain.ids import InstrumentIdx
from .floor import Floor, bits
from .traffic import Traffic

STRIDE = 64  #: clients that are sent to without giving way in between


class Shares(dict[int, bytes]):
    """By which of some prices are wanted (a bit for each): those frames, joined.

    Clients are many and few prices are due at a time, so most want what another one has wanted.
    """

    def __init__(self, frames: Mapping[InstrumentIdx, bytes]) -> None:
        super().__init__()
        self.bits = bits(frames)
        self._frames = frames
        self._parts: dict[int, dict[int, bytes]] = {}

    def __missing__(self, share: int) -> bytes:
        self[share] = joined = b"".join(self.frames(share).values())
        return joined

    def frames(self, share: int) -> dict[int, bytes]:
        """The frames of a share, by instrument."""
        parts = self._parts.get(share)
        if parts is None:
            parts = {idx: frame for idx, frame in self._frames.items() if share >> idx & 1}
            self._parts[share] = parts
        return parts


class Broadcast:
    """Frames on their way along the floor, past everybody who stood there when it began."""

    def __init__(
        self,
        floor: Floor,
        frames: Mapping[InstrumentIdx, bytes],
        traffic: Traffic,
        *,
        snapshots: bool = False,
    ) -> None:
        """Take *frames* by instrument: *snapshots*, which no update may replace, or updates."""
        self._floor = floor
        self._snapshots = snapshots
        self._shares = Shares(frames)
        self._traffic = traffic
        self._next, self._end = 0, len(floor.clients)
        self._settled: set[int] = set()

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return self._next >= self._end

    def go_on(self) -> int:
        """Send to the next few clients; return to how many."""
        floor, shares = self._floor, self._shares
        first, self._next = self._next, min(self._next + STRIDE, self._end)
        places = slice(first, self._next)
        # Between two system calls no step of the interpreter is taken, and nothing is fetched from
        # memory but the next socket: so whole strides are prepared, by functions that loop in C.
        wanted = list(map(and_, floor.listens[places], repeat(shares.bits)))
        for place in self._settled and self._settled.intersection(range(first, self._next)):
            wanted[place - first] = 0
        texts = list(map(shares.__getitem__, wanted))
        due = list(filter(None, texts))
        taken = _sent(list(compress(floor.sockets[places], texts)), due)
        whole = sum(map(int.bit_count, wanted))
        if taken != list(map(len, due)):
            whole -= self._finish(compress(enumerate(wanted, first), texts), taken)
        self._traffic.messages += whole
        self._traffic.bytes += sum(taken)
        return len(due)

    def settle(self, place: int) -> None:
        """Send whoever has *place* now what this is on the way with, and pass that place by."""
        if not self._next <= place < self._end:
            return
        share = self._floor.listens[place] & self._shares.bits if place not in self._settled else 0
        self._settled.add(place)
        if share:
            self._send_one(place, share)

    def _finish(self, wanted: Iterable[tuple[int, int]], taken: Iterable[int]) -> int:
        """See to those who have not taken all: places, and what they want.

        Return how many messages are not to be counted here, because their links do it.
        """
        left_out = 0
        for (place, share), written in zip(wanted, taken, strict=True):
            joined, client = self._shares[share], self._floor.clients[place]
            if not written:
                left_out += share.bit_count()
                self._send_one(place, share)
            elif client is not None and written < len(joined):
                client.link.begun(joined[written:])
        return left_out

    def _send_one(self, place: int, share: int) -> None:
        """Send *share* to whoever has *place* by its link, where it may have to wait."""
        client = self._floor.clients[place]
        if client is None:
            return
        joined, frames = self._shares[share], self._shares.frames(share)
        if self._snapshots:
            # Not as prices: an update that took the place of one that waits tells neither of
            # another epoch nor what a new club is called.
            client.link.send(joined, supersedes=frames, messages=len(frames))
        else:
            client.link.send_prices(joined, frames)


def _sent(sockets: Sequence[_socket.socket], texts: Sequence[bytes]) -> list[int]:
    """How much of its text each of *sockets* has taken; nothing where that failed."""
    # Called like this the method needs no object of its own for each client.
    sends = map(_socket.socket.send, sockets, texts)
    taken: list[int] = []
    while len(taken) < len(sockets):
        try:
            taken.extend(sends)  # what came before an error stays
        except OSError:
            taken.append(0)
    return taken
