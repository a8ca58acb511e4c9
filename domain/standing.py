"""What the two clubs of a match should be because of it: offset, phase and the feed's halts.

Source: docs/market.md, "Matches and trading".
"""

from dataclasses import dataclass

from .asking import ASK_WAITING_MS, in_window
from .halts import OPEN, Halt, Phase
from .ids import InstrumentIdx
from .index import home_offset_bps
from .match import state_halt
from .tracking import FROZEN_MS, PLAYING, Tracked, endless


@dataclass(frozen=True, slots=True)
class Standing:
    """What an instrument should be because of the feed; *fixture* is the match that says so."""

    fixture: int | None
    offset_bps: int
    phase: Phase
    halt: Halt


AT_REST = Standing(None, 0, Phase.SCHEDULED, OPEN)
"""The standing of a club that no match governs: its base price, open."""


def unseen(tracked: Tracked, now_ms: int, stale_ms: int) -> bool:
    """Whether it should have begun and nobody knows whether it has.

    One that is late is shown as such whenever it is asked for by its id.
    """
    match = tracked.match
    if match.phase is not Phase.SCHEDULED or not in_window(tracked, now_ms):
        return False
    known_ms = max(tracked.seen_ms, match.kickoff_ms)
    return now_ms - known_ms >= ASK_WAITING_MS + stale_ms


def still(tracked: Tracked, stale_ms: int) -> bool:
    """Whether its clock is said to run and has stood for too long: the feed repeats an old answer.

    By the looks, not by the calendar: where looks are rare, so are minutes. A break has no clock
    that runs, nor has a competition of which the feed tells no minutes.
    """
    match = tracked.match
    stood_ms = tracked.seen_ms - tracked.moved_ms
    return match.ticking and match.phase is Phase.LIVE and stood_ms >= FROZEN_MS + stale_ms


def halt_of(tracked: Tracked, now_ms: int, stale_ms: int) -> Halt:
    """The feed's halts for both clubs.

    A match in play that was not seen for *stale_ms*, whose clock stands still, or that has no end,
    is stale.
    """
    match = tracked.match
    halt = state_halt(match)
    if match.played_out:
        halt |= Halt.MATCH_SUSPENDED  # until the result is committed
    if now_ms < tracked.rest_until_ms:
        halt |= Halt.EVENT
    unseen_for = match.phase in PLAYING and now_ms - tracked.seen_ms >= stale_ms
    if unseen_for or still(tracked, stale_ms) or endless(tracked, now_ms):
        halt |= Halt.FEED_STALE
    return halt


def doubtful(tracked: Tracked) -> dict[InstrumentIdx, Standing]:
    """What the two clubs of *tracked* should be while it is `unseen`."""
    standing = Standing(tracked.match.fixture, 0, tracked.match.phase, Halt.FEED_STALE)
    return {tracked.home: standing, tracked.away: standing}


def waiting(tracked: Tracked) -> dict[InstrumentIdx, Standing]:
    """What the clubs of *tracked*, which is on, should be if no match governs them.

    It waits for another match of one of them, so nobody knows what it has moved.
    """
    standing = Standing(tracked.match.fixture, 0, tracked.match.phase, Halt.MATCH_SUSPENDED)
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
