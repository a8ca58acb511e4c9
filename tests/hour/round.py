"""A match day and the day after it: one round of a generated season, after which nothing follows.

In a whole season the calendar would jump to the next week a moment after the last whistle.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from touchline.matchserver.matches import GOALS, Match
from touchline.matchserver.season import generate_season

MATCHES = 10


def one_round(path: Path, seed: int) -> Path:
    """Write the first round of the season of *seed* for `touchline up --matches`."""
    matches = [_match(match) for match in generate_season(seed).matches[:MATCHES]]
    path.write_text(json.dumps({"name": f"Round of {seed}", "matches": matches}))
    return path


def _match(match: Match) -> dict[str, object]:
    at = datetime.fromtimestamp(match.kickoff_ms / 1000, UTC)
    goals = Counter(goal.side for goal in match.incidents if goal.kind in GOALS)
    return {
        "round": match.round,
        "date": at.strftime("%Y-%m-%d"),
        "time": at.strftime("%H:%M"),
        "team1": match.home.name,
        "team2": match.away.name,
        "score": {"ft": [goals["home"], goals["away"]]},
    }
