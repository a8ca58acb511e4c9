"""The matches: one in play, whose clubs the feed halts and frees, and one that is far away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

IN_PLAY = ("Northgate", "Southport")
IDLE = ("Eastfield", "Westham")  #: nothing halts these, whatever the feed does


def two_match_days(path: Path) -> Path:
    """Write a season of one match that kicks off now and one in three days."""
    now = datetime.now(UTC)
    matches = [_match(IN_PLAY, now), _match(IDLE, now + timedelta(days=3))]
    path.write_text(json.dumps({"name": "Today's Cup", "matches": matches}))
    return path


def _match(clubs: tuple[str, str], at: datetime) -> dict[str, object]:
    return {
        "round": "Final",
        "date": at.strftime("%Y-%m-%d"),
        "time": at.strftime("%H:%M"),
        "team1": clubs[0],
        "team2": clubs[1],
        "score": {"ht": [0, 0], "ft": [0, 1]},
    }
