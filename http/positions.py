"""CFD positions: opened, closed, changed and looked at, all under `/v1/positions`.

Source: docs/protocol.md, "Positions".
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response

from ..domain.ids import UserId
from .answers import Cursors, json_answer
from .auth import caller
from .deps import ApiDeps
from .listing import Listing
from .position_answers import PositionAnswers
from .position_desk import PositionDesk, Wish
from .position_form import (
    CloseBody,
    MarginBody,
    OpenBody,
    StopsBody,
    etag,
    read_close,
    read_margin,
    read_open,
    read_stops,
    version_wanted,
)
from .position_reader import PositionReader, PositionsQuery
from .validate import body, idempotency_key, query

MADE = 201  #: the status of a position that was opened, now or when it was sent before


def position_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("positions", __name__)
    reader = PositionReader(deps.hot, deps.positions, listing, cursors)
    _add_commands(routes, deps, listing, reader)
    _add_views(routes, deps, reader)
    return routes


def _add_commands(
    routes: Blueprint, deps: ApiDeps, listing: Listing, reader: PositionReader
) -> None:
    desk = PositionDesk(deps.executor, deps.scanner, meter=deps.trades)
    answers = PositionAnswers(reader, deps.ledger, listing)

    def done(user: UserId, wish: Wish, status: int = 200) -> Response:
        return answers.answer(user, wish, desk.carry_out(wish), status)

    @routes.post("/v1/positions")
    def open_position() -> Response:
        user, key, asked = _me(deps), idempotency_key(), body(OpenBody)
        wish = read_open(user, key, asked, listing, deps.calendar())
        wish = replace(wish, delay_ms=deps.inplay_delay_ms, paused=deps.paused())
        return done(user, wish, MADE)

    @routes.post("/v1/positions/<name>/close")
    def close_position(name: str) -> Response:
        user, key, asked = _me(deps), idempotency_key(), body(CloseBody)
        wish = read_close(reader.key(user, name), key, asked, deps.calendar())
        return done(user, replace(wish, delay_ms=deps.inplay_delay_ms))

    @routes.post("/v1/positions/<name>/margin")
    def change_margin(name: str) -> Response:
        user, key, asked = _me(deps), idempotency_key(), body(MarginBody)
        return done(user, read_margin(reader.key(user, name), key, asked, deps.calendar()))

    @routes.patch("/v1/positions/<name>")
    def change_stops(name: str) -> Response:
        user, version, asked = _me(deps), version_wanted(), body(StopsBody)
        return done(user, read_stops(reader.key(user, name), version, asked, deps.calendar()))


def _add_views(routes: Blueprint, deps: ApiDeps, reader: PositionReader) -> None:
    @routes.get("/v1/positions/<name>")
    def one_position(name: str) -> Response:
        view, version = reader.one(_me(deps), name)
        response = json_answer(view)
        response.headers["ETag"] = etag(version)
        return response

    @routes.get("/v1/positions")
    def own_positions() -> Response:
        user = _me(deps)
        return json_answer(reader.page(user, query(PositionsQuery)))


def _me(deps: ApiDeps) -> UserId:
    return UserId(caller(deps).user)
