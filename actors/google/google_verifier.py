"""Keeps Google's public keys, so that no sign-in waits for Google."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Protocol, assert_never

import structlog

from ...domain.clock import Monotonic
from ...domain.google_keys import (
    FORCED_S,
    KeyList,
    ailment,
    confirmed,
    next_look_s,
    with_list,
)
from ...store.google_keys import Shelf
from ...store.web import NoAnswer
from ..actor import Actor
from ..timer import Timer
from .messages import FetchDue, GoogleVerifierMessage, KeyMissed

#: Sign-ins that wait for one look; beyond that they are refused at once.
WAITING = 64

log = structlog.get_logger(__name__)


class KeySource(Protocol):
    """Google's list of keys."""

    def fetch(self, etag: str | None) -> KeyList | float | None:
        """The list, or how long the one called *etag* may be kept now. Raises NoAnswer."""


class GoogleVerifier(Actor[GoogleVerifierMessage]):
    """Puts the keys that verify Google's tokens on the shelf, and looks after them.

    Duty: who signs in with Google is verified without a word to Google; one look, and no more
    than one a minute, for a key that nobody knows yet.
    Reads: Google's JWK set. Writes: the shelf, from which HTTP reads. Lease: none; every
    replica has its own keys.
    While it is down: the keys on the shelf go on working. Without any, sign-ins with Google
    answer 503; nothing else needs them.
    """

    def __init__(
        self,
        source: KeySource,
        shelf: Shelf,
        monotonic: Monotonic,
        swing: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        super().__init__()
        self._source = source
        self._shelf = shelf
        self._monotonic = monotonic
        self._swing = swing
        self._failures = 0
        self._error = ""
        self._due: Timer | None = None

    def started(self) -> None:
        """Look at once, but start before: a Google that is away must not hold up a boot."""
        self.me.tell(FetchDue())

    def receive(self, message: GoogleVerifierMessage) -> None:
        """Handle one message."""
        match message:
            case FetchDue():
                self._fetch()
            case KeyMissed(kid):
                self._look_for(kid)
            case _:
                assert_never(message)

    def detail(self) -> Mapping[str, object]:
        """How many keys there are, how old the list is, and what went wrong last."""
        ring, now_s = self._shelf.ring, self._monotonic()
        return {
            "keys": len(ring.listed),
            "outgoing": len(ring.outgoing),
            "age_s": None if ring.empty else round(ring.age_s(now_s)),
            "failures": self._failures,
            "error": self._error,
            "ailing": ailment(ring, now_s, self._error),
        }

    def _look_for(self, kid: str) -> None:
        """Fetch once for all who miss a key now; those behind find it, or the minute not over."""
        now_s = self._monotonic()
        if self._shelf.ring.find(kid, now_s) is None and now_s >= self._shelf.quiet_until_s:
            # From before the answer: one that takes long must not make looks more frequent.
            self._shelf.quiet_until_s = now_s + FORCED_S
            self._fetch()

    def _fetch(self) -> None:
        if self._due is not None:
            self._due.cancel()
        try:
            found = self._source.fetch(self._shelf.ring.etag)
        except NoAnswer as why:
            self._failed(str(why))
        else:
            self._succeeded(found)
        wait_s = next_look_s(self._shelf.ring, self._failures, self._monotonic(), self._swing())
        self._due = self.after(wait_s, FetchDue())

    def _succeeded(self, found: KeyList | float | None) -> None:
        ring, now_s = self._shelf.ring, self._monotonic()
        if isinstance(found, KeyList):
            self._shelf.ring = with_list(ring, found, now_s)
        else:
            self._shelf.ring = confirmed(ring, found, now_s)
        if self._failures:
            log.info("google keys are back", failures=self._failures)
        self._failures, self._error = 0, ""

    def _failed(self, why: str) -> None:
        if not self._failures:
            log.warning("google keys cannot be read", error=why, keys=len(self._shelf.ring.listed))
        self._failures += 1
        self._error = why
