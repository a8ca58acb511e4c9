"""Fixtures: who plays whom, and how it stands, as was last seen.

Source: docs/protocol.md, "Fixtures".
"""

from dataclasses import dataclass

from .halts import Phase
from .ids import InstrumentIdx

SHOWN_MS = 7 * 86_400_000  #: calendar ms after the kick-off; a match that is not over stays longer


@dataclass(frozen=True, slots=True)
class Club:
    """One side of a fixture."""

    name: str
    symbol: str
    idx: InstrumentIdx


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """A fixture as last seen; instants are calendar ms.

    The score is the running one, after extra time; once ``settled_ms`` is set it is the result.
    ``penalties`` are the kicks scored in a shoot-out, None where there was none.
    """

    id: int
    league: str | None
    round_id: int | None
    kickoff_ms: int
    state: str
    phase: Phase
    minute: int
    home: Club
    away: Club
    score: tuple[int, int]
    penalties: tuple[int, int] | None
    settled_ms: int | None
