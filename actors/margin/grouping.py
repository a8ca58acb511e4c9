"""Positions by their clubs, as scans want them."""

from collections import defaultdict
from collections.abc import Iterable

from ...domain.ids import InstrumentIdx
from ...store.scan import ByClub


def by_club(positions: Iterable[tuple[InstrumentIdx, str]]) -> ByClub:
    """Ids by club, in the order they come in."""
    found: dict[InstrumentIdx, list[str]] = defaultdict(list)
    for idx, position_id in positions:
        found[idx].append(position_id)
    return found
