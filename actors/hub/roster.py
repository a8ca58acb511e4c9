"""Who is connected to one shard and what they listen to: plain data under the actor.

Nothing here waits or sends, so every method is atomic under gevent. A roster
outlives the shard that works on it: a restarted shard finds its clients here.
"""

from __future__ import annotations

import _socket
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ...domain.ids import UserId
from .board import NO_EPOCH
from .channels import Channels, GroupKey
from .floor import Floor
from .wheel import Wheel

K = TypeVar("K")


class Link(Protocol):
    """The way to one client; sending never blocks and is ignored once it is closing."""

    @property
    def direct(self) -> _socket.socket | None:
        """The socket, while nothing waits that a `send` of it could overtake."""

    @property
    def pinged_at(self) -> float | None:
        """Monotonic seconds of a ping that nothing answered yet."""

    @property
    def stalled_at(self) -> float | None:
        """Monotonic seconds since when the client takes nothing, if it is behind."""

    @property
    def heard_at(self) -> float:
        """Monotonic seconds of the last byte that came from the client."""

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        """Send in order; *frame* holds so many *messages*."""

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        """Send, or keep the newest per instrument."""

    def begun(self, rest: bytes) -> None:
        """Take the *rest* of what went out by `direct` in part."""

    def ping(self) -> None:
        """Ask for a sign of life."""

    def close(self, code: int, reason: str) -> None:
        """Close after what waits."""

    def evict(self, code: int, reason: str) -> None:
        """Reset at once."""


@dataclass(slots=True, eq=False)
class Client:
    """One connection as the protocol sees it.

    Attributes:
        number: counts up within the process; spreads periodic work.
        opened_at: monotonic seconds.
        session: the one that its token came from.
        portfolio_seq: the last portfolio number sent; None while a snapshot is due, or
        resumes_at: the number after which it wants to be told what it has missed.
        cut_off: what it has missed was lost on our side: if it cannot be told, it is told so.
        strikes: messages that were no requests.
    """

    link: Link
    user: UserId
    number: int
    opened_at: float
    session: str = ""
    channels: Channels = field(default_factory=Channels)
    portfolio_seq: int | None = None
    resumes_at: int | None = None
    cut_off: bool = False
    strikes: int = 0

    @property
    def known_seq(self) -> int | None:
        """The last portfolio number that it knows; None if it is to be shown the whole."""
        return self.resumes_at if self.portfolio_seq is None else self.portfolio_seq

    @property
    def group(self) -> GroupKey:
        """The group this client's conflated prices are sent with."""
        return self.channels.conflated


class Roster:
    """The clients of one shard, by user and by what they listen to.

    Those that listen to conflated prices are on the floor, too, among those of other shards.

    Attributes:
        epoch: the one that the numbers of their portfolios are of.
    """

    def __init__(self, number: int, floor: Floor) -> None:
        self._number = number
        self._floor = floor
        self.epoch = NO_EPOCH
        self.clients: dict[Client, None] = {}  # a set that keeps the order of arrival
        self.by_user: dict[UserId, set[Client]] = {}
        self.ticked: dict[GroupKey, set[Client]] = {}  #: groups that are sent every tick
        self.followers: dict[UserId, set[Client]] = {}
        self.listeners: dict[str, set[Client]] = {}  #: by channels of bulletins
        self.wheel = Wheel()
        self.departures: Counter[str] = Counter()  #: connections ended so far, by reason

    def join(self, client: Client) -> bool:
        """Add *client*; True if its user had no connection here before."""
        self.clients[client] = None
        mates = self.by_user.setdefault(client.user, set())
        mates.add(client)
        self.wheel.add(client)
        self._list(client)
        return len(mates) == 1

    def leave(self, client: Client) -> bool:
        """Remove *client* if it is here; True if it was its user's last connection."""
        if client not in self.clients:
            return False
        del self.clients[client]
        self.wheel.remove(client)
        self._unlist(client)
        return _discard(self.by_user, client.user, client)

    def had(self, user: UserId, at_s: float) -> bool:
        """Whether *user* had one of the connections of now *at_s* monotonic seconds."""
        return any(client.opened_at <= at_s for client in self.by_user.get(user, ()))

    def listen(self, client: Client, channels: Channels) -> None:
        """Replace what *client* listens to; ignored once it has left."""
        self._floor.settle(client)
        # Only now: what was sent to it may have been its end.
        if client in self.clients:
            self._unlist(client)
            client.channels = channels
            self._list(client)

    def refresh(self, client: Client) -> None:
        """Look again whether *client*, if it is here, can be sent to directly, and is in doubt."""
        if client in self.clients:
            self.wheel.watch(client)
        self._floor.refresh(client)

    def settle(self, client: Client) -> None:
        """Send *client* now the prices on their way to it: what it is told next is newer."""
        self._floor.settle(client)

    def follows(self, user: UserId) -> bool:
        """Whether anybody here listens to this user's portfolio."""
        return user in self.followers

    def rebuild(self) -> None:
        """Make every index anew from the clients themselves, after a crash halfway through."""
        mine = tuple(self._floor.of(self._number))
        for client in mine:
            self._floor.settle(client)  # while it can still be seen who else is there
        self.by_user.clear()
        self.wheel.clear()
        for client in mine:
            self._floor.remove(client)
        self.ticked.clear()
        self.followers.clear()
        self.listeners.clear()
        for client in tuple(self.clients):
            self.join(client)

    def _list(self, client: Client) -> None:
        self._floor.add(client, self._number)
        if client.channels.hears_ticks:
            self.ticked.setdefault(client.channels.ticked, set()).add(client)
        if client.channels.portfolio:
            self.followers.setdefault(client.user, set()).add(client)
        for channel in client.channels.bulletins:
            self.listeners.setdefault(channel, set()).add(client)

    def _unlist(self, client: Client) -> None:
        self._floor.remove(client)
        _discard(self.ticked, client.channels.ticked, client)
        _discard(self.followers, client.user, client)
        for channel in client.channels.bulletins:
            _discard(self.listeners, channel, client)


def _discard(index: dict[K, set[Client]], key: K, client: Client) -> bool:
    """Remove *client* under *key*; True if that emptied the key."""
    members = index.get(key)
    if members is None:
        return False
    members.discard(client)
    if members:
        return False
    del index[key]
    return True
