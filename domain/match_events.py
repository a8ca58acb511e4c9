"""What happens in a match, as the feed lists it: who scored, who was sent off.

Nothing is priced by it: the score and the cards that count are those of `MatchSnapshot.score`.

Source: docs/protocol.md, "Events of a fixture".
"""

from dataclasses import dataclass
from enum import StrEnum

TEXT_MAX = 100  #: characters of a name or a remark that are kept


class EventType(StrEnum):
    """The feed's names of what it lists."""

    VAR = "VAR"
    GOAL = "GOAL"
    OWN_GOAL = "OWNGOAL"
    PENALTY = "PENALTY"
    MISSED_PENALTY = "MISSED_PENALTY"
    SUBSTITUTION = "SUBSTITUTION"
    YELLOW = "YELLOWCARD"
    RED = "REDCARD"
    SECOND_YELLOW = "YELLOWREDCARD"
    KICK_MISSED = "PENALTY_SHOOTOUT_MISS"
    KICK_SCORED = "PENALTY_SHOOTOUT_GOAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEvent:
    """One line of the feed's list; *id* is the feed's. *team* None: of neither side.

    An own goal is listed under the team whose score it counts to.
    """

    id: int
    type: EventType
    team: int | None
    minute: int | None
    extra_minute: int | None
    player: str | None
    info: str | None
    rescinded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What is known of a line since it was first seen; instants are calendar ms.

    ``vanished_ms``: since when the feed lists it no more, ``rescinded_ms``: since when as taken
    back; None while it stands.
    """

    type: EventType
    side: str | None
    minute: int | None
    player: str | None
    first_seen_ms: int
    vanished_ms: int | None
    rescinded_ms: int | None

    @property
    def undone_ms(self) -> int | None:
        """Since when it counts no more."""
        return self.vanished_ms if self.rescinded_ms is None else self.rescinded_ms


def legible(text: str | None) -> str | None:
    """*text* fit to be kept and shown: no control characters, not too long; None if empty."""
    kept = "".join(c for c in text or "" if c.isprintable()).strip()
    return kept[:TEXT_MAX] or None
