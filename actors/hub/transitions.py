"""Users whose presence on this replica changed and is not yet acknowledged by Redis.

Pure, and kept outside the presence actor: a Redis outage or a crash delays a
transition and never loses one. A user who left and came back meanwhile still
has the instant of leaving here, because the window in between must be seen.

Source: docs/protocol.md, "Presence".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from ...domain.ids import UserId


@dataclass(frozen=True, slots=True)
class Change:
    """One user's pending change.

    Attributes:
        left_ms: calendar ms of the earliest departure not acknowledged; None if there is none.
        stamp: tells this change from a newer one of the same user.
    """

    user: UserId
    left_ms: int | None
    stamp: int


class Transitions:
    """Pending changes, oldest first."""

    def __init__(self) -> None:
        self._pending: dict[UserId, Change] = {}
        self._stamp = 0

    def __len__(self) -> int:
        return len(self._pending)

    def joined(self, user: UserId) -> None:
        """Note that *user* has a connection here."""
        pending = self._pending.get(user)
        self._note(user, pending.left_ms if pending else None)

    def left(self, user: UserId, at_ms: int) -> None:
        """Note that *user*'s last connection here ended at calendar *at_ms*."""
        pending = self._pending.get(user)
        earlier = pending.left_ms if pending else None
        self._note(user, at_ms if earlier is None else min(earlier, at_ms))

    def oldest(self, count: int) -> list[Change]:
        """Up to *count* changes that wait longest."""
        return list(islice(self._pending.values(), count))

    def acknowledge(self, changes: list[Change]) -> None:
        """Forget *changes*, except where something newer happened to the user since."""
        for change in changes:
            pending = self._pending.get(change.user)
            if pending is not None and pending.stamp == change.stamp:
                del self._pending[change.user]

    def _note(self, user: UserId, left_ms: int | None) -> None:
        self._stamp += 1
        self._pending[user] = Change(user, left_ms, self._stamp)
