"""Leaderboards of weeks: the first of one, those around the caller, and the caller's own place.

Source: docs/protocol.md, "Leaderboards".
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from flask import Blueprint, Response

from ..domain.clock import Monotonic, rfc3339
from ..domain.ids import UserId
from ..domain.leaderboard import (
    Leaderboard,
    Ranked,
    Week,
    around,
    leaderboard_view,
    place_of,
    week_named,
    week_of,
)
from ..domain.money import format_e4
from ..domain.views import View
from ..protocol.people import OwnPlace
from ..protocol.shapes import LeaderboardShown
from .answers import json_answer
from .auth import caller
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .validate import query

AGE_S = 5.0  #: real seconds; a third of the time between two rankings

Read = Callable[[Week], tuple[Ranked, ...]]


class BoardQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of a leaderboard; `around=me` needs a token."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    around: Literal["me"] | None = None


class KnownBoard:
    """The last board that was asked for, so that many who ask read it once."""

    def __init__(self, read: Read, monotonic: Monotonic = time.monotonic) -> None:
        self._read = read
        self._monotonic = monotonic
        self._week: Week | None = None
        self._ranks: tuple[Ranked, ...] = ()
        self._until = 0.0

    def of(self, week: Week) -> tuple[Ranked, ...]:
        """Everybody who is ranked in *week*, as of at most `AGE_S` ago."""
        if week != self._week or self._monotonic() >= self._until:
            read_at = self._monotonic()
            ranks = self._read(week)
            self._week, self._ranks, self._until = week, ranks, read_at + AGE_S
            return ranks
        return self._ranks


def leaderboard_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file; open to everybody but for what is about the caller."""
    routes = Blueprint("leaderboards", __name__)
    present, past = KnownBoard(deps.boards.read), KnownBoard(deps.boards.read)

    def this_week() -> Week:
        return week_of(deps.calendar())

    @routes.get("/v1/leaderboards/week")
    @Operation(access=Access.EITHER, query=BoardQuery, answers={200: LeaderboardShown})
    def present_leaderboard() -> Response:
        """Who has gained most this week, or who is around the caller."""
        week = this_week()
        return _answer(deps, week, present.of(week))

    @routes.get("/v1/leaderboards/week/<week>")
    @Operation(
        access=Access.EITHER,
        query=BoardQuery,
        answers={200: LeaderboardShown},
        refusals=("LEADERBOARD_UNKNOWN",),
    )
    def one_leaderboard(week: str) -> Response:
        """Who had gained most in a week, or who was around the caller."""
        asked, now = week_named(week), this_week()
        board = present if asked == now else past
        ranks = board.of(asked) if asked and asked.starts_ms <= now.starts_ms else ()
        if asked is None or (not ranks and asked != now):
            error = FieldError("/week", "is no week whose leaderboard is kept", "path")
            raise Refuse(Problem("LEADERBOARD_UNKNOWN", "there is no such board", (error,)))
        return _answer(deps, asked, ranks)

    @routes.get("/v1/leaderboards/me")
    @Operation(access=Access.USER, answers={200: OwnPlace})
    def own_place() -> Response:
        """The own place on the leaderboard of this week."""
        user, week = UserId(caller(deps).user), this_week()
        return json_answer(_place_view(week, present.of(week), user))

    return routes


def _place_view(week: Week, ranks: tuple[Ranked, ...], user: UserId) -> View:
    place = place_of(ranks, user)
    return {
        "week": week.name,
        "ends_at": rfc3339(week.ends_ms),
        "players": len(ranks),
        "rank": None if place is None else place.rank,
        "score": None if place is None else format_e4(place.score_e4),
    }


def _answer(deps: ApiDeps, week: Week, ranks: tuple[Ranked, ...]) -> Response:
    wanted = query(BoardQuery)
    shown = ranks[: wanted.limit]
    if wanted.around is not None:
        shown = around(ranks, UserId(caller(deps).user), wanted.limit)
    return json_answer(leaderboard_view(Leaderboard(week.name, week.ends_ms, len(ranks), shown)))
