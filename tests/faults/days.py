"""The matches: some in play, whose clubs the feed halts and frees, and one that is far away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

IN_PLAY = ("Northgate", "Southport")
IDLE = ("Eastfield", "Westham")  #: nothing halts these, whatever the feed does

LEVEL = ("Ashford", "Bexley")  #: none all at half-time
AHEAD = ("Corby", "Dunster")  #: one to none at half-time
LATE = ("Elmham", "Frome")  #: none all in the second half, while the others rest
#: Calendar ms after `LATE` kicked off: the others have their half-time, in which prices rest too.
HALF_TIME_MS = 94 * 60_000
#: And when LATE's away side has scored; the others have half-time for two minutes more.
LATE_GOAL_MS = HALF_TIME_MS + 9 * 60_000 + 30_000


def two_match_days(path: Path) -> Path:
    """Write a season of one match that kicks off now and one in three days."""
    now = datetime.now(UTC)
    lost = {"score": {"ht": [0, 0], "ft": [0, 1]}}
    return _written(path, [_match(IN_PLAY, now, lost), _far_away(now)])


def three_at_a_time(path: Path) -> Path:
    """Write a season of three matches today and one in three days.

    All that happens is a goal of `AHEAD`'s home side in minute 20, one of `LATE`'s away side in
    minute 84, and what is lied about.
    """
    now = datetime.now(UTC)
    earlier = now - timedelta(minutes=45)
    won = {"score": {"ht": [1, 0], "ft": [1, 0]}, "goals1": [{"name": "Swift", "minute": 20}]}
    lost = {"score": {"ht": [0, 0], "ft": [0, 1]}, "goals2": [{"name": "Late", "minute": 84}]}
    level = {"score": {"ht": [0, 0], "ft": [0, 0]}}
    return _written(
        path,
        [
            _match(LEVEL, now, level),
            _match(AHEAD, now, won),
            _match(LATE, earlier, lost),
            _far_away(now),
        ],
    )


def _far_away(now: datetime) -> dict[str, object]:
    return _match(IDLE, now + timedelta(days=3), {"score": {"ht": [0, 0], "ft": [0, 1]}})


def _match(clubs: tuple[str, str], at: datetime, course: dict[str, object]) -> dict[str, object]:
    return {
        "round": "Final",
        "date": at.strftime("%Y-%m-%d"),
        "time": at.strftime("%H:%M"),
        "team1": clubs[0],
        "team2": clubs[1],
        **course,
    }


def _written(path: Path, matches: list[dict[str, object]]) -> Path:
    path.write_text(json.dumps({"name": "Today's Cup", "matches": matches}))
    return path
