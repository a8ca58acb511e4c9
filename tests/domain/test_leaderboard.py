"""Weeks of the calendar, scores, and the order of those who have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touchline.domain.leaderboard import (
    SHOWN,
    Board,
    Entrants,
    Leaderboard,
    Opening,
    Player,
    Ranked,
    Week,
    around,
    boards_of,
    leaderboard_view,
    place_of,
    ranked,
    score_e4,
    shown,
    week_named,
    week_of,
)

INSTANTS = st.integers(0, 4_102_444_800_000)  #: to the end of the century
AMOUNTS = st.integers(0, 9_000_000_000_000_000)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "name", "starts"),
    [
        ("2026-10-24T14:58:20", "2026-W43", "2026-10-19"),
        ("2026-10-26", "2026-W44", "2026-10-26"),
        ("2027-01-03T23:59:59", "2026-W53", "2026-12-28"),
        ("2027-01-04", "2027-W01", "2027-01-04"),
        ("2024-12-30", "2025-W01", "2024-12-30"),
    ],
)
def test_weeks_are_those_of_iso_8601(at, name, starts):
    assert week_of(ms(at)) == Week(name, ms(starts))


def test_a_week_begins_with_the_first_millisecond_of_monday():
    monday = ms("2026-10-26")

    assert week_of(monday - 1).ends_ms == week_of(monday).starts_ms == monday


@given(INSTANTS)
def test_every_instant_lies_in_the_week_that_is_named_after_its_date(at_ms):
    week = week_of(at_ms)

    assert week.starts_ms <= at_ms < week.ends_ms
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    assert week.name == day.strftime("%G-W%V")
    assert week_of(week.starts_ms) == week_of(week.ends_ms - 1) == week


@given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_what_is_given_is_no_gain_and_what_is_gained_counts_once(equity, opening, given_e4, more):
    start = Opening(opening, given_e4)

    score = score_e4(equity, start)

    assert score_e4(equity + more, Opening(opening, given_e4 + more)) == score
    assert score_e4(equity + more, start) == score + more
    assert score_e4(opening + given_e4, start) == 0


@st.composite
def scored(draw):
    """Players of different ids, who share few scores and few moments of sign-in."""
    users = draw(st.lists(st.integers(1, 500), unique=True, max_size=80))
    players = [Player(user, f"u{user}", draw(st.integers(1, 3))) for user in users]
    return players, {user: draw(st.integers(-3, 3)) for user in users}


@given(scored(), st.randoms())
def test_everybody_has_one_place_and_nobody_is_above_a_better_one(field, random):
    players, scores = field

    ranks = ranked(players, scores)

    assert [each.rank for each in ranks] == list(range(1, len(players) + 1))
    assert {(each.user, each.score_e4) for each in ranks} == set(scores.items())
    made = {each.user: each.created_ms for each in players}
    for above, below in pairwise(ranks):
        assert above.score_e4 >= below.score_e4
        if above.score_e4 == below.score_e4:
            assert (made[above.user], above.user) < (made[below.user], below.user)
    assert ranked(random.sample(players, len(players)), scores) == ranks


@given(scored(), st.data())
def test_bots_and_people_are_ranked_apart_and_everybody_somewhere(field, data):
    kinds = st.sampled_from(Entrants)
    players = [replace(each, entrants=data.draw(kinds)) for each in field[0]]

    boards = boards_of(None, players, field[1])

    assert boards.keys() == {Board(None, Entrants.PEOPLE), Board(None, Entrants.BOTS)}
    for board, ranks in boards.items():
        own = [each for each in players if each.entrants is board.entrants]
        assert ranks == ranked(own, field[1])


def test_only_the_first_places_are_shown_but_all_are_counted():
    week = week_of(ms("2026-10-24"))
    players = [Player(user, f"u{user}", 0) for user in range(1, SHOWN + 8)]
    ranks = ranked(players, {each.user: each.user for each in players})

    board = shown(week, ranks)

    assert board == Leaderboard("2026-W43", ms("2026-10-26"), SHOWN + 7, ranks[:SHOWN])
    assert board.ranks[0].user == SHOWN + 7


def test_a_board_is_shown_in_coins_and_in_the_words_of_the_protocol():
    board = Leaderboard("2026-W43", ms("2026-10-26"), 2, (Ranked(1, 9, "Ann", -1_234_567),))

    assert leaderboard_view(board) == {
        "week": "2026-W43",
        "ends_at": "2026-10-26T00:00:00.000Z",
        "players": 2,
        "ranks": [{"rank": 1, "user_id": 9, "display_name": "Ann", "score": "-123.4567"}],
    }


@given(INSTANTS)
def test_a_week_is_found_by_its_name(at_ms):
    week = week_of(at_ms)

    assert week_named(week.name) == week


@pytest.mark.parametrize(
    "name",
    [
        "2026-W00",
        "2026-W54",
        "2025-W53",
        "2026W43",
        "2026-W4",
        "0001-W01",
        "9999-W52",
        "",
        "２026-W43",
    ],
)
def test_what_names_no_week_is_none(name):
    assert week_named(name) is None


def board(players):
    return tuple(Ranked(rank, rank + 100, "x", -rank) for rank in range(1, players + 1))


@given(st.integers(1, 40), st.integers(1, 50), st.data())
def test_places_around_somebody_have_theirs_in_the_middle(players, limit, data):
    ranks = board(players)
    user = data.draw(st.integers(101, 100 + players))

    found = around(ranks, user, limit)

    assert len(found) == min(limit, players)
    first = found[0].rank
    assert found == ranks[first - 1 : first - 1 + len(found)]
    above = place_of(found, user).rank - first
    below = len(found) - 1 - above
    assert abs(above - below) <= 1 or found[0].rank == 1 or found[-1].rank == players


def test_nobody_is_around_who_is_not_there():
    assert around(board(9), 7, 3) == ()
    assert place_of(board(9), 7) is None
