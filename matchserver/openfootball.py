"""Reads a season from a file in the openfootball JSON format.

    {"name": …, "matches": [{"round", "date", "time", "team1", "team2",
      "score": {"ft": [2, 1], "ht": …, "et": …, "p": …},
      "goals1": [{"name", "minute", "offset", "penalty", "owngoal"}], "goals2": […]}]}

The score is what counts: the match that is played ends exactly with it, even
where a list of goals is missing or contradicts it (see `goals.py`). `et` is the
score after extra time (goals of the 90 minutes included), `p` the shoot-out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from .assemble import Draft, play
from .goals import Goal
from .kickoff import kickoff_ms
from .matches import Club, Score, Season, SeasonError, make_season
from .naming import short_codes, stable_ids

Name = Annotated[str, msgspec.Meta(min_length=1)]
Goals = Annotated[int, msgspec.Meta(ge=0, le=99)]
FilePair = tuple[Goals, Goals]
MINUTE = re.compile(r"(\d{1,3})(?:\+(\d{1,2}))?", re.ASCII)


class FileScore(msgspec.Struct, frozen=True):
    """`score`: after 90 minutes, at half-time, after extra time, shoot-out."""

    ft: FilePair
    ht: FilePair | None = None
    et: FilePair | None = None
    p: FilePair | None = None


class FileGoal(msgspec.Struct, frozen=True):
    """One goal, in the list of the team it counts for (own goals too).

    Older files write the minute as a number, newer ones as a text, "90+4".
    """

    minute: int | str
    name: str | None = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=30)] | None = None
    penalty: bool = False
    owngoal: bool = False


class FileMatch(msgspec.Struct, frozen=True):
    """One match; a file may hold more fields, which are ignored."""

    date: str
    team1: Name
    team2: Name
    score: FileScore
    round: str = ""
    time: str | None = None
    goals1: tuple[FileGoal, ...] = ()
    goals2: tuple[FileGoal, ...] = ()


class File(msgspec.Struct, frozen=True):
    """The whole file."""

    name: Name
    matches: Annotated[tuple[FileMatch, ...], msgspec.Meta(min_length=1)]


def load_openfootball(path: Path) -> Season:
    """The season in the file at *path*.

    Raises:
        SeasonError: the file cannot be read or played; names the file and the field.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=File)
        return _season(file)
    except OSError as error:
        raise SeasonError(f"{path}: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, SeasonError) as error:
        raise SeasonError(f"{path}: {error}") from error


def _season(file: File) -> Season:
    clubs = _clubs(name for match in file.matches for name in (match.team1, match.team2))
    seen: dict[str, int] = {}
    for index, match in enumerate(file.matches):
        first = seen.setdefault(_identity(match), index)
        if first != index:
            raise SeasonError(f"matches[{index}]: the same match as matches[{first}]")
    ids = stable_ids(file.name, seen)
    return make_season(
        file.name,
        (
            play(_draft(f"matches[{index}]", match, clubs, ids[_identity(match)]))
            for index, match in enumerate(file.matches)
        ),
    )


def _identity(match: FileMatch) -> str:
    return f"{match.round}|{match.date}|{match.team1}|{match.team2}"


def _clubs(names: Iterable[str]) -> dict[str, Club]:
    unique = frozenset(names)
    ids, codes = stable_ids("club", unique), short_codes(unique)
    return {name: Club(ids[name], name, codes[name]) for name in unique}


def _draft(where: str, match: FileMatch, clubs: dict[str, Club], match_id: int) -> Draft:
    if match.team1 == match.team2:
        raise SeasonError(f"{where}.team2: {match.team2!r} cannot play itself")
    _check_score(f"{where}.score", match.score)
    return Draft(
        id=match_id,
        round=match.round,
        home=clubs[match.team1],
        away=clubs[match.team2],
        kickoff_ms=kickoff_ms(where, match.date, match.time),
        half_time=match.score.ht,
        full_time=match.score.ft,
        extra_time=match.score.et,
        penalties=match.score.p,
        home_goals=_goals(f"{where}.goals1", match.goals1),
        away_goals=_goals(f"{where}.goals2", match.goals2),
    )


def _check_score(where: str, score: FileScore) -> None:
    _check_not_below(where, "ft", score.ft, "ht", score.ht)
    if score.et is not None:
        _check_not_below(where, "et", score.et, "ft", score.ft)
    if score.p is not None and score.p[0] == score.p[1]:
        raise SeasonError(f"{where}.p: a shoot-out cannot end level, {list(score.p)}")


def _check_not_below(where: str, name: str, later: Score, of: str, earlier: Score | None) -> None:
    if earlier is not None and any(b < a for a, b in zip(earlier, later, strict=True)):
        raise SeasonError(f"{where}.{name}: {list(later)} is below {of} {list(earlier)}")


def _goals(where: str, goals: Iterable[FileGoal]) -> tuple[Goal, ...]:
    return tuple(
        Goal(*_minute(f"{where}[{index}].minute", goal), goal.name, goal.penalty, goal.owngoal)
        for index, goal in enumerate(goals)
    )


def _minute(where: str, goal: FileGoal) -> tuple[int, int | None]:
    match = MINUTE.fullmatch(str(goal.minute))
    if match is None or not 1 <= int(match[1]) <= 120:
        raise SeasonError(f"{where}: {goal.minute!r} is not a minute 1 … 120, such as 45 or '45+2'")
    return int(match[1]), int(match[2] or goal.offset or 0) or None
