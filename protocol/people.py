"""People as they see themselves. Source: docs/protocol.md, "The own user"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .forms import Amount, Instant, said_open
from .shapes import Account

#: Ours to keep, and nobody's here to read.
Settings = Annotated[dict[str, Any], said_open("Whatever a client keeps here for its user.")]


class UserShown(msgspec.Struct, frozen=True):
    """A user, as they see themselves; the settings are their clients' own."""

    id: int
    email: str
    display_name: str
    role: Literal["user", "admin"]
    created_at: Instant
    settings: Settings


class OwnAccount(Account, frozen=True):
    """The own money; *realized_pnl_week* is null while it cannot be known."""

    realized_pnl_week: Amount | None
