"""The tape: every tick in its order, and no gap that is not told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.actors.hub.board import Board, Move, Price
from touchline.actors.hub.tape import News, Tape
from touchline.domain.ids import InstrumentIdx

from tests.fakes.hub import messages_in

ARS, EVE = InstrumentIdx(1), InstrumentIdx(2)
LIFE = 7


def price(seq: int, idx: InstrumentIdx = ARS, **data: Any) -> Price:
    return Price(idx, seq, {"idx": idx, "mark": str(seq), **data})


def move(seq: int, idx: InstrumentIdx = ARS, epoch: int = LIFE) -> Move:
    return Move(epoch, idx, seq, {"mark": str(seq), "why": "trade"}, b"update %d" % seq)


@pytest.fixture
def board() -> Board:
    board = Board()
    board.read(LIFE, [price(1), price(1, EVE)])
    return board


@pytest.fixture
def tape(board: Board) -> Tape:
    tape = Tape()
    tape.start(board)
    return tape


def taken(tape: Tape) -> list[Any]:
    """What waited: updates by instrument and number, and of what is shown the instrument, how."""
    return [seen(each) for each in tape.take()]


def seen(news: News) -> tuple[int, Any]:
    if news.frames.startswith(b"update"):
        assert news.messages == 1
        return news.idx, int(news.frames.split()[1])
    *gap, snapshot = messages_in(news.frames)
    assert news.messages == 1 + len(gap)
    return news.idx, ("gap" if gap else "shown", snapshot["seq"])


def shown(tape: Tape) -> tuple[int, int, str]:
    (snapshot,) = messages_in(tape.snapshot(ARS))
    return snapshot["epoch"], snapshot["seq"], snapshot["data"]["mark"]


def test_every_tick_is_kept_in_the_order_of_all_instruments(tape):
    for each in (move(2), move(2, EVE), move(3), move(4), move(3, EVE)):
        tape.moved(each)

    assert taken(tape) == [(1, 2), (2, 2), (1, 3), (1, 4), (2, 3)]
    assert not tape.waits


def test_it_starts_where_the_board_is_with_all_that_waits_there(board):
    board.moved(move(2))
    board.moved(move(3))
    tape = Tape()

    tape.start(board)

    assert shown(tape) == (LIFE, 3, "3")
    tape.moved(move(3))
    assert taken(tape) == []
    tape.moved(move(4))
    assert taken(tape) == [(1, 4)]


def test_one_that_runs_goes_on_where_it_is(tape, board):
    board.read(LIFE, [price(9)])

    tape.start(board)

    assert shown(tape) == (LIFE, 1, "1")


def test_a_gap_is_noticed_once_and_closed_by_the_tick_behind_it(tape):
    tape.moved(move(2))

    tape.moved(move(4))

    assert shown(tape) == (LIFE, 4, "4")
    assert taken(tape) == [(1, 2), (1, ("gap", 4))]
    tape.moved(move(5))
    tape.moved(move(3))
    assert taken(tape) == [(1, 5)]


def test_ticks_of_another_epoch_and_of_unknown_instruments_are_no_news(tape):
    tape.moved(move(5, epoch=LIFE + 1))
    tape.moved(move(5, InstrumentIdx(9)))

    assert taken(tape) == []
    assert tape.seq(ARS) == 1


def test_what_is_read_ahead_of_ticks_on_their_way_is_no_gap(tape):
    tape.read(LIFE, [price(3)])
    assert taken(tape) == []
    tape.moved(move(2))
    tape.moved(move(3))
    assert taken(tape) == [(1, 2), (1, 3)]

    tape.read(LIFE, [price(4)])
    assert taken(tape) == []
    tape.moved(move(4))
    tape.read(LIFE, [price(5)])
    assert taken(tape) == [(1, 4)]


def test_what_has_not_come_by_the_next_reading_is_lost(tape):
    tape.read(LIFE, [price(3)])
    tape.moved(move(2))
    tape.take()

    tape.read(LIFE, [price(6)])

    assert taken(tape) == [(1, ("gap", 6))]
    assert shown(tape) == (LIFE, 6, "6")
    tape.moved(move(6))
    tape.moved(move(7))
    assert taken(tape) == [(1, 7)]
    tape.read(LIFE, [price(7)])
    assert taken(tape) == []


def test_over_a_new_link_what_is_ahead_is_lost_at_once(tape):
    tape.read(LIFE, [price(3), price(1, EVE)], certain=True)

    assert taken(tape) == [(1, ("gap", 3))]


def test_a_change_without_a_tick_and_a_new_instrument_are_shown(tape):
    new = price(4, InstrumentIdx(3))

    tape.read(LIFE, [price(1, phase="live"), price(1, EVE), new])

    assert taken(tape) == [(1, ("shown", 1)), (3, ("shown", 4))]
    assert messages_in(tape.snapshot(ARS))[0]["data"]["phase"] == "live"


def test_another_epoch_changes_everything(tape):
    tape.read(LIFE, [price(3)])  # ahead, in an epoch that ends

    tape.read(LIFE + 1, [price(2), price(1, EVE)])

    assert taken(tape) == [(1, ("shown", 2)), (2, ("shown", 1))]
    assert shown(tape) == (LIFE + 1, 2, "2")
    tape.read(LIFE + 1, [price(3), price(1, EVE)])
    assert taken(tape) == []
    tape.moved(move(4, epoch=LIFE + 1))
    assert taken(tape) == [(1, ("gap", 4))]


def test_one_that_stops_forgets_what_waits(tape, board):
    tape.moved(move(2))

    tape.stop()
    tape.start(board)

    assert taken(tape) == []
    assert shown(tape) == (LIFE, 1, "1")


class Market:
    """Ticks on their way to a tape, some of which are lost, and a client that listens."""

    def __init__(self) -> None:
        board = Board()
        board.read(LIFE, [price(1)])
        self.tape, self.seq, self.coming = Tape(), 1, list[int]()
        self.tape.start(board)
        self.seen: list[int | str] = [1]

    def tick(self) -> None:
        self.seq += 1
        self.coming.append(self.seq)

    def lose(self) -> None:
        if self.coming:
            self.coming.pop(0)

    def arrive(self) -> None:
        if self.coming:
            self.tape.moved(move(self.coming.pop(0)))

    def flush(self) -> None:
        for _, what in taken(self.tape):
            self.seen += what if isinstance(what, tuple) else (what,)

    def read(self, *, certain: bool = False) -> None:
        self.tape.read(LIFE, [price(self.seq)], certain=certain)

    def relink(self) -> None:
        """What was on its way is lost."""
        self.coming.clear()
        self.read(certain=True)


STEPS = ["tick", "tick", "tick", "lose", "arrive", "arrive", "arrive", "flush", "read", "relink"]


@given(st.lists(st.sampled_from(STEPS), max_size=80))
def test_whoever_listens_sees_every_number_or_is_told_of_the_gap(steps):
    market = Market()

    for step in steps:
        getattr(market, step)()
    while market.coming:
        market.arrive()
    market.read()
    market.read()
    market.flush()

    seen, last = market.seen, 0
    for before, each in zip(["gap", *seen], seen, strict=False):
        if each != "gap":
            assert isinstance(each, int)
            assert each > last if before == "gap" else each == last + 1
            last = each
    assert last == market.seq
