"""The two clocks, injected everywhere, and how an instant is written for clients.

Source: docs/architecture.md, "Time".
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

Calendar = Callable[[], int]
"""The calendar's now: Unix milliseconds, UTC. It may run faster than real time."""

Monotonic = Callable[[], float]
"""Seconds of real time from an arbitrary origin; for leases, time-outs and backoff."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by both clocks: the calendar's *ms*, and *at_s* monotonic seconds."""

    ms: int
    at_s: float


def system_calendar() -> int:
    """The system's UTC time in Unix milliseconds; the calendar in production."""
    return time.time_ns() // 1_000_000


def rfc3339(at_ms: int) -> str:
    """*at_ms* (Unix ms) as clients read it: ``2026-10-24T14:58:20.123Z``."""
    # Split before converting: a float of seconds may show the neighbouring millisecond.
    seconds, ms = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=64)  # what happens now happens in the same few seconds for everybody
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
