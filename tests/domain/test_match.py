"""What the feed's states mean for trading, and how much of a match is left."""

import pytest
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.domain.match import minutes_left, phase_of, state_halt

from tests.fakes.matches import a_match

PHASES = {
    Phase.SCHEDULED: "NS TBA PENDING DELAYED",
    Phase.LIVE: "INPLAY_1ST_HALF INPLAY_2ND_HALF INPLAY_ET EXTRA_TIME_BREAK INPLAY_ET_2ND_HALF",
    Phase.BREAK: "HT BREAK",
    Phase.SHOOTOUT: "PEN_BREAK INPLAY_PENALTIES",
    Phase.FINISHED: "FT AET FT_PEN WO AWARDED",
    Phase.SUSPENDED: "SUSPENDED INTERRUPTED AU",
    Phase.VOID: "ABANDONED POSTPONED CANCELLED DELETED",
}


@pytest.mark.parametrize(
    ("state", "phase"),
    [(state, phase) for phase, names in PHASES.items() for state in names.split()],
)
def test_every_state_of_the_feed_has_its_phase(state, phase):
    assert phase_of(state) is phase


@pytest.mark.parametrize("state", ["", "UNKNOWN", "ft", "HALF_TIME_SHOW"])
def test_a_state_we_do_not_know_suspends_trading(state):
    assert phase_of(state) is Phase.SUSPENDED
    assert state_halt(a_match(state)) == Halt.MATCH_SUSPENDED


@pytest.mark.parametrize("state", ["WO", "AWARDED"])
def test_a_match_decided_off_the_pitch_stays_halted_and_has_no_result(state):
    match = a_match(state, 3, 0)

    assert state_halt(match) == Halt.MATCH_SUSPENDED
    assert not match.played_out


@pytest.mark.parametrize("state", ["NS", "INPLAY_1ST_HALF", "HT", "BREAK", "INPLAY_ET", "FT"])
def test_an_ordinary_state_halts_nothing(state):
    assert state_halt(a_match(state)) == OPEN


@pytest.mark.parametrize(
    ("state", "minute", "left"),
    [
        ("NS", 0, 95),
        ("INPLAY_1ST_HALF", 0, 95),
        ("INPLAY_1ST_HALF", 30, 65),
        ("INPLAY_1ST_HALF", 49, 50),  # stoppage time is not taken from the second half
        ("HT", 49, 50),
        ("INPLAY_2ND_HALF", 0, 50),  # the clock of the new period is not set yet
        ("INPLAY_2ND_HALF", 45, 50),
        ("INPLAY_2ND_HALF", 80, 15),
        ("INPLAY_2ND_HALF", 99, 0),
        ("BREAK", 96, 30),
        ("INPLAY_ET", 90, 30),
        ("EXTRA_TIME_BREAK", 106, 14),
        ("INPLAY_ET_2ND_HALF", 124, 0),
        ("PEN_BREAK", 124, 0),
        ("INPLAY_PENALTIES", 120, 0),
        ("FT", 94, 0),
        ("AET", 120, 0),
        ("SUSPENDED", 60, 35),
        ("ABANDONED", 60, 0),
    ],
)
def test_the_time_left_follows_state_and_clock(state, minute, left):
    assert minutes_left(a_match(state, minute=minute)) == left
