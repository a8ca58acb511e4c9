"""Brings an embedded server back that died while its owner lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from .actor import Actor

EVERY_S = 1.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LookDue:
    """Sent by the own timer: time to see whether the servers run."""


class ServerReviver(Actor[LookDue]):
    """Starts embedded servers again.

    Duty: what a container runtime does for external servers. Reads the state of
    the two processes; writes nothing. Holds no lease. While it is down, a
    server that dies stays away, and everybody waits for it as in any outage.
    """

    def __init__(self, revive: Callable[[], Iterable[str]]) -> None:
        """Take *revive*, which starts what has died and returns the names."""
        super().__init__()
        self._revive = revive

    def started(self) -> None:
        """Look every second."""
        self.every(EVERY_S, LookDue())

    def receive(self, message: LookDue) -> None:
        """Start what has died. An EmbeddedError is an outage: the next try may succeed."""
        for name in self._revive():
            log.warning("embedded server started again", server=name)
