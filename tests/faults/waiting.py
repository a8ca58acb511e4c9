"""Bounded waits on conditions, for processes that take the time they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gevent

#: Real seconds for greenlets to end. A WebSocket whose listener is killed closes for 10, and was
#: seen to wait for its own threads for ever after that; nobody needs it any more.
KILL_S = 20.0

T = TypeVar("T")

LOOK_S = 0.05


def eventually(seen: Callable[[], T], within_s: float, otherwise: Callable[[], object]) -> T:
    """What *seen* returns once it is true; an OSError counts as not yet.

    Raises:
        AssertionError: it was not within *within_s*; it has *otherwise*() and the last OSError.
    """
    last: OSError | None = None
    with gevent.Timeout(within_s, False):
        while True:
            try:
                if value := seen():
                    return value
            except OSError as why:
                last = why
            gevent.sleep(LOOK_S)
    raise AssertionError(f"not within {within_s:g} s", otherwise(), last)
