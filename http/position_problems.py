"""Why a command on a position did nothing, as problem documents."""

from __future__ import annotations

from dataclasses import replace

from ..actors.trading.messages import Unavailable
from ..domain.position_events import PositionEvent
from ..domain.position_views import event_view
from ..domain.refusals import Refusal, Refused
from ..store.position_commands import MarginCommand, StopsCommand
from .codes import CODES
from .errors import unavailable
from .position_desk import Wish
from .problems import FieldError, Problem
from .refusals import refusal


def unknown_problem() -> Problem:
    """The caller has no such position; whether somebody else has is nobody's business."""
    return Problem("POSITION_UNKNOWN", "no position of yours has this id")


def closed_problem(reason: str, close: PositionEvent | None) -> Problem:
    """The position was closed for *reason*, by *close* if that is known."""
    code = Refusal.POSITION_CLOSED.value
    told = {"reason": reason, "close": event_view(close) if close else None}
    return Problem(code, f"{CODES[code][1]} ({reason}); nothing was changed", extensions=told)


def refused_problem(wish: Wish, refused: Refused) -> Problem:
    """What the market says to *wish*."""
    size = "/amount" if isinstance(wish, MarginCommand) else "/quantity"
    problem = refusal(refused, size)
    if isinstance(wish, StopsCommand) and refused.code is Refusal.VERSION_MISMATCH:
        code = "PRECONDITION_FAILED"
        error = FieldError("/If-Match", CODES[code][1], "header")
        return Problem(code, CODES[code][1], (error,), problem.extensions)
    if isinstance(wish, MarginCommand) and refused.code is Refusal.STOP_LOSS_PRICE_INVALID:
        # The stop was good before: it is the amount that is at fault.
        return replace(problem, errors=(FieldError(size, problem.errors[0].detail),))
    return problem


def unavailable_problem(wish: Wish, answer: Unavailable) -> Problem:
    """Whether *wish* was carried out is not known, or it surely was not."""
    again = "repeat it with the same Idempotency-Key"
    if isinstance(wish, StopsCommand):
        again = "read the position, and repeat it if its stops are still the old ones"
    code = "OUTCOME_UNKNOWN" if answer.tried else "UNAVAILABLE"
    return unavailable(f"{answer.reason}; {again}", code)
