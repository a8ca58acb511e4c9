"""CFD positions: opened, closed, changed and looked at, all under `/v1/positions`.

Source: docs/protocol.md, "Positions".
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response

from ..domain.ids import UserId
from ..protocol.orders import ClosePending, OpeningPending, PositionAnswered, PositionShown
from ..protocol.pages import Page
from ..store.position_commands import PositionKey
from .answers import Cursors, json_answer
from .auth import caller
from .deps import ApiDeps
from .listing import Listing
from .operations import Access, Operation
from .order_form import PENDING
from .position_answers import PositionAnswers
from .position_desk import PositionDesk, Wish
from .position_form import (
    CloseBody,
    MarginBody,
    OpenBody,
    StopsBody,
    read_close,
    read_margin,
    read_open,
    read_stops,
)
from .position_reader import PositionReader, PositionsQuery
from .refusals import CLOSE_REFUSALS, MARGIN_REFUSALS, OPEN_REFUSALS, STOPS_REFUSALS
from .timing import timed
from .validate import body, idempotency_key, query
from .versions import etag, version_wanted

MADE = 201  #: the status of a position that was opened, now or when it was sent before


def position_routes(deps: ApiDeps, listing: Listing, cursors: Cursors) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("positions", __name__)
    reader = PositionReader(deps.hot, deps.positions, listing, cursors)
    commands = _Commands(deps, listing, reader)
    _add_trades(routes, commands)
    _add_changes(routes, commands)
    _add_views(routes, deps, reader)
    return routes


class _Commands:
    """Carries commands on positions out and answers them."""

    def __init__(self, deps: ApiDeps, listing: Listing, reader: PositionReader) -> None:
        self.deps = deps
        self.listing = listing
        self._reader = reader
        self._desk = PositionDesk(deps.executor, deps.scanner, meter=deps.trades)
        self._answers = PositionAnswers(reader, deps.ledger, listing)

    def me(self) -> UserId:
        """Who asks. Raises Refuse."""
        return _me(self.deps)

    def key(self, user: UserId, position_id: str) -> PositionKey:
        """Where a position of the user's is to be changed. Raises Refuse."""
        return self._reader.key(user, position_id)

    def done(self, user: UserId, wish: Wish, status: int = 200) -> Response:
        """The answer once *wish* was carried out. Raises Refuse."""
        answer = timed("trade", lambda: self._desk.carry_out(wish))
        return self._answers.answer(user, wish, answer, status)


def _add_trades(routes: Blueprint, commands: _Commands) -> None:
    deps = commands.deps

    @routes.post("/v1/positions")
    @Operation(
        access=Access.USER,
        body=OpenBody,
        keyed=True,
        answers={MADE: PositionAnswered, PENDING: OpeningPending},
        refusals=OPEN_REFUSALS,
        versioned=True,
    )
    def open_position() -> Response:
        """Open a position: at once, or taken to wait in play."""
        user, key, asked = commands.me(), idempotency_key(), body(OpenBody)
        wish = read_open(user, key, asked, commands.listing, deps.calendar())
        wish = replace(wish, delay_ms=deps.inplay_delay_ms, paused=deps.paused())
        return commands.done(user, wish, MADE)

    @routes.post("/v1/positions/<position_id>/close")
    @Operation(
        access=Access.USER,
        body=CloseBody,
        keyed=True,
        answers={200: PositionAnswered, PENDING: ClosePending},
        refusals=CLOSE_REFUSALS,
        versioned=True,
    )
    def close_position(position_id: str) -> Response:
        """Close a position, all of it or a part: at once, or taken to wait in play."""
        user, key, asked = commands.me(), idempotency_key(), body(CloseBody)
        wish = read_close(commands.key(user, position_id), key, asked, deps.calendar())
        return commands.done(user, replace(wish, delay_ms=deps.inplay_delay_ms))


def _add_changes(routes: Blueprint, commands: _Commands) -> None:
    deps = commands.deps

    @routes.post("/v1/positions/<position_id>/margin")
    @Operation(
        access=Access.USER,
        body=MarginBody,
        keyed=True,
        answers={200: PositionAnswered},
        refusals=MARGIN_REFUSALS,
        versioned=True,
    )
    def change_margin(position_id: str) -> Response:
        """Add margin to a position, or take some back."""
        user, key, asked = commands.me(), idempotency_key(), body(MarginBody)
        wish = read_margin(commands.key(user, position_id), key, asked, deps.calendar())
        return commands.done(user, wish)

    @routes.patch("/v1/positions/<position_id>")
    @Operation(
        access=Access.USER,
        body=StopsBody,
        guarded=True,
        answers={200: PositionAnswered},
        refusals=STOPS_REFUSALS,
    )
    def change_stops(position_id: str) -> Response:
        """Set the stops of a position that are named; those that are null are taken away."""
        user, version, asked = commands.me(), version_wanted(), body(StopsBody)
        wish = read_stops(commands.key(user, position_id), version, asked, deps.calendar())
        return commands.done(user, wish)


def _add_views(routes: Blueprint, deps: ApiDeps, reader: PositionReader) -> None:
    @routes.get("/v1/positions/<position_id>")
    @Operation(
        access=Access.USER,
        answers={200: PositionShown},
        refusals=("POSITION_UNKNOWN",),
        versioned=True,
    )
    def one_position(position_id: str) -> Response:
        """One own position."""
        view, version = reader.one(_me(deps), position_id)
        response = json_answer(view)
        response.headers["ETag"] = etag(version)
        return response

    @routes.get("/v1/positions")
    @Operation(
        access=Access.USER,
        query=PositionsQuery,
        answers={200: Page[PositionShown]},
        refusals=("INSTRUMENT_UNKNOWN",),
    )
    def own_positions() -> Response:
        """Own positions, newest first."""
        user = _me(deps)
        return json_answer(reader.page(user, query(PositionsQuery)))


def _me(deps: ApiDeps) -> UserId:
    return UserId(caller(deps).user)
