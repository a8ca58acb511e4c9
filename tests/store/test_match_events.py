"""What the feed lists of a match, in Postgres: since when, and until when, it was there."""

from dataclasses import replace

import pytest
from touchline.domain.match_events import EventType, MatchEvent
from touchline.store.fixtures import Fixtures
from touchline.store.matches import Matches

from tests.fakes.matches import ARSENAL, EVERTON, KICKOFF_MS, a_match

LIVE = a_match("INPLAY_1ST_HALF")
T0, T1, T2, T3 = (KICKOFF_MS + minute * 60_000 for minute in range(4))


@pytest.fixture
def matches(pg):
    matches = Matches(pg)
    matches.plan([a_match()], KICKOFF_MS)
    return matches


@pytest.fixture
def happenings(pg):
    return lambda: Fixtures(pg).happenings(500)


def an_event(number, kind=EventType.GOAL, **fields):
    event = MatchEvent(
        id=number,
        type=kind,
        team=ARSENAL.id,
        minute=23,
        extra_minute=None,
        player="Okafor",
        info=None,
        rescinded=False,
    )
    return replace(event, **fields)


def shows(matches, at_ms, *events):
    matches.seen([replace(LIVE, events=events)], at_ms)


def test_who_scored_is_known_from_the_look_that_showed_it(matches, happenings):
    shows(matches, T0)
    shows(matches, T1, an_event(7))
    shows(matches, T2, an_event(7), an_event(8, EventType.RED, team=EVERTON.id, player=None))

    assert [(h.type, h.side, h.player, h.first_seen_ms) for h in happenings()] == [
        (EventType.GOAL, "home", "Okafor", T1),
        (EventType.RED, "away", None, T2),
    ]


def test_what_is_listed_no_more_has_vanished_since_and_what_comes_back_has_not(matches, happenings):
    shows(matches, T0, an_event(7), an_event(8))
    shows(matches, T1, an_event(8))
    assert [h.vanished_ms for h in happenings()] == [T1, None]
    shows(matches, T2, an_event(8))
    assert happenings()[0].vanished_ms == T1

    shows(matches, T3, an_event(7), an_event(8))

    assert [(h.first_seen_ms, h.vanished_ms) for h in happenings()] == [(T0, None)] * 2


def test_a_card_is_rescinded_since_it_was_first_listed_so(matches, happenings):
    shows(matches, T0, an_event(7, EventType.RED))
    shows(matches, T1, an_event(7, EventType.RED, rescinded=True))
    shows(matches, T2, an_event(7, EventType.RED, rescinded=True))
    assert happenings()[0].rescinded_ms == T1

    shows(matches, T3, an_event(7, EventType.RED))

    assert happenings()[0].rescinded_ms is None


def test_what_is_said_of_an_event_later_replaces_what_was_said_before(matches, happenings):
    shows(matches, T0, an_event(7, player=None))

    shows(matches, T1, an_event(7, EventType.OWN_GOAL, player="Saka"))

    assert [(h.type, h.player) for h in happenings()] == [(EventType.OWN_GOAL, "Saka")]


def test_events_of_other_matches_stay(matches, happenings):
    other = a_match("INPLAY_1ST_HALF", fixture=501)
    matches.plan([a_match(fixture=501)], KICKOFF_MS)
    shows(matches, T0, an_event(7))

    matches.seen([other], T1)

    assert happenings()[0].vanished_ms is None
