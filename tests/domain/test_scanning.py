"""Scanning: the first tick that closes a position is found, however the ticks are cut."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.halts import OPEN, Halt
from touchline.domain.ids import InstrumentIdx, UserId
from touchline.domain.positions import (
    CloseReason,
    Direction,
    Position,
    Stops,
    breach,
    crosses,
    followed,
    levels,
)
from touchline.domain.scanning import Course, Cursor, Stretch, advanced, passed
from touchline.domain.ticks import Glance

HALTS = (OPEN, OPEN, OPEN, Halt.EVENT, Halt.CIRCUIT)


def position(side: Direction = Direction.LONG, **changes: object) -> Position:
    """Entered at 100, liquidated 10 away, checked up to tick 10."""
    sign = side.sign
    fields = {
        "id": "p",
        "user": UserId(5),
        "idx": InstrumentIdx(1),
        "side": side,
        "qty_open": 1_000,
        "qty": 1_000,
        "leverage": 5,
        "entry_px": 100,
        "open_value_e4": 100,
        "margin_e4": 20,
        "liquidation_px": 100 - sign * 10,
        "open_tick_id": "1000-10",
        "open_seq": 10,
        "checked_tick_id": "1000-10",
        "checked_seq": 10,
        "opened_ms": 1_000,
    }
    return Position(**fields | changes)


def tick(seq: int, price: int, *, mark: int | None = None, halt: Halt = OPEN) -> Glance:
    """Bid, ask, index and, unless told otherwise, mark at *price*."""
    return Glance(f"1000-{seq}", seq, price, price, price, price if mark is None else mark, halt)


def ticks(*prices: int) -> list[Glance]:
    """One tick a price, from number 11 on."""
    return [tick(11 + n, price) for n, price in enumerate(prices)]


def begun(of: Position) -> Course:
    return Course(of, Cursor(of.checked_tick_id, of.checked_seq))


def over(course: Course, row: list[Glance], cuts: list[int] = ()) -> Course:
    """*course* after *row*, read in stretches that end at *cuts*."""
    ends = [*sorted(cuts), len(row)]
    for begin, end in zip([0, *ends], ends, strict=False):
        course = advanced(course, Stretch(row[begin:end]))
    return course


@st.composite
def positions(draw) -> Position:
    side = draw(st.sampled_from(Direction))
    sign = side.sign
    optional = st.none() | st.integers(1, 12)
    loss, gain, trail = draw(optional), draw(optional), draw(optional)
    return position(
        side,
        stops=Stops(
            None if loss is None else 100 - sign * loss,
            None if gain is None else 100 + sign * gain,
            trail,
        ),
        best_px=None if trail is None else 100,
        warned=draw(st.booleans()),
        liquidation_px=100 - sign * draw(st.integers(4, 20)),
    )


@st.composite
def rows(draw) -> list[Glance]:
    """Ticks from number 11 on, or from 5 on: read for a position that had not seen those."""
    begin = draw(st.sampled_from((5, 11)))
    found = []
    for n in range(draw(st.integers(0, 25))):
        bid = 100 + draw(st.integers(-14, 14))
        mark, halt = 100 + draw(st.integers(-14, 14)), draw(st.sampled_from(HALTS))
        seq = begin + n
        found.append(Glance(f"1000-{seq}", seq, bid, bid, bid + 2, mark, halt))
    return found


def plainly(of: Position, row: list[Glance]) -> tuple[Position, Glance | None]:
    """What the rules say, one tick after the other."""
    for each in row:
        if each.seq <= of.checked_seq:
            continue
        if breach(of, each):
            return of, each
        of = followed(of, each)
    return of, None


@given(positions(), rows(), st.lists(st.integers(0, 25), max_size=4))
def test_a_scan_finds_what_the_rules_say_however_the_ticks_are_cut(of, row, cuts):
    expected, closing = plainly(of, row)

    course = over(begun(of), row, [cut for cut in cuts if cut < len(row)])

    assert course.closing == closing
    assert not course.gap
    assert course.cursor == (expected.checked_tick_id, expected.checked_seq)
    as_left = replace(
        course.position, checked_tick_id=course.cursor.tick_id, checked_seq=course.cursor.seq
    )
    assert as_left == expected


@given(positions(), rows())
def test_a_stretch_knows_its_first_tick_that_crosses_a_level(of, row):
    at = levels(of)

    first = Stretch(row).first(of.side, at)

    assert first == next((n for n, each in enumerate(row) if crosses(of, at, each)), len(row))


@given(positions(), rows())
def test_the_last_tick_followed_to_proves_where_the_trailing_stop_is(of, row):
    course = over(begun(of), row)

    moved = course.position.best_px != of.best_px
    assert moved == (course.follow_tick_id is not None)
    if moved:
        (to,) = [each for each in row if each.id == course.follow_tick_id]
        assert course.position.best_px in (to.bid_px, to.ask_px)
        assert of.checked_seq < to.seq <= course.position.checked_seq


def test_the_first_tick_that_closes_wins_over_a_worse_one_after_it():
    course = over(begun(position(stops=Stops(95))), ticks(99, 95, 80, 120))

    assert course.closing == tick(12, 95)
    assert course.cursor == ("1000-11", 11)


def test_a_tick_missing_before_the_one_that_closes_is_a_gap():
    stopped = begun(position(stops=Stops(95)))

    assert over(stopped, [tick(12, 95)]).gap
    assert over(stopped, [tick(11, 99), tick(13, 95)]).gap
    assert over(stopped, [tick(13, 99)]).gap


def test_a_tick_missing_after_the_one_that_closes_is_none():
    course = over(begun(position(stops=Stops(95))), [tick(11, 95), tick(13, 99)])

    assert course.closing == tick(11, 95)
    assert not course.gap


def test_a_gap_stays_one_in_the_stretches_after_it():
    row = [tick(12, 99), tick(13, 99), tick(14, 95)]

    assert over(begun(position(stops=Stops(95))), row, [1, 2]).gap


def test_a_trailing_stop_is_followed_and_then_met_in_one_stretch():
    trailed = begun(position(stops=Stops(trail_px=10), best_px=100))

    course = over(trailed, ticks(105, 110, 101, 100))

    assert course.closing == tick(14, 100)
    assert (course.position.best_px, course.follow_tick_id) == (110, "1000-12")


def test_a_take_profit_that_was_refused_is_not_tried_again_at_an_index_no_better():
    profit = begun(position(stops=Stops(None, 105)))
    refused = passed(over(profit, ticks(104, 106)), covered=True)

    course = over(refused, ticks(104, 106, 106, 105, 107, 106))

    assert refused.cursor == ("1000-12", 12)
    assert course.closing == tick(15, 107)


def test_a_short_counts_a_lower_index_as_better():
    profit = begun(position(Direction.SHORT, stops=Stops(None, 95)))

    course = over(passed(over(profit, ticks(94)), covered=True), ticks(94, 95, 94, 93))

    assert course.closing == tick(14, 93)


def test_a_refused_take_profit_keeps_no_stop_from_closing():
    profit = begun(position(stops=Stops(95, 105)))
    refused = passed(over(profit, ticks(106)), covered=True)

    course = over(refused, ticks(106, 95))

    assert course.closing == tick(12, 95)
    assert breach(course.position, course.closing).reason is CloseReason.STOP_LOSS


def test_a_refused_take_profit_keeps_no_liquidation_from_closing():
    profit = begun(position(stops=Stops(None, 105)))
    refused = passed(over(profit, ticks(106)), covered=True)

    course = over(refused, [tick(12, 106), tick(13, 106, mark=90)])

    assert course.closing == tick(13, 106, mark=90)


def test_the_tick_of_a_refused_take_profit_still_moves_the_trailing_stop():
    both = begun(position(stops=Stops(None, 105, 10), best_px=100))

    refused = passed(over(both, ticks(106)), covered=True)

    assert (refused.position.best_px, refused.follow_tick_id) == (106, "1000-11")


@pytest.mark.parametrize(("later", "closing"), [((94, 95), 95), ((94, 93, 85, 84), 84)])
def test_what_a_margin_did_not_cover_is_tried_at_a_better_index_or_once_the_house_bears_some(
    later: tuple[int, ...], closing: int
):
    refused = passed(over(begun(position(stops=Stops(95))), ticks(94)), covered=False)

    course = over(refused, ticks(94, *later))

    assert course.closing is not None
    assert course.closing.index_px == closing


def test_what_the_house_would_not_bear_is_tried_again_when_the_index_or_the_mark_has_moved_on():
    refused = passed(over(begun(position()), ticks(80)), covered=False)

    assert over(refused, [tick(12, 80), tick(13, 80, mark=81)]).closing is None
    assert over(refused, [tick(12, 80), tick(13, 80, mark=79)]).closing == tick(13, 80, mark=79)
    assert over(refused, [tick(12, 80), tick(13, 79, mark=80)]).closing == tick(13, 79, mark=80)


def test_there_is_nothing_to_pass_where_nothing_closes():
    with pytest.raises(ValueError, match="nothing"):
        passed(begun(position()), covered=True)
