"""The subscriber between a feed that the test speaks for and shards that record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from touchline.actors.hub.channels import Channels
from touchline.actors.hub.messages import (
    BoardMoved,
    BulletinPosted,
    BulletinsRead,
    FollowersGone,
    Heard,
    PortfolioMissed,
    PortfolioMoved,
    PortfolioRead,
    PortfolioWanted,
    PricesRead,
    RereadDue,
    SnapshotsDue,
    TicksMoved,
)
from touchline.actors.hub.subscriber import SNAPSHOT_BATCH, Subscriber
from touchline.domain.fixture_views import fixture_view
from touchline.domain.halts import Halt, Phase
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.instrument import Instrument, new_instrument
from touchline.domain.leaderboard import Leaderboard, Ranked, leaderboard_view
from touchline.domain.portfolio import OpenPosition, Portfolio, Wallet
from touchline.domain.pushes import PortfolioEvent, ReplayPush, WalletPush
from touchline.domain.ticks import PriceTick
from touchline.domain.views import portfolio_view
from touchline.store.fixture_news import ToldFixture, ToldFixtures
from touchline.store.leaderboard_news import ToldBoard, ToldBoards
from touchline.store.life import Superseded
from touchline.store.pubsub import (
    BoardPublished,
    FixturePublished,
    FollowStarted,
    PortfolioPublished,
    PricePublished,
    Published,
    ReplayWaits,
)

from tests.fakes.fixtures import a_fixture
from tests.fakes.hub import messages_in
from tests.fakes.positions import LONG

ANN, BOB = UserId(5), UserId(6)
ARS = InstrumentIdx(1)


class SpokenFeed:
    """Remembers who is followed, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def open(self) -> None:
        self.log.append("open")

    def follow(self, *users: UserId) -> None:
        self.log += [f"follow {user}" for user in users]

    def unfollow(self, user: UserId) -> None:
        self.log.append(f"unfollow {user}")

    def messages(self) -> Iterator[Any]:
        return iter(())

    def close(self) -> None:
        self.log.append("close")


class StillMarket:
    """Instruments and portfolios that change only by the test's hand."""

    def __init__(self) -> None:
        self.listed: tuple[Instrument, ...] = (new_instrument(ARS, "ARS", "Arsenal"),)
        self.reads: list[UserId] = []
        self.epoch = 7
        self.over = False
        self.told: ToldFixtures | None = None
        self.asked: list[dict[UserId, int]] = []
        self.pushes: dict[UserId, tuple[PortfolioEvent, ...]] = {}  #: that are to be had
        self.boards: ToldBoards | None = None

    def _confirm(self) -> None:
        if self.over:
            raise Superseded("another life began")

    def instruments(self) -> tuple[Instrument, ...]:
        self._confirm()
        return self.listed

    def fixtures(self, known: int | None) -> ToldFixtures | None:
        self._confirm()
        return None if self.told is None or self.told.seq == known else self.told

    def missed(self, after: Mapping[UserId, int]) -> list[tuple[PortfolioEvent, ...] | None]:
        self._confirm()
        self.asked.append(dict(after))
        return [self.pushes.get(user) for user in after]

    def leaderboards(self, known: int | None) -> ToldBoards | None:
        self._confirm()
        return None if self.boards is None or self.boards.seq == known else self.boards

    def portfolios(self, users: Sequence[UserId]) -> list[Portfolio]:
        self._confirm()
        self.reads += users
        return list(map(owned, users))


def owned(user: UserId) -> Portfolio:
    return Portfolio(
        user,
        seq=7,
        wallet=Wallet(cash_e4=10_000, locked_e4=LONG.margin_e4, version=3),
        lines=(),
        positions=(OpenPosition("ARS", LONG, 999_000, 1_001_000, 1_000_000),),
    )


def tick(idx: InstrumentIdx = ARS, seq: int = 1) -> PriceTick:
    return PriceTick(
        idx, seq, f"2000-{seq}", 2000, 999_000, 1_001_000, 1_000_000, 1_000_000, "feed",
        Halt(0), Phase.LIVE,
    )  # fmt: skip


