"""Which match governs a club, and how a fresh reading of the store is taken in."""

from dataclasses import replace

from touchline.domain.halts import Halt
from touchline.domain.ids import InstrumentIdx
from touchline.domain.matchbook import MatchBook
from touchline.domain.tracking import Tracked

from tests.fakes.matches import ARSENAL, EVERTON, FULHAM, HOUR_MS, KICKOFF_MS, LEEDS, a_match

STALE_MS = 10_000
EVENT = Halt.EVENT
IDX = {
    ARSENAL: InstrumentIdx(1),
    EVERTON: InstrumentIdx(2),
    FULHAM: InstrumentIdx(3),
    LEEDS: InstrumentIdx(4),
}
RATINGS = dict.fromkeys((team.id for team in IDX), 1500)


def tracked(match):
    return Tracked(match=match, home=IDX[match.home], away=IDX[match.away], weight_bps=600)


def book_of(*matches):
    book = MatchBook()
    book.refresh(map(tracked, matches), RATINGS)
    return book


EARLIER = a_match("FT", 1, 0, fixture=1)
LATER = a_match(
    "INPLAY_1ST_HALF", fixture=2, kickoff_ms=KICKOFF_MS + HOUR_MS, sides=(FULHAM, ARSENAL)
)


NOW_MS = KICKOFF_MS + 2 * HOUR_MS


def halts(book, now_ms):
    """Clubs that are halted at *now_ms* because of an event."""
    standings = book.standings(now_ms, 2 * STALE_MS)
    return {club for club, idx in IDX.items() if idx in standings and standings[idx].halt & EVENT}


def governing(book):
    return [one.match.fixture for one in book.governing()]


def test_a_club_waits_for_its_earlier_match_to_be_settled():
    book = book_of(LATER, EARLIER)

    assert governing(book) == [1]

    book.settled(next(iter(book.governing())), 8)

    assert governing(book) == [2]


def test_a_match_that_waits_holds_up_what_comes_after_it():
    third = a_match("FT", fixture=3, kickoff_ms=KICKOFF_MS + 9 * HOUR_MS, sides=(FULHAM, LEEDS))
    book = book_of(EARLIER, LATER, third)

    assert governing(book) == [1]


def test_a_club_whose_match_waits_for_another_one_is_halted():
    abandoned = a_match("ABANDONED", fixture=4, kickoff_ms=KICKOFF_MS - 90 * HOUR_MS)
    on = a_match("INPLAY_1ST_HALF", 2, 0, fixture=5, sides=(ARSENAL, LEEDS))
    book = book_of(abandoned, on)
    book.observe([on], KICKOFF_MS)
    book.observe([replace(abandoned, state="AWARDED")], KICKOFF_MS)

    assert governing(book) == [4]
    assert book.standings(KICKOFF_MS, STALE_MS)[IDX[LEEDS]].halt == Halt.MATCH_SUSPENDED


def test_what_came_to_nothing_long_ago_is_not_asked_for_while_its_club_plays():
    abandoned = a_match("ABANDONED", fixture=4, kickoff_ms=KICKOFF_MS - 90 * HOUR_MS)
    planned = a_match("NS", fixture=5, sides=(ARSENAL, LEEDS))
    book = book_of(abandoned, planned)
    assert book.to_ask([planned], KICKOFF_MS - 1) == (4,)

    on = replace(planned, state="INPLAY_1ST_HALF")
    book.observe([on], KICKOFF_MS)

    assert book.to_ask([on], KICKOFF_MS + 2 * HOUR_MS) == ()


def test_planned_and_void_matches_govern_nobody():
    book = book_of(a_match("NS"), replace(LATER, state="POSTPONED"))

    assert governing(book) == []
    assert book.standings(KICKOFF_MS, STALE_MS) == {}


def test_a_settled_result_moves_both_ratings():
    book = book_of(EARLIER, LATER)
    book.settled(next(iter(book.governing())), 8)

    fulham_against_arsenal = next(iter(book.governing()))

    assert book.rating_lead(fulham_against_arsenal) == -8


def test_observing_tells_what_changed_and_ignores_strangers():
    book = book_of(EARLIER)
    corrected = replace(EARLIER, score=replace(EARLIER.score, home=2))

    assert book.observe([EARLIER, LATER], KICKOFF_MS) == ()
    assert [one.match for one in book.observe([corrected], KICKOFF_MS)] == [corrected]


def test_a_refresh_keeps_what_was_seen_of_a_match_that_is_on():
    book = book_of(EARLIER, a_match("NS", fixture=9, kickoff_ms=KICKOFF_MS + HOUR_MS))
    book.observe([EARLIER], KICKOFF_MS + HOUR_MS)

    moved = a_match("NS", fixture=9, kickoff_ms=KICKOFF_MS + 2 * HOUR_MS)
    book.refresh(map(tracked, [moved, EARLIER]), RATINGS)

    assert [one.seen_ms for one in book.governing()] == [KICKOFF_MS + HOUR_MS]
    assert book.to_ask([EARLIER], KICKOFF_MS + HOUR_MS + 1) == ()


def test_a_match_is_asked_for_once_in_a_while():
    book = book_of(a_match("INPLAY_1ST_HALF"))

    assert book.to_ask([], KICKOFF_MS + 60_000) == (500,)
    assert book.to_ask([], KICKOFF_MS + 62_000) == ()
    assert book.to_ask([], KICKOFF_MS + 65_000) == (500,)


def test_clubs_that_are_found_resting_rest_for_ten_seconds_more_and_no_others():
    book = book_of(LATER, a_match("INPLAY_1ST_HALF", fixture=3, sides=(EVERTON, LEEDS)))
    book.observe([LATER, a_match("INPLAY_1ST_HALF", fixture=3, sides=(EVERTON, LEEDS))], NOW_MS)

    book.rest({IDX[FULHAM]}, NOW_MS)

    assert halts(book, NOW_MS + 9_999) == {FULHAM, ARSENAL}
    assert halts(book, NOW_MS + 10_000) == set()
