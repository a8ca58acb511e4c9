"""Writes expected-results.csv beside docs/market.md: what a club can expect, in whole numbers.

The exchange does not read it: `domain/expected.py` computes each number when it is needed. It is
for whoever wants to look a number up, or to check another program against ours; a test holds the
two to each other. `python bench/index_table.py` writes it anew.

Source: docs/decisions/0003-expected-result-in-integers.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from touchline.domain.expected import expected_bps

TABLE = Path(__file__).parents[1] / "docs" / "expected-results.csv"

RATING_LEADS = range(-300, 301, 100)  #: home rating minus away rating
MINUTES_LEFT = (95, 90, 80, 70, 60, 50, 40, 30, 20, 15, 10, 5, 2, 0)
RED_CARDS = ((0, 0), (1, 0), (0, 1), (1, 1))  #: home, away
GOAL_LEADS = range(-4, 5)  #: home goals minus away goals


def rows() -> Iterator[tuple[object, ...]]:
    """The head, and a row for each rating lead, cards and minutes left; a column for each lead."""
    leads = [f"{lead:+d}" if lead else "0" for lead in GOAL_LEADS]
    yield "rating_lead", "home_reds", "away_reds", "minutes_left", *leads
    for rating in RATING_LEADS:
        for reds in RED_CARDS:
            for left in MINUTES_LEFT:
                found = (expected_bps(rating, left, lead, *reds) for lead in GOAL_LEADS)
                yield rating, *reds, left, *found


def table() -> str:
    """The whole file."""
    return "".join(",".join(map(str, row)) + "\n" for row in rows())


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
