"""Every state of the feed from its wire to the halts of both clubs, and what nobody can see."""

from dataclasses import replace

import pytest
from touchline.domain.halts import OPEN, Halt, Phase
from touchline.matchserver.faults import FaultPlan, RequestFault
from touchline.matchserver.lies import FalseState
from touchline.matchserver.matches import make_season
from touchline.matchserver.states import STATES
from touchline.store.outage import FeedUnavailable

from tests.fakes.matchday import BASE_PX, Exchange
from tests.fakes.matches import KICKOFF_MS, a_match
from tests.fakes.stadium import Stadium
from tests.matchserver.match_days import long_final

SUSPENDED = Halt.MATCH_SUSPENDED
FINAL = long_final()
AHEAD_MS = FINAL.periods[0].start_ms + 20 * 60_000  #: 1-0 since the 10th minute

#: What a match that is 1-0 comes to by its state: phase and halts; None: its clubs are at rest.
TABLE = {
    "NS": None,
    "TBA": None,
    "PENDING": None,
    "DELAYED": None,
    "INPLAY_1ST_HALF": (Phase.LIVE, OPEN),
    "HT": (Phase.BREAK, OPEN),
    "INPLAY_2ND_HALF": (Phase.LIVE, OPEN),
    "BREAK": (Phase.BREAK, OPEN),
    "INPLAY_ET": (Phase.LIVE, OPEN),
    "EXTRA_TIME_BREAK": (Phase.LIVE, OPEN),
    "INPLAY_ET_2ND_HALF": (Phase.LIVE, OPEN),
    "PEN_BREAK": (Phase.SHOOTOUT, SUSPENDED),
    "INPLAY_PENALTIES": (Phase.SHOOTOUT, SUSPENDED),
    "FT": (Phase.FINISHED, SUSPENDED),  # until its result is committed
    "AET": (Phase.FINISHED, SUSPENDED),
    "FT_PEN": (Phase.FINISHED, SUSPENDED),
    "WO": (Phase.FINISHED, SUSPENDED),
    "AWARDED": (Phase.FINISHED, SUSPENDED),
    "SUSPENDED": (Phase.SUSPENDED, SUSPENDED),
    "INTERRUPTED": (Phase.SUSPENDED, SUSPENDED),
    "AU": (Phase.SUSPENDED, SUSPENDED),
    "ABANDONED": None,
    "POSTPONED": None,
    "CANCELLED": None,
    "DELETED": None,
    "ROOF_CLOSED": (Phase.SUSPENDED, SUSPENDED),  # nobody knows it
    "": (Phase.SUSPENDED, SUSPENDED),
}


def test_the_table_has_every_state_that_the_feed_documents():
    assert {state.developer_name for state in STATES} <= TABLE.keys()


@pytest.fixture
def stadium(redis, pg):
    """The final in its 20th minute, at 1-0, followed from before its kick-off."""
    stadium = Stadium(redis, pg, make_season("Cup", [FINAL]), 1)
    stadium.poll()
    stadium.calendar.advance_to(AHEAD_MS)
    stadium.poll(steps=6)
    yield stadium
    stadium.server.stop()


def says(stadium, state):
    """The feed gives the match this state from now on; two polls later trading has rested."""
    lie = FalseState(FINAL.id, 0, FINAL.final_whistle_ms, state)
    stadium.server.follow(FaultPlan(lies=(lie,)))
    stadium.poll(steps=6)
    stadium.poll()


@pytest.mark.parametrize("state", TABLE)
def test_a_state_on_the_wire_comes_to_its_phase_and_halts(stadium, state):
    leading = {i.index_px for i in stadium.hot.instruments()}

    says(stadium, state)

    instruments = stadium.hot.instruments()
    found = {(i.phase, i.halt) for i in instruments}
    if TABLE[state] is None:
        assert found == {(Phase.SCHEDULED, OPEN)}
        assert {i.index_px for i in instruments} == {BASE_PX}
    else:
        assert found == {TABLE[state]}
        assert BASE_PX not in {i.index_px for i in instruments}
    assert BASE_PX not in leading


