"""A match as the feed writes it: one fixture object of the Sportmonks v3 API.

Field names and shapes follow the feed's documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from .matches import Match, Season, Side
from .naming import stable_id
from .render_events import events, statistics
from .render_scores import periods, scores
from .states import FINISHED, state_named
from .timeline import Moment

Json = dict[str, Any]
SIDES: tuple[Side, Side] = ("home", "away")

HOW_IT_ENDED = {"FT": "full-time", "AET": "extra-time", "FT_PEN": "penalties"}


def league_id(season: Season) -> int:
    """The number of the league that *season* is played in."""
    return stable_id("league", season.name)


def fixture(season: Season, match: Match, at: Moment, includes: Collection[str]) -> Json:
    """The fixture object of *match* with the *includes* asked for (keys of INCLUDES)."""
    state = state_named(at.state)
    kickoff = datetime.fromtimestamp(at.kickoff_ms / 1000, UTC)
    base: Json = {
        "id": match.id,
        "sport_id": 1,
        "league_id": league_id(season),
        "season_id": stable_id("season", season.name),
        "stage_id": stable_id("stage", season.name),
        "group_id": None,
        "aggregate_id": None,
        "round_id": stable_id("round", season.name, match.round),
        "state_id": state.id,
        "venue_id": match.home.id,
        "name": f"{match.home.name} vs {match.away.name}",
        "starting_at": f"{kickoff:%Y-%m-%d %H:%M:%S}",
        "result_info": _result_info(match, at),
        "leg": "1/1",
        "details": None,
        "length": 120 if len(at.totals) > 2 else 90,
        "placeholder": False,
        "has_odds": False,
        "has_premium_odds": False,
        "starting_at_timestamp": at.kickoff_ms // 1000,
    }
    return base | {
        name: write(season, match, at) for name, write in INCLUDES.items() if name in includes
    }


def _result_info(match: Match, at: Moment) -> str | None:
    if at.state not in FINISHED:
        return None
    winner = _winner(at)
    if winner is None:
        return "Game ended in draw."
    return f"{match.club(winner).name} won after {HOW_IT_ENDED[at.state]}."


def _winner(at: Moment) -> Side | None:
    home, away = at.score if at.shoot_out is None else at.shoot_out
    if home == away:
        return None
    return "home" if home > away else "away"


def _participants(season: Season, match: Match, at: Moment) -> list[Json]:
    finished = at.state in FINISHED
    return [
        {
            "id": match.club(side).id,
            "sport_id": 1,
            "country_id": 462,
            "venue_id": match.club(side).id,
            "gender": "male",
            "name": match.club(side).name,
            "short_code": match.club(side).code,
            "image_path": None,
            "founded": None,
            "type": "domestic",
            "placeholder": False,
            "last_played_at": None,
            "meta": {
                "location": side,
                "winner": _winner(at) == side if finished else None,
                "position": None,
            },
        }
        for side in SIDES
    ]


def _state(season: Season, match: Match, at: Moment) -> Json:
    return state_json(at.state)


def state_json(developer_name: str) -> Json:
    """One entry of the table of states, as `/states` and `include=state` show it."""
    fields = asdict(state_named(developer_name))
    return fields | {"state": developer_name}


def _league(season: Season, match: Match, at: Moment) -> Json:
    return {
        "id": league_id(season),
        "sport_id": 1,
        "country_id": 462,
        "name": season.name,
        "active": True,
        "short_code": None,
        "image_path": None,
        "type": "league",
        "sub_type": "domestic",
        "last_played_at": None,
        "category": 1,
        "has_jerseys": False,
    }


#: What `include=` may ask for.
INCLUDES: Mapping[str, Callable[[Season, Match, Moment], Json | list[Json]]] = {
    "state": _state,
    "league": _league,
    "participants": _participants,
    "scores": scores,
    "periods": periods,
    "events": events,
    "statistics": statistics,
}
