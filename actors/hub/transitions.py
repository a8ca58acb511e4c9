"""Users whose presence on this replica changed and is not yet acknowledged by Redis.

Pure, and kept outside the presence actor: a Redis outage or a crash delays a
transition and never loses one. A user who left and came back meanwhile still
has the instant of leaving here, because the window in between must be seen.
What was acknowledged is kept for a minute more: Redis may lose it yet.

Source: docs/protocol.md, "Presence".
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from ...domain.clock import Moment
from ...domain.ids import UserId

KEPT_S = 60.0  #: more than Redis loses by a crash (1 s), or a failover to a replica that lags


@dataclass(frozen=True, slots=True)
class Change:
    """One user's pending change.

    Attributes:
        left: the earliest departure not acknowledged; None if there is none.
        stamp: tells this change from a newer one of the same user.
    """

    user: UserId
    left: Moment | None
    stamp: int


class Transitions:
    """Pending changes, oldest first."""

    def __init__(self) -> None:
        self._pending: dict[UserId, Change] = {}
        self._stamp = 0
        self._acknowledged: dict[UserId, tuple[Moment, float]] = {}  # departures, by when it was

    def __len__(self) -> int:
        return len(self._pending)

    def joined(self, user: UserId) -> None:
        """Note that *user* has a connection here."""
        pending = self._pending.get(user)
        self._note(user, pending.left if pending else None)

    def left(self, user: UserId, at: Moment) -> None:
        """Note that *user* had no connection here any more *at* that moment."""
        pending = self._pending.get(user)
        earlier = pending.left if pending else None
        self._note(user, min(earlier or at, at, key=attrgetter("at_s")))

    def oldest(self, count: int) -> list[Change]:
        """Up to *count* changes that wait longest."""
        return list(islice(self._pending.values(), count))

    def told_ms(self, now_ms: int) -> int:
        """The calendar instant up to which all departures are acknowledged, *now_ms* if all are."""
        untold = (change.left.ms for change in self._pending.values() if change.left)
        return min(untold, default=now_ms)

    def acknowledge(self, changes: list[Change], now_s: float) -> None:
        """Forget *changes*, except where something newer happened to the user since."""
        for change in changes:
            pending = self._pending.get(change.user)
            if pending is not None and pending.stamp == change.stamp:
                del self._pending[change.user]
            if change.left:
                self._acknowledged.pop(change.user, None)  # to the end
                self._acknowledged[change.user] = change.left, now_s
        self._forget(now_s - KEPT_S)

    def repeat(self) -> None:
        """Have the departures of the last minute told again."""
        for user, (at, _) in self._acknowledged.items():
            self.left(user, at)

    def _note(self, user: UserId, left: Moment | None) -> None:
        self._stamp += 1
        self._pending[user] = Change(user, left, self._stamp)

    def _forget(self, before_s: float) -> None:
        while self._acknowledged:
            user, (_, acknowledged_s) = next(iter(self._acknowledged.items()))
            if acknowledged_s >= before_s:
                return
            del self._acknowledged[user]
