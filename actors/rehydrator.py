"""Puts Redis back when it has restarted under the running services."""

from __future__ import annotations

from dataclasses import dataclass

from ..store.outage import OUTAGES
from ..store.recovery import Recovery
from .actor import Actor

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class LookDue:
    """Sent by the own timer: time to see whether Redis has restarted."""


class Rehydrator(Actor[LookDue]):
    """Sees whether Redis has restarted, and puts back what it lost.

    Duty: open the gate that a restart of Redis shuts for everybody. Reads the
    run id and, after a restart, all of Postgres; writes whatever Redis lacks,
    and `meta:run_id`. Holds `lease:rehydrate` while it works. While it is down
    a Redis that restarts stays shut until another process puts it back.
    """

    def __init__(self, recovery: Recovery) -> None:
        """Take the work."""
        super().__init__()
        self._recovery = recovery

    def started(self) -> None:
        """Look every second; at the boot there is nothing to do, `prepare` has done it."""
        self.every(EVERY_S, LookDue())

    def receive(self, message: LookDue) -> None:
        """Look, and do what is due. An outage while at work is one like any other."""
        try:
            due = self._recovery.due()
        except OUTAGES:
            # Not ours to report: and a backoff would only delay the look that counts.
            return
        if due:
            self._recovery.run()
