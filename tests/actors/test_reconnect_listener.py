"""The reconnect-listener: who comes back is told once what their stops have done meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
import redis as redis_module
from touchline.actors.margin import reconnect_listener
from touchline.actors.margin.messages import ReturnsDue, UserReconnected, WorkDue
from touchline.actors.margin.reconnect_listener import REMINDED_S, ReconnectListener
from touchline.actors.meters import ReplayMeter
from touchline.domain.ids import UserId
from touchline.domain.positions import CloseReason
from touchline.domain.pushes import ReplayedClose, ReplayPush
from touchline.store.reconnects import REST_MS, THEIRS_MS, Reconnects, Reminders
from touchline.store.wire import decode_portfolio

from tests.fakes.addresses import RecordingAddress
from tests.fakes.exchange import ANN, BOB, EVE, Exchange
from tests.fakes.failing import Countdown, Killed
from tests.fakes.stops import Pit

SEEN_MS = 2_500
STAMPS = count(1)  # of returns; long ago


class SilentReturns:
    def open(self) -> None: ...

    def messages(self) -> Iterator[UserId]:
        return iter(())

    def close(self) -> None: ...


class Desk:
    """A listener of one api-server."""

    def __init__(self, pit: Pit, owner: str = "one", **replaced: object) -> None:
        exchange = self.exchange = pit.exchange
        self.writer, self.meter = RecordingAddress("trade-writer"), ReplayMeter()
        self.waiting: dict[UserId, None] = replaced.pop("waiting", {})
        made = {"scanner": pit.scanner} | replaced
        self.actor = ReconnectListener(
            SilentReturns,
            Reconnects(exchange.client, exchange.keys, owner),
            exchange.hot,
            made["scanner"],
            self.writer,
            lambda: pit.now_ms,
            self.meter,
            self.waiting,
        )
        self.actor.started()

    def back(self, *users: UserId) -> None:
        """Users come back, and all is done that has to be."""
        for user in users:
            come(self.exchange, user)
            self.actor.receive(UserReconnected(user))
        self.work()

    def remind(self) -> None:
        """Time for returns that nobody was heard of."""
        self.actor.receive(ReturnsDue())
        self.work()

    def work(self) -> None:
        while self.actor.actor_inbox.depth:
            _, message, _ = self.actor.actor_inbox.take()
            self.actor.receive(message)


class Heard:
    """What is pushed to one user."""

    def __init__(self, exchange: Exchange, user: UserId) -> None:
        self._client, self._keys, self._user = exchange.client, exchange.keys, user
        self._pubsub = exchange.client.pubsub()
        self._pubsub.subscribe(f"portfolio:{user}")
        self._pubsub.get_message(timeout=1)

    def replays(self) -> list[ReplayPush]:
        """What has been told since the last call, to somebody who follows the portfolio."""
        seq = int(self._client.get(self._keys.pfseq(self._user)) or 0)
        Reminders(self._client, self._keys).remind(self._user, seq)
        found = []
        while message := self._pubsub.get_message(timeout=0.05):
            event = decode_portfolio(message["data"])
            found += [event.push] if event and isinstance(event.push, ReplayPush) else []
        return found


@pytest.fixture
def pit(redis: redis_module.Redis) -> Iterator[Pit]:
    exchange = Exchange(redis)
    exchange.list()
    yield Pit(exchange)
    exchange.prove()


@pytest.fixture
def heard(pit: Pit) -> Iterator[Heard]:
    heard = Heard(pit.exchange, ANN)
    yield heard
    heard._pubsub.close()


def leave(pit: Pit, user: UserId = ANN, at_ms: int = SEEN_MS) -> None:
    client, keys = pit.exchange.client, pit.exchange.keys
    client.delete(keys.presence(user))
    client.set(keys.last_seen(user), at_ms)


def come(exchange: Exchange, user: UserId = ANN) -> None:
    """Note that *user* has come to a ws-server, and that nobody has looked after it."""
    exchange.client.hset(exchange.keys.presence(user), "a ws-server", "1:1")
    exchange.client.hset(exchange.keys.ws_returns, user, str(next(STAMPS)))


def rest(pit: Pit, user: UserId = ANN) -> None:
    """Let the time pass in which nobody replays for *user*."""
    pit.exchange.client.delete(pit.exchange.keys.replay_lock(user))


def absence(pit: Pit, user: UserId = ANN) -> tuple[str | None, bool]:
    """Since when *user* was away, and whether they are back, as long as nobody has looked."""
    client, keys = pit.exchange.client, pit.exchange.keys
    return client.get(keys.last_seen(user)), client.hexists(keys.ws_returns, user)


def test_who_comes_back_is_told_what_their_stops_have_done(pit: Pit, heard: Heard) -> None:
    stopped, calm = pit.long(-300), pit.long()
    leave(pit)
    hit, _ = pit.prices(-350, 100)

    desk = Desk(pit)
    desk.back(ANN)

    (close,) = [entry for entry in pit.exchange.entries() if entry["k"] == "close"]
    assert (close["id"], close["ttick"], close["by"]) == (
        stopped, hit.tick_id, "margin-reconnect-listener",
    )  # fmt: skip
    assert heard.replays() == [
        ReplayPush(
            SEEN_MS,
            pit.now_ms,
            (
                ReplayedClose(
                    stopped,
                    CloseReason.STOP_LOSS,
                    int(hit.tick_id.split("-")[0]),
                    int(close["px"]),
                    int(close["pnl"]),
                ),
            ),
            3,  # the second position's opening, and the two prices
        )
    ]
    assert pit.exchange.position(calm).qty == 1_000


def test_an_absence_is_told_once_and_the_next_one_by_itself(pit: Pit, heard: Heard) -> None:
    pit.long()
    leave(pit)
    Desk(pit).back(ANN)
    rest(pit)
    leave(pit, at_ms=SEEN_MS + 7)

    Desk(pit).back(ANN)

    assert [replay.from_ms for replay in heard.replays()] == [SEEN_MS, SEEN_MS + 7]
    assert absence(pit) == (None, False)


def test_the_absence_of_somebody_with_nothing_open_is_over_too(pit: Pit, heard: Heard) -> None:
    leave(pit)
    Desk(pit).back(ANN)
    pit.long()

    Desk(pit).back(ANN)

    assert [replay.from_ms for replay in heard.replays()] == [None]


def test_a_breach_of_before_the_user_left_is_found_and_so_is_one_nobody_knows_when(
    pit: Pit, heard: Heard
) -> None:
    pit.long(-300)
    pit.prices(-350, 100)
    leave(pit, at_ms=pit.now_ms)  # they were online, and no watcher was
    desk = Desk(pit)
    desk.back(ANN)
    stopped = pit.long(-200, user=BOB)
    pit.prices(-250)  # and Bob's last_seen has expired

    desk.back(BOB)

    assert len(heard.replays()[0].closed) == 1
    assert pit.exchange.position(stopped).qty == 0


def test_both_api_servers_hear_of_it_and_there_is_one_close_and_one_replay(
    pit: Pit, heard: Heard
) -> None:
    pit.long(-300)
    pit.prices(-350)
    one, other = Desk(pit, "one"), Desk(pit, "other")
    come(pit.exchange)
    for desk in (one, other):
        desk.actor.receive(UserReconnected(ANN))

    for desk in (one, other, one, other, one, other):
        desk.actor.receive(WorkDue())
    one.work()
    other.work()

    assert len([entry for entry in pit.exchange.entries() if entry["k"] == "close"]) == 1
    assert len(heard.replays()) == 1
    assert one.meter.results["done"] + other.meter.results["done"] == 1
    assert one.meter.results["elsewhere"] + other.meter.results["elsewhere"] == 1


def test_the_slower_api_server_hears_of_it_when_it_is_done_and_leaves_it_at_that(
    pit: Pit, heard: Heard
) -> None:
    pit.long(-300)
    pit.prices(-350)
    pit.long()
    Desk(pit, "one").back(ANN)

    slow = Desk(pit, "other")
    slow.actor.receive(UserReconnected(ANN))
    slow.work()

    assert len(heard.replays()) == 1
    assert slow.meter.results == {"elsewhere": 1}


def test_who_has_nothing_open_is_told_nothing(pit: Pit, heard: Heard) -> None:
    desk = Desk(pit)

    desk.back(ANN, BOB)

    assert heard.replays() == []
    assert desk.meter.results == {"nothing": 2}


def test_every_close_goes_to_the_trade_writer(pit: Pit) -> None:
    stopped = {pit.long(-300), pit.long(-100)}
    pit.prices(-350)
    desk = Desk(pit)

    desk.back(ANN)

    assert {told.made.event.position.id for told in desk.writer.told} == stopped


def test_positions_in_several_clubs_are_closed_in_the_order_of_their_ticks(
    pit: Pit, heard: Heard
) -> None:
    here, there = pit.long(-100), pit.long(-100, idx=EVE)
    pit.price(-150, idx=EVE)
    pit.price(-150)

    Desk(pit).back(ANN)

    (replay,) = heard.replays()
    assert [close.position_id for close in replay.closed] == [there, here]


def test_a_listener_killed_at_work_loses_nobody_who_waits_behind(pit: Pit) -> None:
    waiting: dict[UserId, None] = {}
    stopped = [pit.long(-300, user=user) for user in (ANN, BOB)]
    pit.prices(-350)
    scripts = Countdown(1).guard(pit.exchange.scripts)
    with pytest.raises(Killed):
        Desk(pit, waiting=waiting, scanner=pit.new_scanner(scripts=scripts)).back(ANN, BOB)

    Desk(pit, waiting=waiting).work()

    assert [pit.exchange.position(each).qty for each in stopped] == [1_000, 0]
    assert waiting == {}


@pytest.mark.parametrize("by", ["one", "other"])
def test_what_a_listener_dies_at_is_done_by_the_next_one(pit: Pit, heard: Heard, by: str) -> None:
    stopped = pit.long(-300)
    pit.long()
    leave(pit)
    pit.prices(-350)
    scripts = Countdown(1).guard(pit.exchange.scripts)
    with pytest.raises(Killed):
        Desk(pit, "one", scanner=pit.new_scanner(scripts=scripts)).back(ANN)
    assert absence(pit) == (str(SEEN_MS), True)
    Desk(pit, by).work()
    assert heard.replays() == []  # for it may live, or end so again
    assert 0 < pit.exchange.client.pttl(pit.exchange.keys.replay_lock(ANN)) <= THEIRS_MS
    rest(pit)

    Desk(pit, by).work()

    (replay,) = heard.replays()
    assert replay.from_ms == SEEN_MS
    assert [close.position_id for close in replay.closed] == [stopped]
    assert absence(pit) == (None, False)


@pytest.mark.parametrize("more", [True, False], ids=["more is open", "nothing is"])
def test_what_a_listener_has_closed_before_it_dies_the_next_one_tells_once(
    pit: Pit, heard: Heard, *, more: bool
) -> None:
    stopped, later = pit.long(-300), pit.long(-500) if more else None
    leave(pit)
    pit.prices(-350)
    mortal = Desk(pit, "mortal")
    come(pit.exchange)
    mortal.actor.receive(UserReconnected(ANN))
    while pit.exchange.position(stopped).qty:
        _, message, _ = mortal.actor.actor_inbox.take()
        mortal.actor.receive(message)
    pit.prices(-550)
    rest(pit)

    other = Desk(pit, "other")
    other.work()
    mortal.work()  # it only stood still, and is too late

    (replay,) = heard.replays()
    assert replay.from_ms == SEEN_MS
    closed = [close.position_id for close in replay.closed]
    assert closed == [each for each in (stopped, later) if each]
    assert (other.meter.results, mortal.meter.results) == ({"done": 1}, {"elsewhere": 1})
    pit.long()
    rest(pit)
    other.back(ANN)
    assert [replay.closed for replay in heard.replays()] == [()]


def test_whoever_takes_too_long_leaves_the_telling_to_the_next(pit: Pit, heard: Heard) -> None:
    pit.long()
    leave(pit)
    come(pit.exchange)
    slow = Desk(pit, "slow")
    slow.actor.receive(WorkDue())  # chooses
    slow.actor.receive(WorkDue())  # begins
    rest(pit)

    Desk(pit, "other").work()
    slow.work()

    assert len(heard.replays()) == 1
    assert slow.meter.results == {"elsewhere": 1}


def test_who_comes_again_is_replayed_again_when_some_seconds_have_passed(
    pit: Pit, heard: Heard
) -> None:
    pit.long()
    desk = Desk(pit)
    desk.back(ANN)
    leave(pit)

    desk.back(ANN)
    desk.remind()

    assert desk.meter.results == {"done": 1, "elsewhere": 1}
    assert 0 < pit.exchange.client.pttl(pit.exchange.keys.replay_lock(ANN)) <= REST_MS
    assert absence(pit) == (str(SEEN_MS), True)
    rest(pit)
    desk.remind()
    assert [replay.from_ms for replay in heard.replays()] == [None, SEEN_MS]
    assert absence(pit) == (None, False)


def test_who_is_gone_again_is_told_nothing_and_their_absence_goes_on(
    pit: Pit, heard: Heard
) -> None:
    pit.long()
    leave(pit)
    come(pit.exchange)
    leave(pit)

    desk = Desk(pit)
    desk.work()

    assert (heard.replays(), desk.meter.results) == ([], {"gone": 1})
    assert absence(pit) == (str(SEEN_MS), False)


@pytest.mark.parametrize("back", [True, False])
def test_who_leaves_during_a_replay_is_away_from_then_on(pit: Pit, back: bool) -> None:
    pit.long()
    leave(pit)
    come(pit.exchange)
    desk = Desk(pit)
    desk.actor.receive(WorkDue())  # chooses
    desk.actor.receive(WorkDue())  # begins

    leave(pit)  # last_seen is the older one already
    if back:
        come(pit.exchange)
    desk.work()

    assert desk.meter.results == {"done": 1}
    assert absence(pit) == (str(SEEN_MS), True)


def test_a_return_that_nobody_heard_of_is_found_at_the_start_and_later(pit: Pit) -> None:
    pit.long()
    pit.long(user=BOB)
    come(pit.exchange)
    desk = Desk(pit)
    desk.work()
    assert desk.meter.results == {"done": 1}

    come(pit.exchange, BOB)
    desk.remind()

    assert desk.meter.results == {"done": 2}
    assert [(timer.seconds, timer.message) for timer in desk.actor.timers] == [
        (REMINDED_S, ReturnsDue())
    ]


def test_a_return_of_just_now_is_left_to_whoever_hears_of_it(pit: Pit) -> None:
    pit.long()
    desk = Desk(pit)
    come(pit.exchange)
    seconds, microseconds = pit.exchange.client.time()
    stamp = seconds * 1_000_000 + microseconds
    pit.exchange.client.hset(pit.exchange.keys.ws_returns, ANN, str(stamp))

    desk.remind()

    assert desk.meter.results == {}


def test_returns_beyond_what_can_wait_are_left_to_the_sweeper(
    pit: Pit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect_listener, "WAITING_MAX", 3)
    desk = Desk(pit)

    for user in (1, 2, 3, 3, 4, 5):
        desk.actor.receive(UserReconnected(UserId(user)))

    assert list(desk.waiting) == [1, 2, 3]
    assert desk.meter.results["dropped"] == 2
    assert desk.actor.actor_inbox.queued() == (WorkDue(),)


def test_a_storm_of_returns_is_looked_at_a_hundred_at_a_time(pit: Pit) -> None:
    desk = Desk(pit)
    for user in range(1, 251):
        come(pit.exchange, UserId(user))
        desk.actor.receive(UserReconnected(UserId(user)))

    desk.actor.receive(WorkDue())

    assert desk.meter.results["nothing"] == 100
    assert desk.meter.waiting == 150
