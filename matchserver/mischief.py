"""A seeded plan of everything that can go wrong in a whole season.

About every other match is lied about, and every other kick-off meets a failing feed. What is said
at the end is true, soon enough: a result counts once it has stood for 120 s, so nothing false of
a result, and no false result, is told for so long, nor repeated by a body that is frozen then.

But for some matches of every other week: of these a false result stands, and is put right later,
long before the clubs play again. In the weeks between, some answers take longer than anybody waits,
which at a high speed is hours of the calendar. So all results come out right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

from .faults import FaultKind, FaultPlan, RequestFault
from .lies import (
    RESULTS,
    STANDS_MS,
    AnyLie,
    FalseDate,
    FalseScore,
    FalseState,
    Gone,
    Phantom,
    Vanish,
)
from .matches import MINUTE_MS, Match, Season, Side

T = TypeVar("T")

SHARE = 0.5  #: of the matches, each, that are lied about and whose kick-off meets failures
LATE_SHARE = 0.1  #: of the matches of every other week, whose result is put right later
SHORT_MS = 50_000  #: a false result is told, and a body frozen, for at most so long
LONG_MS = 15 * MINUTE_MS  #: and everything else for at most so long
LATEST_MS = 90 * MINUTE_MS  #: a result that is put right later is wrong for at most so long
LATE_MS = 60_000  #: a result may be wrong, or a match away from those in play, so long after it

FALSE_RESULTS = tuple(sorted(RESULTS))
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
SLOW_S = 0.2  #: real seconds an answer is held back,
HUNG_S = 4.0  #: and once in a while: longer than anybody waits for it
HUNG_SHARE = 0.2  #: of what hangs in the other weeks
WEEK_MS = 7 * 24 * 60 * MINUTE_MS


def random_plan(season: Season, seed: int) -> FaultPlan:
    """Lies and failures for all of *season*; the same *seed* plans the same."""
    lies: list[AnyLie] = []
    requests: list[RequestFault] = []
    for match in season.matches:
        # Each match draws for itself: what befalls one does not depend on the others.
        rng = Random(f"mischief/{seed}/{match.id}")
        if _put_right_late(match) and rng.random() < LATE_SHARE:
            lies.append(_false_result(match, rng))
        elif rng.random() < SHARE:
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
        if draw < 0.25:
            yield Vanish(match.id, from_ms, to_ms)
        elif draw < 0.35:
            yield Gone(match.id, from_ms, to_ms)
        elif draw < 0.5:
            yield FalseScore(match.id, from_ms, to_ms, side)
        elif draw < 0.6:
            yield _false_date(match, rng)
        else:
            yield Phantom(match.id, from_ms, to_ms, "goal" if draw < 0.85 else "red", side)


def _put_right_late(match: Match) -> bool:
    return match.kickoff_ms // WEEK_MS % 2 == 0


def _false_result(match: Match, rng: Random) -> AnyLie:
    """Full time that was typed too early, or a goal more than there was until long after it."""
    if rng.random() < 0.3:
        from_ms = _during(match, rng)
        return FalseState(match.id, from_ms, from_ms + STANDS_MS + _upto(LONG_MS, rng), "FT")
    side: Side = "home" if rng.random() < 0.5 else "away"
    over_ms = match.final_whistle_ms
    return FalseScore(match.id, over_ms, over_ms + STANDS_MS + _upto(LATEST_MS, rng), side)


def _false_date(match: Match, rng: Random) -> AnyLie:
    """Another kick-off, as it comes closer; it is postponed where that one is over already."""
    kickoff_ms = match.kickoff_ms
    moved_ms = round((rng.random() * 3 - 1) * 60) * MINUTE_MS
    from_ms, to_ms = kickoff_ms - 4 * MINUTE_MS, kickoff_ms + _upto(LONG_MS, rng)
    return FalseDate(match.id, from_ms, to_ms, kickoff_ms + moved_ms)


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
    hung = not _put_right_late(match) and kind == "hang" and rng.random() < HUNG_SHARE
    return RequestFault(
        kind=kind,
        times=1 if hung else 1 + int(rng.random() * 4),
        status=_one(STATUSES, rng),
        seconds=HUNG_S if hung else SLOW_S,
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
