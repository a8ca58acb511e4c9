"""Has Redis know of every session that Postgres says has ended, whatever went wrong when it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from ..store.revocations import Ended
from .actor import Actor

TELL_S = 60.0  #: an end of which Redis has not been told shows after this long at most

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TellDue:
    """From the timer of `revocation-teller`: compare again."""


class Record(Protocol):
    """The sessions that ended lately, for ever: Postgres."""

    def ended(self) -> Sequence[Ended]:
        """Those that a token or a connection may still be of."""


class Told(Protocol):
    """The same as all others are told of it: Redis."""

    def tell_missing(self, ended: Sequence[Ended]) -> int:
        """Have *ended* known everywhere; how many were not."""


class RevocationTeller(Actor[TellDue]):
    """Compares the sessions that have ended in Postgres with those that Redis knows of.

    Duty: who was signed out or suspended is out within a minute, also where Redis was away at that
    moment or has forgotten it since, and nobody sends the request again.
    Reads: `sessions` in Postgres, 13 h of it. Writes: the sorted set `sess:revoked`, and its
    channel, where it lacks one. Lease: none; each replica finds the same, and telling it twice
    changes nothing.
    While it is down: ends are known from whoever made them, as long as Redis is there to be told.
    """

    def __init__(self, record: Record, told: Told) -> None:
        super().__init__()
        self._record = record
        self._told = told
        self._missed = 0

    def started(self) -> None:
        self._compare()
        self.every(TELL_S, TellDue())

    def receive(self, message: TellDue) -> None:
        self._compare()

    def detail(self) -> Mapping[str, object]:
        """How many ends this incarnation has told that nobody had."""
        return {"missed": self._missed}

    def _compare(self) -> None:
        missed = self._told.tell_missing(self._record.ended())
        if missed:
            self._missed += missed
            log.warning("ended sessions were not known to redis, and are told", sessions=missed)
