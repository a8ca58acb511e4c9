"""People as they see themselves. Source: docs/protocol.md, "The own user"."""

from __future__ import annotations

from typing import Any, Literal

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
