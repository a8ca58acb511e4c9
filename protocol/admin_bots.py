"""What the admin routes answer of bots. Source: docs/protocol.md, "Admin: bots"."""

from __future__ import annotations

from typing import Literal

import msgspec

from .forms import Amount, Instant


class BotShown(msgspec.Struct, frozen=True):
    """One bot.

    `gain_today` is what trading has made of its money in this day of the calendar, `gain` ever
    since; gifts are left out. `gain_today` is null while it was not looked at today.
    """

    id: int
    display_name: str
    status: Literal["active", "suspended", "deleted"]
    equity: Amount
    gain_today: Amount | None
    gain: Amount


class BotSwitchShown(msgspec.Struct, frozen=True):
    """Whether bots may trade; `since` is null while nobody has set it."""

    enabled: bool
    reason: str | None
    since: Instant | None
    version: int


class BotsShown(msgspec.Struct, frozen=True):
    """The same, with the bots there are; there are none where no engine has ever run."""

    enabled: bool
    reason: str | None
    since: Instant | None
    version: int
    bots: tuple[BotShown, ...]
