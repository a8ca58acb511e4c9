"""The proof that no fact waits too long on its way to the ledger.

Entries of a stream carry Redis' time of day. Where the machine stood still for a while, or its
clock was set, whatever waits at that moment looks as old as that; so what looks late is given a
moment to leave before it counts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .outbox import Outbox, Outboxes
from .parked import ALARM_ATTEMPTS
from .postgres import Postgres
from .proof import offenders

LOOKS = 10  #: at a stream that looks late, within the grace

Pause = Callable[[float], object]
"""Lets as many real seconds pass."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long something may wait before it is an offence, in real seconds."""

    outbox_s: float = 60.0
    parked_s: float = 3600.0
    #: Twice what a drainer rests: within it a fact that only looks late has left.
    grace_s: float = 10.0


def waiting_too_long(
    outboxes: Outboxes, pg: Postgres, limits: Limits, pause: Pause
) -> Iterator[Mapping[str, object]]:
    """Every stream, and every parked fact, that waits longer than *limits* allow."""
    for name, outbox in outboxes.items():
        if (age_s := _age_s(outbox, limits, pause)) > limits.outbox_s:
            facts = outbox.length()
            yield {"where": f"stream {name}", "age_s": round(age_s), "facts": facts}
        with pg.transaction() as cursor:
            yield from offenders(
                cursor,
                f"SELECT 'table {name}' AS where, id::text AS fact, attempts, malformed,"
                " last_error, extract(epoch FROM now() - created_at)::bigint AS age_s"
                f" FROM {name} WHERE malformed OR attempts >= %(attempts)s"
                " OR created_at < now() - %(parked_s)s * INTERVAL '1 second'",
                attempts=ALARM_ATTEMPTS,
                parked_s=limits.parked_s,
            )


def _age_s(outbox: Outbox, limits: Limits, pause: Pause) -> float:
    """Age of the oldest fact in the stream; of one that stays, where it is too old."""
    age_s = outbox.oldest_age_s()
    for _ in range(LOOKS):
        if age_s <= limits.outbox_s:
            break
        pause(limits.grace_s / LOOKS)
        age_s = outbox.oldest_age_s()
    return age_s
