"""Portfolios that somebody waits for, until they are read.

Pure. A wish is kept from the moment it is heard; it is *due* once the subscription to the user's
pushes is in force, so that nothing falls between what is read and what is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the clients of one user wait for.

    Attributes:
        snapshot: the whole portfolio.
        after: the events behind this number, the lowest that anybody named; None if nobody did.
    """

    snapshot: bool = False
    after: int | None = None


class Wishes:
    """What is wanted of each user's portfolio, the oldest wish first."""

    def __init__(self) -> None:
        self._wanted: dict[UserId, Wanted] = {}
        self._due: dict[UserId, None] = {}

    def __contains__(self, user: UserId) -> bool:
        return user in self._wanted

    @property
    def due(self) -> bool:
        """Whether any wish can be fulfilled now."""
        return bool(self._due)

    def add(self, user: UserId, after: int | None) -> None:
        """Somebody wants the events *after* a number, or the whole portfolio (None)."""
        before = self._wanted.get(user, Wanted())
        if after is None:
            wanted = Wanted(snapshot=True, after=before.after)
        else:
            lowest = after if before.after is None else min(after, before.after)
            wanted = Wanted(before.snapshot, lowest)
        self._wanted[user] = wanted

    def release(self, user: UserId) -> None:
        """What is wanted of *user*'s portfolio, if anything is, can be fulfilled from now on."""
        if user in self._wanted:
            self._due[user] = None

    def take(self, count: int) -> dict[UserId, Wanted]:
        """Up to *count* wishes that are due; they are wishes no more."""
        users = tuple(self._due)[:count]
        for user in users:
            del self._due[user]
        return {user: self._wanted.pop(user) for user in users}

    def drop(self, user: UserId) -> None:
        """Nobody waits for *user*'s portfolio any more."""
        self._wanted.pop(user, None)
        self._due.pop(user, None)
