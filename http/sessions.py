"""Sessions: going on with one, ending one, and which ones there are.

Source: docs/protocol.md, "Sessions".
"""

from __future__ import annotations

import re

import msgspec
import structlog
from flask import Blueprint, Response, request

from ..domain.clock import rfc3339
from ..domain.ids import UserId
from ..domain.sessions import Verdict
from ..protocol.pages import All
from ..protocol.sessions import SessionShown, TokensGiven
from ..store.revocations import Ended
from ..store.sessions import Session
from .answers import json_answer
from .auth import Nothing, caller
from .cookies import forget_token, kept_token
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .refresh_tokens import RefreshToken
from .sign_in import refuse_inactive, token_answer
from .validate import optional_body

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

log = structlog.get_logger(__name__)


class RefreshWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/auth/refresh`; without a token the cookie counts."""

    refresh_token: str | None = None


def session_routes(deps: ApiDeps) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("sessions", __name__)
    _add_going_on(routes, deps)
    _add_own(routes, deps)
    return routes


def _add_going_on(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.post("/v1/auth/refresh")
    @Operation(
        body=RefreshWanted,
        body_optional=True,
        answers={200: TokensGiven},
        refusals=(
            "REFRESH_INVALID",
            "REFRESH_REUSED",
            "ORIGIN_FORBIDDEN",
            "ACCOUNT_SUSPENDED",
        ),
    )
    def refresh() -> Response:
        """A new pair of tokens, by a refresh token or by the page's cookie."""
        wanted = optional_body(RefreshWanted)
        text = wanted.refresh_token if wanted else None
        kept = None if text else kept_token(deps.origins)
        return _refreshed(deps, text or kept or "", cookie=kept is not None)

    @routes.post("/v1/auth/logout")
    @Operation(access=Access.USER, body=Nothing, body_optional=True, answers={204: None})
    def logout() -> Response:
        """End the session that the token is of."""
        claims = caller(deps)
        optional_body(Nothing)
        end_session(deps, UserId(claims.user), claims.session)
        response = Response(status=204)
        if request.cookies:
            forget_token(response, secure=deps.secure)
        return response


def _add_own(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.get("/v1/sessions")
    @Operation(access=Access.USER, answers={200: All[SessionShown]})
    def all_sessions() -> Response:
        """The own sessions, the one used last first."""
        claims = caller(deps)
        found = deps.sessions.of(UserId(claims.user))
        return json_answer({"data": [_view(each, claims.session) for each in found]})

    @routes.delete("/v1/sessions/<session_id>")
    @Operation(access=Access.USER, answers={204: None}, refusals=("SESSION_UNKNOWN",))
    def end_one_session(session_id: str) -> Response:
        """End one of the own sessions."""
        user = UserId(caller(deps).user)
        if not _UUID.fullmatch(session_id) or not end_session(deps, user, session_id):
            error = FieldError("/id", "is none of your sessions", "path")
            raise Refuse(Problem("SESSION_UNKNOWN", "there is no such session", (error,)))
        return Response(status=204)


def end_session(deps: ApiDeps, user: UserId, session: str) -> bool:
    """End a session of *user* everywhere; False if they have none of this name."""
    # Postgres first: from then on nothing brings it back to life. If Redis fails now the client is
    # told to ask again, and then both are told again.
    known = _UUID.fullmatch(session) is not None and deps.sessions.end(user, session)
    if known:
        deps.revocations.add(Ended(user, session))
        log.info("session ended", user=user, session_id=session)
    return known


def _refreshed(deps: ApiDeps, text: str, *, cookie: bool) -> Response:
    token = deps.refresh_tokens.read(text)
    if token is None:
        raise _invalid("is not a refresh token")
    found = deps.sessions.refresh(token.session, deps.refresh_tokens.shown(token))
    user = None if found.user is None else deps.users.by_id(found.user)
    if user is None:
        raise _invalid("is of no session")
    if found.verdict in (Verdict.REUSED, Verdict.OVER):
        # Told again where it is over already: it may not have got to Redis the first time.
        deps.revocations.add(Ended(user.id, token.session))
    if found.verdict is Verdict.OVER:
        refuse_inactive(user)  # which is why it is over
    _check(found.verdict, token)
    refuse_inactive(user)
    return token_answer(deps, user, deps.refresh_tokens.after(token), cookie=cookie)


def _check(verdict: Verdict, token: RefreshToken) -> None:
    """Raise Refuse unless the session goes on."""
    if verdict is Verdict.REUSED:
        log.warning("refresh token used again; its session was ended", session_id=token.session)
        error = FieldError("/refresh_token", "was used before; the session has ended")
        raise Refuse(Problem("REFRESH_REUSED", "sign in again", (error,)))
    if verdict is Verdict.OVER:
        raise _invalid("is of a session that has ended")
    if verdict is Verdict.REFUSE:
        raise _invalid("is not the present one")


def _invalid(detail: str) -> Refuse:
    error = FieldError("/refresh_token", detail)
    return Refuse(Problem("REFRESH_INVALID", "sign in again", (error,)))


def _view(session: Session, own: str) -> dict[str, object]:
    return {
        "id": session.id,
        "created_at": rfc3339(session.created_ms),
        "last_used_at": rfc3339(session.used_ms),
        "expires_at": rfc3339(session.expires_ms),
        "user_agent": session.client.agent,
        "ip": session.client.ip,
        "current": session.id == own,
    }
