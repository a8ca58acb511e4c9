"""The table of all connections of this replica, kept outside the actors.

A shard, the subscriber or presence may crash and come back; the clients sit
here meanwhile and notice nothing. The event loop's callbacks work on this
table directly, so that a full mailbox can never leak a connection; every
method is short, waits for nothing and is therefore atomic under gevent.

Source: docs/decisions/0005-the-hub-adopts-the-socket.md.
"""

from __future__ import annotations

import resource
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count

from ...domain.clock import Calendar, Moment, Monotonic
from ...domain.ids import UserId
from ..address import Address
from .bulletins import Noticeboard
from .connection import Connection
from .deflate import Deflater
from .floor import Floor
from .frames import Limits
from .messages import (
    ClientJoined,
    ClientSpoke,
    FollowersGone,
    PresenceMessage,
    PricesMessage,
    ShardMessage,
    SubscriberMessage,
    TransitionsDue,
)
from .pulse import Pulse
from .quotes import Quotes
from .roster import Client, Roster
from .traffic import Traffic
from .transitions import Transitions

PER_USER = 8  #: connections one user may have on a replica
#: Ends of connections that are noticed some time after the client has gone.
UNANNOUNCED = frozenset({"reset", "1011", "4408"})
LIMITS = Limits()  #: of every client
OTHER_FILES = 256  #: descriptors kept free for Redis, logs and the listener


def seats_for(wanted: int) -> int:
    """How many connections may be promised: never more than the process can open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(0, min(wanted, soft - OTHER_FILES))


class Lobby:
    """Seats, rosters, prices and noticeboards of one replica.

    Attributes:
        ready: set once the instruments were read; no handshake succeeds before.
        rosters, noticeboards: one of each per shard.
        quotes: the prices that all of them show.
        floor: the clients of all shards that listen to conflated prices.
        transitions: users whose presence is to be told to the other replicas.
        pulse: beaten by the shards as long as the event loop turns.
        taken: seats in use, handshakes under way included.
        seats: how many there are.
        traffic: what was sent to all connections so far.
        deflater: compresses for those that agreed to it.
    """

    def __init__(
        self,
        shards: Sequence[Address[ShardMessage]],
        prices: Address[PricesMessage],
        subscriber: Address[SubscriberMessage],
        presence: Address[PresenceMessage],
        *,
        seats: int,
        calendar: Calendar,
        monotonic: Monotonic,
    ) -> None:
        self.ready = False
        self.floor = Floor()
        self.rosters = tuple(Roster(number, self.floor) for number in range(len(shards)))
        self.quotes = Quotes(shards, prices)
        self.noticeboards = tuple(Noticeboard() for _ in shards)
        self.transitions = Transitions()
        self.pulse = Pulse()
        self.traffic = Traffic()
        self.deflater = Deflater()
        self.taken = 0
        self.claims: Counter[UserId] = Counter()
        self.shards = tuple(shards)
        self.subscriber = subscriber
        self.monotonic = monotonic
        self._presence = presence
        self.seats = seats
        self._calendar = calendar
        self._numbers = count(1)

    @property
    def room(self) -> int:
        """Seats that nobody has."""
        return self.seats - self.taken

    def reserve(self) -> Seat | None:
        """Keep a seat free for a handshake that begins; None if the hub is full."""
        if self.room <= 0:
            return None
        self.taken += 1
        return Seat(self)

    def shard_of(self, user: UserId) -> int:
        """The shard that has all of this user's connections."""
        return zlib.crc32(b"%d" % user) % len(self.shards)

    def present(self, user: UserId) -> bool:
        """Whether *user* has a connection here."""
        return user in self.rosters[self.shard_of(user)].by_user

    def followed(self, user: UserId) -> bool:
        """Whether anybody here listens to *user*'s portfolio."""
        return user in self.rosters[self.shard_of(user)].followers

    def users(self) -> Iterator[UserId]:
        """Every user with a connection here."""
        for roster in self.rosters:
            yield from tuple(roster.by_user)

    def followers(self) -> Iterator[Client]:
        """Every client that listens to its user's portfolio."""
        for roster in self.rosters:
            for clients in tuple(roster.followers.values()):
                yield from tuple(clients)

    def now(self) -> Moment:
        """Now, by both clocks."""
        return Moment(self._calendar(), self.monotonic())

    def told_ms(self) -> int:
        """The calendar instant up to which all departures are acknowledged by Redis."""
        return self.transitions.told_ms(self.pulse.sure(self.now()).ms)

    def next_number(self) -> int:
        """A number no other connection of this process has."""
        return next(self._numbers)

    def joined(self, client: Client) -> None:
        """Put an opened *client* into its shard."""
        shard = self.shard_of(client.user)
        if self.rosters[shard].join(client):
            self.transitions.joined(client.user)
            self._presence.tell(TransitionsDue())
        self.shards[shard].tell(ClientJoined(client))

    def left(self, client: Client, reason: str) -> None:
        """Take a *client* that is leaving out of its shard; *reason* is counted."""
        roster = self.rosters[self.shard_of(client.user)]
        roster.departures[reason] += 1
        left = self._left_at(client, reason)
        # A connection that came only later covers nothing, as that of a client which has changed
        # its network, and whose older one ended silently.
        if roster.leave(client) or not roster.had(client.user, left.at_s):
            self.transitions.left(client.user, left)
            self._presence.tell(TransitionsDue())
        if client.channels.portfolio and not self.followed(client.user):
            self.subscriber.tell(FollowersGone(client.user))

    def flow_changed(self, client: Client) -> None:
        """Look again whether *client* can be sent to directly."""
        self.rosters[self.shard_of(client.user)].refresh(client)

    def _left_at(self, client: Client, reason: str) -> Moment:
        """When *client* was there for the last time, at the latest."""
        noticed = self.pulse.sure(self.now())
        heard_at = client.link.heard_at
        if reason in UNANNOUNCED and heard_at < noticed.at_s:
            return self.pulse.before(heard_at) or noticed
        return noticed

    def spoke(self, client: Client, data: str | bytes) -> None:
        """Hand a client's message to its shard."""
        self.shards[self.shard_of(client.user)].tell(ClientSpoke(client, data))


