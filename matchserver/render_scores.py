"""The scores and periods of a fixture object.

Score entries are to be read by `description`: the numbers in `type_id` are not
documented by the feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .matches import Match, PeriodKind, Season, Side
from .schedule import RULES
from .timeline import Moment

Json = dict[str, Any]
SIDES: tuple[Side, Side] = ("home", "away")


@dataclass(frozen=True, slots=True)
class ScoreType:
    """One kind of score entry; `slot` makes the entry's number, the same all through a match."""

    slot: int
    type_id: int
    description: str


#: Running totals. The feed documents no entry for the two halves of extra time apart.
EXTRA_TIME_TOTAL = ScoreType(3, 3, "ET")
TOTALS: Mapping[PeriodKind, ScoreType] = {
    PeriodKind.FIRST_HALF: ScoreType(1, 1, "1ST_HALF"),
    PeriodKind.SECOND_HALF: ScoreType(2, 2, "2ND_HALF"),
    PeriodKind.EXTRA_FIRST: EXTRA_TIME_TOTAL,
    PeriodKind.EXTRA_SECOND: EXTRA_TIME_TOTAL,
}
#: The score after 90 minutes and extra time, never with the kicks of a shoot-out.
CURRENT = ScoreType(0, 1525, "CURRENT")
SHOOT_OUT = ScoreType(4, 5, "PENALTY_SHOOTOUT")

PERIOD_NAMES: Mapping[PeriodKind, str] = {
    PeriodKind.FIRST_HALF: "1st-half",
    PeriodKind.SECOND_HALF: "2nd-half",
    PeriodKind.EXTRA_FIRST: "extra-time-1st-half",
    PeriodKind.EXTRA_SECOND: "extra-time-2nd-half",
    PeriodKind.SHOOT_OUT: "penalties",
}


def scores(season: Season, match: Match, at: Moment) -> list[Json]:
    """Two entries, home and away, for each score known so far; none before kick-off."""
    entries = {TOTALS[kind]: score for kind, score in at.totals}
    if at.periods:
        entries[CURRENT] = at.score
    if at.shoot_out is not None:
        entries[SHOOT_OUT] = at.shoot_out
    return [
        {
            "id": match.id * 1000 + 2 * entry.slot + number,
            "fixture_id": match.id,
            "type_id": entry.type_id,
            "participant_id": match.club(side).id,
            "score": {"goals": score[number], "participant": side},
            "description": entry.description,
        }
        for entry, score in entries.items()
        for number, side in enumerate(SIDES)
    ]


def periods(season: Season, match: Match, at: Moment) -> list[Json]:
    """The periods begun; instants are Unix seconds, `minutes` is the match clock."""
    rendered = []
    for period in at.periods:
        rules = RULES[period.kind]
        ticking = at.now_ms < period.end_ms
        timed = period.kind is not PeriodKind.SHOOT_OUT
        elapsed_s = (min(at.now_ms, period.end_ms) - period.start_ms) // 1000 if timed else 0
        # The board goes up when the regular minutes are over.
        announced = timed and elapsed_s >= rules.length_min * 60
        rendered.append(
            {
                "id": match.id * 1000 + period.kind.value,
                "fixture_id": match.id,
                "type_id": period.kind.value,
                "started": period.start_ms // 1000,
                "ended": None if ticking else period.end_ms // 1000,
                "counts_from": rules.counts_from,
                "ticking": ticking,
                "sort_order": period.kind.value,
                "description": PERIOD_NAMES[period.kind],
                "time_added": period.added_min if announced else None,
                "period_length": rules.length_min,
                "minutes": rules.counts_from + elapsed_s // 60,
                "seconds": elapsed_s % 60,
                "has_timer": timed,
            }
        )
    return rendered
