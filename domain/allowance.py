"""What is left of a plan's calls to the feed, and when the next look may be had.

The feed counts calls by the hour and refuses those beyond the plan. Looks every 2 s are most of
what a plan has; whatever else is asked for comes on top. So while less is left than twice what such
looks need, every call, whatever it is for, puts the next look off by an equal part of the rest of
the hour: the looks become rarer, and the plan lasts. Of a feed that does not tell what is left the
settings say how many calls an hour were paid for, and our own count is all there is.

Source: docs/operations.md, "The plan's budget".
"""

from dataclasses import dataclass, replace

HOUR_MS = 3_600_000  #: the feed counts by this; calendar ms
SLACK_MS = 1_000  #: the feed says in whole seconds when it counts anew
KEPT_BACK = 10  #: calls that nobody plans with, or a tenth of the last ones: for what goes wrong
HOURLY = 2_000  #: calls an hour of the smallest plan that allows for a look every 2 s
AMPLE_MS = 1_000  #: of the hour for each call left; a look every 2 s needs half as many calls


@dataclass(frozen=True, slots=True)
class Allowance:
    """Calls *left* until *renewed_ms*, when they are counted anew. All instants are calendar ms.

    Attributes:
        size: calls an hour as the feed has told; 0 if it never did.
        due_ms: not before then is the next look due.
        shut_ms: until then the feed refuses every call, whatever is left.
        hourly: calls an hour of a plan whose size the feed does not tell.
        heard: 1 if the feed has told of this hour.
        said: how many it told of last; -1 if it never did.
    """

    left: int = 0
    renewed_ms: int = 0
    size: int = 0
    due_ms: int = 0
    shut_ms: int = 0
    hourly: int = HOURLY
    heard: int = 0
    said: int = -1


def granted(allowance: Allowance, now_ms: int) -> bool:
    """Whether a call may be made at *now_ms*."""
    return now_ms >= allowance.shut_ms and _as_of(allowance, now_ms).left > 0


def look_due(allowance: Allowance, now_ms: int) -> bool:
    """Whether a look at *now_ms* keeps within the pace that makes the plan last."""
    return granted(allowance, now_ms) and now_ms >= _as_of(allowance, now_ms).due_ms


def spent(allowance: Allowance, now_ms: int) -> Allowance:
    """*allowance* after a call at *now_ms*, answered or not."""
    before = _as_of(allowance, now_ms)
    left = max(0, before.left - 1)
    due_ms = max(before.due_ms, now_ms) + _gap_ms(left, before.renewed_ms - now_ms)
    return replace(before, left=left, due_ms=due_ms)


def told(allowance: Allowance, left: int, resets_in_s: int, now_ms: int) -> Allowance:
    """*allowance* after the feed has said what is left of it."""
    left = max(left, 0)
    if left == allowance.said:
        return allowance  # our call is not counted in it: it is an answer of some time ago
    seen_to_begin = allowance.size > 0
    allowance = replace(allowance, size=max(allowance.size, left + 1), said=left)
    if allowance.heard:
        # Within an hour it only falls. What says more, or another end of the hour, may be as old.
        return replace(allowance, left=min(allowance.left, left))
    renewed_ms = now_ms + _at_most_an_hour_ms(resets_in_s) + SLACK_MS
    if seen_to_begin:
        # The feed's hour may have begun before ours, whose first calls it need not have received.
        renewed_ms = min(renewed_ms, allowance.renewed_ms)
    return replace(allowance, left=left, renewed_ms=renewed_ms, heard=1)


def refused(allowance: Allowance, resets_in_s: int, now_ms: int) -> Allowance:
    """*allowance* after the feed has refused a call for want of it, for *resets_in_s*."""
    return replace(allowance, shut_ms=now_ms + _at_most_an_hour_ms(resets_in_s))


def _as_of(allowance: Allowance, now_ms: int) -> Allowance:
    if now_ms < allowance.renewed_ms:
        return allowance
    renewed_ms = now_ms + HOUR_MS + SLACK_MS  # an hour begins with its first call
    left = allowance.size or allowance.hourly
    return replace(allowance, left=left, renewed_ms=renewed_ms, due_ms=0, heard=0)


def _at_most_an_hour_ms(resets_in_s: int) -> int:
    # Whatever is said, nobody counts by more than the hour.
    return min(max(resets_in_s, 0) * 1000, HOUR_MS)


def _gap_ms(left: int, rest_ms: int) -> int:
    if left * AMPLE_MS >= rest_ms:
        return 0
    return rest_ms // max(1, left - min(KEPT_BACK, left // 10))
