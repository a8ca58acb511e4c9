"""What happened in a match, by how it looked."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.fixture_events import FixtureEventKind, Look, fixture_events

PAIRS = st.tuples(st.integers(0, 5), st.integers(0, 5))
LOOKS = st.builds(
    Look,
    minute=st.none() | st.integers(0, 120),
    state=st.sampled_from(("NS", "INPLAY_1ST_HALF", "HT", "FT")),
    goals=PAIRS,
    reds=PAIRS,
    penalties=st.none() | PAIRS,
    observed_ms=st.integers(0, 10**12),
)
COUNTED = {
    "goals": (FixtureEventKind.GOAL, FixtureEventKind.GOAL_CANCELLED),
    "reds": (FixtureEventKind.RED_CARD, FixtureEventKind.RED_CARD_CANCELLED),
    "penalties": (FixtureEventKind.PENALTY_SCORED, FixtureEventKind.PENALTY_CANCELLED),
}


def look(
    state: str = "INPLAY_1ST_HALF", goals: tuple[int, int] = (0, 0), reds: tuple[int, int] = (0, 0)
) -> Look:
    return Look(10, state, goals, reds, None, 1)


@given(st.lists(LOOKS, max_size=8))
def test_events_add_up_to_the_last_look(looks: list[Look]) -> None:
    counts = Counter((event.kind, event.side) for event in fixture_events(looks))

    for name, (more, less) in COUNTED.items():
        shown = getattr(looks[-1], name) if looks else None
        for side, number in zip(("home", "away"), shown or (0, 0), strict=True):
            assert counts[more, side] - counts[less, side] == number


@given(st.lists(LOOKS, max_size=8))
def test_events_are_numbered_and_those_of_earlier_looks_stay_as_they_are(looks: list[Look]) -> None:
    events = fixture_events(looks)

    assert [event.number for event in events] == list(range(1, len(events) + 1))
    for known in range(len(looks)):
        before = fixture_events(looks[:known])
        assert events[: len(before)] == before


@given(st.lists(LOOKS, max_size=8))
def test_a_state_is_told_when_it_is_another(looks: list[Look]) -> None:
    states = [
        event.look.state for event in fixture_events(looks) if event.kind is FixtureEventKind.STATE
    ]

    assert all(one != other for one, other in pairwise(states))
    assert states[-1:] == [each.state for each in looks[-1:]]


def test_what_happened_comes_before_the_whistle() -> None:
    looks = [look(), look(goals=(0, 1)), look("HT", (1, 1), (0, 1)), look("HT", (0, 1), (0, 1))]

    assert [(event.kind.value, event.side) for event in fixture_events(looks)] == [
        ("state", None),
        ("goal", "away"),
        ("goal", "home"),
        ("red_card", "away"),
        ("state", None),
        ("goal_cancelled", "home"),
    ]


def test_a_first_look_that_is_late_begins_with_the_state() -> None:
    assert [event.kind.value for event in fixture_events([look(goals=(1, 0))])] == ["state", "goal"]
