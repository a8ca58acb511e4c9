"""What is known of clubs beside their prices, kept in the process: every list of them shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import gevent
from gevent.lock import BoundedSemaphore

from ..domain.clock import Calendar, Monotonic
from ..domain.ids import InstrumentIdx
from ..domain.outlook import UNKNOWN, Outlook
from .confirming import confirmed

AGE_S = 15.0  #: real seconds; a plan changes seldom, and the price of a day ago by the minute

Read = Callable[[int], Mapping[InstrumentIdx, Outlook]]


class KnownOutlooks:
    """The outlooks as of at most `AGE_S` ago, or as old as Postgres is away.

    Only the first to ask waits for Postgres, and no longer than for a confirmation.
    """

    def __init__(
        self, read: Read, calendar: Calendar, monotonic: Monotonic = time.monotonic
    ) -> None:
        self._read = read
        self._calendar = calendar
        self._monotonic = monotonic
        self._known: Mapping[InstrumentIdx, Outlook] = {}
        self._due_at = 0.0
        self._first = BoundedSemaphore()

    def of(self, idx: InstrumentIdx) -> Outlook:
        """The outlook of the club *idx*."""
        return self._known.get(idx, UNKNOWN)

    def look(self) -> None:
        """Have them read again if that is due; to be called before `of`."""
        if self._known:
            if self._monotonic() >= self._due_at:
                self._put_off()
                gevent.spawn(self._refresh)
            return
        with self._first:  # whoever comes second finds them
            if not self._known and self._monotonic() >= self._due_at:
                self._refresh()
                self._put_off()

    def _put_off(self) -> None:
        self._due_at = self._monotonic() + AGE_S

    def _refresh(self) -> None:
        found = confirmed(lambda: self._read(self._calendar()), None)
        if found is not None:
            self._known = found
