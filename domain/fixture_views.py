"""Fixtures as clients see them, over HTTP and over the WebSocket.

Source: docs/protocol.md, "Fixtures".
"""

from .clock import rfc3339
from .fixtures import Club, Fixture
from .position_views import View


def fixture_view(fixture: Fixture) -> View:
    """The whole of *fixture*, as it is answered and as it is told."""
    settled_ms, penalties = fixture.settled_ms, fixture.penalties
    return {
        "id": fixture.id,
        "league": fixture.league,
        "starting_at": rfc3339(fixture.kickoff_ms),
        "state": fixture.state,
        "phase": fixture.phase.value,
        "minute": fixture.minute,
        "home": _club(fixture.home),
        "away": _club(fixture.away),
        "score": _pair(fixture.score),
        "penalties": None if penalties is None else _pair(penalties),
        "settled_at": None if settled_ms is None else rfc3339(settled_ms),
    }


def _club(club: Club) -> View:
    return {"idx": club.idx, "symbol": club.symbol, "name": club.name}


def _pair(goals: tuple[int, int]) -> View:
    return {"home": goals[0], "away": goals[1]}
