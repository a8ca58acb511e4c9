"""Writes facts that were made just now, each behind all that were made before it.

Who makes facts one right after the other may write them so. If somebody else has made some in
between, another replica or another duty of this one, they are taken along from their streams: a
fact is in Postgres only if all are that are older. Source: docs/decisions/0022.
"""

import gevent
import psycopg2
from redis.exceptions import TimeoutError as RedisTimeout

from .keys import OutboxName
from .ledger import Ledger
from .life import Superseded, life_of
from .sequence import FactSequence, Marks, Stretch, turns

#: Facts of one stream that are taken along at most; if more wait, they are for the drain.
AHEAD = 2000


class FactWriter:
    """The synchronous way of facts to the ledger.

    Args:
        within_s: when to give up, for somebody waits; the pool's own times are longer. Redis has at
            most half of it, so that neither server is blamed for the other.
    """

    def __init__(self, sequence: FactSequence, ledger: Ledger, within_s: float) -> None:
        self._sequence = sequence
        self._ledger = ledger
        self._within_s = within_s
        # All facts are in the ledger up to this turn, and all entries of a stream up to its mark.
        self._upto = 0
        self._marks: Marks = {}

    def write(self, made: Stretch) -> Stretch | None:
        """Make *made* durable, and what came before: what was written for it.

        None if too much that came before waits for the drain.

        Raises:
            Superseded: Redis was put back since they were made; nothing was written.
            LEDGER_AWAY: Postgres cannot be reached.
            redis.RedisError: what was made in between could not be read; nothing was written.
        """
        late = psycopg2.OperationalError(f"Postgres takes too long, of {self._within_s} s in all")
        with gevent.Timeout(self._within_s, late):
            if made.life != life_of(self._upto):
                self._upto, self._marks = 0, {}  # the streams may have begun anew
            stretch = made.after(self._marks)
            upto = _followed(self._upto, stretch)
            if upto is None:
                unread = RedisTimeout(f"Redis takes longer than {self._within_s / 2} s")
                with gevent.Timeout(self._within_s / 2, unread):
                    stretch = self._sequence.read(self._marks, AHEAD)
                if stretch.life != made.life:
                    raise Superseded(f"Redis is in its life {stretch.life}, not in {made.life}")
                if not stretch.complete:
                    return None
                # What was made and is not in its stream has been written by somebody else.
                upto = max(_newest(made), _newest(stretch))
            if len(stretch):
                self._ledger.insert_facts(stretch.facts, made.life)
            self._upto, self._marks = upto, {**self._marks, **stretch.ends}
            return stretch

    def ready(self) -> bool:
        """Whether facts can be written again, or raise the outage that would meet them."""
        self._ledger.ping()
        return all(self._sequence.waiting(name) <= AHEAD for name in OutboxName)


def _followed(upto: int, stretch: Stretch) -> int | None:
    """The turn up to which there is no gap once *stretch* comes after *upto*; None if there is."""
    for turn in sorted(_turns(stretch)):
        if turn > upto + 1:
            return None
        upto = max(upto, turn)
    return upto


def _newest(stretch: Stretch) -> int:
    return max(_turns(stretch), default=0)


def _turns(stretch: Stretch) -> list[int]:
    return [turn for entries in stretch.entries.values() for turn in turns(entries)]
