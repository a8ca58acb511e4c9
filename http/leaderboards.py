"""Leaderboards of weeks and of all time: the first, those around the caller, and their own place.

Source: docs/protocol.md, "Leaderboards".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.clock import rfc3339
from ..domain.ids import UserId
from ..domain.leaderboard import (
    Board,
    Entrants,
    Ranked,
    Standing,
    Week,
    around,
    place_of,
    ranks_view,
    week_named,
    week_of,
)
from ..domain.money import format_e4
from ..domain.views import View
from ..protocol.leaderboards import AllTimeBoard, OwnPlace, WeekBoard
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps
from .known_boards import KnownBoards
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .validate import query


class BoardQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of a leaderboard; `around=me` needs a token."""

    board: Literal["people", "bots"] = "people"
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    around: Literal["me"] | None = None


def leaderboard_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file; open to everybody but for what is about the caller."""
    routes = Blueprint("leaderboards", __name__)
    boards = KnownBoards(deps.boards.read)
    _weeks(routes, deps, boards)

    @routes.get("/v1/leaderboards/all")
    @Operation(access=Access.EITHER, query=BoardQuery, answers={200: AllTimeBoard})
    def all_time_leaderboard() -> Response:
        """Who has gained most ever, or who is around the caller."""
        wanted = query(BoardQuery)
        standing = boards.of(Board(None, Entrants(wanted.board)))
        return json_answer(_view(deps, wanted, standing))

    @routes.get("/v1/leaderboards/me")
    @Operation(access=Access.USER, answers={200: OwnPlace})
    def own_place() -> Response:
        """The own places on the leaderboards of this week and of all time."""
        user, week = UserId(caller(deps).user), week_of(deps.calendar())
        return json_answer(
            {
                "week": week.name,
                "ends_at": rfc3339(week.ends_ms),
                **_place_view(boards.of(Board(week)), user),
                "all_time": _place_view(boards.of(Board(None)), user),
            }
        )

    return routes


def _weeks(routes: Blueprint, deps: ApiDeps, boards: KnownBoards) -> None:
    @routes.get("/v1/leaderboards/week")
    @Operation(access=Access.EITHER, query=BoardQuery, answers={200: WeekBoard})
    def present_leaderboard() -> Response:
        """Who has gained most this week, or who is around the caller."""
        wanted, week = query(BoardQuery), week_of(deps.calendar())
        standing = boards.of(Board(week, Entrants(wanted.board)))
        return json_answer(_week_view(week, standing) | _view(deps, wanted, standing))

    @routes.get("/v1/leaderboards/week/<week>")
    @Operation(
        access=Access.EITHER,
        query=BoardQuery,
        answers={200: WeekBoard},
        refusals=("LEADERBOARD_UNKNOWN",),
    )
    def one_leaderboard(week: str) -> Response:
        """Who had gained most in a week, or who was around the caller."""
        wanted, asked, now = query(BoardQuery), week_named(week), week_of(deps.calendar())
        if asked is None or asked.starts_ms > now.starts_ms:
            raise Refuse(_UNKNOWN)
        standing = boards.of(Board(asked, Entrants(wanted.board)))
        if asked != now and not standing.ranks and standing.frozen_ms is None:
            raise Refuse(_UNKNOWN)
        return json_answer(_week_view(asked, standing) | _view(deps, wanted, standing))


_UNKNOWN = Problem(
    "LEADERBOARD_UNKNOWN",
    "there is no such board",
    (FieldError("/week", "is no week whose leaderboard is kept", "path"),),
)


def _place_view(standing: Standing, user: UserId) -> View:
    place = place_of(standing.ranks, user)
    return {
        "players": len(standing.ranks),
        "rank": None if place is None else place.rank,
        "score": None if place is None else format_e4(place.score_e4),
    }


def _week_view(week: Week, standing: Standing) -> View:
    frozen_ms = standing.frozen_ms
    return {
        "week": week.name,
        "ends_at": rfc3339(week.ends_ms),
        "frozen_at": None if frozen_ms is None else rfc3339(frozen_ms),
        "approximate": standing.approximate,
    }


def _view(deps: ApiDeps, wanted: BoardQuery, standing: Standing) -> View:
    return {
        "board": wanted.board,
        "players": len(standing.ranks),
        "ranks": ranks_view(_wanted(deps, wanted, standing.ranks)),
    }


def _wanted(deps: ApiDeps, wanted: BoardQuery, ranks: tuple[Ranked, ...]) -> tuple[Ranked, ...]:
    if wanted.around is None:
        return ranks[: wanted.limit]
    return around(ranks, UserId(caller(deps).user), wanted.limit)
