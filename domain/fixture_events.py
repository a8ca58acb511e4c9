"""What happened in a match, by how it looked from one look to the next.

Source: docs/protocol.md, "Events of a fixture".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from .clock import rfc3339
from .position_views import View


class FixtureEventKind(StrEnum):
    """What can be new of a match. What a referee takes back is cancelled."""

    GOAL = "goal"
    GOAL_CANCELLED = "goal_cancelled"
    RED_CARD = "red_card"
    RED_CARD_CANCELLED = "red_card_cancelled"
    PENALTY_SCORED = "penalty_scored"
    PENALTY_CANCELLED = "penalty_cancelled"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Look:
    """How a match looked at *observed_ms* (calendar); pairs are home and away.

    *penalties* are those of a shoot-out, None where there is none.
    """

    minute: int | None
    state: str
    goals: tuple[int, int]
    reds: tuple[int, int]
    penalties: tuple[int, int] | None
    observed_ms: int


@dataclass(frozen=True, slots=True)
class FixtureEvent:
    """One thing that was new at *look*; *side* is `home` or `away`, None for a state."""

    number: int
    kind: FixtureEventKind
    side: str | None
    look: Look


_SIDES = ("home", "away")
_NONE = (0, 0)


def fixture_events(looks: Iterable[Look]) -> tuple[FixtureEvent, ...]:
    """What was new at each of *looks* (oldest first), numbered from 1 on."""
    before: Look | None = None
    found: list[tuple[FixtureEventKind, str | None, Look]] = []
    for look in looks:
        found += [(kind, side, look) for kind, side in _news(before, look)]
        before = look
    return tuple(FixtureEvent(number, *each) for number, each in enumerate(found, start=1))


def fixture_event_view(event: FixtureEvent) -> View:
    """*event* as clients see it."""
    look = event.look
    return {
        "id": event.number,
        "event": event.kind.value,
        "side": event.side,
        "minute": look.minute,
        "state": look.state,
        "score": _pair(look.goals),
        "penalties": None if look.penalties is None else _pair(look.penalties),
        "observed_at": rfc3339(look.observed_ms),
    }


def _news(before: Look | None, now: Look) -> Iterator[tuple[FixtureEventKind, str | None]]:
    kinds = FixtureEventKind
    state = before is None or before.state != now.state
    if state and before is None:
        yield kinds.STATE, None
    was = before or Look(None, "", _NONE, _NONE, None, 0)
    yield from _counted(was.goals, now.goals, kinds.GOAL, kinds.GOAL_CANCELLED)
    yield from _counted(was.reds, now.reds, kinds.RED_CARD, kinds.RED_CARD_CANCELLED)
    kicks = (was.penalties or _NONE, now.penalties or _NONE)
    yield from _counted(*kicks, kinds.PENALTY_SCORED, kinds.PENALTY_CANCELLED)
    # What happened came before the whistle, unless it is the first that is known at all.
    if state and before is not None:
        yield kinds.STATE, None


def _counted(
    was: tuple[int, int], now: tuple[int, int], more: FixtureEventKind, less: FixtureEventKind
) -> Iterator[tuple[FixtureEventKind, str | None]]:
    for side, before, after in zip(_SIDES, was, now, strict=True):
        for _ in range(abs(after - before)):
            yield (more if after > before else less), side


def _pair(both: tuple[int, int]) -> View:
    return dict(zip(_SIDES, both, strict=True))
