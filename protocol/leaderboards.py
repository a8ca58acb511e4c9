"""Leaderboards over HTTP. Source: docs/protocol.md, "Leaderboards"."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .forms import Amount, Instant
from .shapes import LeaderboardShown, Ranked

Entrants = Literal["people", "bots"]


class WeekBoard(LeaderboardShown, frozen=True):
    """A week's leaderboard; it is final since *frozen_at*.

    *approximate*: of a final one, whether a price at the end of the week is not known to the tick.
    """

    board: Entrants
    frozen_at: Instant | None
    approximate: bool


class AllTimeBoard(msgspec.Struct, frozen=True):
    """The first of all time, and how many are ranked."""

    board: Entrants
    players: Annotated[int, msgspec.Meta(ge=0)]
    ranks: tuple[Ranked, ...]


class Standing(msgspec.Struct, frozen=True):
    """A place among *players*; null for who is not ranked."""

    players: Annotated[int, msgspec.Meta(ge=0)]
    rank: Annotated[int, msgspec.Meta(ge=1)] | None
    score: Amount | None


class OwnPlace(Standing, frozen=True):
    """Where somebody stands on the leaderboard of the week, and on that of all time."""

    week: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-W[0-9]{2}$")]
    ends_at: Instant
    all_time: Standing
