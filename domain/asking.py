"""When to look at matches, and which to ask for by their ids.

Source: docs/operations.md, "The feed".
"""

from .halts import Phase
from .match import awarded
from .tracking import LATE_MS, RESULT_MS, WINDOW_MS, Tracked

EARLY_MS = 5 * 60_000  #: before kick-off, when we start to look
ASK_PLAYING_MS = 5_000  #: a match in play that vanished is asked for this often, and
ASK_WAITING_MS = 60_000  #: one that should have kicked off this often
ASK_VOID_MS = 60 * 60_000  #: one that came to nothing the day before, this often
ASK_MAX = 50  #: as many are asked for at once: one call's worth


def in_window(tracked: Tracked, now_ms: int) -> bool:
    """Whether the match is, or may be, in play, so that every poll counts."""
    match = tracked.match
    if match.phase is Phase.VOID or awarded(match):
        return False
    return match.kickoff_ms - EARLY_MS <= now_ms <= match.kickoff_ms + WINDOW_MS


def long_void(tracked: Tracked, now_ms: int) -> bool:
    """Whether the match came to nothing, and can no longer be played on the same day."""
    match = tracked.match
    return match.phase is Phase.VOID and now_ms > match.kickoff_ms + WINDOW_MS


def wants_asking(tracked: Tracked, now_ms: int) -> bool:
    """Whether a match that is not among those in play must be asked for by its id."""
    match = tracked.match
    if not tracked.on and now_ms < match.kickoff_ms:
        return False
    if long_void(tracked, now_ms):
        # It goes on the same day or never; but it may be decided off the pitch.
        late = now_ms > match.kickoff_ms + LATE_MS
        return not late and now_ms - tracked.asked_ms >= ASK_VOID_MS
    if tracked.result_ms is not None and now_ms - tracked.result_ms < RESULT_MS:
        return False  # seen to have ended; to be confirmed once that is worth something
    waiting = not tracked.on or awarded(match)
    return now_ms - tracked.asked_ms >= (ASK_WAITING_MS if waiting else ASK_PLAYING_MS)
