"""The prices actor: when it flushes, whom it sends what, and what a successor makes up for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from gevent import GreenletExit
from touchline.actors.hub.board import Move
from touchline.actors.hub.channels import Channels
from touchline.actors.hub.frames import text_frame
from touchline.actors.hub.messages import BoardMoved, FlushDue
from touchline.actors.hub.prices import Prices
from touchline.actors.hub.replies import update
from touchline.domain.ids import InstrumentIdx, UserId

from tests.fakes.hub import RecordingLink, SlowLink

LIFE = 7


@pytest.fixture
def prices(stage: Any) -> Prices:
    actor = Prices(stage.lobby)
    actor.started()
    return actor


def listening(*indexes: int) -> Channels:
    return Channels(frozenset(map(InstrumentIdx, indexes)))


def move(idx: int, seq: int, **data: str) -> Move:
    frame = text_frame(f'{{"op":"update","channel":"price:{idx}","seq":{seq}}}')
    return Move(LIFE, InstrumentIdx(idx), seq, {"mark": "101.0000", **data}, frame)


def told_to_flush(prices: Prices) -> bool:
    """Whether it has told itself to flush at once; has it done if so."""
    told = bool(prices.actor_inbox.queued())
    while prices.actor_inbox.queued():
        prices.receive(prices.actor_inbox.take()[1])
    return told


def waiting(prices: Prices) -> list[Any]:
    return [timer for timer in prices.timers if timer.message == FlushDue() and timer.live]


def test_flushes_are_planned_only_while_something_waits(prices, stage):
    stage.board.moved(move(1, 11))
    stage.board.moved(move(2, 21))
    prices.receive(BoardMoved())
    prices.receive(BoardMoved())
    assert prices.actor_inbox.queued() == (FlushDue(),)

    assert told_to_flush(prices)
    assert not waiting(prices)
    stage.board.moved(move(1, 12))
    prices.receive(BoardMoved())
    prices.receive(BoardMoved())
    assert len(waiting(prices)) == 1


def test_a_price_after_a_pause_goes_out_at_once_and_the_next_waits_its_turn(prices, stage):
    stage.board.moved(move(1, 11))
    prices.receive(BoardMoved())
    assert told_to_flush(prices)
    stage.clock.advance(0.02)

    stage.board.moved(move(1, 12))
    prices.receive(BoardMoved())

    assert not told_to_flush(prices)
    assert waiting(prices)[0].seconds == pytest.approx(0.01)


def test_a_halt_does_not_wait_and_takes_along_what_does(prices, stage, make_price):
    stage.board.read(LIFE, [make_price(1, 10), make_price(2, 20, status="open")])
    prices.receive(BoardMoved())
    client, link = stage.seat()
    stage.roster.listen(client, listening(1, 2))
    stage.board.moved(move(1, 11))
    prices.receive(BoardMoved())
    assert told_to_flush(prices)
    stage.board.moved(move(1, 12))
    prices.receive(BoardMoved())
    (later,) = waiting(prices)

    stage.board.moved(move(2, 21, status="halted"))
    prices.receive(BoardMoved())

    assert not later.live
    assert told_to_flush(prices)
    stage.board.moved(move(2, 22, status="halted"))  # which is known by now
    prices.receive(BoardMoved())
    assert not told_to_flush(prices)
    assert [message["seq"] for message in link.sent] == [11, 12, 21]


def test_a_flush_that_was_lost_is_planned_again(prices, stage):
    stage.board.moved(move(1, 11))
    prices.receive(BoardMoved())
    prices.actor_inbox.take()  # as an overflow does

    prices.receive(BoardMoved())
    assert not told_to_flush(prices)  # it may be late
    stage.clock.advance(1.1)
    prices.receive(BoardMoved())

    assert told_to_flush(prices)
    assert not stage.board.moves


def test_prices_are_looked_for_unasked_every_second(prices):
    (look,) = prices.timers
    assert (look.message, look.seconds) == (BoardMoved(), 1.0)


def test_it_is_reminded_of_moves_once_until_it_has_heard(prices, stage):
    stage.quotes.moved(move(1, 11))
    stage.quotes.moved(move(2, 21))
    assert stage.prices.told == [BoardMoved()]

    prices.receive(BoardMoved())
    stage.quotes.moved(move(1, 12))

    assert stage.prices.told == [BoardMoved()] * 2


def test_moves_wait_until_clients_are_shown_what_they_follow_on(prices, stage, make_price):
    client, link = stage.seat()
    stage.roster.listen(client, listening(1))
    stage.quotes.read(LIFE, [make_price(1, 15)])
    stage.quotes.moved(move(1, 16))
    prices.receive(FlushDue())  # of a move before
    assert link.sent == []

    prices.receive(BoardMoved())

    assert told_to_flush(prices)
    assert [(m["op"], m["seq"]) for m in link.sent] == [("snapshot", 15), ("update", 16)]


def test_what_is_read_while_older_prices_are_shown_is_shown_behind_them(prices, stage, make_price):
    class ReadMeanwhile(RecordingLink):
        def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
            super().send(frame, supersedes, messages)
            if len(self.sent) == 1:
                stage.quotes.read(LIFE, [make_price(1, 16), make_price(2, 22)])

    client, _ = stage.seat()
    client.link = link = ReadMeanwhile()
    stage.roster.listen(client, Channels(all_prices=True))
    stage.quotes.read(LIFE, [make_price(1, 15), make_price(2, 20)])

    for message in (BoardMoved(), FlushDue(), BoardMoved(), BoardMoved()):
        prices.receive(message)

    assert [(m["channel"], m["seq"]) for m in link.sent] == [
        ("price:1", 15),
        ("price:1", 16),
        ("price:2", 22),
    ]
    assert not stage.board.unsent


def test_no_update_takes_the_place_of_a_snapshot_that_waits_for_a_slow_client(
    prices, stage, make_price
):
    client, _ = stage.seat()
    client.link = link = SlowLink()
    stage.roster.listen(client, Channels(all_prices=True))
    link.slow_down()

    stage.quotes.read(LIFE + 1, [make_price(1, 9), make_price(3, 30)])
    prices.receive(BoardMoved())
    for idx, seq in ((1, 10), (3, 31)):
        frame = update(f"price:{idx}", seq, {"mark": "1"})
        stage.quotes.moved(Move(LIFE + 1, InstrumentIdx(idx), seq, {"mark": "1"}, frame))
    prices.receive(FlushDue())

    link.catch_up()
    assert [(m["op"], m["channel"], m["seq"]) for m in link.sent] == [
        ("snapshot", "price:1", 9),
        ("snapshot", "price:3", 30),
        ("update", "price:1", 10),
        ("update", "price:3", 31),
    ]


class DeadlyLink(RecordingLink):
    """The prices actor dies when it sends something to this client."""

    def send_prices(self, joined: bytes, frames: Mapping[int, bytes]) -> None:
        raise GreenletExit

    def send(self, frame: bytes, supersedes: Iterable[int] = (), messages: int = 1) -> None:
        raise GreenletExit


def test_what_it_died_of_sending_its_successor_shows(prices, stage):
    (client, _), (other, other_link) = stage.seat(), stage.seat(UserId(6))
    client.link, link = DeadlyLink(), client.link
    for each in (client, other):
        stage.roster.listen(each, listening(1))
    stage.board.moved(move(1, 11))

    with pytest.raises(GreenletExit):
        prices.receive(FlushDue())
    assert stage.lobby.floor.under_way is None
    client.link = link
    Prices(stage.lobby).started()

    assert [(m["op"], m["seq"]) for m in link.sent] == [("snapshot", 11)]
    assert other_link.sent[-1]["seq"] == 11
    Prices(stage.lobby).started()
    assert len(link.sent) == 1


def test_what_is_there_no_more_is_not_shown_by_a_successor(prices, stage, make_price):
    client, _ = stage.seat()
    client.link = DeadlyLink()
    stage.roster.listen(client, listening(2))
    stage.board.moved(Move(LIFE, InstrumentIdx(2), 21, {"mark": "1"}, text_frame("{}")))
    with pytest.raises(GreenletExit):
        prices.receive(FlushDue())

    stage.board.read(LIFE + 1, [make_price(1, 10)])

    Prices(stage.lobby).started()
    assert stage.board.unsent == set()


def test_what_it_died_of_showing_its_successor_shows(prices, stage, make_price):
    (client, _), (other, other_link) = stage.seat(), stage.seat(UserId(6))
    client.link, link = DeadlyLink(), client.link
    for each in (client, other):
        stage.roster.listen(each, listening(1))
    stage.quotes.read(LIFE, [make_price(1, 11), make_price(2, 20)])

    with pytest.raises(GreenletExit):
        prices.receive(BoardMoved())
    client.link = link
    Prices(stage.lobby).started()

    assert [m["seq"] for m in link.sent] == [11]
    assert other_link.sent[-1]["seq"] == 11


def test_what_went_out_to_everybody_a_successor_does_not_repeat(prices, stage, make_price):
    client, link = stage.seat()
    stage.roster.listen(client, listening(1))
    stage.quotes.read(LIFE, [make_price(1, 11), make_price(2, 20)])
    prices.receive(BoardMoved())
    stage.quotes.moved(move(1, 12))
    prices.receive(FlushDue())

    Prices(stage.lobby).started()

    assert [m["seq"] for m in link.sent] == [11, 12]
