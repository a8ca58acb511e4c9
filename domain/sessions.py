"""What becomes of a refresh token that is shown: the rule, without a clock or a store.

A session is a chain of refresh tokens, of which the last one is good. Whoever
shows an older one is either its thief or the victim of one, and nobody can tell
which: the session ends. But a client that never heard the answer to its refresh
shows the one before the last as well, soon; it is told the same answer again.

Source: docs/protocol.md, "Sessions"; docs/decisions/0034-signing-in.md.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum

REFRESH_S = 30 * 86_400  #: real seconds a refresh token lives; each new one lives so long again
#: Real seconds in which the token before the last is answered as if it were the last. A client
#: that lost the answer asks again after its own time-out, which is 10 to 30 s for most.
GRACE_S = 60.0


class Verdict(Enum):
    """What to do about a refresh token."""

    ROTATE = "rotate"  #: it is the good one: its successor takes its place
    REPEAT = "repeat"  #: its successor is the good one, and was not used: tell it again
    REUSED = "reused"  #: it was followed by another before: end the session
    OVER = "over"  #: the session was ended, or nobody came for too long
    REFUSE = "refuse"  #: it is not one of this session


@dataclass(frozen=True, slots=True)
class Shown:
    """A refresh token as it came.

    Attributes:
        digest: SHA-256 of it.
        successor: SHA-256 of the one that follows it.
        ours: whether it is certain that we made it.
    """

    digest: bytes
    successor: bytes
    ours: bool


@dataclass(frozen=True, slots=True)
class Chain:
    """What is stored of a session, with times in seconds until or since now."""

    current: bytes
    previous: bytes | None
    rotated_ago_s: float
    expires_in_s: float
    revoked: bool


def judge(chain: Chain, shown: Shown) -> Verdict:
    """What becomes of the *shown* token."""
    if chain.revoked or chain.expires_in_s <= 0:
        return Verdict.OVER
    if hmac.compare_digest(shown.digest, chain.current):
        return Verdict.ROTATE
    if chain.previous is not None and hmac.compare_digest(shown.digest, chain.previous):
        if chain.rotated_ago_s > GRACE_S:
            return Verdict.REUSED
        # They differ if the key that successors are made with was changed in between: nobody has
        # the good token any more, and nobody has done wrong.
        same = hmac.compare_digest(shown.successor, chain.current)
        return Verdict.REPEAT if same else Verdict.REFUSE
    # A token that was made up must not end anybody's session.
    return Verdict.REUSED if shown.ours else Verdict.REFUSE
