"""Positions of others: scanned at an admin's wish, with a trace, and closed.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from flask import Blueprint, Response

from ..actors.trading.messages import Unavailable
from ..domain.ids import UserId, uuid7
from ..domain.money import format_e4, format_px, format_qty
from ..domain.position_events import By, PositionEvent
from ..domain.position_views import event_view, happened_view, position_view
from ..domain.positions import Position
from ..domain.refusals import Refusal, Refused
from ..protocol.admin import (
    PositionClosedBy,
    PositionTraced,
    PriceSpan,
    ReplaysTraced,
    TickNotTaken,
)
from ..protocol.positions import PositionHappened, PositionState
from ..store.audit import Begun
from ..store.inquiry import Found, Span
from ..store.position_commands import CloseCommand, Happened, HappenedBefore, PositionKey
from .admin_form import Because, user_named, user_unknown
from .audited import Done, OutcomeUnknown, asked, audited
from .auth import admin
from .deps import ApiDeps
from .listing import Listing
from .operations import Access, Operation
from .position_desk import PositionDesk
from .position_problems import closed_problem, refused_problem
from .problems import FieldError, Problem, Refuse
from .validate import body

_GONE = frozenset({Refusal.POSITION_CLOSED, Refusal.POSITION_UNKNOWN})
_LONG_AGO = "long ago"  #: Redis forgets why a position was closed after a week


def admin_position_routes(deps: ApiDeps, listing: Listing) -> Blueprint:
    """The routes of this file; all need the role admin."""
    routes = Blueprint("admin_positions", __name__)
    _add_replays(routes, deps, listing)
    _add_close(routes, deps, listing)
    return routes


def _add_replays(routes: Blueprint, deps: ApiDeps, listing: Listing) -> None:
    @routes.post("/v1/admin/replay/users/<user_id>")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        keyed=True,
        answers={200: ReplaysTraced},
        refusals=("USER_UNKNOWN", "OUTCOME_UNKNOWN"),
    )
    def replay_user(user_id: str) -> Response:
        """Look at a user's open positions for what was missed, and close what has to be."""
        claims, user, wanted = admin(deps), user_named(user_id), body(Because)
        what = asked(claims, "positions.replay", f"user {user}", wanted)
        return audited(deps, what, lambda begun: _replayed_user(deps, listing, user, begun))

    @routes.post("/v1/admin/replay/positions/<position_id>")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        keyed=True,
        answers={200: ReplaysTraced},
        refusals=("POSITION_UNKNOWN", "POSITION_CLOSED", "OUTCOME_UNKNOWN"),
    )
    def replay_position(position_id: str) -> Response:
        """Look at one position for what was missed, and close it if it has to be."""
        claims, named, wanted = admin(deps), _position_named(position_id), body(Because)
        what = asked(claims, "positions.replay", f"position {named}", wanted)
        return audited(deps, what, lambda begun: _replayed_position(deps, listing, named, begun))


def _add_close(routes: Blueprint, deps: ApiDeps, listing: Listing) -> None:
    desk = PositionDesk(deps.executor, deps.scanner, meter=deps.trades)

    @routes.post("/v1/admin/positions/<position_id>/close")
    @Operation(
        access=Access.ADMIN,
        body=Because,
        keyed=True,
        answers={200: PositionClosedBy},
        refusals=(
            *("POSITION_UNKNOWN", "POSITION_CLOSED", "MARKET_HALTED", "INSUFFICIENT_MARGIN"),
            *("AMOUNT_LIMIT_EXCEEDED", "OUTCOME_UNKNOWN"),
        ),
    )
    def close_as_admin(position_id: str) -> Response:
        """Close somebody's position at the price of now."""
        claims, named, wanted = admin(deps), _position_named(position_id), body(Because)
        what = asked(claims, "position.close", f"position {named}", wanted)
        return audited(deps, what, lambda begun: _closed(deps, listing, desk, named, begun))


def _replayed_user(deps: ApiDeps, listing: Listing, user: UserId, begun: Begun) -> Done:
    if deps.users.by_id(user) is None:
        raise user_unknown(user)
    return _replayed(deps, listing, deps.hot.positions(user), begun)


def _replayed_position(deps: ApiDeps, listing: Listing, position_id: str, begun: Begun) -> Done:
    position = deps.hot.position(position_id)
    if position is None:
        _found_key(deps, position_id)
    if position is None or not position.qty:
        raise Refuse(closed_problem(_why(position), None))
    return _replayed(deps, listing, (position,), begun)


