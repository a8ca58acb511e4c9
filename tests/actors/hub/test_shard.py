"""A shard's messages one by one, with links that record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from gevent import GreenletExit
from msgspec import Raw
from touchline.actors.hub.board import Move, Price
from touchline.actors.hub.broadcast import Broadcast
from touchline.actors.hub.bulletins import Bulletin, update
from touchline.actors.hub.channels import Channels
from touchline.actors.hub.frames import text_frame
from touchline.actors.hub.lobby import Lobby
from touchline.actors.hub.messages import (
    BulletinPosted,
    BulletinsRead,
    ClientJoined,
    ClientSpoke,
    PortfolioMissed,
    PortfolioMoved,
    PortfolioRead,
    PortfolioWanted,
    ShardMessage,
    SweepDue,
    TicksDue,
)
from touchline.actors.hub.roster import Client
from touchline.actors.hub.shard import Shard
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.hub import RecordingLink

ANN, BOB = UserId(5), UserId(6)
PORTFOLIO = Channels(portfolio=True)
LIFE = 7


@pytest.fixture
def shard(stage: Any) -> Shard:
    shard = Shard(0, stage.lobby, stage.clock.calendar)
    shard.started()
    return shard


def prices(*indexes: int) -> Channels:
    return Channels(frozenset(map(InstrumentIdx, indexes)))


def moved(idx: int, seq: int, **data: str) -> Move:
    frame = text_frame(f'{{"op":"update","channel":"price:{idx}","seq":{seq}}}')
    return Move(LIFE, InstrumentIdx(idx), seq, {"mark": "101.0000", **data}, frame)


@dataclass(frozen=True)
class Reading:
    """What the subscriber read."""

    epoch: int
    prices: tuple[Price, ...]
    relinked: bool = False


def hear(shard: Shard, stage: Any, message: Move | Reading | ShardMessage) -> None:
    """Have the shard told of *message*, by the subscriber if that would be told first."""
    stage.shard.told.clear()
    if isinstance(message, Move):
        stage.quotes.moved(message)
    elif isinstance(message, Reading):
        stage.quotes.read(message.epoch, message.prices, relinked=message.relinked)
    else:
        stage.shard.tell(message)
    for each in stage.shard.told:
        shard.receive(each)


def pushed(seq: int, user: UserId = ANN, epoch: int = LIFE) -> PortfolioMoved:
    return PortfolioMoved(epoch, user, seq, text_frame(f'{{"update":{seq}}}'))


def read(seq: int, user: UserId = ANN, epoch: int = LIFE) -> PortfolioRead:
    return PortfolioRead(epoch, user, seq, text_frame(f'{{"snapshot":{seq}}}'))


def told(link: Any) -> list[Any]:
    """What was sent since the last call, in short."""
    return [(each["op"], each.get("channel"), each.get("seq")) for each in link.take()]


def test_a_client_is_welcomed(shard, stage):
    client, link = stage.seat()

    shard.receive(ClientJoined(client))

    (welcome,) = link.sent
    assert welcome["op"] == "welcome"
    assert welcome["heartbeat_ms"] == 15_000
    assert welcome["max_subscriptions"] == 200


def test_a_client_is_welcomed_before_its_return_is_told_and_nothing_is_said_of_it(shard, stage):
    client, link = stage.seat()

    shard.receive(ClientJoined(client))

    assert [change.user for change in stage.lobby.transitions.oldest(2)] == [client.user]
    (welcome,) = link.sent
    assert set(welcome) == {"op", "conn", "server_time", "heartbeat_ms", "max_subscriptions"}


def test_what_a_client_says_is_answered(shard, stage):
    client, link = stage.seat()

    shard.receive(ClientSpoke(client, '{"op":"subscribe","id":1,"channels":["price:1"]}'))

    assert [message["op"] for message in link.sent] == ["ack", "snapshot"]


def test_each_client_gets_the_prices_it_listens_to_in_one_send(shard, stage):
    links = {}
    for name, channels in {
        "one": prices(1),
        "both": prices(1, 2),
        "all": Channels(all_prices=True),
        "none": PORTFOLIO,
    }.items():
        client, links[name] = stage.seat()
        stage.roster.listen(client, channels)

    for message in (moved(1, 11), moved(2, 21), moved(1, 12)):
        hear(shard, stage, message)
    stage.flush()

    seen = {name: [(m["channel"], m["seq"]) for m in link.sent] for name, link in links.items()}
    assert seen == {
        "one": [("price:1", 12)],
        "both": [("price:1", 12), ("price:2", 21)],
        "all": [("price:1", 12), ("price:2", 21)],
        "none": [],
    }


def told_to_send(shard: Shard) -> bool:
    """Whether the shard has told itself to send ticks at once; handles it if so."""
    told = bool(shard.actor_inbox.queued())
    while shard.actor_inbox.queued():
        shard.receive(shard.actor_inbox.take()[1])
    return told


def test_what_was_read_anew_is_shown_where_it_changed(shard, stage, make_price):
    client, link = stage.seat()
    stage.roster.listen(client, prices(1, 2))
    other, quiet = stage.seat()
    stage.roster.listen(other, prices(2))

    hear(shard, stage, Reading(LIFE, (make_price(1, 15), make_price(2, 20))))
    stage.flush()

    assert [(m["op"], m["channel"], m["seq"]) for m in link.sent] == [("snapshot", "price:1", 15)]
    assert quiet.sent == []


def test_a_portfolio_is_shown_and_then_every_event_in_order(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)

    shard.receive(pushed(7))  # contained in the snapshot that is under way
    for message in (read(7), pushed(7), pushed(8), pushed(9), pushed(10, BOB)):
        hear(shard, stage, message)

    assert link.sent == [{"snapshot": 7}, {"update": 8}, {"update": 9}]


def test_a_gap_in_a_portfolio_is_told_and_mended(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(7))
    link.take()

    shard.receive(pushed(9))
    shard.receive(pushed(10))

    assert link.take() == [{"op": "resync", "channel": "portfolio", "reason": "GAP"}]
    assert stage.subscriber.told == [PortfolioWanted(ANN)]
    shard.receive(read(10))
    shard.receive(pushed(11))
    assert link.take() == [{"snapshot": 10}, {"update": 11}]


def test_what_was_missed_of_a_portfolio_while_nobody_heard_it_is_told(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(7))
    link.take()

    hear(shard, stage, Reading(LIFE, (), relinked=True))
    shard.receive(read(9))
    shard.receive(read(9))

    assert link.take() == [
        {"op": "resync", "channel": "portfolio", "reason": "GAP"},
        {"snapshot": 9},
    ]


def test_a_portfolio_read_for_one_connection_does_not_disturb_the_other(shard, stage):
    first, first_link = stage.seat()
    stage.roster.listen(first, PORTFOLIO)
    shard.receive(read(7))
    second, second_link = stage.seat()
    stage.roster.listen(second, PORTFOLIO)

    shard.receive(read(7))

    assert first_link.sent == [{"snapshot": 7}]
    assert second_link.sent == [{"snapshot": 7}]


def test_a_portfolio_whose_numbers_went_back_is_shown_again(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(551))

    hear(shard, stage, Reading(LIFE, (), relinked=True))
    shard.receive(read(2))
    shard.receive(pushed(3))

    assert link.sent == [{"snapshot": 551}, {"snapshot": 2}, {"update": 3}]


def test_after_a_new_link_everybody_is_told_what_they_may_have_missed(shard, stage):
    links = {}
    for name, at in {"seven": 7, "nine": 9, "new": None, "resumes": 8}.items():
        client, links[name] = stage.seat()
        stage.roster.listen(client, PORTFOLIO)
        if name == "resumes":
            client.resumes_at = at
        else:
            client.portfolio_seq = at

    hear(shard, stage, Reading(LIFE, (), relinked=True))
    shard.receive(pushed(10))  # heard before what was missed was read: it is in there
    for message in (missed(7, 8, 9, 10), read(10), pushed(11)):
        hear(shard, stage, message)

    shown = {name: [next(iter(each.values())) for each in links[name].take()] for name in links}
    assert shown == {
        "seven": [8, 9, 10, 11],
        "nine": [10, 11],
        "new": [10, 11],
        "resumes": [9, 10, 11],
    }


def test_prices_that_are_read_over_the_same_link_leave_portfolios_alone(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(7))

    hear(shard, stage, Reading(LIFE, ()))
    shard.receive(pushed(8))

    assert link.sent == [{"snapshot": 7}, {"update": 8}]


def test_what_is_told_at_once_is_told_before_what_is_on_its_way_and_once(shard, stage):
    """A replay, as number 9, with the push before it; another connection was shown that."""
    (behind, link), (shown, shown_link) = stage.seat(), stage.seat()
    for client in (behind, shown):
        stage.roster.listen(client, PORTFOLIO)
    behind.portfolio_seq = 7

    for message in (read(8), missed(7, 8, 9), pushed(8), pushed(9), pushed(10)):
        hear(shard, stage, message)

    assert link.take() == [{"update": seq} for seq in (8, 9, 10)]
    assert shown_link.take() == [{"snapshot": 8}, {"update": 9}, {"update": 10}]


def test_what_is_read_for_another_connection_hides_no_event_that_is_on_its_way(shard, stage):
    (client, link), (other, other_link) = stage.seat(), stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(551))
    stage.roster.listen(other, PORTFOLIO)

    shard.receive(read(552))
    shard.receive(pushed(552))

    assert link.sent == [{"snapshot": 551}, {"update": 552}]
    assert other_link.sent == [{"snapshot": 552}]


def missed(after: int, *seqs: int, epoch: int = LIFE) -> PortfolioMissed:
    frames = tuple(text_frame(f'{{"update":{seq}}}') for seq in seqs)
    return PortfolioMissed(epoch, ANN, after, frames)


def test_whoever_resumes_is_told_what_was_missed_and_then_what_comes(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    client.resumes_at = 7

    shard.receive(pushed(10))  # heard before what was missed was read: it is in there
    for message in (missed(7, 8, 9, 10), pushed(10), pushed(11)):
        hear(shard, stage, message)

    assert link.take() == [{"update": seq} for seq in (8, 9, 10, 11)]
    assert len(link.superseded) == 2


def test_each_connection_is_told_what_it_has_missed_itself(shard, stage):
    links = {}
    for name, at in {"two": 7, "one": 8, "none": 9, "new": None, "ahead": 12, "long": 3}.items():
        client, links[name] = stage.seat()
        stage.roster.listen(client, PORTFOLIO)
        client.resumes_at = at

    shard.receive(missed(7, 8, 9))

    assert links["two"].take() == [{"update": 8}, {"update": 9}]
    assert links["one"].take() == [{"update": 9}]
    for name in ("none", "new", "ahead", "long"):
        assert links[name].take() == []
    shard.receive(read(9))
    for name in ("two", "one", "none"):
        assert links[name].take() == []
    for name in ("new", "ahead", "long"):
        assert links[name].take() == [{"snapshot": 9}]
    shard.receive(pushed(10))
    assert [link.take() for link in links.values()] == [[{"update": 10}]] * 6


def test_whoever_resumes_where_the_portfolio_is_read_is_shown_nothing(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    client.resumes_at = 7

    for message in (read(7), missed(7, 8), pushed(8)):
        hear(shard, stage, message)

    assert link.take() == [{"update": 8}]


def test_a_resume_that_never_was_answered_is_asked_for_again_as_one(shard, stage):
    client, _ = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    client.resumes_at = 7

    for _ in range(15):
        shard.receive(SweepDue())

    assert stage.subscriber.told == [PortfolioWanted(ANN, after=7)]


def test_what_was_missed_in_an_epoch_that_is_over_is_not_told(shard, stage, make_price):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    client.resumes_at = 7

    hear(shard, stage, Reading(LIFE + 1, (make_price(1, 10),)))
    for message in (missed(7, 8), missed(7, 8, epoch=LIFE + 1)):
        hear(shard, stage, message)

    assert link.take() == []
    shard.receive(read(7, epoch=LIFE + 1))
    assert link.take() == [{"snapshot": 7}]


def test_when_an_epoch_begins_everybody_is_shown_everything_anew(shard, stage, make_price):
    client, link = stage.seat()
    stage.roster.listen(client, Channels(frozenset({InstrumentIdx(1)}), portfolio=True))
    shard.receive(read(7))
    link.take()

    hear(shard, stage, Reading(LIFE + 1, (make_price(1, 10), make_price(2, 20))))
    stage.flush()
    shard.receive(read(7, epoch=LIFE + 1))
    shard.receive(pushed(8, epoch=LIFE + 1))

    price, *portfolio = link.take()
    assert (price["op"], price["epoch"], price["seq"]) == ("snapshot", LIFE + 1, 10)
    assert portfolio == [{"snapshot": 7}, {"update": 8}]


def test_no_portfolio_is_told_of_an_epoch_whose_prices_are_not_there_yet(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, PORTFOLIO)
    shard.receive(read(7))
    link.take()

    shard.receive(pushed(8, epoch=LIFE + 1))
    shard.receive(read(8, epoch=LIFE + 1))

    assert link.take() == []
    shard.receive(pushed(8))
    assert link.take() == [{"update": 8}]


def ask(shard: Shard, client: Client, *channels: str, conflated: bool = False) -> None:
    request = {"op": "subscribe", "id": 1, "channels": channels, "conflated": conflated}
    shard.receive(ClientSpoke(client, json.dumps(request)))


def flush(shard: Shard, stage: Any) -> None:
    """Have all that waits sent."""
    shard.receive(TicksDue())
    stage.flush()


def test_who_wants_every_tick_gets_each_in_order_and_all_of_a_flush_in_one_send(shard, stage):
    (one, link), (everything, all_link), (conflated, few) = (stage.seat() for _ in range(3))
    ask(shard, one, "price:1")
    ask(shard, everything, "price:*")
    ask(shard, conflated, "price:*", conflated=True)
    for each in (link, all_link, few):
        each.take()

    for message in (moved(1, 11), moved(2, 21), moved(1, 12), moved(1, 13)):
        hear(shard, stage, message)
    assert link.take() == []
    flush(shard, stage)
    flush(shard, stage)

    assert told(link) == [("update", "price:1", seq) for seq in (11, 12, 13)]
    assert told(all_link) == [
        ("update", "price:1", 11),
        ("update", "price:2", 21),
        ("update", "price:1", 12),
        ("update", "price:1", 13),
    ]
    assert told(few) == [("update", "price:1", 13), ("update", "price:2", 21)]
    assert len(link.superseded) == 3  # an answer, a snapshot, and the ticks


def test_whoever_comes_between_two_flushes_has_neither_gap_nor_overlap(shard, stage):
    (early, first), (late, second) = stage.seat(), stage.seat()
    ask(shard, early, "price:1")
    hear(shard, stage, moved(1, 11))

    ask(shard, late, "price:1")
    hear(shard, stage, moved(1, 12))
    flush(shard, stage)

    assert told(first)[1:] == [
        ("snapshot", "price:1", 10),
        ("update", "price:1", 11),
        ("update", "price:1", 12),
    ]
    assert told(second)[1:] == [("snapshot", "price:1", 11), ("update", "price:1", 12)]


def test_a_gap_in_the_ticks_is_told_and_closed_behind_what_came_before_it(shard, stage):
    (client, link), (other, quiet) = stage.seat(), stage.seat()
    ask(shard, client, "price:1")
    ask(shard, other, "price:2")
    link.take(), quiet.take()

    for message in (moved(1, 11), moved(1, 13), moved(1, 14)):
        hear(shard, stage, message)
    flush(shard, stage)

    before, gap, snapshot, after = link.take()
    assert (before["op"], before["seq"]) == ("update", 11)
    assert gap == {"op": "resync", "channel": "price:1", "reason": "GAP"}
    assert (snapshot["op"], snapshot["seq"]) == ("snapshot", 13)
    assert (after["op"], after["seq"]) == ("update", 14)
    assert quiet.take() == []


def test_a_tick_that_is_read_first_is_told_all_the_same(shard, stage, make_price):
    (client, link), (conflated, few) = stage.seat(), stage.seat()
    ask(shard, client, "price:1")
    ask(shard, conflated, "price:1", conflated=True)
    link.take(), few.take()

    hear(shard, stage, Reading(LIFE, (make_price(1, 12), make_price(2, 20))))
    hear(shard, stage, moved(1, 11))
    assert TicksDue() in shard.actor_inbox.queued()
    for seq in (12, 13):
        hear(shard, stage, moved(1, seq))
    flush(shard, stage)

    assert told(link) == [("update", "price:1", seq) for seq in (11, 12, 13)]
    assert told(few) == [("snapshot", "price:1", 12), ("update", "price:1", 13)]


def test_after_a_new_link_what_was_missed_is_told_at_once(shard, stage, make_price):
    client, link = stage.seat()
    ask(shard, client, "price:*")
    link.take()

    hear(shard, stage, Reading(LIFE, (make_price(1, 12), make_price(2, 20)), relinked=True))
    assert told_to_send(shard)

    gap, snapshot = link.take()
    assert (gap["op"], snapshot["op"], snapshot["seq"]) == ("resync", "snapshot", 12)


def test_in_another_epoch_every_tick_counts_on_from_its_snapshot(shard, stage, make_price):
    client, link = stage.seat()
    ask(shard, client, "price:1")
    hear(shard, stage, moved(1, 11))
    link.take()

    hear(shard, stage, Reading(LIFE + 1, (make_price(1, 10), make_price(2, 20))))
    shard.receive(TicksDue())

    # What was known of the old epoch is told before it ends.
    assert told(link) == [("update", "price:1", 11), ("snapshot", "price:1", 10)]


def test_one_price_can_be_every_tick_among_all_that_are_conflated(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:*", conflated=True)
    ask(shard, client, "price:1")
    link.take()

    for message in (moved(1, 11), moved(1, 12), moved(2, 21), moved(2, 22)):
        hear(shard, stage, message)
    flush(shard, stage)
    assert told(link) == [
        ("update", "price:1", 11),
        ("update", "price:1", 12),
        ("update", "price:2", 22),
    ]

    ask(shard, client, "price:1", conflated=True)
    assert told(link)[1:] == [("snapshot", "price:1", 12)]
    hear(shard, stage, moved(1, 13))
    hear(shard, stage, moved(1, 14))
    stage.clock.advance(1)
    flush(shard, stage)
    assert told(link) == [("update", "price:1", 14)]


def test_ticks_are_kept_only_while_somebody_listens(shard, stage):
    client, link = stage.seat()
    hear(shard, stage, moved(1, 11))
    assert not stage.tape.waits

    ask(shard, client, "price:1")
    hear(shard, stage, moved(1, 12))
    assert stage.tape.waits
    stage.lobby.left(client, "gone")
    flush(shard, stage)

    assert not stage.tape.running
    hear(shard, stage, moved(1, 13))
    assert not stage.tape.waits
    again, link = stage.seat()
    ask(shard, again, "price:1")
    assert told(link)[1:] == [("snapshot", "price:1", 13)]


def test_a_restarted_shard_goes_on_with_the_ticks_that_waited(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:1")
    hear(shard, stage, moved(1, 11))
    stage.roster.ticked[None] = {client}  # a crash halfway through a change
    link.take()

    successor = Shard(0, stage.lobby, stage.clock.calendar)
    successor.started()
    flush(successor, stage)
    hear(successor, stage, moved(1, 12))
    flush(successor, stage)

    assert told(link) == [("update", "price:1", 11), ("update", "price:1", 12)]


def test_every_tick_waits_for_no_company(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:*")
    assert told_to_send(shard) is False
    for seq in range(11, 14):
        for idx in (1, 2):
            hear(shard, stage, moved(idx, seq + 10 * (idx - 1)))
        assert told_to_send(shard)
        stage.clock.advance(0.051)  # those that are conflated pause for twice as long
    link.take()

    hear(shard, stage, moved(1, 14))
    assert told_to_send(shard)
    stage.clock.advance(0.02)
    hear(shard, stage, moved(1, 15))

    assert told(link) == [("update", "price:1", 14)]
    assert not told_to_send(shard)
    (due,) = (timer for timer in shard.timers if timer.live and timer.message == TicksDue())
    assert due.seconds == pytest.approx(0.03)


def test_a_halt_takes_every_tick_along_that_waits(shard, stage, make_price):
    stage.board.read(LIFE, [make_price(1, 10), make_price(2, 20, status="open")])
    stage.board.show()
    client, link = stage.seat()
    ask(shard, client, "price:*")
    hear(shard, stage, moved(1, 11))
    assert told_to_send(shard)
    link.take()
    hear(shard, stage, moved(1, 12))
    assert not told_to_send(shard)

    hear(shard, stage, moved(2, 21, status="halted"))

    assert told_to_send(shard)
    assert told(link) == [("update", "price:1", 12), ("update", "price:2", 21)]


def bulletin(fixture: int, seq: int, epoch: int = LIFE) -> Bulletin:
    return Bulletin(epoch, f"fixture:{fixture}", seq, Raw(b'{"id": %d}' % fixture))


def posted(fixture: int, seq: int, epoch: int = LIFE) -> BulletinPosted:
    told = bulletin(fixture, seq, epoch)
    return BulletinPosted(told, update(told))


def test_bulletins_reach_those_who_listen_to_their_channel(shard, stage):
    links = {}
    for name, channels in {"eight": {"fixture:8"}, "both": {"fixture:8", "fixture:9"}}.items():
        client, links[name] = stage.seat()
        stage.roster.listen(client, Channels(bulletins=frozenset(channels)))

    shard.receive(BulletinsRead("fixture", LIFE, (bulletin(8, 1), bulletin(9, 2))))
    assert told(links["eight"]) == [("snapshot", "fixture:8", 1)]
    assert told(links["both"]) == [("snapshot", "fixture:8", 1), ("snapshot", "fixture:9", 2)]

    for message in (posted(8, 3), posted(9, 4), posted(8, 3), posted(8, 2)):
        hear(shard, stage, message)
    shard.receive(BulletinsRead("fixture", LIFE, (bulletin(8, 6), bulletin(9, 4))))

    assert told(links["eight"]) == [("update", "fixture:8", 3), ("snapshot", "fixture:8", 6)]
    assert told(links["both"]) == [
        ("update", "fixture:8", 3),
        ("update", "fixture:9", 4),
        ("snapshot", "fixture:8", 6),
    ]


def test_bulletins_of_another_epoch_are_shown_all_anew(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, Channels(bulletins=frozenset({"fixture:8"})))
    shard.receive(BulletinsRead("fixture", LIFE, (bulletin(8, 1),)))
    link.take()

    shard.receive(posted(8, 5, epoch=LIFE + 1))
    assert link.take() == []
    shard.receive(BulletinsRead("fixture", LIFE + 1, (bulletin(8, 1, epoch=LIFE + 1),)))

    (snapshot,) = link.take()
    assert (snapshot["epoch"], snapshot["seq"], snapshot["data"]) == (LIFE + 1, 1, {"id": 8})


def test_what_was_gone_is_shown_before_it_is_updated(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, Channels(bulletins=frozenset({"fixture:8"})))
    shard.receive(BulletinsRead("fixture", LIFE, ()))

    shard.receive(posted(8, 5))
    shard.receive(posted(8, 6))

    assert told(link) == [("snapshot", "fixture:8", 5), ("update", "fixture:8", 6)]


def test_the_sweep_pings_greets_and_ends(shard, stage):
    links = [stage.seat(UserId(number))[1] for number in range(75)]
    links[0].stalled_at = stage.clock.monotonic() - 11

    for _ in range(75):
        shard.receive(SweepDue())

    assert links[0].ended == (4408, "does not read")
    assert links[0].abrupt
    for link in links[1:]:
        assert link.pings == 3
        assert [message["op"] for message in link.sent] == ["heartbeat"] * 5


def test_a_portfolio_that_never_came_is_asked_for_again(shard, stage):
    client, _ = stage.seat()
    stage.roster.listen(client, PORTFOLIO)

    for _ in range(15):
        shard.receive(SweepDue())
    assert stage.subscriber.told == [PortfolioWanted(ANN)]

    shard.receive(read(7))
    for _ in range(15):
        shard.receive(SweepDue())
    assert stage.subscriber.told == [PortfolioWanted(ANN)]


def test_shards_look_after_their_clients_each_in_its_part_of_the_second(stage):
    lobby = Lobby(
        (stage.shard,) * 4,
        stage.prices,
        stage.subscriber,
        stage.presence,
        seats=10,
        calendar=stage.clock.calendar,
        monotonic=stage.clock.monotonic,
    )
    first = []
    for number in range(4):
        shard = Shard(number, lobby, stage.clock.calendar)
        shard.started()
        (sweeps,) = (timer for timer in shard.timers if timer.message == SweepDue())
        first.append((sweeps.first_s, sweeps.seconds))

    assert first == [(0.25, 1.0), (0.5, 1.0), (0.75, 1.0), (1.0, 1.0)]


def test_a_sweep_lets_prices_go_first_but_not_for_long(shard, stage):
    _, link = stage.seat()
    shard.receive(SweepDue())
    stage.lobby.floor.under_way, before = object(), 0
    for _ in range(25 * 4):
        stage.clock.advance(1.0)
        shard.receive(SweepDue())
        assert [timer.message for timer in shard.timers] == [SweepDue(), SweepDue()]
        assert shard.timers[-1].seconds < 0.01
        stage.clock.advance(0.2)
        shard.receive(SweepDue())  # its turn again, or reminded
        assert link.pings == before
        stage.clock.advance(0.06)
        shard.receive(SweepDue())
        assert [timer.message for timer in shard.timers] == [SweepDue()]
        before = link.pings
    assert before == 4


def test_a_sweep_put_off_is_made_up_for_once_the_prices_are_sent(shard, stage):
    _, link = stage.seat()
    shard.receive(SweepDue())
    for _ in range(25 * 2):
        stage.clock.advance(1.0)
        stage.lobby.floor.under_way = object()
        shard.receive(SweepDue())
        (again,) = (timer for timer in shard.timers if timer.seconds < 0.01)
        stage.lobby.floor.under_way = None
        shard.receive(again.take())
    assert link.pings == 2


def test_a_restarted_shard_finds_its_clients_and_sends_what_waited(shard, stage):
    client, link = stage.seat()
    stage.roster.listen(client, prices(1))
    hear(shard, stage, moved(1, 11))
    stage.lobby.floor.remove(client)  # a crash halfway through a change

    successor = Shard(0, stage.lobby, stage.clock.calendar)
    successor.started()
    assert [timer.message for timer in successor.timers] == [SweepDue()]
    stage.flush()

    assert [message["seq"] for message in link.sent] == [11]
    assert link.ended is None


def test_a_shard_that_is_stopped_leaves_its_clients_where_they_are(shard, stage):
    _, link = stage.seat()

    shard.stopped()

    assert link.ended is None


def test_health_tells_how_many_sit_here_and_why_others_left(shard, stage):
    stage.seat()
    gone, _ = stage.seat(BOB)

    stage.lobby.left(gone, "4408")

    assert shard.detail() == {
        "connections": 1,
        "users": 1,
        "following": 0,
        "departures": {"4408": 1},
    }


class DeadlyLink(RecordingLink):
    """The shard dies when it sends something to this client."""

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        raise GreenletExit


@pytest.mark.parametrize("how", ["posted", "read"])
def test_a_bulletin_that_a_shard_died_of_sending_its_successor_shows(shard, stage, how):
    (client, _), (other, other_link) = stage.seat(), stage.seat(BOB)
    shard.receive(BulletinsRead("fixture", LIFE, (bulletin(8, 5), bulletin(9, 1))))
    for each in (client, other):
        stage.roster.listen(each, Channels(bulletins=frozenset({"fixture:8", "fixture:9"})))
    client.link, link = DeadlyLink(), client.link
    reading = BulletinsRead("fixture", LIFE, (bulletin(8, 6), bulletin(9, 1)))

    with pytest.raises(GreenletExit):
        shard.receive(posted(8, 6) if how == "posted" else reading)
    client.link = link
    Shard(0, stage.lobby, stage.clock.calendar).started()

    assert told(link) == [("snapshot", "fixture:8", 6)]
    assert told(other_link)[-1] == ("snapshot", "fixture:8", 6)


def test_a_kind_of_bulletin_that_is_read_leaves_the_others_up(shard, stage):
    client, link = stage.seat()
    both = {"fixture:8", "leaderboard:week"}
    stage.roster.listen(client, Channels(bulletins=frozenset(both)))
    shard.receive(BulletinsRead("fixture", LIFE, (bulletin(8, 6),)))

    board = Bulletin(LIFE + 1, "leaderboard:week", 1, Raw(b"{}"))
    shard.receive(BulletinsRead("leaderboard", LIFE + 1, (board,)))
    shard.receive(posted(8, 7))

    assert told(link) == [
        ("snapshot", "fixture:8", 6),
        ("snapshot", "leaderboard:week", 1),
        ("update", "fixture:8", 7),
    ]


def die_of_ticks(shard: Shard, client: Client) -> None:
    """Have *shard* die when it sends *client* what waits on the tape."""
    client.link, link = DeadlyLink(), client.link
    with pytest.raises(GreenletExit):
        shard.receive(TicksDue())
    client.link = link


def test_ticks_that_a_shard_died_of_sending_are_a_gap_that_its_successor_tells(shard, stage):
    (client, link), (other, other_link) = stage.seat(), stage.seat(BOB)
    for each in (client, other):
        ask(shard, each, "price:1")
    link.take(), other_link.take()
    hear(shard, stage, moved(1, 11))

    die_of_ticks(shard, client)
    successor = Shard(0, stage.lobby, stage.clock.calendar)
    successor.started()
    assert told_to_send(successor)
    hear(successor, stage, moved(1, 12))
    flush(successor, stage)

    told_again = [("resync", "price:1", None), ("snapshot", "price:1", 11)]
    assert told(link) == [*told_again, ("update", "price:1", 12)]
    assert told(other_link)[-1] == ("update", "price:1", 12)
    Shard(0, stage.lobby, stage.clock.calendar).started()
    assert link.take() == []


@pytest.mark.parametrize("how", ["a gap", "a reading", "another epoch"])
def test_a_snapshot_among_ticks_that_a_shard_died_of_its_successor_shows(
    shard, stage, make_price, how
):
    messages = {
        "a gap": moved(1, 13),
        "a reading": Reading(LIFE, (make_price(1, 13),), relinked=True),
        "another epoch": Reading(LIFE + 1, (make_price(1, 13), make_price(2, 20))),
    }
    client, link = stage.seat()
    ask(shard, client, "price:1")
    link.take()

    hear(shard, stage, messages[how])
    die_of_ticks(shard, client)
    successor = Shard(0, stage.lobby, stage.clock.calendar)
    successor.started()
    assert told_to_send(successor)

    assert told(link)[-1] == ("snapshot", "price:1", 13)


@pytest.mark.parametrize("how", ["left", "was refused"])
def test_a_gap_that_nobody_listens_to_any_more_is_no_bug(shard, stage, how):
    client, _ = stage.seat()
    ask(shard, client, "price:1" if how == "left" else "price:99")
    stage.lobby.left(client, "gone")
    assert stage.tape.running

    hear(shard, stage, moved(1, 15))
    assert told_to_send(shard)

    assert not stage.tape.running


def test_whoever_has_had_every_tick_is_shown_no_older_price_when_conflated(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:1")
    hear(shard, stage, moved(1, 11))
    shard.receive(TicksDue())  # the conflated ones are still to wait
    link.take()

    ask(shard, client, "price:1", conflated=True)
    hear(shard, stage, moved(1, 12))
    flush(shard, stage)

    assert told(link)[1:] == [("snapshot", "price:1", 11), ("update", "price:1", 12)]


def test_a_tick_that_waits_is_told_before_every_tick_is_wanted_no_more(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:*", conflated=True)
    ask(shard, client, "price:1")
    link.take()
    hear(shard, stage, moved(1, 11))
    stage.flush()  # the ticks are still to wait

    shard.receive(ClientSpoke(client, '{"op":"unsubscribe","id":2,"channels":["price:1"]}'))
    flush(shard, stage)

    assert told(link) == [("update", "price:1", 11), ("ack", None, None)]


def test_a_request_of_a_client_that_has_left_meanwhile_is_passed_over(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:1")
    stage.lobby.left(client, "by client")
    link.take()

    ask(shard, client, "price:1", conflated=True)
    ask(shard, client, "portfolio")

    assert link.take() == []
    assert stage.subscriber.told == []


def test_who_goes_over_to_every_tick_amid_a_broadcast_gets_first_what_is_on_its_way(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:1", conflated=True)
    for seq in (11, 12):
        hear(shard, stage, moved(1, seq))
    link.take()
    floor = stage.lobby.floor
    floor.under_way = broadcast = Broadcast(floor, stage.board.flush(), stage.lobby.traffic)

    ask(shard, client, "price:1")
    while not broadcast.done:
        broadcast.go_on()

    assert told(link) == [
        ("update", "price:1", 12),
        ("ack", None, None),
        ("snapshot", "price:1", 12),
    ]


def test_who_drops_a_price_amid_a_broadcast_hears_nothing_of_it_behind_the_answer(shard, stage):
    client, link = stage.seat()
    ask(shard, client, "price:1", "price:2", conflated=True)
    for idx, seq in ((1, 11), (2, 21)):
        hear(shard, stage, moved(idx, seq))
    link.take()
    floor = stage.lobby.floor
    floor.under_way = broadcast = Broadcast(floor, stage.board.flush(), stage.lobby.traffic)

    shard.receive(ClientSpoke(client, '{"op":"unsubscribe","id":2,"channels":["price:1"]}'))
    while not broadcast.done:
        broadcast.go_on()

    assert told(link) == [
        ("update", "price:1", 11),
        ("update", "price:2", 21),
        ("ack", None, None),
    ]


class FinalLink(RecordingLink):
    """Whatever is sent to this client finds it gone."""

    def __init__(self, stage: Any) -> None:
        super().__init__()
        self.stage, self.client = stage, None

    def send_prices(self, joined: bytes, frames: Any) -> None:
        self.stage.lobby.left(self.client, "reset")

    def ping(self) -> None:
        self.pinged_at = 0.0
        self.stage.lobby.left(self.client, "reset")


def final(stage: Any, channels: Channels, user: UserId = ANN) -> Client:
    client, _ = stage.seat(user)
    client.link = FinalLink(stage)
    client.link.client = client
    stage.roster.listen(client, channels)
    return client


def test_who_is_found_gone_by_what_was_on_its_way_is_listed_nowhere(shard, stage):
    client = final(stage, Channels(frozenset({InstrumentIdx(1)}), portfolio=True))
    hear(shard, stage, moved(1, 11))
    floor = stage.lobby.floor
    floor.under_way = Broadcast(floor, stage.board.flush(), stage.lobby.traffic)

    shard.receive(ClientSpoke(client, '{"op":"unsubscribe","id":2,"channels":["portfolio"]}'))

    assert (len(floor), stage.roster.followers, stage.roster.clients) == (0, {}, {})


def test_who_is_found_gone_by_a_ping_is_looked_at_no_more(shard, stage):
    final(stage, PORTFOLIO)

    for _ in range(25):
        shard.receive(SweepDue())

    assert not any(list(stage.roster.wheel.due(turn)) for turn in range(75))


def test_who_is_found_gone_while_a_shard_begins_leaves_the_user_present(shard, stage):
    final(stage, prices(1))
    stage.seat()
    hear(shard, stage, moved(1, 11))
    floor = stage.lobby.floor
    floor.under_way = Broadcast(floor, stage.board.flush(), stage.lobby.traffic)
    stage.presence.told.clear()

    Shard(0, stage.lobby, stage.clock.calendar).started()

    assert stage.lobby.present(ANN)
    assert stage.presence.told == []


def test_a_market_faster_than_its_ticks_are_sent_does_not_keep_a_shard_from_all_else(shard, stage):
    class Busy(RecordingLink):
        def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
            super().send(frame, supersedes, messages)
            assert len(self.sent) < 9
            last = self.sent[-1].get("seq")
            if last is not None:
                stage.quotes.moved(moved(1, last + 1))

    client, _ = stage.seat()
    client.link = link = Busy()
    ask(shard, client, "price:1")  # its snapshot takes long enough for a tick
    link.take()

    flush(shard, stage)

    assert told(link) == [("update", "price:1", 11)]
    (due,) = (timer for timer in shard.timers if timer.live and timer.message == TicksDue())
    assert due.seconds == pytest.approx(0.05)
    flush(shard, stage)
    assert told(link) == [("update", "price:1", 12)]


def test_ticks_that_come_while_others_are_sent_are_told_once_to_whoever_begins(shard, stage):
    class Meanwhile(RecordingLink):
        def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
            super().send(frame, supersedes, messages)
            if self.sent[-1].get("seq") == 11:
                for seq in (12, 13):
                    stage.quotes.moved(moved(1, seq))

    (client, _), (late, link) = stage.seat(), stage.seat(BOB)
    client.link = early = Meanwhile()
    ask(shard, client, "price:1")
    hear(shard, stage, moved(1, 11))
    early.take()

    ask(shard, late, "price:1")
    flush(shard, stage)

    assert told(early) == [("update", "price:1", seq) for seq in (11, 12, 13)]
    assert told(link)[1:] == [("snapshot", "price:1", 13)]