class Desk:
    """A started subscriber and everything around it."""

    def __init__(self, stage: Any) -> None:
        self.stage, self.feed, self.market = stage, SpokenFeed(), StillMarket()
        self.reminded: list[tuple[UserId, int]] = []
        self.waiting: list[tuple[PortfolioEvent, ...] | None] = []
        self.actor = Subscriber(lambda: self.feed, lambda: self.market, stage.lobby, self.remind)
        self.actor.started()

    def remind(self, user: UserId, seq: int) -> tuple[PortfolioEvent, ...] | None:
        self.reminded.append((user, seq))
        return self.waiting.pop(0) if self.waiting else ()

    def told(self) -> list[Any]:
        """What the shard was told since the last call."""
        told, self.stage.shard.told = self.stage.shard.told, []
        return [message for message in told if not hasattr(message, "client")]

    def hear(self, published: Published) -> None:
        """Something is published, and heard over the present feed."""
        self.actor.receive(Heard(self.feed, published))

    def follow(self, user: UserId, after: int | None = None) -> None:
        """A client of *user* listens to its portfolio and asks for it, or what came *after*."""
        client, _ = self.stage.seat(user)
        self.stage.roster.listen(client, Channels(portfolio=True))
        self.actor.receive(PortfolioWanted(user, after))

    def read(self, user: UserId) -> list[Any]:
        """The subscription is in force; what the shard is told of *user*'s portfolio."""
        self.hear(FollowStarted(user))
        self.told()
        self.actor.receive(SnapshotsDue())
        return self.told()


@pytest.fixture
def desk(stage: Any) -> Desk:
    return Desk(stage)


def test_at_start_it_subscribes_before_it_reads_and_opens_the_door_after(stage):
    assert not stage.lobby.ready
    desk = Desk(stage)

    assert desk.told() == [PricesRead(7, relinked=True)]
    price, *_ = stage.board.newest()
    assert (price.idx, price.seq, price.data["symbol"]) == (1, 0, "ARS")
    assert 1 in stage.board.unshown
    assert stage.prices.told == [BoardMoved()]
    assert desk.feed.log == ["open"]
    assert stage.lobby.ready
    assert len(desk.actor.links) == 1


def test_a_tick_is_encoded_once_for_the_board_and_for_the_tapes_that_run(desk, stage):
    stage.board.show()
    desk.told()
    desk.hear(PricePublished(tick(seq=1)))
    assert desk.told() == []
    stage.tape.start(stage.board)

    desk.hear(PricePublished(tick(seq=2)))

    assert desk.told() == [TicksMoved()]
    (move,), (news,) = stage.board.moves.values(), stage.tape.take()
    assert move.frame is news.frames
    (frame,) = messages_in(move.frame)
    assert (frame["op"], frame["channel"], frame["seq"]) == ("update", "price:1", 2)
    assert frame["data"] == move.data
    assert move.epoch == 7


def test_a_tick_of_an_instrument_not_seen_before_makes_it_read_all(desk, stage):
    desk.told()
    desk.market.listed += (replace(new_instrument(InstrumentIdx(2), "EVE", "Everton"), seq=1),)

    desk.hear(PricePublished(tick(InstrumentIdx(2))))

    assert desk.told() == [PricesRead(7)]
    assert list(stage.board.known) == [1, 2]


def test_all_instruments_are_read_again_from_time_to_time(desk):
    desk.told()

    desk.actor.receive(RereadDue())

    assert isinstance(desk.told()[0], PricesRead)
    assert [timer.message for timer in desk.actor.timers] == [RereadDue()]


def test_a_portfolio_is_read_only_once_nothing_of_it_can_be_missed(desk):
    desk.told()

    desk.follow(ANN)
    assert desk.actor.actor_inbox.queued() == ()
    desk.hear(FollowStarted(ANN))
    assert desk.actor.actor_inbox.queued() == (SnapshotsDue(),)
    desk.actor.receive(SnapshotsDue())

    (read,) = desk.told()
    assert isinstance(read, PortfolioRead)
    assert (read.epoch, read.user, read.seq) == (7, ANN, 7)
    (frame,) = messages_in(read.frame)
    assert (frame["epoch"], frame["seq"]) == (7, 7)
    assert frame["data"] == portfolio_view(owned(ANN))
    assert [each["position_id"] for each in frame["data"]["positions"]] == [LONG.id]
    assert desk.feed.log == ["open", "follow 5"]


def test_a_second_wish_for_a_followed_portfolio_only_reads_it(desk):
    desk.follow(ANN)
    desk.hear(FollowStarted(ANN))
    desk.actor.receive(SnapshotsDue())

    desk.follow(ANN)
    desk.actor.receive(SnapshotsDue())

    assert desk.market.reads == [ANN, ANN]
    assert desk.feed.log == ["open", "follow 5"]


