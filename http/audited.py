"""Admin acts: each is written down with who, what, before and after, and done once for each key.

A route says who asks, what for, and how it is done; the rest is here:

    return audited(deps, asked(admin(deps), "halt.set", f"instrument {idx}", wanted), halt)

where `halt` takes the row (`Begun`, whose `key` no other act has) and returns what it did, as
`Done`, or raises Refuse. The row is there before `halt` is called. If the process dies in it, or a
store goes away, or `halt` raises OutcomeUnknown, nobody knows what came of it: the row has no
outcome then, and the same request under the same key calls `halt` again. So it has to be something
that may be done twice, or that remembers `key`.

Source: docs/operations.md, "What admins may do".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog
from flask import Response, g, request

from ..store.audit import DONE, Asked, Begun, OtherRequest, Settled, UnderWay
from ..store.outage import OUTAGES, one_line
from ..store.refusals import Cursor
from .answers import json_answer
from .confirming import confirmed
from .deps import ApiDeps
from .errors import unavailable
from .problems import FieldError, Problem, Refuse
from .sign_in import client_address
from .tokens import Claims
from .validate import idempotency_key

log = structlog.get_logger(__name__)

Change = TypeVar("Change")


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: what is answered (None: no body), and what it changed, all fit for JSON."""

    answer: Any
    before: Any = None
    after: Any = None
    status: int = 200

    @property
    def settled(self) -> Settled:
        """As it is written down."""
        answer, before, after = (
            msgspec.to_builtins(each) for each in (self.answer, self.before, self.after)
        )
        return Settled(DONE, self.status, answer, before, after)


Act = Callable[[Begun], Done]


class OutcomeUnknown(Exception):
    """Raised by an act that cannot tell whether it was done; the text says why."""


def asked(
    claims: Claims, action: str, target: str, wanted: object, version: int | None = None
) -> Asked:
    """What this request asks for in the name of *claims*. Raises Refuse without a usable key.

    Args:
        action: what is done to what, such as `users.change`. *target*: such as `user 9`.
        wanted: the body as it was read, the reason included.
        version: the one that is to be changed, where that has versions: no other request of this
            admin asks for the same of it, so that is a key as well.
    """
    told = msgspec.to_builtins(wanted)
    key = idempotency_key() if request.method == "POST" else None
    if version is not None:
        same = msgspec.json.encode([action, target, version, told], order="deterministic")
        # With a colon, as no client's key.
        key = f"{version}:{hashlib.sha256(same).hexdigest()[:32]}"
    return Asked(
        actor=f"user {claims.user}",
        session=claims.session,
        action=action,
        target=target,
        request=told,
        key=key,
        request_id=g.request_id,
        ip=client_address(),
    )


def audited(deps: ApiDeps, what: Asked, act: Act) -> Response:
    """Have *act* done, once for each key, between the two halves of its row. Raises Refuse.

    May raise an outage of Postgres; nothing was done then. One that *act* meets, or that comes
    after it, is refused with OUTCOME_UNKNOWN: the same request tells, and completes it.
    """
    begun = deps.operators.audit.begin(what)
    if not isinstance(begun, Begun):
        return _known(begun)
    with _uncertain(deps, begun, what):
        done = _outcome(act, begun)
        _completes(deps, begun, done)
    return _told(what, done)


def audited_anyway(deps: ApiDeps, what: Asked, act: Act) -> Response:
    """As `audited`, but done also while Postgres cannot be asked: then the log alone has it.

    For what operators need when that is what is broken. The same request does it again then.
    """
    audit = deps.operators.audit
    begun = confirmed(lambda: audit.begin(what), None)
    if begun is None:
        log.warning("an admin act is in the log alone", **_line(what))
        return _told(what, _outcome(act, Begun(0)))
    if not isinstance(begun, Begun):
        return _known(begun)
    with _uncertain(deps, begun, what):
        done = _outcome(act, begun)
    if not confirmed(lambda: _completes(deps, begun, done), False):
        log.warning("what came of an admin act is in the log alone", audit=begun.id)
    return _told(what, done)


def settles(
    deps: ApiDeps, begun: Begun, done: Callable[[Change], Done]
) -> Callable[[Cursor, Change], None]:
    """What a store is to call in the transaction of an act that nothing has to follow.

    With the act it commits what came of it, so a repeat is answered and does not find that what
    was before is as it is now.
    """
    audit = deps.operators.audit
    return lambda cursor, change: audit.settle_in(cursor, begun, done(change).settled)


def notes(
    deps: ApiDeps, begun: Begun, done: Callable[[Change], Done]
) -> Callable[[Cursor, Change], None]:
    """As `settles`, for an act that goes on behind the transaction: a repeat completes it."""
    audit = deps.operators.audit

    def note(cursor: Cursor, change: Change) -> None:
        settled = done(change).settled
        audit.note_in(cursor, begun, settled.before, settled.after)

    return note


def _known(begun: Settled | UnderWay | OtherRequest) -> Response:
    match begun:
        case Settled():
            return _answer(begun, replayed=True)
        case UnderWay():
            raise Refuse(_unknown("this was begun before, and may still be under way"))
        case OtherRequest():
            error = FieldError("/Idempotency-Key", "was used for another request", "header")
            raise Refuse(Problem("IDEMPOTENCY_KEY_REUSED", "choose a new key", (error,)))


@contextmanager
def _uncertain(deps: ApiDeps, begun: Begun, what: Asked) -> Iterator[None]:
    """Where an act may end halfway: by an outage, a bug, or its greenlet being ended."""
    certain = False
    try:
        yield
        certain = True
    except OutcomeUnknown as why:
        raise Refuse(_unknown(str(why))) from None
    except OUTAGES as outage:
        raise Refuse(_unknown(f"a store went away meanwhile ({one_line(outage)})")) from None
    finally:
        if not certain:
            log.warning("it is not known what came of an admin act", **_line(what), audit=begun.id)
            confirmed(lambda: deps.operators.audit.let_go(begun), None)


def _unknown(detail: str) -> Problem:
    return unavailable(f"{detail}; send the same again to learn what came of it", "OUTCOME_UNKNOWN")


def _outcome(act: Act, begun: Begun) -> Settled | Problem:
    try:
        return act(begun).settled
    except Refuse as refuse:
        return refuse.problem


def _completes(deps: ApiDeps, begun: Begun, done: Settled | Problem) -> bool:
    deps.operators.audit.settle(begun, _settled(done))
    return True


def _settled(done: Settled | Problem) -> Settled:
    if isinstance(done, Problem):
        return Settled(done.code, done.status, {"detail": done.detail})
    return done


def _told(what: Asked, done: Settled | Problem) -> Response:
    if isinstance(done, Problem):
        log.info("admin act refused", **_line(what), code=done.code)
        raise Refuse(done)
    log.info("admin act", **_line(what), before=done.before, after=done.after)
    return _answer(done, replayed=False)


def _line(what: Asked) -> dict[str, object]:
    return {"actor": what.actor, "action": what.action, "target": what.target}


def _answer(settled: Settled, *, replayed: bool) -> Response:
    if settled.answer is None:
        response = Response(status=settled.status)
    else:
        response = json_answer(settled.answer, settled.status)
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response
