"""One match as we follow it: what was last seen of it, and since when.

Everything is judged by the latest look and the calendar (level-triggered),
never by what changed on the way: a poll that was missed, a goal taken back or
a restart leave the same match in the same standing.

Source: docs/market.md, "Matches and trading".
"""

from dataclasses import dataclass, replace

from .halts import Phase
from .ids import InstrumentIdx
from .match import MatchSnapshot

EVENT_MS = 10_000  #: trading rests this long after a goal or a red card
FROZEN_MS = 90_000  #: a clock that runs shows another minute each 60 s, or the body is an old one
RESULT_MS = 120_000  #: a result must have stood this long: full time can show before extra time
WINDOW_MS = 6 * 3_600_000  #: after kick-off, when even extra time and shoot-out are long over
ENDED_MS = 24 * 3_600_000  #: after kick-off, when no club can still be in the same match
LATE_MS = 14 * ENDED_MS  #: after kick-off, when no other result is waited for any more
GONE_MS = 3_600_000  #: a match that good answers have lacked for so long is not there any more

PLAYING = frozenset({Phase.LIVE, Phase.BREAK, Phase.SHOOTOUT})
"""Phases in which the feed must be seen for a price to mean anything."""

_NOT_ON = frozenset({Phase.SCHEDULED, Phase.VOID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A match that is not settled, and the two instruments it moves. All instants are calendar ms.

    Attributes:
        weight_bps: what a whole result is worth in its competition.
        seen_ms: when the feed last showed it; 0 while it has not since we started.
        moved_ms: since when every look has shown the same of it.
        result_ms: since when the present result has been seen to stand.
        rest_until_ms: trading rests until then after a goal or a card.
        asked_ms: when it was last asked for by id.
        gone_ms: since when every good answer to that has lacked it; None if none has.
        opened: its prices before kick-off are on record.
    """

    match: MatchSnapshot
    home: InstrumentIdx
    away: InstrumentIdx
    weight_bps: int
    seen_ms: int = 0
    moved_ms: int = 0
    result_ms: int | None = None
    rest_until_ms: int = 0
    asked_ms: int = 0
    gone_ms: int | None = None
    opened: bool = False

    @property
    def on(self) -> bool:
        """Whether it governs its clubs' prices: begun, or in a state we do not know."""
        return self.match.phase not in _NOT_ON

    @property
    def ripe(self) -> bool:
        """Whether its result has been seen to stand long enough to settle to.

        By the latest look, not by the clock: a feed that fell silent confirms nothing.
        """
        return self.result_ms is not None and self.seen_ms - self.result_ms >= RESULT_MS


def observed(tracked: Tracked, match: MatchSnapshot, now_ms: int) -> Tracked:
    """*tracked* after a look at *now_ms* that showed *match*; a look at other clubs is ignored."""
    before, match = tracked.match, reckoned(match, now_ms)
    if (match.home.id, match.away.id) != (before.home.id, before.away.id):
        return tracked
    if not match.scored and match.phase is not Phase.SCHEDULED:
        # What halts a match, or ends it off the pitch, often comes without a score.
        match = replace(match, score=before.score, minute=before.minute)
    rests = match.under_review or _counted(match) != _counted(before)
    moved = match != before or not tracked.seen_ms
    same_result = match.state == before.state and match.score == before.score
    result_ms = tracked.result_ms if same_result else None
    return replace(
        tracked,
        match=match,
        seen_ms=now_ms,
        moved_ms=now_ms if moved else tracked.moved_ms,
        result_ms=(now_ms if result_ms is None else result_ms) if match.played_out else None,
        rest_until_ms=now_ms + EVENT_MS if rests else tracked.rest_until_ms,
        gone_ms=None,
        # What came to nothing, and is played after all, starts from the prices of then.
        opened=tracked.opened and match.phase is not Phase.VOID,
    )


def reckoned(match: MatchSnapshot, now_ms: int) -> MatchSnapshot:
    """*match* as it counts at *now_ms*: what is still in play a day later was abandoned."""
    if match.phase in PLAYING and now_ms >= match.kickoff_ms + ENDED_MS:
        return replace(match, state="ABANDONED")
    return match


def missed(tracked: Tracked, now_ms: int) -> Tracked:
    """*tracked* after a good answer that lacks it, though it was asked for.

    One that was to be over long ago, and that nobody knows any more, was deleted. It counts again
    as soon as the feed shows it.
    """
    gone_ms = now_ms if tracked.gone_ms is None else tracked.gone_ms
    match = tracked.match
    over = now_ms >= match.kickoff_ms + ENDED_MS and match.phase is not Phase.VOID
    if over and now_ms - gone_ms >= GONE_MS:
        deleted = replace(match, state="DELETED")
        return replace(tracked, match=deleted, gone_ms=gone_ms, result_ms=None, opened=False)
    return replace(tracked, gone_ms=gone_ms)


def endless(tracked: Tracked, now_ms: int) -> bool:
    """Whether it should be over long ago and is said, or was last said, to be in play."""
    match = tracked.match
    return match.phase in PLAYING and now_ms > match.kickoff_ms + WINDOW_MS


def resting(tracked: Tracked, now_ms: int) -> Tracked:
    """*tracked* as if something to rest after had been seen at *now_ms*."""
    return replace(tracked, rest_until_ms=now_ms + EVENT_MS)


def _counted(match: MatchSnapshot) -> tuple[int, int, int, int]:
    score = match.score
    return score.home, score.away, score.home_reds, score.away_reds
