"""What is left of a match once it is over: who scored, and all it takes to go through it again."""

import pytest
from touchline.domain.fixture_events import FixtureEventKind, fixture_events, named
from touchline.domain.simulation import simulated
from touchline.matchserver.faults import FaultPlan
from touchline.matchserver.lies import Phantom
from touchline.matchserver.matches import make_season

from tests.fakes.stadium import Stadium
from tests.matchserver.match_days import long_final

FINAL = long_final()
HALF_MS = FINAL.periods[1].start_ms
#: A red card and a goal that are taken back.
LIES = (
    Phantom(FINAL.id, HALF_MS + 60_000, HALF_MS + 400_000, "red", "home"),
    Phantom(FINAL.id, HALF_MS + 300_000, HALF_MS + 360_000, "goal", "away"),
)


@pytest.fixture
def played(redis, pg):
    """The final, followed to its result; what both clubs were is noted at every look."""
    stadium = Stadium(redis, pg, make_season("Cup", [FINAL]), 1)
    stadium.server.follow(FaultPlan(lies=LIES))
    stadium.noted = {}
    while not stadium.finished():
        at_ms = stadium.calendar()
        stadium.poll(steps=15)
        home_away = sorted(stadium.hot.instruments(), key=lambda i: i.symbol, reverse=True)
        stadium.noted[at_ms] = tuple(i.index_px for i in home_away)
    stadium.server.stop()
    return stadium


def test_goals_and_cards_have_the_names_the_feed_gives_them(played):
    looks, happenings = played.fixtures.looks(FINAL.id), played.fixtures.happenings(FINAL.id)

    events = named(fixture_events(looks), happenings)

    told = [(e.kind.value, e.side, e.player, e.how) for e in events]
    counted = [each for each in told if each[0].startswith(("goal", "red"))]
    assert counted == [
        ("goal", "home", "A", None),
        ("red_card", "home", None, None),
        ("goal", "away", None, None),
        ("goal_cancelled", "away", None, None),
        ("red_card_cancelled", "home", None, None),
        ("goal", "away", "B", None),
        ("goal", "away", "C", "penalty"),
        ("goal", "home", "D", None),
    ]
    assert sum(e.kind is FixtureEventKind.PENALTY_SCORED for e in events) == 3
    assert [h.undone_ms is not None for h in happenings if h.type.value == "REDCARD"] == [True]


def test_going_through_it_again_comes_to_the_prices_it_had(played):
    on_record = played.fixtures.recorded(FINAL.id)

    steps = list(simulated(on_record.origin, played.fixtures.looks(FINAL.id)))

    assert len(steps) > 12
    assert {step.look.observed_ms: tuple(step.indices) for step in steps} == {
        step.look.observed_ms: played.noted[step.look.observed_ms] for step in steps
    }
    assert steps[-1].indices == on_record.left
