"""Messages of the hub's actors: shards, prices, subscriber, presence and session-watcher."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.ids import UserId
from ...store.pubsub import Published
from ...store.revocations import Ended
from .bulletins import Bulletin
from .roster import Client


@dataclass(frozen=True, slots=True)
class ClientJoined:
    """The lobby: a handshake succeeded and this client sits in the shard's roster."""

    client: Client


@dataclass(frozen=True, slots=True)
class ClientSpoke:
    """A connection: one whole message of this client."""

    client: Client
    data: str | bytes


@dataclass(frozen=True, slots=True)
class PricesRead:
    """The subscriber: all instruments were read anew, in *epoch*.

    If it was *relinked* before, events of portfolios may be missing: what clients have not seen
    comes next.
    """

    epoch: int
    relinked: bool = False


@dataclass(frozen=True, slots=True)
class TicksMoved:
    """The subscriber: there is a new tick on the shard's tape."""


@dataclass(frozen=True, slots=True)
class BulletinsRead:
    """The subscriber: all bulletins of a *kind* of channel that there are, in *epoch*."""

    kind: str
    epoch: int
    bulletins: tuple[Bulletin, ...]


@dataclass(frozen=True, slots=True)
class BulletinPosted:
    """The subscriber: a new bulletin, and the update that tells of it, encoded."""

    bulletin: Bulletin
    frame: bytes


@dataclass(frozen=True, slots=True)
class PortfolioRead:
    """The subscriber: a user's whole portfolio as of *seq* of *epoch*, encoded.

    It is for those who wait for it: to others events may be on their way, of which they would not
    be told if they were shown it.
    """

    epoch: int
    user: UserId
    seq: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class PortfolioMissed:
    """The subscriber: a user's events behind number *after* of *epoch*, encoded, one after another.

    All there have been, for whoever has seen no more, and no less than those up to *after*; none if
    nothing has happened.
    """

    epoch: int
    user: UserId
    after: int
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PortfolioMoved:
    """The subscriber: event *seq* of a user's portfolio in *epoch*, encoded."""

    epoch: int
    user: UserId
    seq: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """The subscriber's own reader: what was *published* over this *feed*."""

    feed: object
    published: Published


@dataclass(frozen=True, slots=True)
class BoardMoved:
    """The subscriber: something waits on the board. The timer: it is time to look unasked."""


@dataclass(frozen=True, slots=True)
class FlushDue:
    """The prices actor to itself: send the prices that wait."""


@dataclass(frozen=True, slots=True)
class TicksDue:
    """The shard to itself: send what waits for clients that want every tick."""


@dataclass(frozen=True, slots=True)
class SweepDue:
    """The shard's timer: look after every connection's liveness."""


@dataclass(frozen=True, slots=True)
class PortfolioWanted:
    """A shard: somebody follows this user's portfolio and needs a snapshot.

    Or what has happened *after* this number, if that is still to be had.
    """

    user: UserId
    after: int | None = None


@dataclass(frozen=True, slots=True)
class FollowersGone:
    """The lobby or a shard: nobody here follows this user's portfolio any more."""

    user: UserId


@dataclass(frozen=True, slots=True)
class RereadDue:
    """The subscriber's timer: read all instruments again, since pub/sub may lose some."""


@dataclass(frozen=True, slots=True)
class SnapshotsDue:
    """The subscriber to itself: read the portfolios that are wanted."""


@dataclass(frozen=True, slots=True)
class TransitionsDue:
    """The lobby: some user's presence on this replica changed."""


@dataclass(frozen=True, slots=True)
class BeatDue:
    """Presence's timer: tell the others that this replica lives."""


@dataclass(frozen=True, slots=True)
class ReapDue:
    """Presence's timer: look for replicas that died."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session-watcher's own reader: somebody ended this session."""

    ended: Ended


@dataclass(frozen=True, slots=True)
class LookDue:
    """The session-watcher's timer: look for ends that were not heard of."""


ShardMessage = (
    ClientJoined
    | ClientSpoke
    | PricesRead
    | TicksMoved
    | BulletinsRead
    | BulletinPosted
    | PortfolioRead
    | PortfolioMissed
    | PortfolioMoved
    | TicksDue
    | SweepDue
)
PricesMessage = BoardMoved | FlushDue
SubscriberMessage = Heard | PortfolioWanted | FollowersGone | RereadDue | SnapshotsDue
SessionWatcherMessage = SessionEnded | LookDue
PresenceMessage = TransitionsDue | BeatDue | ReapDue
