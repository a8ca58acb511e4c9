"""The hub's one reader of Redis: what is published, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

from ...domain.ids import UserId
from ...domain.ticks import PriceTick
from ...domain.views import price_snapshot_view, price_update_view
from ...store.pubsub import (
    BoardPublished,
    FixturePublished,
    FollowStarted,
    PortfolioPublished,
    PricePublished,
    Published,
    ReplayWaits,
)
from ..actor import Actor
from . import replies
from .board import NO_EPOCH, Move, Price
from .bulletins import (
    FIXTURE,
    LEADERBOARD,
    Bulletin,
    fixture_bulletin,
    leaderboard_bulletin,
    update,
)
from .lobby import Lobby
from .messages import (
    BulletinPosted,
    BulletinsRead,
    FollowersGone,
    Heard,
    PortfolioWanted,
    RereadDue,
    ShardMessage,
    SnapshotsDue,
    SubscriberMessage,
)
from .portfolio_reader import PortfolioReader, Remind
from .sources import Feed, Market
from .wishes import Wishes

REREAD_S = 5.0  #: a lost publication or a new instrument shows after this long at most
#: Portfolios read in one go. Ticks wait behind it, so a storm of reconnects
#: must not become one long read.
SNAPSHOT_BATCH = 16


class Subscriber(Actor[SubscriberMessage]):
    """Carries what Redis publishes to the shards, encoded once.

    An incarnation lives within one life of Redis: what it reads, and what it hears over its feed,
    is of the `epoch` it tells with it. When another begins, it ends as by an outage.

    Reads `price:*`, `fixture:*`, `leaderboard:*`, `portfolio:{uid}` of the users somebody here
    follows, and all of these themselves. Writes nothing but `replay:{uid}`, which it takes
    when it tells of it. Holds no lease.
    While it is down clients keep their connections and see no change; then they
    get a snapshot of everything that changed.
    """

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        enter: Callable[[], Market],
        lobby: Lobby,
        remind: Remind,
    ) -> None:
        """Take what opens sources, and *remind*.

        *remind* pushes what waits until a user's portfolio is shown.
        """
        super().__init__()
        self._remind = remind
        self._open_feed = open_feed
        self._enter = enter
        self._lobby = lobby
        self._feed: Feed
        self._market: Market
        self._portfolios: PortfolioReader
        self._epoch = NO_EPOCH
        self._following: dict[UserId, bool] = {}  # True once in force
        self._wishes = Wishes()
        self._known: frozenset[int] = frozenset()
        self._seqs: dict[str, int] = {}  # the last number heard or read of each kind of bulletin

    def started(self) -> None:
        """Subscribe first, then read: nothing may fall in between."""
        self._feed = self._open_feed()
        self._feed.open()
        self._market = self._enter()
        self._epoch = self._market.epoch
        self._portfolios = PortfolioReader(self._lobby, self._market, self._remind)
        self._resume()
        self._feed.follow(*self._following)
        self._reread(relinked=True)
        self._lobby.ready = True
        self.link(self._read_feed)
        self.every(REREAD_S, RereadDue())

    def receive(self, message: SubscriberMessage) -> None:
        """Handle one message."""
        match message:
            case Heard(feed, published):
                # What an earlier incarnation heard may be of an earlier life, and was read since.
                if feed is self._feed:
                    self._take(published)
            case PortfolioWanted(user, after):
                self._wishes.add(user, after)
                self._look_after(user)
            case FollowersGone(user):
                self._look_after(user)
            case SnapshotsDue():
                self._read_portfolios()
            case RereadDue():
                self._reread()
                self._read_portfolios()  # if what was to remind us of them was lost
            case _:
                assert_never(message)

    def stopped(self) -> None:
        """Give the connection back."""
        self._feed.close()

    def detail(self) -> Mapping[str, object]:
        """The life of Redis; how many instruments are known and portfolios followed."""
        return {
            "epoch": self._epoch,
            "instruments": len(self._known),
            "following": len(self._following),
        }

    def _read_feed(self) -> None:
        try:
            for published in self._feed.messages():
                self.me.tell(Heard(self._feed, published))
        finally:
            # The reader ends with its actor, however that ends.
            self._feed.close()

    def _take(self, published: Published) -> None:
        match published:
            case PricePublished(tick):
                self._price(tick)
            case FixturePublished(fixture):
                self._post(FIXTURE, fixture_bulletin(self._epoch, fixture))
            case BoardPublished(board):
                self._post(LEADERBOARD, leaderboard_bulletin(self._epoch, board))
            case PortfolioPublished(user, event):
                self._portfolios.tell(user, event)
            case ReplayWaits(user):
                # It is shown behind a snapshot: before it, whoever follows anew would not see it.
                self._wishes.add(user, None)
                self._look_after(user)
            case FollowStarted(user):
                self._follow_started(user)
            case _:
                assert_never(published)

    def _tell_all(self, message: ShardMessage) -> None:
        for shard in self._lobby.shards:
            shard.tell(message)

    # -- prices

    def _price(self, tick: PriceTick) -> None:
        if tick.idx not in self._known:
            self._reread()
            return
        view = price_update_view(tick)
        frame = replies.update(f"price:{tick.idx}", tick.seq, view)
        self._lobby.quotes.moved(Move(self._epoch, tick.idx, tick.seq, view, frame))

    def _reread(self, *, relinked: bool = False) -> None:
        prices = tuple(
            Price(instrument.idx, instrument.seq, price_snapshot_view(instrument))
            for instrument in self._market.instruments()
        )
        self._known = frozenset(price.idx for price in prices)
        self._lobby.quotes.read(self._epoch, prices, relinked=relinked)
        self._reread_bulletins()

    # -- bulletins

    def _post(self, kind: str, bulletin: Bulletin) -> None:
        if kind not in self._seqs:
            self._reread_bulletins()  # the first that anybody tells of in this life
            return
        self._seqs[kind] = max(bulletin.seq, self._seqs[kind])
        self._tell_all(BulletinPosted(bulletin, update(bulletin)))

    def _reread_bulletins(self) -> None:
        """Read all of a kind if any number was given there that was not heard."""
        fixtures = self._market.fixtures(self._seqs.get(FIXTURE))
        if fixtures is not None:
            found = [fixture_bulletin(self._epoch, each) for each in fixtures.fixtures]
            self._take_over(FIXTURE, fixtures.seq, found)
        boards = self._market.leaderboards(self._seqs.get(LEADERBOARD))
        if boards is not None:
            found = [leaderboard_bulletin(self._epoch, each) for each in boards.boards]
            self._take_over(LEADERBOARD, boards.seq, found)

    def _take_over(self, kind: str, seq: int, bulletins: Sequence[Bulletin]) -> None:
        self._seqs[kind] = seq
        self._tell_all(BulletinsRead(kind, self._epoch, tuple(bulletins)))

    # -- portfolios

    def _resume(self) -> None:
        """Wish for what those who follow have missed, or for the whole if it is another life."""
        for client in self._lobby.followers():
            self._following[client.user] = False
            shown = self._lobby.rosters[self._lobby.shard_of(client.user)].epoch
            self._wishes.add(client.user, client.known_seq if shown == self._epoch else None)

    def _look_after(self, user: UserId) -> None:
        """Make the subscription to *user*'s portfolio what the lobby needs it to be."""
        in_force = self._following.get(user)
        if self._lobby.followed(user):
            if in_force is None:
                self._following[user] = False
                self._feed.follow(user)
            elif in_force:
                self._plan(user)
            return
        self._wishes.drop(user)
        if in_force is not None:
            del self._following[user]
            self._feed.unfollow(user)

    def _follow_started(self, user: UserId) -> None:
        if user not in self._following:
            return
        self._following[user] = True
        self._plan(user)

    def _plan(self, user: UserId) -> None:
        waits = self._wishes.due
        self._wishes.release(user)
        if self._wishes.due and not waits:
            self.me.tell(SnapshotsDue())

    def _read_portfolios(self) -> None:
        if not self._wishes.due:
            return
        due = self._wishes.take(SNAPSHOT_BATCH)
        # Whoever left meanwhile is told nothing: what waits is for whoever follows elsewhere, or
        # later.
        wanted = {user: wish for user, wish in due.items() if self._lobby.followed(user)}
        for user in self._portfolios.read(wanted):
            self._wishes.add(user, None)
            self._wishes.release(user)
        if self._wishes.due:
            self.me.tell(SnapshotsDue())
