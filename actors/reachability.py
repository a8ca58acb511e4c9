"""Whether what a service needs from outside answers, looked at every second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..domain.clock import Calendar, rfc3339, system_calendar
from ..store.outage import OUTAGES, one_line
from .actor import Actor

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class LookDue:
    """Sent by the own timer: time to look again."""


class Reachability(Actor[LookDue]):
    """Looks at Redis and Postgres.

    Duty: know whether each dependency answers. Reads one cheap answer from
    each; writes its findings into the mapping it was given, where health pages
    read them without a message. Holds no lease. While it is down, readiness
    shows what was last seen.
    """

    def __init__(
        self,
        probes: Mapping[str, Callable[[], object]],
        found: dict[str, bool | str],
        now_ms: Calendar = system_calendar,
    ) -> None:
        """Take *probes* by name, and where to write: True, or why the thing is out of reach."""
        super().__init__()
        self._probes = probes
        self._found = found
        self._now_ms = now_ms
        self._away_since: dict[str, str] = {}

    def started(self) -> None:
        """Look once, then every second."""
        self.receive(LookDue())
        self.every(EVERY_S, LookDue())

    def receive(self, message: LookDue) -> None:
        """Look at everything. An outage is this actor's finding, not its failure."""
        for name, probe in self._probes.items():
            # From the moment we asked: one that stands still is known to be away seconds later.
            asked_at = rfc3339(self._now_ms())
            try:
                probe()
            except OUTAGES as outage:
                self._found[name] = one_line(outage)
                self._away_since.setdefault(name, asked_at)
            else:
                self._found[name] = True
                self._away_since.pop(name, None)

    def detail(self) -> Mapping[str, object]:
        """Since when (machine time) what is away has been away."""
        return {"away_since": dict(self._away_since)} if self._away_since else {}
