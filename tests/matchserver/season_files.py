"""The files of matches the tests play: one of our own, and real ones where they are kept."""

import json
from pathlib import Path
from typing import Any

SMALL_CUP = Path(__file__).parent / "data" / "small-cup.json"
#: Real tournaments are not part of the project; some people keep them beside it.
KEPT = Path(__file__).parents[2].parent / "shared" / "data"
FILES = (SMALL_CUP, *sorted(KEPT.glob("*.json")))

Score = tuple[int, int]


def scores_in(path: Path) -> dict[tuple[str, str, str], tuple[Score, Score | None]]:
    """Final score and shoot-out of each (date, home, away), read without our loader."""
    found: dict[tuple[str, str, str], tuple[Score, Score | None]] = {}
    for match in json.loads(path.read_text(encoding="utf-8"))["matches"]:
        score: dict[str, Any] = match["score"]
        home, away = score.get("et", score["ft"])
        kicks = (score["p"][0], score["p"][1]) if "p" in score else None
        found[match["date"], match["team1"], match["team2"]] = (home, away), kicks
    return found
