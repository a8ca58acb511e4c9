"""Positions as their owner finds them: one by its id, and the lists of open and closed ones.

Open ones are read from Redis, with what they have gained; closed ones from Postgres, with the
close that explains itself. A close that Postgres does not have yet is in Redis' stream of facts.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec

from ..domain.ids import InstrumentIdx, UserId
from ..domain.portfolio import OpenPosition
from ..domain.position_events import EventKind, PositionEvent
from ..domain.position_views import event_view, open_position_view, position_view
from ..domain.positions import Position
from ..domain.views import View
from ..store.hot import Hot
from ..store.position_commands import PositionKey
from ..store.positions import PositionCursor, Positions, Recorded, Status
from .answers import Cursors, page_of
from .listing import Listing
from .position_problems import unknown_problem
from .problems import Refuse


class PositionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of `GET /v1/positions`."""

    status: Literal["open", "closed"] = "open"
    instrument: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    cursor: str | None = None


class PositionReader:
    """Reads *hot*, where all open positions are, and *positions*, where the others are."""

    def __init__(self, hot: Hot, positions: Positions, listing: Listing, cursors: Cursors) -> None:
        self._hot = hot
        self._positions = positions
        self._listing = listing
        self._cursors = cursors

    def key(self, user: UserId, name: str) -> PositionKey:
        """Where the user's position *name* is to be changed. Raises Refuse."""
        position_id = _uuid(name)
        position = self._hot.position(position_id)
        if position is None:
            # Closed for long, or before Redis lost all it had; its commands may still be repeated.
            position = self.ended(user, position_id).position
        if position.user != user:
            raise Refuse(unknown_problem())
        return PositionKey(position.id, user, position.idx)

    def one(self, user: UserId, name: str) -> tuple[View, int]:
        """The user's position *name* and its version. Raises Refuse."""
        position_id = _uuid(name)
        position = self._hot.position(position_id)
        if position is not None and position.user != user:
            raise Refuse(unknown_problem())
        if position is not None and position.qty:
            return self._open_view(position), position.number
        found = self.ended(user, position_id)
        return self._ended_view(found), found.position.number

    def ended(self, user: UserId, position_id: str) -> Recorded:
        """The user's closed position with at least its close. Raises Refuse."""
        # The stream first: what has left it is in Postgres.
        close = self._hot.close_of(position_id)
        if close is not None and close.position.user == user:
            return Recorded(close.position, (close,))
        found = self._positions.one(user, position_id)
        if found is None:
            raise Refuse(unknown_problem())
        return found

    def records(self, user: UserId, event: PositionEvent) -> bool:
        """Whether Postgres has *event* of a position of the user's."""
        found = self._positions.one(user, event.position.id)
        return found is not None and event.id in {each.id for each in found.events}

    def page(self, user: UserId, wanted: PositionsQuery) -> dict[str, object]:
        """One page of the user's positions, newest first. Raises Refuse."""
        name = f"positions:{user}:{wanted.status}"
        before = _place(self._cursors.read(name, wanted.cursor)) if wanted.cursor else None
        idx = None
        if wanted.instrument is not None:
            idx = self._listing.idx_of(wanted.instrument, "/instrument", "query")

        def mark(position: Position) -> str:
            at_ms, position_id = _at(position)
            return self._cursors.issue(name, str(at_ms), position_id)

        if wanted.status == "open":
            held = self._held(user, idx, before)
            return page_of(held, wanted.limit, open_position_view, lambda row: mark(row.position))
        rows = self._positions.page(
            user, Status.CLOSED, limit=wanted.limit + 1, before=before, idx=idx
        )
        return page_of(rows, wanted.limit, self._ended_view, lambda row: mark(row.position))

    def _held(
        self, user: UserId, idx: InstrumentIdx | None, before: PositionCursor | None
    ) -> list[OpenPosition]:
        return [
            held
            for held in self._hot.portfolio(user).positions
            if idx in (None, held.position.idx)
            and (before is None or _at(held.position) < (before.at_ms, before.position_id))
        ]

    def _open_view(self, position: Position) -> View:
        club = self._hot.instrument(position.idx)
        if club is None:
            return position_view(position, self._listing.symbol_of(position.idx))
        return open_position_view(
            OpenPosition(club.symbol, position, club.bid_px, club.ask_px, club.mark_px)
        )

    def _ended_view(self, found: Recorded) -> View:
        close = last_close(found)
        return {
            **position_view(found.position, self._listing.symbol_of(found.position.idx)),
            "close": event_view(close) if close else None,
        }


def last_close(found: Recorded) -> PositionEvent | None:
    """The close that ended the position."""
    events = found.events
    return events[-1] if events and events[-1].kind is EventKind.CLOSE else None


def _at(position: Position) -> tuple[int, str]:
    """Its place in its list."""
    at_ms = position.opened_ms if position.closed_ms is None else position.closed_ms
    return at_ms, position.id


def _place(parts: list[str]) -> PositionCursor:
    at_ms, position_id = parts
    return PositionCursor(int(at_ms), position_id)


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refuse(unknown_problem()) from None