def test_many_portfolios_are_read_in_slices_so_that_ticks_get_between(desk):
    for number in range(SNAPSHOT_BATCH + 3):
        desk.follow(UserId(100 + number))
        desk.hear(FollowStarted(UserId(100 + number)))

    desk.actor.receive(SnapshotsDue())
    assert len(desk.market.reads) == SNAPSHOT_BATCH
    assert desk.actor.actor_inbox.queued()[-1] == SnapshotsDue()

    desk.actor.receive(SnapshotsDue())
    assert len(desk.market.reads) == SNAPSHOT_BATCH + 3
    assert len(desk.actor.actor_inbox.queued()) == 2


def test_an_event_goes_to_the_shard_of_its_user(desk):
    desk.told()

    desk.hear(PortfolioPublished(ANN, PortfolioEvent(8, WalletPush("grant", 5_000, 15_000, 0))))

    (moved,) = desk.told()
    assert isinstance(moved, PortfolioMoved)
    assert (moved.user, moved.seq) == (ANN, 8)
    (frame,) = messages_in(moved.frame)
    assert (frame["op"], frame["event"], frame["data"]["amount"]) == ("update", "wallet", "0.5000")


def test_when_the_last_follower_is_gone_the_subscription_ends(desk, stage):
    desk.follow(ANN)
    desk.follow(ANN)
    first, second = stage.roster.followers[ANN]

    stage.lobby.left(first, "gone")
    assert stage.subscriber.told == []
    stage.lobby.left(second, "gone")
    assert stage.subscriber.told == [FollowersGone(ANN)]
    desk.actor.receive(FollowersGone(ANN))
    desk.actor.receive(FollowersGone(ANN))

    assert desk.feed.log == ["open", "follow 5", "unfollow 5"]


def test_a_wish_of_somebody_who_left_meanwhile_is_nothing(desk):
    desk.actor.receive(PortfolioWanted(BOB))
    desk.hear(FollowStarted(BOB))

    assert desk.feed.log == ["open"]
    assert desk.actor.actor_inbox.queued() == ()


def test_after_a_restart_it_follows_whom_the_clients_follow_and_reads_them_anew(desk, stage):
    desk.follow(ANN)

    successor = Desk(stage)
    successor.hear(FollowStarted(ANN))
    successor.actor.receive(SnapshotsDue())

    assert successor.feed.log == ["open", "follow 5"]
    assert successor.market.reads == [ANN]


def test_after_a_restart_clients_are_told_what_they_have_not_seen(desk, stage):
    """A replay among it, say: it would not be in a portfolio."""
    for number in (6, 5):
        desk.follow(ANN)
        (*_, client) = stage.roster.clients
        client.portfolio_seq = number

    successor = Desk(stage)
    successor.market.pushes[ANN] = (grant(6), replay(7))

    (missed,) = successor.read(ANN)

    assert (missed.after, events_in(missed)) == (5, [(6, "wallet"), (7, "replay")])
    assert (successor.market.asked, successor.market.reads) == ([{ANN: 5}], [])


def test_after_a_restart_in_another_epoch_clients_are_shown_their_portfolios(desk, stage):
    desk.follow(ANN)
    (client,) = stage.roster.clients
    client.portfolio_seq = 5
    stage.roster.epoch = 6

    successor = Desk(stage)

    (read,) = successor.read(ANN)
    assert (type(read), successor.market.asked) == (PortfolioRead, [])


def test_what_an_earlier_incarnation_heard_is_nothing_to_the_next(desk, stage):
    """It waits in the mailbox meanwhile, and may be of an epoch that is over."""
    desk.follow(ANN)
    successor = Desk(stage)
    successor.market.epoch = 8
    desk.told()

    for published in (PricePublished(tick(seq=9)), FollowStarted(ANN)):
        successor.actor.receive(Heard(desk.feed, published))

    assert desk.told() == []
    assert successor.actor.actor_inbox.queued() == ()
    successor.hear(FollowStarted(ANN))
    assert successor.actor.actor_inbox.queued() == (SnapshotsDue(),)


def test_what_cannot_be_read_any_more_in_its_epoch_is_not_told(desk):
    desk.follow(ANN)
    desk.hear(FollowStarted(ANN))
    desk.told()
    desk.market.over = True

    for due in (RereadDue(), SnapshotsDue()):
        with pytest.raises(Superseded):
            desk.actor.receive(due)

    assert desk.told() == []
    assert desk.reminded == []


