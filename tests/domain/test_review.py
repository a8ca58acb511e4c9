"""When settled matches are asked for again, and what is made of the answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx
from touchline.domain.results import Pair
from touchline.domain.review import Result, Reviewed, reviewed
from touchline.domain.reviewbook import ReviewBook

from tests.fakes.matches import ARSENAL, EVERTON, FULHAM, HOUR_MS, KICKOFF_MS, a_match

MINUTE_MS, DAY_MS = 60_000, 24 * HOUR_MS
END_MS = KICKOFF_MS + 2 * HOUR_MS
SOON_MS = 10 * MINUTE_MS
WON = Reviewed(
    fixture=500,
    kickoff_ms=KICKOFF_MS,
    teams=Pair(19, 13),
    clubs=(InstrumentIdx(2), InstrumentIdx(1)),
    result=Result("FT", Pair(1, 0)),
    versions=(40, 30),
    asked_ms=END_MS,
)
LATER = replace(WON, fixture=501, clubs=(InstrumentIdx(2), InstrumentIdx(7)), versions=(50, 5))
BEATEN = a_match("FT", 1, 2)


def a_book(*settled: Reviewed, soon_ms: int = SOON_MS) -> ReviewBook:
    book = ReviewBook(soon_ms)
    book.refresh(settled)
    return book


@pytest.mark.parametrize(
    ("after_ms", "asked"),
    [
        (SOON_MS - 1, False),
        (SOON_MS, True),
        (14 * DAY_MS - 2 * HOUR_MS, True),
        (14 * DAY_MS - 2 * HOUR_MS + 1, False),
    ],
)
def test_it_is_asked_for_ten_minutes_after_it_was_settled_and_for_two_weeks(
    after_ms: int, asked: bool
) -> None:
    book = a_book(WON)

    assert book.due(END_MS + after_ms) is asked
    assert book.to_ask(END_MS + after_ms) == ((500,) if asked else ())
    book.asked(book.to_ask(END_MS + after_ms), END_MS + after_ms)
    assert not book.due(END_MS + after_ms)


def test_from_six_hours_after_its_kick_off_on_an_hour_is_between_two_looks() -> None:
    at_ms = KICKOFF_MS + 6 * HOUR_MS
    book = a_book(replace(WON, asked_ms=at_ms))

    assert [book.due(at_ms + ms) for ms in (SOON_MS, HOUR_MS - 1, HOUR_MS)] == [False, False, True]


def test_where_the_calendar_hurries_no_look_comes_sooner_than_its_pace() -> None:
    book = a_book(WON, soon_ms=3 * HOUR_MS)

    assert not book.due(END_MS + 3 * HOUR_MS - 1)
    assert book.due(END_MS + 3 * HOUR_MS)


def test_what_is_doubted_is_asked_for_each_minute_and_before_all_others() -> None:
    many = [replace(WON, fixture=n, asked_ms=0) for n in range(600, 660)]
    book = a_book(*many, WON)
    book.observe([BEATEN], END_MS)

    asked = book.to_ask(END_MS + MINUTE_MS)
    book.asked(asked, END_MS + MINUTE_MS)

    assert (len(asked), asked[0]) == (50, 500)
    assert set(book.to_ask(END_MS + MINUTE_MS)) == {one.fixture for one in many} - set(asked)


def test_an_operators_word_is_not_asked_for_and_not_doubted() -> None:
    book = a_book(replace(WON, ruled=True))
    book.observe([BEATEN], END_MS)

    assert not book.due(END_MS + DAY_MS)
    assert book.doubted() == ()


def test_a_look_at_other_clubs_says_nothing() -> None:
    other = a_match("FT", 0, 4, sides=(EVERTON, FULHAM))

    assert reviewed(WON, other, END_MS) == WON


def test_it_is_wrong_once_the_same_has_been_said_for_two_minutes() -> None:
    book = a_book(WON)
    for ms in (0, MINUTE_MS, 2 * MINUTE_MS):
        assert book.wrong(set()) == ()
        book.observe([BEATEN], END_MS + ms)

    (wrong,) = book.wrong(set())
    assert (wrong.fixture, wrong.said) == (500, BEATEN)
    # The clubs of a match that moves them now wait for its end.
    assert book.wrong({InstrumentIdx(1)}) == ()


def test_what_a_later_result_rests_on_is_doubted_and_halts_nobody() -> None:
    book = a_book(LATER, WON)
    book.observe([BEATEN], END_MS)

    assert book.doubted() == (500,)
    assert book.standings() == {}


def test_what_rests_on_what_goes_by_when_it_came_into_the_prices() -> None:
    # Kicked off later, and settled before the other one was decided at last.
    before = replace(LATER, kickoff_ms=KICKOFF_MS + 3 * DAY_MS, versions=(35, 5))
    book = a_book(before, WON)
    book.observe([BEATEN], END_MS)

    assert set(book.standings()) == {InstrumentIdx(1), InstrumentIdx(2)}


def test_the_last_word_about_two_clubs_halts_both() -> None:
    book = a_book(WON)
    book.observe([BEATEN], END_MS)

    halts = {club: each.halt for club, each in book.standings().items()}

    assert halts == {InstrumentIdx(1): Halt.MATCH_SUSPENDED, InstrumentIdx(2): Halt.MATCH_SUSPENDED}


def test_what_cannot_be_put_right_is_tried_once_for_each_thing_that_is_said() -> None:
    book = a_book(WON)
    for ms in (0, 2 * MINUTE_MS):
        book.observe([BEATEN], END_MS + ms)
    book.put_right(500, done=False)
    book.observe([BEATEN], END_MS + 3 * MINUTE_MS)

    assert book.wrong(set()) == ()
    assert book.doubted() == (500,)
    for ms in (4 * MINUTE_MS, 6 * MINUTE_MS):
        book.observe([a_match("FT", 3, 3)], END_MS + ms)
    assert [one.fixture for one in book.wrong(set())] == [500]


def test_what_was_seen_is_kept_while_the_same_is_on_record() -> None:
    book = a_book(WON)
    book.observe([BEATEN], END_MS)

    book.refresh([replace(WON, asked_ms=0)])
    assert book.doubted() == (500,)
    book.refresh([replace(WON, result=Result("FT", Pair(1, 2)))])
    assert book.doubted() == ()


def test_what_is_hindered_is_asked_for_less_often_and_begins_anew_once_believed() -> None:
    book = a_book(WON)
    for ms in (0, 2 * MINUTE_MS):
        book.observe([BEATEN], END_MS + ms)
    book.put_right(500, done=False)

    assert [book.due(END_MS + ms) for ms in (MINUTE_MS, SOON_MS)] == [False, True]
    book.observe([a_match("FT", 1, 0)], END_MS + 3 * MINUTE_MS)
    for ms in (4 * MINUTE_MS, 6 * MINUTE_MS):
        book.observe([BEATEN], END_MS + ms)
    assert [one.fixture for one in book.wrong(set())] == [500]


def test_the_clubs_are_those_that_the_store_has_now() -> None:
    book = a_book(WON)
    book.observe([BEATEN], END_MS)

    book.refresh([replace(WON, clubs=(InstrumentIdx(4), InstrumentIdx(1)))])

    assert set(book.standings()) == {InstrumentIdx(4), InstrumentIdx(1)}


def test_what_is_doubted_is_asked_for_after_two_weeks_too() -> None:
    book, late_ms = a_book(WON), KICKOFF_MS + 15 * DAY_MS
    book.observe([a_match("AWARDED", 3, 0)], KICKOFF_MS + 13 * DAY_MS)

    assert book.due(late_ms)
    assert book.doubted() == (500,)


def test_the_two_clubs_the_other_way_round_are_doubted_and_never_put_right() -> None:
    book = a_book(WON)
    for minutes in range(9):
        swapped = a_match("FT", 1, 0, sides=(EVERTON, ARSENAL))
        book.observe([swapped], END_MS + minutes * MINUTE_MS)

    assert book.doubted() == (500,)
    assert book.wrong(set()) == ()


def test_clubs_that_are_found_halted_stay_so_until_their_match_is_seen() -> None:
    ruled = replace(LATER, ruled=True, clubs=(InstrumentIdx(8), InstrumentIdx(7)))
    book = a_book(replace(WON, asked_ms=0), ruled)
    book.hold({InstrumentIdx(1), InstrumentIdx(8)})

    assert book.doubted() == (500,)
    assert set(book.standings()) == {InstrumentIdx(1), InstrumentIdx(2)}
    assert book.wrong(set()) == ()
    assert book.to_ask(END_MS)[0] == 500
    book.observe([a_match("FT", 1, 0)], END_MS)
    assert book.doubted() == ()


def test_prices_of_an_act_that_was_broken_off_are_put_back_once_nobody_says_otherwise() -> None:
    broken = replace(WON, broken=True)
    book = a_book(broken)

    assert book.doubted() == (500,)
    assert book.wrong(set()) == ()
    book.observe([a_match("FT", 1, 0)], END_MS)
    assert [one.fixture for one in book.wrong(set())] == [500]
    assert book.wrong({InstrumentIdx(1)}) == ()
    book.put_right(500, done=True)
    assert book.doubted() == ()
    # An operator's word is not asked for.
    assert [one.fixture for one in a_book(replace(broken, ruled=True)).wrong(set())] == [500]


def test_who_begins_to_lead_has_seen_nothing() -> None:
    book = a_book(WON)
    book.observe([BEATEN], END_MS)

    book.begin()
    book.refresh([WON])

    assert book.doubted() == ()
