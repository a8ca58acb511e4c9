"""A message of an actor to itself that is on its way at most once."""

from __future__ import annotations

from typing import Any

from ..actor import Actor
from ..timer import Timer

#: A message that is so late was lost: a mailbox that overflows gives up its oldest ones.
LOST_S = 1.0


class Planned:
    """When *actor* is to receive *message* next. Times are monotonic seconds."""

    def __init__(self, actor: Actor[Any], message: Any) -> None:
        self._actor = actor
        self._message = message
        self._at_s: float | None = None  # None while none is on its way
        self._timer: Timer | None = None  # of one that is not due yet

    def came(self) -> None:
        """Note that it is here."""
        self._at_s = self._timer = None

    def plan(self, now_s: float, at_s: float) -> None:
        """Have it come at *at_s*, unless it comes before that anyway."""
        if self._at_s is not None and self._at_s <= at_s < self._at_s + LOST_S:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._at_s = at_s
        if at_s > now_s:
            self._timer = self._actor.after(at_s - now_s, self._message)
        else:
            # Not at once, so that what is in the mailbox already is heard first.
            self._actor.me.tell(self._message)