def test_all_fixtures_are_read_once_and_then_only_what_was_not_heard(desk, stage):
    desk.market.told = ToldFixtures(4, (ToldFixture(3, a_fixture(8)), ToldFixture(4, a_fixture(9))))
    desk.told()

    desk.actor.receive(RereadDue())
    desk.actor.receive(RereadDue())

    _, read, _ = desk.told()
    assert isinstance(read, BulletinsRead)
    assert (read.kind, read.epoch) == ("fixture", 7)
    assert [(each.channel, each.seq) for each in read.bulletins] == [
        ("fixture:8", 3),
        ("fixture:9", 4),
    ]
    desk.hear(FixturePublished(ToldFixture(5, a_fixture(8, minute=12))))
    desk.market.told = ToldFixtures(5, ())  # heard it was, so there is nothing to read
    desk.actor.receive(RereadDue())
    desk.market.told = ToldFixtures(7, ())
    desk.actor.receive(RereadDue())
    posted, *later = desk.told()
    assert isinstance(posted, BulletinPosted)
    (frame,) = messages_in(posted.frame)
    assert (frame["op"], frame["channel"], frame["seq"]) == ("update", "fixture:8", 5)
    assert frame["data"] == fixture_view(a_fixture(8, minute=12))
    assert [type(each) for each in later] == [PricesRead, PricesRead, BulletinsRead]


def test_the_first_fixture_that_is_told_of_in_a_life_makes_it_read_all(desk):
    desk.told()
    desk.market.told = ToldFixtures(1, (ToldFixture(1, a_fixture(8)),))

    desk.hear(FixturePublished(ToldFixture(1, a_fixture(8))))

    (read,) = desk.told()
    assert [each.channel for each in read.bulletins] == ["fixture:8"]


def test_stopping_gives_the_connection_back(desk):
    desk.actor.stopped()

    assert desk.feed.log[-1] == "close"


def grant(seq: int) -> PortfolioEvent:
    return PortfolioEvent(seq, WalletPush("grant", 5_000, 15_000, 0))


def test_who_resumes_is_told_what_was_missed_and_nothing_else_is_read(desk):
    desk.market.pushes[ANN] = (grant(6), grant(7))
    desk.follow(ANN, after=5)

    (missed,) = desk.read(ANN)

    assert isinstance(missed, PortfolioMissed)
    assert (missed.epoch, missed.user, missed.after) == (7, ANN, 5)
    told = [message for frame in missed.frames for message in messages_in(frame)]
    assert [(each["op"], each["seq"], each["event"]) for each in told] == [
        ("update", 6, "wallet"),
        ("update", 7, "wallet"),
    ]
    assert desk.market.reads == []
    assert desk.reminded == [(ANN, 7)]


def test_what_is_not_to_be_had_any_more_is_a_portfolio_instead(desk):
    desk.follow(ANN, after=5)

    (read,) = desk.read(ANN)

    assert isinstance(read, PortfolioRead)
    assert desk.market.asked == [{ANN: 5}]


def test_one_who_resumes_and_one_who_does_not_are_both_served(desk):
    desk.market.pushes[ANN] = (grant(6), grant(7))
    desk.follow(ANN, after=6)
    desk.follow(ANN, after=5)
    desk.follow(ANN)

    missed, read = desk.read(ANN)

    assert (missed.after, type(read)) == (5, PortfolioRead)
    assert desk.market.asked == [{ANN: 5}]
    assert desk.reminded == [(ANN, 7)]


def test_what_somebody_wished_for_who_left_is_not_read_for_the_next(desk, stage):
    desk.market.pushes[ANN] = (grant(6), grant(7))
    desk.follow(ANN)
    (client,) = stage.roster.followers[ANN]
    stage.lobby.left(client, "gone")
    desk.actor.receive(FollowersGone(ANN))

    desk.follow(ANN, after=5)

    assert [type(each) for each in desk.read(ANN)] == [PortfolioMissed]


def test_nobody_is_asked_for_what_nobody_missed(desk):
    desk.follow(ANN)

    (read,) = desk.read(ANN)

    assert isinstance(read, PortfolioRead)
    assert desk.market.asked == []


def test_a_reminder_that_was_lost_is_made_up_for(desk):
    desk.follow(ANN)
    desk.hear(FollowStarted(ANN))
    desk.told()

    desk.actor.receive(RereadDue())

    assert [type(each) for each in desk.told()] == [PricesRead, PortfolioRead]


