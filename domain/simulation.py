"""A match gone through again as it was recorded, by the rules of now. Nothing is changed by it.

Source: docs/market.md, "A match gone through again".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .fixture_events import Look
from .halts import Halt, Phase
from .ids import InstrumentIdx
from .instrument import INDEX_PX_MAX, INDEX_PX_MIN
from .match import MatchSnapshot, Score, Team
from .pricing import index_of
from .results import Pair
from .standing import AT_REST, standings
from .tracking import Tracked, observed

_HOME, _AWAY = InstrumentIdx(1), InstrumentIdx(2)  # whoever they are: nothing else is moved
_AT_ONCE_MS = 1  # every step is judged at its look: none is stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a match started from: ratings, the weight of its competition (bps), base prices."""

    rating_lead: int
    weight_bps: int
    bases: Pair


@dataclass(frozen=True, slots=True)
class Step:
    """What both clubs were at one look; indices in 1e-4 coin, *halt* is the feed's."""

    look: Look
    phase: Phase
    indices: Pair
    halt: Halt


def simulated(origin: Origin, looks: Iterable[Look]) -> Iterator[Step]:
    """What *looks*, oldest first, make of both clubs, one after another."""
    tracked: Tracked | None = None
    for look in looks:
        match = _snapshot(look)
        before = tracked or Tracked(
            match=match, home=_HOME, away=_AWAY, weight_bps=origin.weight_bps
        )
        tracked = observed(before, match, look.observed_ms)
        found = standings(tracked, origin.rating_lead, look.observed_ms, _AT_ONCE_MS)
        home, away = (found[idx] if tracked.on else AT_REST for idx in (_HOME, _AWAY))
        offsets = home.offset_bps, away.offset_bps
        yield Step(look, match.phase, _indices(origin.bases, offsets), home.halt)


def _indices(bases: Pair, offsets_bps: tuple[int, int]) -> Pair:
    return Pair(
        *(
            index_of(base_px, offset_bps, INDEX_PX_MIN, INDEX_PX_MAX)
            for base_px, offset_bps in zip(bases, offsets_bps, strict=True)
        )
    )


def _snapshot(look: Look) -> MatchSnapshot:
    kicks = look.penalties or (None, None)
    return MatchSnapshot(
        fixture=0,
        league=0,
        league_name=None,
        round_id=None,
        kickoff_ms=look.observed_ms,
        state=look.state,
        home=Team(_HOME, "", None),
        away=Team(_AWAY, "", None),
        score=Score(*look.goals, *look.reds, *kicks),
        minute=look.minute or 0,
    )
