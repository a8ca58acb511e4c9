"""Everybody who listens to conflated prices, laid out so that a broadcast need not look at them.

Side by side, in the order of arrival, stand the sockets and what each listens to, and a broadcast
goes along these alone: what it would look up in each of thousands of clients lies somewhere else
in memory, and fetching that takes a good part of what the system call takes. The kernel has made
what belongs to those sockets in the same order.

Source: docs/decisions/0031-a-broadcast-goes-along-sockets.md.
"""

from __future__ import annotations

import _socket
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from .channels import AllBut, GroupKey

if TYPE_CHECKING:
    from .roster import Client

_CLOSED = _socket.socket()
_CLOSED.close()


def bits(indexes: Iterable[int]) -> int:
    """A set of instruments as a number with a bit for each, which is cheaper to compare."""
    return sum(1 << idx for idx in indexes)


def listens(group: GroupKey) -> int:
    """What a client with these prices listens to, likewise; all bits are set for all of them."""
    if group is None:
        return -1
    return ~bits(group.few) if isinstance(group, AllBut) else bits(group)


class UnderWay(Protocol):
    """A broadcast that has not come to everybody."""

    def settle(self, place: int) -> None:
        """Send whoever has *place* now what it is on the way with, and pass that place by."""


class Floor:
    """Clients, each in one place as long as it listens to the same.

    Attributes:
        listens: by place, a bit for each instrument, by its index; 0 where nobody is.
        sockets: by place, what its client can be sent to at once by; a closed one if that cannot be
            done, or nobody is there.
        shards: by place, the number of the client's shard.
        clients: by place, who that is.
        under_way: the broadcast that goes along here. It passes by whoever comes meanwhile, for
            what they are shown is newer.
    """

    def __init__(self) -> None:
        self.listens: list[int] = []
        self.sockets: list[_socket.socket] = []
        self.shards: list[int] = []
        self.clients: list[Client | None] = []
        self.under_way: UnderWay | None = None
        self._places: dict[Client, int] = {}
        #: A heap, so that the order of arrival comes back. Some may be taken again, or cut off.
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._places)

    def of(self, shard: int) -> Iterator[Client]:
        """Everybody of one shard who is here now."""
        places = tuple(self._places.items())
        return (client for client, place in places if self.shards[place] == shard)

    def wants(self, client: Client) -> int:
        """What *client* listens to here, a bit for each instrument."""
        place = self._places.get(client)
        return 0 if place is None else self.listens[place]

    def add(self, client: Client, shard: int) -> None:
        """Give *client* a place, if it listens to any price and has none."""
        wanted = listens(client.group)
        if not wanted or client in self._places:
            return
        place = self._place()
        self._places[client] = place
        self.clients[place] = client
        self.shards[place] = shard
        self.listens[place] = wanted
        self.refresh(client)

    def remove(self, client: Client) -> None:
        """Take *client* out, if it is here."""
        place = self._places.pop(client, None)
        if place is not None:
            self.clients[place] = None
            self.sockets[place] = _CLOSED
            self.listens[place] = 0
            heappush(self._free, place)
            self._cut_off()

    def settle(self, client: Client) -> None:
        """Send *client* now what is on its way to it: it is about to be shown what is newer."""
        place = self._places.get(client)
        if place is not None and self.under_way is not None:
            self.under_way.settle(place)

    def refresh(self, client: Client) -> None:
        """Look again whether *client*, if it is here, can be sent to at once."""
        place = self._places.get(client)
        if place is not None:
            self.sockets[place] = client.link.direct or _CLOSED

    def _place(self) -> int:
        while self._free and not self._is_free(self._free[0]):
            heappop(self._free)
        if self._free:
            place = heappop(self._free)
            if self.under_way is not None:
                self.under_way.settle(place)  # while nobody is there
            return place
        self.listens.append(0)
        self.sockets.append(_CLOSED)
        self.shards.append(0)
        self.clients.append(None)
        return len(self.clients) - 1

    def _is_free(self, place: int) -> bool:
        return place < len(self.clients) and self.clients[place] is None

    def _cut_off(self) -> None:
        """Let go of the places behind the last client; a broadcast has counted them."""
        while self.under_way is None and self.clients and self.clients[-1] is None:
            for each in (self.clients, self.sockets, self.shards, self.listens):
                each.pop()