def test_what_waited_for_a_follower_is_told_behind_the_snapshot(stage: Any) -> None:
    desk = Desk(stage)
    desk.follow(ANN)
    assert desk.reminded == []

    desk.hear(FollowStarted(ANN))
    desk.actor.receive(SnapshotsDue())

    assert desk.reminded == [(ANN, 7)]


def test_a_leaderboard_is_read_and_then_heard_beside_the_fixtures(desk):
    board = Leaderboard("2026-W43", 1_793_000_000_000, 1, (Ranked(1, ANN, "Ann", -50_000),))
    desk.market.told = ToldFixtures(4, (ToldFixture(4, a_fixture(9)),))
    desk.market.boards = ToldBoards(2, (ToldBoard("week", 2, board),))
    desk.told()

    desk.actor.receive(RereadDue())
    desk.hear(BoardPublished(ToldBoard("week", 3, replace(board, players=2))))
    desk.market.boards = ToldBoards(3, ())  # heard it was, so there is nothing to read
    desk.actor.receive(RereadDue())

    _, fixtures, read, posted, again = desk.told()
    assert (fixtures.kind, read.kind, read.epoch) == ("fixture", "leaderboard", 7)
    assert [(each.channel, each.seq) for each in read.bulletins] == [("leaderboard:week", 2)]
    (frame,) = messages_in(posted.frame)
    assert (frame["op"], frame["channel"], frame["seq"]) == ("update", "leaderboard:week", 3)
    assert frame["data"] == leaderboard_view(replace(board, players=2))
    assert isinstance(again, PricesRead)


def test_the_first_leaderboard_that_is_told_of_in_a_life_makes_it_read_all(desk):
    board = Leaderboard("2026-W43", 1_793_000_000_000, 0, ())
    desk.market.boards = ToldBoards(1, (ToldBoard("week", 1, board),))
    desk.told()

    desk.hear(BoardPublished(ToldBoard("week", 1, board)))

    (read,) = desk.told()
    assert [each.channel for each in read.bulletins] == ["leaderboard:week"]


def replay(seq: int) -> PortfolioEvent:
    return PortfolioEvent(seq, ReplayPush(1, 2, (), 3))


def events_in(missed: Any) -> list[tuple[int, str]]:
    assert isinstance(missed, PortfolioMissed)
    told = [message for frame in missed.frames for message in messages_in(frame)]
    return [(each["seq"], each["event"]) for each in told]


def test_a_replay_that_waits_is_shown_behind_a_snapshot_before_it_can_be_in_one(desk: Desk) -> None:
    desk.follow(ANN)
    desk.read(ANN)
    desk.waiting = [(grant(7), replay(8))]

    desk.hear(ReplayWaits(ANN))
    desk.actor.receive(SnapshotsDue())

    read, missed = desk.told()
    assert (type(read), read.seq) == (PortfolioRead, 7)
    assert (missed.user, missed.epoch, missed.after) == (ANN, 7, 6)
    assert events_in(missed) == [(7, "wallet"), (8, "replay")]


def test_a_replay_that_waits_is_shown_behind_what_was_missed(desk: Desk) -> None:
    desk.market.pushes[ANN] = (grant(6),)
    desk.waiting = [(replay(7),)]
    desk.follow(ANN, after=5)

    missed, more = desk.read(ANN)

    assert (missed.after, events_in(missed)) == (5, [(6, "wallet")])
    assert (more.after, events_in(more)) == (6, [(7, "replay")])
    assert (desk.market.reads, desk.reminded) == ([], [(ANN, 6)])


def test_a_portfolio_that_has_moved_on_is_shown_again_before_what_waited(desk: Desk) -> None:
    desk.market.pushes[ANN] = (grant(6),)
    desk.waiting = [None, (replay(8),)]
    desk.follow(ANN, after=5)

    (missed,) = desk.read(ANN)
    assert desk.actor.actor_inbox.queued()[-1] == SnapshotsDue()
    desk.actor.receive(SnapshotsDue())

    assert events_in(missed) == [(6, "wallet")]
    assert [type(message) for message in desk.told()] == [PortfolioRead, PortfolioMissed]
    assert desk.reminded == [(ANN, 6), (ANN, 7)]


def test_a_replay_of_somebody_who_is_not_here_is_left_to_others(desk: Desk, stage: Any) -> None:
    desk.hear(ReplayWaits(BOB))
    desk.follow(ANN)
    desk.hear(FollowStarted(ANN))
    [ann] = stage.roster.followers[ANN]
    stage.lobby.left(ann, "gone")

    desk.actor.receive(SnapshotsDue())

    assert (desk.reminded, desk.market.reads) == ([], [])
