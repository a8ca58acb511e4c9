"""What happened to the services since a moment: processes, restarts, and what they logged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .load import Client
from .process import ChildPath, Service

#: Lines of one child about one outage: its begin and its end, what it does at a start, and the
#: end of the outage before.
A_CHILD_SAYS = 8
#: Not about the outage at hand: work that was done, and the end of an outage, told 15 s late.
OFTEN = frozenset({"fixtures_listed", "child recovered"})


class Seen:
    """The difference between now and when this was made."""

    def __init__(self, services: Mapping[str, Service], clients: Sequence[Client]) -> None:
        self._clients = clients
        self._connected = sum(client.connected for client in clients)
        self._services = services
        self._pids = {name: service.pid for name, service in services.items()}
        self._said = {name: len(service.said()) for name, service in services.items()}
        self._restarts = self.restarts()

    def restarts(self) -> dict[tuple[str, ChildPath], int]:
        """Restarts that bugs were the reason of, by service and child, since the start."""
        return {
            (name, path): child["restarts"]
            for name, service in self._services.items()
            for path, child in service.children().items()
        }

    def restarted(self) -> dict[tuple[str, ChildPath], int]:
        """Children that have spent restarts, and how many."""
        before = self._restarts
        return {
            where: count - before.get(where, 0)
            for where, count in self.restarts().items()
            if count > before.get(where, 0)
        }

    def is_back(self, service: str, path: ChildPath) -> bool:
        """Whether a child has spent a restart and runs again; one not critical holds up nobody."""
        child = self._services[service].children()[path]
        return child["state"] == "running" and (service, path) in self.restarted()

    def lines(self) -> list[tuple[str, dict[str, Any]]]:
        """What was logged, by service. Raises ValueError for what no logger of ours wrote."""
        return [
            (name, json.loads(line))
            for name, service in self._services.items()
            for line in service.said()[self._said[name] :]
        ]

    # -- what must hold after an outage, however long

    def ended(self) -> list[str]:
        """Services whose process is not the one it was."""
        return [name for name, service in self._services.items() if service.pid != self._pids[name]]

    def hung_up(self) -> int:
        """How often a client had to open its WebSocket anew."""
        return sum(client.connected for client in self._clients) - self._connected

    def flood(self) -> list[object]:
        """What was said more than once about one thing, or too much of by one child."""
        lines = self.lines()
        once = Counter(
            (name, line.get("child"), line["event"])
            for name, line in lines
            if line["event"] not in OFTEN
        )
        each = Counter((name, line.get("child")) for name, line in lines)
        return [what for what, times in once.items() if times > 1] + [
            who for who, times in each.items() if times > A_CHILD_SAYS
        ]

    def alarms(self) -> list[tuple[str, Any]]:
        """Lines that call for a person: tracebacks, and whatever is worse than a warning."""
        return [
            (name, line)
            for name, line in self.lines()
            if "exception" in line or line["level"] not in ("info", "warning")
        ]

    def waited_out(self) -> None:
        """Check that an outage was nothing but that: no bug, no death, no flood of lines."""
        assert self.ended() == []
        assert self.restarted() == {}
        assert self.hung_up() == 0
        assert self.alarms() == []
        assert self.flood() == []
