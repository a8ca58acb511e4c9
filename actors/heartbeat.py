"""Says that this replica lives and how it is, hears how the others are, takes operators' orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from ..domain.clock import Monotonic
from ..store.fleet import Fleet, Member, Roll
from ..store.outage import OUTAGES
from .actor import Actor
from .health import NEEDED, SILENT_S

BEAT_S = 2.0  #: real seconds

log = structlog.get_logger(__name__)

#: Status and JSON report of this replica, from plain reads.
Report = Callable[[], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class BeatDue:
    """Sent by the own timer: time to be heard."""


class Heartbeat(Actor[BeatDue]):
    """One beat after the other.

    Duty: let operators see every replica of every service from any of them, those without a
    port too, and let them restart a child there. Reads: all heartbeats and the leases' owners;
    its own orders. Writes: its own heartbeat; the roll it hears, where health pages read it
    without a message. Lease: none. While it is down, the others think this replica is silent;
    nothing else stands on it.
    """

    def __init__(
        self,
        fleet: Fleet,
        report: Report,
        hear: Callable[[Roll], None],
        restart: Callable[[str, str], bool],
        monotonic: Monotonic,
    ) -> None:
        """Take *hear* for every new roll, *restart* for orders (child, by whom)."""
        super().__init__()
        self._fleet = fleet
        self._report = report
        self._hear = hear
        self._restart = restart
        self._monotonic = monotonic
        self._begun_at = monotonic()
        self._roll = Roll((), {})

    def started(self) -> None:
        self._begun_at = self._monotonic()
        self.every(BEAT_S, BeatDue())
        self.me.tell(BeatDue())

    def receive(self, message: BeatDue) -> None:
        self._roll, orders = self._fleet.beat(*self._report())
        self._hear(self._roll)
        for order in orders:
            if not self._restart(order.child, order.by):
                log.warning("order for an unknown child", ordered=order.child, by=order.by)

    def stopped(self) -> None:
        with suppress(*OUTAGES):  # then we fall silent instead
            self._fleet.leave()

    def detail(self) -> Mapping[str, object]:
        missing = self._missing()
        return {
            "replicas": sum(map(is_heard, self._roll.members)),
            "ailing": f"nothing is heard of any {', '.join(missing)}" if missing else "",
        }

    def _missing(self) -> tuple[str, ...]:
        # Services come up one after the other; not yet heard is not yet missing.
        if self._monotonic() - self._begun_at < SILENT_S:
            return ()
        covered = {
            s for member in self._roll.members if is_heard(member) for s in member.who.covers
        }
        return tuple(service for service in NEEDED if service not in covered)


def is_heard(member: Member) -> bool:
    """Whether *member* has not fallen silent."""
    return member.silent_s < SILENT_S
