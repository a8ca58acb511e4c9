"""Generated seasons: a league of invented clubs, the same for the same seed."""

from __future__ import annotations

from random import Random

from .clubs import CLUBS
from .matches import Club, Match, Season, SeasonError, make_season
from .naming import short_codes, stable_id, stable_ids
from .rounds import double_round_robin, kickoff_of, shuffled
from .simulate import Team, simulate


def generate_season(seed: int, *, clubs: int = 20) -> Season:
    """A double round robin with one round a week from Saturday, 1 August 2026.

    The same *seed* gives the same season to the millisecond, on any machine.

    Args:
        clubs: an even number, 2 … 24; 20 clubs play 380 matches.

    Raises:
        SeasonError: no league can be made of that many clubs.
    """
    if clubs % 2 or not 2 <= clubs <= len(CLUBS):
        raise SeasonError(f"clubs: {clubs} is not an even number 2 … {len(CLUBS)}")
    name = f"Touchline League {seed}"
    rng = Random(f"{name}/clubs")
    teams = shuffled([_team(club, rng) for club in _league(clubs)], rng)
    matches: list[Match] = []
    for round_index, pairings in enumerate(double_round_robin(teams)):
        for slot, (home, away) in enumerate(shuffled(pairings, rng)):
            matches.append(_match(name, round_index, slot, home, away))
    return make_season(name, matches)


def _league(count: int) -> list[Club]:
    names = CLUBS[:count]
    ids, codes = stable_ids("club", CLUBS), short_codes(CLUBS)
    return [Club(ids[name], name, codes[name]) for name in names]


def _team(club: Club, rng: Random) -> Team:
    return Team(club, attack=0.7 + 0.6 * rng.random(), defence=0.8 + 0.4 * rng.random())


def _match(name: str, round_index: int, slot: int, home: Team, away: Team) -> Match:
    identity = f"{name}/{home.club.code}/{away.club.code}"
    return simulate(
        # Numbers follow the order of play, so that no two can meet.
        match_id=stable_id(name) // 1000 * 1000 + round_index * 12 + slot + 1,
        round_name=f"Round {round_index + 1}",
        home=home,
        away=away,
        kickoff_ms=kickoff_of(round_index, slot),
        rng=Random(identity),
    )