def _replayed(deps: ApiDeps, listing: Listing, positions: Sequence[Position], begun: Begun) -> Done:
    before = {"open": sorted(position.id for position in positions)}
    # First: a repeat does not find open any more what the first try has closed.
    deps.operators.audit.note(begun, before)
    found = deps.operators.inquiries.into(positions)
    closed = sorted(each.close.position.id for each in found if each.close)
    still = sorted(each.trail.position.id for each in found if not each.close)
    if closed:
        deps.operators.drain.facts()
    answer = ReplaysTraced(tuple(_traced(each, listing) for each in found))
    return Done(answer, before, after={"open": still, "closed": closed})


def _closed(
    deps: ApiDeps, listing: Listing, desk: PositionDesk, position_id: str, begun: Begun
) -> Done:
    key = _found_key(deps, position_id)
    now_ms = deps.calendar()
    wish = CloseCommand(
        event_id=uuid7(now_ms),
        position=key,
        qty=None,
        bound_px=None,
        version=None,
        idem_key=begun.key,
        fingerprint=f"admin-close:{position_id}",
        now_ms=now_ms,
        by=By.ADMIN,
    )
    answer = desk.carry_out(wish)
    if isinstance(answer, Unavailable):
        raise OutcomeUnknown(answer.reason)
    match answer.outcome:
        case Happened(event) | HappenedBefore(event):
            return _close_told(listing, key, event, answer.durable or _durable(deps))
        case Refused() as refused if refused.code in _GONE:
            return _gone(deps, listing, key, refused, begun)
        case Refused() as refused:
            raise Refuse(refused_problem(wish, refused))
        case _:
            raise TypeError("a close that need not wait was taken for an order")


def _gone(
    deps: ApiDeps, listing: Listing, key: PositionKey, refused: Refused, begun: Begun
) -> Done:
    """What closed a position that is not open: this act, if it was; else a refusal. Raises Refuse.

    The script remembers the act for a day, its row is completed however much later.
    """
    event = deps.positions.made_by(key.id, begun.key)
    if event is None:
        raise Refuse(closed_problem(str(refused.details.get("reason", _LONG_AGO)), None))
    return _close_told(listing, key, event, "postgres")


def _close_told(listing: Listing, key: PositionKey, event: PositionEvent, durable: str) -> Done:
    view = happened_view(event, listing.symbol_of(key.idx))
    before, after = _around(event)
    return Done({**view, "durable": durable}, before, after)


def _around(event: PositionEvent) -> tuple[dict[str, object], dict[str, object]]:
    """A position right before *event* and right after it, by what that moved.

    Not read beforehand: its owner may change it meanwhile, and a repeat finds it closed.
    """
    left = event.position
    before = _standing(left.qty + event.qty, left.margin_e4 - event.margin_e4, left.number - 1)
    return before, _standing(left.qty, left.margin_e4, left.number) | {"event": event.id}


def _standing(qty: int, margin_e4: int, version: int) -> dict[str, object]:
    return {
        "status": "open" if qty else "closed",
        "quantity": format_qty(qty),
        "margin": format_e4(margin_e4),
        "version": version,
    }


def _durable(deps: ApiDeps) -> str:
    return "postgres" if deps.operators.drain.facts().complete else "redis"


def _found_key(deps: ApiDeps, position_id: str) -> PositionKey:
    """Where the position is. Raises Refuse."""
    position = deps.hot.position(position_id)
    if position is not None:
        return PositionKey(position.id, position.user, position.idx)
    key = deps.positions.key(position_id)
    if key is None:
        raise _position_unknown()
    return key


def _position_named(name: str) -> str:
    try:
        return str(UUID(name))
    except ValueError:
        raise _position_unknown() from None


def _position_unknown() -> Refuse:
    error = FieldError("/id", "is no position's", "path")
    return Refuse(Problem("POSITION_UNKNOWN", "there is no such position", (error,)))


def _why(position: Position | None) -> str:
    return position.reason.value if position and position.reason else _LONG_AGO


def _traced(found: Found, listing: Listing) -> PositionTraced:
    trail = found.trail
    close = None
    if found.close:
        close = msgspec.convert(event_view(found.close), PositionHappened)
    position = position_view(trail.position, listing.symbol_of(trail.position.idx))
    to_tick = trail.ended.tick_id
    if found.close and found.close.trigger:
        to_tick = found.close.trigger.tick_id
    return PositionTraced(
        position=msgspec.convert(position, PositionState),
        from_tick=trail.began.tick_id,
        to_tick=to_tick,
        ticks=found.ticks,
        halted=found.halted,
        missing=trail.gap,
        quotes=_span(found.quotes),
        marks=_span(found.marks),
        refused=tuple(
            TickNotTaken(each.tick_id or None, each.code.value) for each in trail.refused
        ),
        close=close,
        unsettled=found.left,
    )


def _span(span: Span | None) -> PriceSpan | None:
    return PriceSpan(format_px(span.low_px), format_px(span.high_px)) if span else None
