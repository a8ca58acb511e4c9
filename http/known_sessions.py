"""Sessions that have lately been asked for and went on, so that open routes need not ask again.

Source: docs/decisions/0044-what-the-http-surface-leaves-to-nobody.md.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from ..domain.clock import Monotonic
from .tokens import Claims

KNOWN_S = 5.0  #: real seconds that an answer is good for where nothing but a quota hangs on it
KEPT = 20_000


class KnownSessions:
    """The last answers, by user and session; the oldest are forgotten."""

    def __init__(self, monotonic: Monotonic = time.monotonic, kept: int = KEPT) -> None:
        self._monotonic = monotonic
        self._kept = kept
        self._asked_at: OrderedDict[tuple[int, str], float] = OrderedDict()

    def note(self, claims: Claims) -> None:
        """The session of *claims* goes on now."""
        key = claims.user, claims.session
        self._asked_at[key] = self._monotonic()
        self._asked_at.move_to_end(key)
        if len(self._asked_at) > self._kept:
            self._asked_at.popitem(last=False)

    def lately(self, claims: Claims) -> bool:
        """Whether it was noted not long ago."""
        asked_at = self._asked_at.get((claims.user, claims.session))
        return asked_at is not None and self._monotonic() - asked_at < KNOWN_S
