"""Prices to many clients: one system call for each, and as little else as possible.

Source: docs/decisions/0031-a-broadcast-goes-along-sockets.md.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Iterator, Mapping

from ...domain.ids import InstrumentIdx
from .channels import GroupKey
from .pace import Pace
from .roster import Client
from .row import Row, bits
from .traffic import Traffic

STRIDE = 32  #: clients that are sent to without giving way in between
#: A row, and what its clients are to get: frames by instrument, and the same joined.
Portion = tuple[Row, bytes, Mapping[int, bytes]]


def portions(
    groups: Mapping[GroupKey, Row], frames: Mapping[InstrumentIdx, bytes]
) -> Iterator[Portion]:
    """Yield each of *groups* with its share of *frames*; those that have none are left out.

    Groups may come and go in between. They are many and little is due at a time, so most of them
    need what another one has needed.
    """
    due = bits(frames)
    cut: dict[int, tuple[bytes, Mapping[int, bytes]]] = {}
    for row in tuple(groups.values()):
        share = row.listens & due
        if not share:
            continue
        if share not in cut:
            wanted: dict[int, bytes] = {i: frame for i, frame in frames.items() if share >> i & 1}
            cut[share] = b"".join(wanted.values()), wanted
        yield row, *cut[share]


def send_prices(portions: Iterable[Portion], traffic: Traffic, pace: Pace) -> None:
    """Send every portion to its clients, giving way to others in between."""
    # Called like this the method needs no object of its own for each client, which would be
    # one more thing to fetch from memory.
    send, steps = _socket.socket.send, 0
    for row, joined, frames in portions:
        size, whole, first = len(joined), 0, 0
        # Nobody arrives in a row meanwhile: only the shard lets clients listen, and it is here.
        while first < len(row.sockets):
            # The copy fetches these objects all at once, and not each between two system calls.
            stride = row.sockets[first : first + STRIDE]
            for place, sock in enumerate(stride, first):
                try:
                    written = send(sock, joined)
                except OSError:
                    written = 0
                if written == size:
                    whole += 1
                else:
                    _send_rest(row.clients[place], joined, frames, written, traffic)
            first += STRIDE
            steps += len(stride)
            if steps >= STRIDE:
                pace.step(steps)
                steps = 0
        traffic.messages += whole * len(frames)
        traffic.bytes += whole * size


def _send_rest(
    client: Client | None,
    joined: bytes,
    frames: Mapping[int, bytes],
    written: int,
    traffic: Traffic,
) -> None:
    """See to a client that could not be sent all of *joined* directly: only *written* bytes."""
    if client is None:
        return
    if written:
        traffic.messages += len(frames)
        traffic.bytes += written
        client.link.begun(joined[written:])
    else:
        client.link.send_prices(joined, frames)
