"""Who may do what, and how operators may change it.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from .ids import UserId


class Role(StrEnum):
    """What a user may do beyond trading."""

    USER = "user"
    ADMIN = "admin"


class Status(StrEnum):
    """Whether a user may use the exchange."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class Denied(StrEnum):
    """Why a user is left as they are."""

    UNKNOWN = "unknown"  #: there is no such user, or no longer
    NOT_ADMIN = "not-admin"  #: whoever wants it is no admin, or no longer
    OWN_ACCOUNT = "own-account"  #: nobody takes their own rights away
    LAST_ADMIN = "last-admin"  #: somebody has to be left who may give them back


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's rights."""

    role: Role
    status: Status

    @property
    def admin(self) -> bool:
        """Whether they may do what admins may."""
        return self.role is Role.ADMIN and self.status is Status.ACTIVE


@dataclass(frozen=True, slots=True)
class StandingWanted:
    """How a user's rights should be; None leaves a part as it is."""

    role: Role | None = None
    status: Status | None = None


def changed(
    standing: Standing,
    wanted: StandingWanted,
    user: UserId,
    by: UserId | None,
    admins: Collection[UserId],
) -> Standing | Denied:
    """The rights of *user*, who has *standing*, once they are as *wanted*.

    Args:
        by: which admin wants it; None for whoever has the servers themselves.
        admins: all users who are admins and not suspended.
    """
    if by is not None and by not in admins:
        return Denied.NOT_ADMIN
    if standing.status is Status.DELETED:
        return Denied.UNKNOWN
    after = replace(
        standing, role=wanted.role or standing.role, status=wanted.status or standing.status
    )
    if standing.admin and not after.admin:
        if user == by:
            return Denied.OWN_ACCOUNT
        if not set(admins) - {user}:
            return Denied.LAST_ADMIN
    return after
