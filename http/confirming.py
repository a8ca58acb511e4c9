"""What Postgres says of something that happened before, while somebody waits for the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import gevent

from ..store.outage import OUTAGES

#: Real seconds; as long as `trade-writer` tries to write. The pool's own times are for those who
#: have to know: a Postgres that is frozen or cut off would hold up a replay for 11 s.
CONFIRM_S = 2.0

T = TypeVar("T")


def confirmed(ask: Callable[[], T], otherwise: T, within_s: float = CONFIRM_S) -> T:
    """What *ask* finds in Postgres; *otherwise* if that is away, or silent for too long."""
    try:
        with gevent.Timeout(within_s, False):
            return ask()
    except OUTAGES:
        pass
    return otherwise
