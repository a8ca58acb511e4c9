"""The price board: what a subscriber sees is one story without gaps and without repeats."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.board import Board, Move, Price
from touchline.domain.ids import InstrumentIdx

from tests.fakes.hub import messages_in

ARS = InstrumentIdx(1)
LIFE = 7


def price(seq: int, mark: str = "100.0000", **data: Any) -> Price:
    return Price(ARS, seq, {"idx": 1, "symbol": "ARS", "mark": mark, **data})


def move(seq: int, mark: str) -> Move:
    return Move(LIFE, ARS, seq, {"mark": mark, "why": "trade"}, b"update %d" % seq)


def test_a_tick_is_sent_with_the_next_flush_and_once():
    board = Board()
    board.read(LIFE, [price(1)])

    assert board.moved(move(2, "101.0000"))

    assert board.flush() == {ARS: b"update 2"}
    assert board.flush() == {}


def test_a_snapshot_shows_what_was_flushed_with_the_members_of_a_snapshot_only():
    board = Board()
    board.read(LIFE, [price(1)])
    board.moved(move(2, "101.0000"))

    (before,) = messages_in(board.snapshot(ARS))
    board.flush()
    (after,) = messages_in(board.snapshot(ARS))

    assert (before["seq"], before["data"]["mark"]) == (1, "100.0000")
    assert (after["seq"], after["data"]) == (2, {"idx": 1, "symbol": "ARS", "mark": "101.0000"})


def test_of_several_ticks_before_a_flush_the_newest_is_sent():
    board = Board()
    board.read(LIFE, [price(1)])
    board.show()
    board.moved(move(2, "101.0000"))
    board.flush()

    board.moved(move(3, "102.0000"))
    board.moved(move(4, "103.0000"))

    assert board.moves
    assert board.flush() == {ARS: b"update 4"}
    assert not board.moves


def test_old_ticks_and_ticks_of_unknown_instruments_are_no_news():
    board = Board()

    assert not board.moved(move(2, "101.0000"))
    board.read(LIFE, [price(2)])
    assert not board.moved(move(2, "101.0000"))
    assert board.moved(move(4, "101.0000"))
    assert not board.moved(move(3, "99.0000"))


def test_reading_what_is_known_already_changes_nothing():
    board = Board()
    board.read(LIFE, [price(1)])
    board.moved(move(2, "101.0000"))

    assert board.read(LIFE, [price(2, "101.0000")]) == []
    assert board.flush() == {ARS: b"update 2"}
    assert board.read(LIFE, [price(2, "101.0000")]) == []


def test_a_lost_tick_shows_when_the_instrument_is_read_again():
    board = Board()
    board.read(LIFE, [price(1)])
    board.moved(move(2, "101.0000"))

    assert board.read(LIFE, [price(5, "104.0000")]) == [ARS]
    assert board.flush() == {}
    assert messages_in(board.snapshot(ARS))[0]["seq"] == 5


def test_a_change_without_a_tick_shows_when_the_instrument_is_read_again():
    board = Board()
    board.read(LIFE, [price(1, phase="scheduled")])

    assert board.read(LIFE, [price(1, phase="live")]) == [ARS]


def test_numbers_that_went_back_are_believed():
    board = Board()
    board.read(LIFE, [price(500)])

    assert board.read(LIFE, [price(3)]) == [ARS]
    assert board.moved(move(4, "99.0000"))


def test_in_another_epoch_everything_is_shown_though_nothing_looks_different():
    board = Board()
    board.read(LIFE, [price(3)])
    assert messages_in(board.snapshot(ARS))[0]["epoch"] == LIFE

    assert board.read(LIFE + 1, [price(3)]) == [ARS]
    (snapshot,) = messages_in(board.snapshot(ARS))
    assert (snapshot["epoch"], snapshot["seq"]) == (LIFE + 1, 3)
    assert board.read(LIFE + 1, [price(3)]) == []


def test_a_tick_of_an_epoch_that_is_over_is_no_news_and_does_not_wait_for_its_flush():
    board = Board()
    board.read(LIFE, [price(3)])
    board.moved(move(4, "99.0000"))

    board.read(LIFE + 1, [price(3)])

    assert not board.moved(move(5, "98.0000"))
    assert not board.moves


def test_a_tick_of_an_epoch_whose_prices_were_not_read_yet_waits_for_them():
    board = Board()
    board.read(LIFE - 1, [price(3)])

    assert not board.moved(move(4, "99.0000"))
    assert board.seq(ARS) == 3


def test_an_instrument_that_an_epoch_does_not_have_is_gone():
    board = Board()
    board.read(LIFE, [price(3)])

    assert board.read(LIFE + 1, []) == []
    assert list(board.known) == []


class Market:
    """Ticks, some of them lost, against a board and what its followers see."""

    def __init__(self) -> None:
        self.board, self.seq = Board(), 1
        self.board.read(LIFE, [price(1, "1")])
        self.followers: list[list[int]] = []

    def tick(self) -> None:
        self.seq += 1
        self.board.moved(move(self.seq, str(self.seq)))

    def lost_tick(self) -> None:
        self.seq += 1

    def flush(self) -> None:
        for frame in self.board.flush().values():
            self._shown(int(frame.split()[1]))

    def read(self) -> None:
        if self.board.read(LIFE, [price(self.seq, str(self.seq))]):
            self._shown(self.board.seq(ARS))

    def follow(self) -> None:
        self.followers.append([self.board.seq(ARS)])

    def _shown(self, seq: int) -> None:
        for seen in self.followers:
            seen.append(seq)


@given(st.lists(st.sampled_from(["tick", "lost_tick", "flush", "read", "follow"]), max_size=60))
def test_whoever_follows_sees_rising_numbers_from_the_snapshot_to_the_newest(steps):
    market = Market()

    for step in steps:
        getattr(market, step)()
    market.read()
    market.flush()

    for seen in market.followers:
        assert seen == sorted(set(seen))
        assert seen[-1] == market.seq
    assert messages_in(market.board.snapshot(ARS))[0]["data"]["mark"] == str(market.seq)
