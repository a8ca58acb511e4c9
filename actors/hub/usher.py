"""Sees the clients out when the service stops."""

from __future__ import annotations

import random
from typing import Never, assert_never

import gevent

from ..actor import Actor
from .close_codes import GOING_AWAY
from .lobby import Lobby

CLOSES_PER_S = 2_000  #: as many clients return elsewhere at once
TURN_S = 1 / 20
RETRY_MS = (500, 5_000)  #: within this they are asked to spread their return
STOP_S = 15.0  #: for 20,000 of them, and half as long again


class Usher(Actor[Never]):
    """Sends everybody away, and is therefore a child of its own.

    Duty: close the connections when the service stops, spread over time so that they do not all
    return at once. It starts after the shards and before the listener: when it stops, nobody
    comes in any more, and what the shards have sent can still go out. Were it the shards' duty,
    one of them that is restarted, which may be asked for, would cost its clients their
    connections. Reads: the lobby. Writes: the clients' sockets. Lease: none. While it is down
    nothing is missing; a service that stops without it resets its clients.
    """

    def __init__(self, lobby: Lobby) -> None:
        super().__init__()
        self._lobby = lobby

    def receive(self, message: Never) -> None:
        """Nobody writes to the usher."""
        assert_never(message)

    def stopped(self) -> None:
        leaving = [client for roster in self._lobby.rosters for client in roster.clients]
        step = round(CLOSES_PER_S * TURN_S)
        for first in range(0, len(leaving), step):
            for client in leaving[first : first + step]:
                retry_ms = random.randint(*RETRY_MS)
                client.link.close(GOING_AWAY, f"retry_ms={retry_ms}")
            gevent.sleep(TURN_S)
