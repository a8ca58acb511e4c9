"""What the admin routes answer. Source: docs/protocol.md, "Admin routes"."""

from __future__ import annotations

from typing import Any

import msgspec

from .forms import Instant


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
