"""People as they see themselves. Source: docs/protocol.md, "The own user"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .forms import Amount, Instant
from .shapes import Account


class UserShown(msgspec.Struct, frozen=True):
    """A user, as they see themselves; the settings are their clients' own."""

    id: int
    email: str
    display_name: str
    role: Literal["user", "admin"]
    created_at: Instant
    settings: dict[str, Any]


class OwnAccount(Account, frozen=True):
    """The own money; *realized_pnl_week* is null while it cannot be known."""

    realized_pnl_week: Amount | None


class OwnPlace(msgspec.Struct, frozen=True):
    """Where somebody stands on the leaderboard of the week; null for who is not ranked."""

    week: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-W[0-9]{2}$")]
    ends_at: Instant
    players: Annotated[int, msgspec.Meta(ge=0)]
    rank: Annotated[int, msgspec.Meta(ge=1)] | None
    score: Amount | None
