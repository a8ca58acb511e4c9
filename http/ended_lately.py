"""Sessions that have ended lately, for what hangs on a quota alone and is no round trip worth.

Read every few seconds for all at once, by whoever asks then.
Source: docs/decisions/0044-what-the-http-surface-leaves-to-nobody.md.
"""

from __future__ import annotations

import time

from ..domain.clock import Monotonic
from ..domain.ids import UserId
from ..store.revocations import Ended, Revocations
from .tokens import ACCESS_S, Claims

LOOK_S = 5.0  #: real seconds between two looks


class EndedLately:
    """What was found at the last look; a look may raise an outage of Redis."""

    def __init__(self, revocations: Revocations, monotonic: Monotonic = time.monotonic) -> None:
        self._revocations = revocations
        self._monotonic = monotonic
        self._look_at = float("-inf")
        self._looked_ms: int | None = None
        self._ended: frozenset[Ended] = frozenset()

    def has(self, claims: Claims) -> bool:
        """Whether the session of *claims* is known to be over."""
        if self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + LOOK_S  # first: nobody else looks meanwhile
            # No access token outlives that; so what is kept here is little.
            after = None if self._looked_ms is None else self._looked_ms - ACCESS_S * 1000
            self._looked_ms, found = self._revocations.since(after)
            self._ended = frozenset(found)
        return Ended(UserId(claims.user), claims.session) in self._ended
