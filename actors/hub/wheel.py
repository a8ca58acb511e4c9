"""Whom a shard looks after in which second: whose turn it is, and who is in doubt.

Looking at everybody every second costs a microsecond each, which is as much as sending a price to
one in seven. So clients stand on a wheel by their number, and each turn shows those alone that
are due something; whoever was pinged or takes nothing is looked at in every turn besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm
from typing import TYPE_CHECKING

from .liveness import HEARTBEAT_TURNS, PING_TURNS, in_doubt

if TYPE_CHECKING:
    from .roster import Client

ROUND = lcm(PING_TURNS, HEARTBEAT_TURNS)  #: turns after which all is as it was


class Wheel:
    """The clients of one shard, each in a place of its own choice, and those in doubt."""

    def __init__(self) -> None:
        # Sets that keep an order: what is done to many is to be done in the same order each time.
        self._places: tuple[dict[Client, None], ...] = tuple({} for _ in range(ROUND))
        self._doubtful: dict[Client, None] = {}

    def add(self, client: Client) -> None:
        """Have *client* looked after from now on."""
        self._places[client.number % ROUND][client] = None
        self.watch(client)

    def remove(self, client: Client) -> None:
        """Look after *client* no more."""
        self._places[client.number % ROUND].pop(client, None)
        self._doubtful.pop(client, None)

    def watch(self, client: Client) -> None:
        """Look at *client* in every turn, if it is in doubt, until it is not any more."""
        if in_doubt(client):
            self._doubtful[client] = None

    def due(self, turn: int) -> Iterable[Client]:
        """Whoever may need something in the *turn*-th second, each once."""
        found = dict.fromkeys(client for client in tuple(self._doubtful) if in_doubt(client))
        self._doubtful = found.copy()
        for every in (PING_TURNS, HEARTBEAT_TURNS):
            for place in range(-turn % every, ROUND, every):
                found.update(self._places[place])
        return found

    def clear(self) -> None:
        """Forget everybody."""
        for place in self._places:
            place.clear()
        self._doubtful.clear()
