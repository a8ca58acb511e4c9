"""A seeded plan of everything that can go wrong in a whole season.

About every other match is lied about, and every other kick-off meets a failing feed. What is said
at the end is true, soon enough: a result counts once it has stood for 120 s, so nothing false of
a result, and no false result, is told for so long, nor repeated by a body that is frozen then. So
all results come out right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

from .faults import FaultKind, FaultPlan, RequestFault
from .lies import AnyLie, FalseState, Phantom, Vanish
from .matches import MINUTE_MS, Match, Season, Side

T = TypeVar("T")

SHARE = 0.5  #: of the matches, each, that are lied about and whose kick-off meets failures
SHORT_MS = 50_000  #: a false result is told, and a body frozen, for at most so long
LONG_MS = 15 * MINUTE_MS  #: and everything else for at most so long
LATE_MS = 60_000  #: a result may be wrong, or a match away from those in play, so long after it

FALSE_RESULTS = ("FT", "AET", "FT_PEN")
FALSE_STATES = (
    *("NS", "TBA", "DELAYED", "HT", "BREAK", "PEN_BREAK", "INPLAY_PENALTIES"),
    *("SUSPENDED", "INTERRUPTED", "AU", "AWARDED", "WO"),
    *("ABANDONED", "POSTPONED", "CANCELLED", "DELETED", "ROOF_CLOSED"),
)
#: A 429 among them does not say how long to wait.
STATUSES = (401, 404, 429, 500, 502, 503)
FAILURES: tuple[FaultKind, ...] = (
    *("status", "truncate", "garbage", "mistype", "empty", "freeze", "hang"),
)
SLOW_S = 0.2  #: real seconds an answer is held back


def random_plan(season: Season, seed: int) -> FaultPlan:
    """Lies and failures for all of *season*; the same *seed* plans the same."""
    lies: list[AnyLie] = []
    requests: list[RequestFault] = []
    for match in season.matches:
        # Each match draws for itself: what befalls one does not depend on the others.
        rng = Random(f"mischief/{seed}/{match.id}")
        if rng.random() < SHARE:
            lies += _lies(match, rng)
        if rng.random() < SHARE:
            requests.append(_failure(match, rng))
    return FaultPlan(requests=tuple(requests), lies=tuple(lies))


def _lies(match: Match, rng: Random) -> Iterator[AnyLie]:
    yield _false_state(match, rng)
    for _ in range(int(rng.random() * 3)):
        from_ms = _during(match, rng)
        to_ms = min(from_ms + _upto(LONG_MS, rng), match.final_whistle_ms + LATE_MS)
        side: Side = "home" if rng.random() < 0.5 else "away"
        draw = rng.random()
        if draw < 0.4:
            yield Vanish(match.id, from_ms, to_ms)
        else:
            yield Phantom(match.id, from_ms, to_ms, "goal" if draw < 0.8 else "red", side)


def _false_state(match: Match, rng: Random) -> AnyLie:
    # At most one a match: two looks at two false results, 120 s apart, would make one.
    from_ms = _during(match, rng)
    if rng.random() < 0.4:
        to_ms = from_ms + _upto(SHORT_MS, rng)
        return FalseState(match.id, from_ms, to_ms, _one(FALSE_RESULTS, rng))
    to_ms = min(from_ms + _upto(LONG_MS, rng), match.final_whistle_ms + LATE_MS)
    return FalseState(match.id, from_ms, to_ms, _one(FALSE_STATES, rng))


def _failure(match: Match, rng: Random) -> RequestFault:
    from_ms, kind = _during(match, rng), _one(FAILURES, rng)
    return RequestFault(
        kind=kind,
        times=1 + int(rng.random() * 4),
        status=_one(STATUSES, rng),
        seconds=SLOW_S,
        from_ms=from_ms,
        to_ms=from_ms + (SHORT_MS if kind == "freeze" else LONG_MS),
    )


def _during(match: Match, rng: Random) -> int:
    """An instant from shortly before the kick-off to the end."""
    first_ms = match.kickoff_ms - 2 * MINUTE_MS
    return first_ms + int(rng.random() * (match.final_whistle_ms - first_ms))


def _upto(most_ms: int, rng: Random) -> int:
    return 1_000 + int(rng.random() * (most_ms - 1_000))


def _one(choices: Sequence[T], rng: Random) -> T:
    return choices[int(rng.random() * len(choices))]
