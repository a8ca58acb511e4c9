"""What happened in a match, by how it looked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.fixture_events import FixtureEventKind, Look, fixture_events, named
from touchline.domain.match_events import EventType, Happening

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


def line(at_ms: int, player: str, kind: EventType = EventType.GOAL, **more: Any) -> Happening:
    known: dict[str, Any] = {"side": "home", "minute": 9, "vanished_ms": None, "rescinded_ms": None}
    return Happening(type=kind, player=player, first_seen_ms=at_ms, **(known | more))


def at(observed_ms: int, goals: tuple[int, int], reds: tuple[int, int] = (0, 0)) -> Look:
    return replace(look(goals=goals, reds=reds), observed_ms=observed_ms)


def names(looks: list[Look], *lines: Happening) -> list[tuple[str, str | None, str | None]]:
    events = named(fixture_events(looks), lines)
    return [(e.kind.value, e.player, e.how) for e in events if e.kind is not FixtureEventKind.STATE]


def test_a_goal_has_the_name_of_the_line_that_came_with_it() -> None:
    looks = [at(0, (0, 0)), at(60_000, (1, 0)), at(300_000, (2, 1))]

    assert names(
        looks,
        line(60_000, "Abara"),
        line(300_000, "Costa", EventType.PENALTY),
        line(300_000, "Duval", EventType.OWN_GOAL, side="away"),
    ) == [("goal", "Abara", None), ("goal", "Costa", "penalty"), ("goal", "Duval", "own_goal")]


def test_a_line_may_come_a_little_before_or_after_its_goal_but_not_long() -> None:
    looks = [at(0, (0, 0)), at(200_000, (1, 0)), at(900_000, (2, 0))]

    assert names(looks, line(190_000, "Abara"), line(1_020_000, "Costa")) == [
        ("goal", "Abara", None),
        ("goal", "Costa", None),
    ]
    assert names(looks, line(79_999, "Abara"), line(1_020_001, "Costa")) == [
        ("goal", None, None),
        ("goal", None, None),
    ]


def test_a_line_names_one_goal_only() -> None:
    looks = [at(0, (0, 0)), at(60_000, (2, 0))]

    assert names(looks, line(60_000, "Abara")) == [("goal", "Abara", None), ("goal", None, None)]


def test_what_is_taken_back_has_the_name_of_the_line_that_went() -> None:
    looks = [at(0, (0, 0)), at(10_000, (1, 0), (1, 0)), at(500_000, (0, 0))]
    goal = line(10_000, "Abara", vanished_ms=500_000)
    card = line(10_000, "Costa", EventType.SECOND_YELLOW, rescinded_ms=500_000)

    assert names(looks, goal, card) == [
        ("goal", "Abara", None),
        ("red_card", "Costa", "second_yellow"),
        ("goal_cancelled", "Abara", None),
        ("red_card_cancelled", "Costa", "second_yellow"),
    ]
