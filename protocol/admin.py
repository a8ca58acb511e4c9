"""What the admin routes answer. Source: docs/protocol.md, "Admin routes"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .forms import Amount, Instant


class AuditLine(msgspec.Struct, frozen=True):
    """One act of an operator.

    `outcome` is `done` or the code of a refusal; null while nobody knows it.
    """

    id: int
    at: Instant
    actor: str
    session_id: str | None
    action: str
    target: str
    request: Any
    before: Any
    after: Any
    outcome: str | None
    status: int | None
    request_id: str | None
    ip: str | None


class RestartOrdered(msgspec.Struct, frozen=True):
    """A child that is going to be stopped and started again."""

    child: str
    replica: str
    status: str


class UserShown(msgspec.Struct, frozen=True):
    """A user as operators see them."""

    id: int
    email: str
    display_name: str
    role: Literal["user", "admin"]
    status: Literal["active", "suspended", "deleted"]
    is_bot: bool
    created_at: Instant
    last_login_at: Instant | None


class WalletAdjusted(msgspec.Struct, frozen=True):
    """Money that an operator gave or took, and the wallet after it; `durable` as for trades."""

    entry_id: str
    user_id: int
    amount: Amount
    cash: Amount
    locked: Amount
    durable: Literal["postgres", "redis"]
