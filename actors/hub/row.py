"""The clients that listen to the same prices, laid out so that a broadcast need not look at them.

Beside each client is its socket, and a broadcast goes along those alone: what it would look up in
each of thousands of clients lies somewhere else in memory, and fetching that takes a good part of
what the system call takes.

Source: docs/decisions/0031-a-broadcast-goes-along-sockets.md.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .channels import AllBut, GroupKey

if TYPE_CHECKING:
    from .roster import Client

_CLOSED = _socket.socket()
_CLOSED.close()


def bits(indexes: Iterable[int]) -> int:
    """A set of instruments as a number with a bit for each, which is cheaper to compare."""
    return sum(1 << idx for idx in indexes)


def listens(group: GroupKey) -> int:
    """What a group of clients listens to, likewise; all bits are set for all instruments."""
    if group is None:
        return -1
    return ~bits(group.few) if isinstance(group, AllBut) else bits(group)


class Row:
    """Clients, each in one place as long as it is here, so that places hold during a broadcast.

    Attributes:
        listens: a bit for each instrument, by its index: what these clients listen to.
        sockets: by place, what its client can be sent to at once by; a closed one if that cannot be
            done, or nobody is there.
        clients: by place, who that is.
    """

    __slots__ = ("_free", "_places", "clients", "listens", "sockets")

    def __init__(self, listens: int) -> None:
        self.listens = listens
        self.sockets: list[_socket.socket] = []
        self.clients: list[Client | None] = []
        self._places: dict[Client, int] = {}  # in the order of arrival
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Client]:
        return iter(tuple(self._places))

    def add(self, client: Client) -> None:
        """Give *client* a place."""
        if client in self._places:
            return
        if self._free:
            place = self._free.pop()
        else:
            place = len(self.clients)
            self.clients.append(None)
            self.sockets.append(_CLOSED)
        self._places[client] = place
        self.clients[place] = client
        self.refresh(client)

    def remove(self, client: Client) -> None:
        """Take *client* out, if it is here."""
        place = self._places.pop(client, None)
        if place is not None:
            self.clients[place] = None
            self.sockets[place] = _CLOSED
            self._free.append(place)

    def refresh(self, client: Client) -> None:
        """Look again whether *client*, if it is here, can be sent to at once."""
        place = self._places.get(client)
        if place is not None:
            self.sockets[place] = client.link.direct or _CLOSED
