"""Who has gained most by trading, in a week of the calendar or ever.

Amounts are in 1e-4 coin. Source: docs/market.md, "Leaderboards".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from .clock import rfc3339
from .ids import UserId
from .money import format_e4
from .position_views import View

MIN_TRADES = 3  #: of a week, for a place on its board; for one on that of all time, ever
SHOWN = 50  #: places that everybody is shown
WEEK_MS = 7 * 24 * 3_600_000

_NAMED = re.compile(r"((?:19|2[0-9])[0-9]{2})-W([0-9]{2})", re.ASCII)


class Entrants(StrEnum):
    """Who is ranked among themselves."""

    PEOPLE = "people"
    BOTS = "bots"


@dataclass(frozen=True, slots=True)
class Week:
    """A week as ISO 8601 counts them, from Monday 00:00 UTC (*starts_ms*) to the next."""

    name: str  #: such as 2026-W43
    starts_ms: int

    @property
    def ends_ms(self) -> int:
        """When the next one starts."""
        return self.starts_ms + WEEK_MS


@dataclass(frozen=True, slots=True)
class Board:
    """Which leaderboard: that of *week*, or that of all time if it is None."""

    week: Week | None
    entrants: Entrants = Entrants.PEOPLE


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody who may be ranked; *created_ms* is when they signed in first."""

    user: UserId
    display_name: str
    created_ms: int
    entrants: Entrants = Entrants.PEOPLE


@dataclass(frozen=True, slots=True)
class Opening:
    """What a user started with, and what the house has given them since.

    Somebody who joined within the week started with nothing: all they have was given or gained. All
    time begins with nothing for everybody.
    """

    equity_e4: int = 0
    given_e4: int = 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """One place on a board; *score_e4* is negative for who has lost."""

    rank: int
    user: UserId
    display_name: str
    score_e4: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A whole board as it is kept.

    Attributes:
        frozen_ms: since when it is final, calendar ms; None: it is not.
        approximate: of a final one, whether a price at its end is not known to the tick.
    """

    ranks: tuple[Ranked, ...] = ()
    frozen_ms: int | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What everybody is shown of a week: how many are ranked, and the first `SHOWN` of them."""

    week: str
    ends_ms: int
    players: int
    ranks: tuple[Ranked, ...]


def week_of(at_ms: int) -> Week:
    """The week that the instant *at_ms* (Unix ms) lies in."""
    day = datetime.fromtimestamp(at_ms // 1000, UTC).date()
    return _starting(day - timedelta(days=day.weekday()))


def week_named(name: str) -> Week | None:
    """The week that is called *name*, such as 2026-W43; None if none is, between 1900 and 2999."""
    found = _NAMED.fullmatch(name)
    if found is None:
        return None
    try:
        return _starting(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    except ValueError:
        return None


def score_e4(equity_e4: int, opening: Opening) -> int:
    """What trading has made of a user's money since the opening."""
    return equity_e4 - opening.equity_e4 - opening.given_e4


def ranked(players: Iterable[Player], scores: Mapping[UserId, int]) -> tuple[Ranked, ...]:
    """*players* by their scores, the best first; of equal ones, whoever has been here longer.

    Raises:
        KeyError: a player has no score.
    """
    order = sorted(players, key=lambda each: (-scores[each.user], each.created_ms, each.user))
    return tuple(
        Ranked(rank, each.user, each.display_name, scores[each.user])
        for rank, each in enumerate(order, start=1)
    )


def boards_of(
    week: Week | None, players: Iterable[Player], scores: Mapping[UserId, int]
) -> dict[Board, tuple[Ranked, ...]]:
    """The boards of *week*, or of all time: *players* ranked among their own kind.

    Raises:
        KeyError: a player has no score.
    """
    kinds: dict[Entrants, list[Player]] = {each: [] for each in Entrants}
    for player in players:
        kinds[player.entrants].append(player)
    return {Board(week, kind): ranked(some, scores) for kind, some in kinds.items()}


def place_of(ranks: Sequence[Ranked], user: UserId) -> Ranked | None:
    """The place of *user*; None if they have none."""
    return next((each for each in ranks if each.user == user), None)


def around(ranks: tuple[Ranked, ...], user: UserId, limit: int) -> tuple[Ranked, ...]:
    """*limit* places around that of *user*, as far as there are; none if they have none.

    At an end of the board theirs is not in the middle, and as many are shown.
    """
    place = place_of(ranks, user)
    if place is None:
        return ()
    first = max(0, min(place.rank - 1 - (limit - 1) // 2, len(ranks) - limit))
    return ranks[first : first + limit]


def shown(week: Week, ranks: tuple[Ranked, ...]) -> Leaderboard:
    """What everybody is shown of *ranks*."""
    return Leaderboard(week.name, week.ends_ms, len(ranks), ranks[:SHOWN])


def leaderboard_view(board: Leaderboard) -> View:
    """*board* as clients see it."""
    return {
        "week": board.week,
        "ends_at": rfc3339(board.ends_ms),
        "players": board.players,
        "ranks": ranks_view(board.ranks),
    }


def ranks_view(ranks: Iterable[Ranked]) -> list[View]:
    """Places as clients see them."""
    return [
        {
            "rank": each.rank,
            "user_id": each.user,
            "display_name": each.display_name,
            "score": format_e4(each.score_e4),
        }
        for each in ranks
    ]


def _starting(monday: date) -> Week:
    year, number, _ = monday.isocalendar()
    starts_at = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    return Week(f"{year}-W{number:02d}", int(starts_at.timestamp()) * 1000)
