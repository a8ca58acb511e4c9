"""A user's open positions, read in one command: no event can come in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..domain.ids import UserId
from ..domain.positions import Position
from .keys import Keys
from .position_hashes import FIELDS, position_of


def open_positions(pipeline: Any, keys: Keys, user: UserId) -> None:
    """Ask *pipeline* for every field of the user's open positions."""
    # One command, so that in a transaction the positions are as of the same moment as the rest.
    fields = [f"{keys.pos('*')}->{field}" for field in FIELDS]
    pipeline.sort(keys.open_by_user(user), by="nosort", get=fields)


def positions_in(found: Sequence[str | None]) -> tuple[Position, ...]:
    """The positions in the reply to `open_positions`, the newest first."""
    return tuple(sorted(_each(found), key=lambda each: (each.opened_ms, each.id), reverse=True))


def _each(found: Sequence[str | None]) -> Iterator[Position]:
    for start in range(0, len(found), len(FIELDS)):
        values = found[start : start + len(FIELDS)]
        yield position_of({n: v for n, v in zip(FIELDS, values, strict=True) if v is not None})