@pytest.mark.parametrize("state", TABLE)
def test_whatever_the_state_was_the_next_one_counts(stadium, state):
    before = stadium.hot.instruments()
    says(stadium, state)
    stadium.server.follow(FaultPlan())

    stadium.poll(steps=31)
    stadium.poll(steps=6)
    stadium.poll()

    for was, now in zip(before, stadium.hot.instruments(), strict=True):
        assert (now.phase, now.halt) == (Phase.LIVE, OPEN)
        assert abs(now.index_px - was.index_px) < 2_000  # two minutes of a lead


@pytest.fixture
def exchange(redis, pg):
    return Exchange(redis, pg).start()


def halts(exchange):
    return {exchange.arsenal.halt, exchange.everton.halt}


@pytest.mark.parametrize("state", ["ROOF_CLOSED", "SUSPENDED", "AWARDED", "WO"])
def test_a_match_that_is_halted_without_a_score_keeps_the_one_it_had(exchange, state):
    exchange.poll(a_match("INPLAY_2ND_HALF", 1, 0, minute=60))
    exchange.poll(after_s=10)
    ahead_px = exchange.arsenal.index_px

    exchange.poll(a_match(state, scored=False))

    assert halts(exchange) == {SUSPENDED}
    assert exchange.arsenal.index_px == ahead_px or state in ("AWARDED", "WO")
    assert exchange.fixtures.fixture(500).score == (1, 0)


RUNNING = a_match("INPLAY_1ST_HALF", minute=30, ticking=True)


def test_clubs_rest_while_the_feed_repeats_an_old_answer(exchange):
    for _ in range(50):
        exchange.poll(RUNNING)
        assert halts(exchange) == {OPEN}
    exchange.poll()

    assert halts(exchange) == {Halt.FEED_STALE}
    ailing = "the feed repeats an old answer about 500"
    assert exchange.scheduler.detail()["ailing"] == ailing
    assert exchange.meter.doubts["still"] == 1

    exchange.poll(replace(RUNNING, minute=32))
    assert halts(exchange) == {OPEN}
    assert exchange.scheduler.detail()["ailing"] == ""
    assert exchange.meter.doubts["still"] == 0


def test_an_old_answer_over_http_halts_and_the_first_new_one_resumes(stadium):
    stadium.server.follow(FaultPlan(requests=(RequestFault("freeze", times=None),)))
    for _ in range(44):  # the last true answer was 12 s before
        stadium.poll()
    assert {i.halt for i in stadium.hot.instruments()} == {OPEN}
    stadium.poll()
    assert {i.halt for i in stadium.hot.instruments()} == {Halt.FEED_STALE}
    assert stadium.hot.feed_health()["state"] == "ok"  # it has answered in time all along

    stadium.server.follow(FaultPlan())
    stadium.poll()

    assert {i.halt for i in stadium.hot.instruments()} == {OPEN}


def test_clubs_rest_if_nobody_can_see_whether_their_match_has_begun(exchange):
    exchange.feed.down = FeedUnavailable("HTTP 500")
    exchange.poll(after_s=67)
    assert halts(exchange) == {OPEN}

    exchange.poll(after_s=1)
    assert halts(exchange) == {Halt.FEED_STALE}

    exchange.feed.down = None
    exchange.poll(a_match("INPLAY_1ST_HALF"), after_s=8)
    assert halts(exchange) == {OPEN}


def test_clubs_rest_if_the_feed_no_longer_knows_a_match_that_should_have_begun(exchange):
    del exchange.feed.matches[500]

    for _ in range(40):
        exchange.poll()

    assert halts(exchange) == {Halt.FEED_STALE}


def test_a_match_that_is_late_is_open_for_as_long_as_the_feed_says_so(exchange):
    for _ in range(150):
        exchange.poll(a_match("DELAYED"))
        assert halts(exchange) == {OPEN}


def test_a_match_nobody_has_seen_for_six_hours_is_not_being_played(exchange):
    del exchange.feed.matches[500]
    exchange.poll(after_s=6 * 3_600 - 2)
    assert halts(exchange) == {Halt.FEED_STALE}

    exchange.poll(after_s=4)

    assert halts(exchange) == {OPEN}


def test_a_listing_that_comes_again_does_not_hide_that_a_match_is_late(exchange):
    exchange.poll(a_match("DELAYED"), after_s=7_198)
    assert exchange.feed.asked.count("list") == 2

    exchange.poll()

    assert halts(exchange) == {OPEN}
    assert exchange.clock.calendar() > KICKOFF_MS
