"""What happened in a match, by how it looked from one look to the next.

Source: docs/protocol.md, "Events of a fixture".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from .clock import rfc3339
from .match_events import EventType, Happening
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
    """One thing that was new at *look*; *side* is `home` or `away`, None for a state.

    *player* and *how* (an own goal, a penalty, a second yellow card) are the feed's, where it
    says so.
    """

    number: int
    kind: FixtureEventKind
    side: str | None
    look: Look
    player: str | None = None
    how: str | None = None


_SIDES = ("home", "away")
_NONE = (0, 0)

NEAR_MS = 120_000  #: a score and the line that names its scorer come at most so far apart
_GOALS = frozenset({EventType.GOAL, EventType.OWN_GOAL, EventType.PENALTY})
_REDS = frozenset({EventType.RED, EventType.SECOND_YELLOW})
_KICKS = frozenset({EventType.KICK_SCORED})
_NO_LINES: frozenset[EventType] = frozenset()
#: The lines that may name the player of an event, and whether it undoes them.
_LINES = {
    FixtureEventKind.GOAL: (_GOALS, False),
    FixtureEventKind.GOAL_CANCELLED: (_GOALS, True),
    FixtureEventKind.RED_CARD: (_REDS, False),
    FixtureEventKind.RED_CARD_CANCELLED: (_REDS, True),
    FixtureEventKind.PENALTY_SCORED: (_KICKS, False),
    FixtureEventKind.PENALTY_CANCELLED: (_KICKS, True),
}
_HOW = {
    EventType.OWN_GOAL: "own_goal",
    EventType.PENALTY: "penalty",
    EventType.SECOND_YELLOW: "second_yellow",
}


def fixture_events(looks: Iterable[Look]) -> tuple[FixtureEvent, ...]:
    """What was new at each of *looks* (oldest first), numbered from 1 on."""
    before: Look | None = None
    found: list[tuple[FixtureEventKind, str | None, Look]] = []
    for look in looks:
        found += [(kind, side, look) for kind, side in _news(before, look)]
        before = look
    return tuple(FixtureEvent(number, *each) for number, each in enumerate(found, start=1))


def named(
    events: Iterable[FixtureEvent], happenings: Iterable[Happening]
) -> tuple[FixtureEvent, ...]:
    """*events* with their players, from the line of the feed that came nearest to each.

    The score and the list of the feed need not come together, so a line is taken for an event by
    side, kind and time, and for one event only.
    """
    listed = tuple(happenings)
    lines = {undoes: list(listed) for undoes in (False, True)}
    found = []
    for event in events:
        kinds, undoes = _LINES.get(event.kind, (_NO_LINES, False))
        line = _nearest(event, lines[undoes], kinds, undoes=undoes)
        if line is None:
            found.append(event)
            continue
        lines[undoes].remove(line)
        found.append(replace(event, player=line.player, how=_HOW.get(line.type)))
    return tuple(found)


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
        "player": event.player,
        "how": event.how,
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


def _nearest(
    event: FixtureEvent, lines: Iterable[Happening], kinds: frozenset[EventType], *, undoes: bool
) -> Happening | None:
    def apart_ms(line: Happening) -> int:
        at_ms = line.undone_ms if undoes else line.first_seen_ms
        return NEAR_MS + 1 if at_ms is None else abs(at_ms - event.look.observed_ms)

    fitting = [line for line in lines if line.type in kinds and line.side == event.side]
    nearest = min(fitting, key=apart_ms, default=None)
    return nearest if nearest is not None and apart_ms(nearest) <= NEAR_MS else None


def _counted(
    was: tuple[int, int], now: tuple[int, int], more: FixtureEventKind, less: FixtureEventKind
) -> Iterator[tuple[FixtureEventKind, str | None]]:
    for side, before, after in zip(_SIDES, was, now, strict=True):
        for _ in range(abs(after - before)):
            yield (more if after > before else less), side


def _pair(both: tuple[int, int]) -> View:
    return dict(zip(_SIDES, both, strict=True))
