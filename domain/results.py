"""What a result comes to, when it is said after the match instead of being seen.

A match that was played out comes to the same by `domain/index.py`, from its last look.
Source: docs/market.md, "Results that operators set".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .index import result_gain, result_offset_bps
from .instrument import INDEX_PX_MAX, INDEX_PX_MIN
from .pricing import index_of


class Pair(NamedTuple):
    """The same of both clubs."""

    home: int
    away: int


@dataclass(frozen=True, slots=True)
class Start:
    """What a match started from: the home side's expected result (bps), both base prices."""

    kickoff_bps: int
    bases: Pair


def bases_after(start: Start, weight_bps: int, goals: Pair | None) -> Pair:
    """The base prices after a result; without *goals* it is void, and they are as before."""
    if goals is None:
        return start.bases
    offset_bps = result_offset_bps(weight_bps, start.kickoff_bps, goals.home - goals.away)
    home_px, away_px = start.bases
    return Pair(
        index_of(home_px, offset_bps, INDEX_PX_MIN, INDEX_PX_MAX),
        index_of(away_px, -offset_bps, INDEX_PX_MIN, INDEX_PX_MAX),
    )


def points_between(start: Start, before: Pair | None, after: Pair | None) -> int:
    """What the home club gains, and the away club loses, when the result *before* becomes *after*.

    None is no result, or a void one.
    """
    return _points(start, after) - _points(start, before)


def _points(start: Start, goals: Pair | None) -> int:
    return 0 if goals is None else result_gain(start.kickoff_bps, goals.home - goals.away)
