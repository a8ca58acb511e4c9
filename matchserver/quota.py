"""The plan's budget: so many requests an hour for each entity.

An entity's hour starts with its first request. Hours are calendar hours, so a
season at a hundredfold speed has a hundredfold budget in real time, as its
reader polls a hundred times as often.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of an entity's hour; `granted` tells whether this request was within it."""

    entity: str
    remaining: int
    resets_in_s: int
    granted: bool

    def as_json(self) -> dict[str, Any]:
        """The `rate_limit` block of an answer."""
        return {
            "resets_in_seconds": self.resets_in_s,
            "remaining": self.remaining,
            "requested_entity": self.entity,
        }


@dataclass(slots=True)
class _Hour:
    started_ms: int
    used: int = 0


class Quota:
    """Counts requests by entity. Args: requests an hour; calendar now in ms."""

    def __init__(self, hourly_limit: int, calendar: Callable[[], int]) -> None:
        self._limit = hourly_limit
        self._calendar = calendar
        self._hours: dict[str, _Hour] = {}

    def spend(self, entity: str) -> Allowance:
        """Count one request for *entity*; refused ones do not count."""
        now_ms = self._calendar()
        hour = self._hours.get(entity)
        if hour is None or now_ms - hour.started_ms >= HOUR_MS:
            hour = self._hours[entity] = _Hour(now_ms)
        granted = hour.used < self._limit
        hour.used += granted
        resets_in_s = (hour.started_ms + HOUR_MS - now_ms + 999) // 1000
        return Allowance(entity, self._limit - hour.used, resets_in_s, granted)