class Seat:
    """One connection's place, from the start of its handshake until its socket is closed."""

    __slots__ = ("_client", "_given_back", "_lobby", "_user")

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._user: UserId | None = None
        self._client: Client | None = None
        self._given_back = False

    def claim(self, user: UserId) -> bool:
        """Give the seat to *user*; False if the user has `PER_USER` of them already."""
        if self._lobby.claims[user] >= PER_USER:
            return False
        self._lobby.claims[user] += 1
        self._user = user
        return True

    def adopt(
        self, fd: int, early: bytes, user: UserId, *, session: str = "", deflate: bool = False
    ) -> None:
        """Open the claimed seat: *fd* is the hub's from now on, *early* its first bytes.

        It is closed when *session* is ended.
        If *deflate*, client and server have agreed to compress.
        """
        lobby = self._lobby
        deflater = lobby.deflater if deflate else None
        connection = Connection(fd, LIMITS, lobby.monotonic, lobby.traffic, deflater)
        number, now_s = lobby.next_number(), lobby.monotonic()
        self._client = Client(connection, user, number, now_s, session)
        lobby.joined(self._client)
        connection.open(self, early)

    def give_back(self) -> None:
        """Free the seat; a second time changes nothing."""
        if self._given_back:
            return
        self._given_back = True
        self._lobby.taken -= 1
        if self._user is not None:
            self._lobby.claims[self._user] -= 1
            if not self._lobby.claims[self._user]:
                del self._lobby.claims[self._user]

    # -- the connection's owner, called by the event loop

    def received(self, data: str | bytes) -> None:
        """Pass one whole message on."""
        if self._client is not None:
            self._lobby.spoke(self._client, data)

    def flow_changed(self) -> None:
        """The client fell behind or caught up."""
        if self._client is not None:
            self._lobby.flow_changed(self._client)

    def left(self, reason: str) -> None:
        """The client takes part no more."""
        if self._client is not None:
            self._lobby.left(self._client, reason)

    def released(self) -> None:
        """The socket is closed."""
        self._client = None  # which leads back here: freed now, not when garbage is looked for
        self.give_back()
