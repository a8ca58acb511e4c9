"""How long to wait before a restart, and how many restarts are too many."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

MAX_DOUBLINGS = 32  #: 2^32 times any minimum is past any cap; more would overflow a float in time


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from ``min_s`` to ``max_s``, spread so that replicas do not march in step.

    The cap is low because it is also how long a service stays away after Redis is back.
    """

    min_s: float = 0.1
    max_s: float = 5.0
    jitter: float = 0.2  #: share of the delay, up and down
    healthy_s: float = 15.0  #: up for this long, a child's troubles are forgotten

    def delay_s(self, attempt: int, random: float) -> float:
        """Seconds before restart number *attempt* (from 0); *random* is in [0, 1)."""
        plain = min(self.max_s, self.min_s * 2 ** min(attempt, MAX_DOUBLINGS))
        return self._spread(plain, random)

    def longest_s(self, random: float) -> float:
        """Seconds between two tries of a parked child."""
        return self._spread(self.max_s, random)

    def _spread(self, delay_s: float, random: float) -> float:
        return delay_s * (1 + self.jitter * (2 * random - 1))


@dataclass(frozen=True, slots=True)
class Intensity:
    """At most ``crashes`` crashes in any ``seconds``; one more is too many."""

    crashes: int = 5
    seconds: float = 10.0


class CrashWindow:
    """The recent crashes that count toward one intensity."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._at: deque[float] = deque()

    def add(self, now: float) -> bool:
        """Count a crash at *now* (monotonic seconds); True if it is one too many."""
        self._at.append(now)
        while now - self._at[0] > self._intensity.seconds:
            self._at.popleft()
        return len(self._at) > self._intensity.crashes

    def __str__(self) -> str:
        return f"{len(self._at)} crashes in {self._intensity.seconds:g} s"


class CrashBudget:
    """The crashes a supervisor forgives: in common, and apart for children with their own."""

    def __init__(self, common: Intensity) -> None:
        self._intensity = common
        self._common = CrashWindow(common)
        self._own: dict[str, CrashWindow] = {}

    def window(self, child: str, own: Intensity | None, *, apart: bool) -> CrashWindow:
        """Where crashes of *child* count; *apart*: never in its siblings' window."""
        if own is None and not apart:
            return self._common
        return self._own.setdefault(child, CrashWindow(own or self._intensity))
