"""A fixture for tests of what is told of fixtures."""

from typing import Any

from touchline.domain.fixtures import Club, Fixture
from touchline.domain.halts import Phase
from touchline.domain.ids import InstrumentIdx


def a_fixture(fixture_id: int, **changes: Any) -> Fixture:
    """Arsenal against Everton under way, or whatever differs from it."""
    fields: dict[str, Any] = {
        "id": fixture_id,
        "league": "Premier League",
        "round_id": 1,
        "kickoff_ms": 1_790_000_000_000,
        "state": "INPLAY_1ST_HALF",
        "phase": Phase.LIVE,
        "minute": 11,
        "home": Club("Arsenal", "ARS", InstrumentIdx(2)),
        "away": Club("Everton", "EVE", InstrumentIdx(1)),
        "score": (0, 0),
        "penalties": None,
        "settled_ms": None,
    }
    return Fixture(**fields | changes)
