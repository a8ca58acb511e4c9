"""One match as we follow it: what was last seen, and what follows from it now.

Everything is judged by the latest look and the calendar (level-triggered),
never by what changed on the way: a poll that was missed, a goal taken back or
a restart leave the same match in the same standing.

Source: docs/market.md, "Matches and trading".
"""

from dataclasses import dataclass, replace

from .halts import OPEN, Halt, Phase
from .ids import InstrumentIdx
from .index import home_offset_bps
from .match import MatchSnapshot, awarded, state_halt

EVENT_MS = 10_000  #: trading rests this long after a goal or a red card
RESULT_MS = 120_000  #: a result must have stood this long: full time can show before extra time
EARLY_MS = 5 * 60_000  #: before kick-off, when we start to look
WINDOW_MS = 6 * 3_600_000  #: after kick-off, when even extra time and shoot-out are long over
ASK_PLAYING_MS = 5_000  #: a match in play that vanished is asked for this often, and
ASK_WAITING_MS = 60_000  #: one that should have kicked off this often
ASK_MAX = 50  #: as many are asked for at once: one call's worth

PLAYING = frozenset({Phase.LIVE, Phase.BREAK, Phase.SHOOTOUT})
"""Phases in which the feed must be seen for a price to mean anything."""

_NOT_ON = frozenset({Phase.SCHEDULED, Phase.VOID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A match that is not settled, and the two instruments it moves. All instants are calendar ms.

    Attributes:
        weight_bps: what a whole result is worth in its competition.
        seen_ms: when the feed last showed it; 0 while it has not since we started.
        result_ms: since when the present result has been seen to stand.
        rest_until_ms: trading rests until then after a goal or a card.
        asked_ms: when it was last asked for by id.
        opened: its prices before kick-off are on record.
    """

    match: MatchSnapshot
    home: InstrumentIdx
    away: InstrumentIdx
    weight_bps: int
    seen_ms: int = 0
    result_ms: int | None = None
    rest_until_ms: int = 0
    asked_ms: int = 0
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
    before = tracked.match
    if (match.home.id, match.away.id) != (before.home.id, before.away.id):
        return tracked
    if not match.scored and match.phase is not Phase.SCHEDULED:
        # What halts a match, or ends it off the pitch, often comes without a score.
        match = replace(match, score=before.score, minute=before.minute)
    rests = match.under_review or _counted(match) != _counted(before)
    same_result = match.state == before.state and match.score == before.score
    result_ms = tracked.result_ms if same_result else None
    return replace(
        tracked,
        match=match,
        seen_ms=now_ms,
        result_ms=(now_ms if result_ms is None else result_ms) if match.played_out else None,
        rest_until_ms=now_ms + EVENT_MS if rests else tracked.rest_until_ms,
    )


def resting(tracked: Tracked, now_ms: int) -> Tracked:
    """*tracked* as if something to rest after had been seen at *now_ms*."""
    return replace(tracked, rest_until_ms=now_ms + EVENT_MS)


def _counted(match: MatchSnapshot) -> tuple[int, int, int, int]:
    score = match.score
    return score.home, score.away, score.home_reds, score.away_reds


def in_window(tracked: Tracked, now_ms: int) -> bool:
    """Whether the match is, or may be, in play, so that every poll counts."""
    match = tracked.match
    if match.phase is Phase.VOID or awarded(match):
        return False
    return match.kickoff_ms - EARLY_MS <= now_ms <= match.kickoff_ms + WINDOW_MS


def wants_asking(tracked: Tracked, now_ms: int) -> bool:
    """Whether a match that is not among those in play must be asked for by its id."""
    match = tracked.match
    if not tracked.on and now_ms < match.kickoff_ms:
        return False
    if match.phase is Phase.VOID and now_ms > match.kickoff_ms + WINDOW_MS:
        return False  # what is broken off may go on, the same day; else a listing tells
    if tracked.result_ms is not None and now_ms - tracked.result_ms < RESULT_MS:
        return False  # seen to have ended; to be confirmed once that is worth something
    waiting = not tracked.on or awarded(match)
    return now_ms - tracked.asked_ms >= (ASK_WAITING_MS if waiting else ASK_PLAYING_MS)


def unseen(tracked: Tracked, now_ms: int, stale_ms: int) -> bool:
    """Whether it should have begun and nobody knows whether it has.

    One that is late is shown as such whenever it is asked for by its id.
    """
    match = tracked.match
    if match.phase is not Phase.SCHEDULED or not in_window(tracked, now_ms):
        return False
    known_ms = max(tracked.seen_ms, match.kickoff_ms)
    return now_ms - known_ms >= ASK_WAITING_MS + stale_ms


def halt_of(tracked: Tracked, now_ms: int, stale_ms: int) -> Halt:
    """The feed's halts for both clubs; a match not seen for *stale_ms* in play is stale."""
    match = tracked.match
    halt = state_halt(match)
    if match.played_out:
        halt |= Halt.MATCH_SUSPENDED  # until the result is committed
    if now_ms < tracked.rest_until_ms:
        halt |= Halt.EVENT
    if match.phase in PLAYING and now_ms - tracked.seen_ms >= stale_ms:
        halt |= Halt.FEED_STALE
    return halt


@dataclass(frozen=True, slots=True)
class Standing:
    """What an instrument should be because of the feed; *fixture* is the match that says so."""

    fixture: int | None
    offset_bps: int
    phase: Phase
    halt: Halt


AT_REST = Standing(None, 0, Phase.SCHEDULED, OPEN)
"""The standing of a club that no match governs: its base price, open."""


def doubtful(tracked: Tracked) -> dict[InstrumentIdx, Standing]:
    """What the two clubs of *tracked* should be while it is `unseen`."""
    standing = Standing(tracked.match.fixture, 0, tracked.match.phase, Halt.FEED_STALE)
    return {tracked.home: standing, tracked.away: standing}


def standings(
    tracked: Tracked, rating_lead: int, now_ms: int, stale_ms: int
) -> dict[InstrumentIdx, Standing]:
    """What the two clubs of *tracked* should be at *now_ms*; their offsets sum to zero."""
    match = tracked.match
    offset_bps = home_offset_bps(tracked.weight_bps, match, rating_lead)
    halt = halt_of(tracked, now_ms, stale_ms)
    return {
        tracked.home: Standing(match.fixture, offset_bps, match.phase, halt),
        tracked.away: Standing(match.fixture, -offset_bps, match.phase, halt),
    }
