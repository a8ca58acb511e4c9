"""Who is asking, and how people sign in."""

from __future__ import annotations

from typing import Annotated

import msgspec
import structlog
from flask import Blueprint, Response, g, request

from ..domain.ids import UserId
from ..protocol.people import UserShown
from ..protocol.sessions import KeySet, TokensGiven, WsTokenGiven
from ..store.outage import OUTAGES, one_line
from .answers import json_answer, tagged_answer
from .confirming import confirmed
from .deps import ApiDeps
from .operations import Access, Operation
from .problems import FieldError, Problem, Refuse
from .sign_in import begin_session, token_answer, user_view
from .tokens import WS_S, Claims, TokenRefused
from .validate import body, optional_body

log = structlog.get_logger(__name__)

#: An address as browsers check it (HTML's rule for type=email), a length that fits a mailbox.
_EMAIL = r"\A[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z"


class DevLogin(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /v1/auth/dev-login`; *cookie* keeps the refresh token out of the answer."""

    email: Annotated[
        str,
        msgspec.Meta(pattern=_EMAIL, max_length=254, description="must be an e-mail address"),
    ]
    cookie: bool = False


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request that needs none."""


def caller(deps: ApiDeps) -> Claims:
    """The claims of the request's access token, whose session goes on. Raises Refuse.

    May raise an outage of Redis: whether it goes on cannot be known then.
    """
    claims = holder(deps)
    if ended(deps, claims):
        raise _ended()
    return claims


def ended(deps: ApiDeps, claims: Claims) -> bool:
    """Whether the session of *claims*, the request's, is over; asked once a request.

    May raise an outage of Redis.
    """
    if "ended" not in g:
        g.ended = deps.revocations.has(claims.user, claims.session)
    found: bool = g.ended
    return found


def admin(deps: ApiDeps) -> Claims:
    """The claims of the request's access token, which an admin has to hold. Raises Refuse.

    An operator must be let in while Redis or Postgres is what is broken: either knows whether the
    session goes on, and while both are away the token counts alone, for 15 minutes at most.
    """
    claims = holder(deps)
    try:
        over = ended(deps, claims)
    except OUTAGES as outage:
        over = _ended_by_postgres(deps, claims, one_line(outage))
    if over:
        raise _ended()
    if claims.role != "admin":
        log.warning("somebody else's token at an admin route", user=claims.user, path=request.path)
        error = FieldError("/Authorization", "is not an admin's token", "header")
        raise Refuse(Problem("FORBIDDEN", "this needs the role admin", (error,)))
    g.admin = claims
    return claims


def shown(deps: ApiDeps) -> Claims | TokenRefused | None:
    """What the request's access token says, whatever became of its session; None without one."""
    if "shown" not in g:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer" and token
        g.shown = deps.verifier.access(token.strip()) if bearer else None
    found: Claims | TokenRefused | None = g.shown
    return found


def holder(deps: ApiDeps) -> Claims:
    """The claims of the request's access token, whatever became of its session. Raises Refuse."""
    claims = shown(deps)
    if claims is None:
        raise _unauthorized("TOKEN_REQUIRED", "sign in and send the access token", "Bearer")
    if isinstance(claims, TokenRefused):
        raise _unauthorized("TOKEN_INVALID", claims.reason, 'Bearer error="invalid_token"')
    return claims


def auth_routes(deps: ApiDeps) -> Blueprint:
    """Sign-in, ws tokens, the own user, and the keys that verify our tokens."""
    routes = Blueprint("auth", __name__)

    @routes.get("/.well-known/jwks.json")
    @Operation(answers={200: KeySet}, tagged=True)
    def jwks() -> Response:
        """The keys that verify tokens."""
        return tagged_answer(deps.verifier.jwks())

    @routes.post("/v1/ws-token")
    @Operation(access=Access.USER, body=Nothing, body_optional=True, answers={201: WsTokenGiven})
    def ws_token() -> Response:
        """A token for one WebSocket handshake, and where to go with it."""
        claims = caller(deps)
        optional_body(Nothing)
        token = deps.signer.ws_token(claims.user, claims.session)
        return json_answer({"token": token, "expires_in": WS_S, "url": deps.ws_url()}, 201)

    @routes.get("/v1/me")
    @Operation(access=Access.USER, answers={200: UserShown}, tagged=True)
    def me() -> Response:
        """The own user."""
        user = deps.users.by_id(UserId(caller(deps).user))
        if user is None:
            raise no_user()
        return tagged_answer(user_view(user))

    if deps.auth_dev:
        _add_dev_login(routes, deps)
    return routes


def no_user() -> Refuse:
    """A refusal (to raise) of a token of another installation, or of a user who was deleted."""
    return _unauthorized("TOKEN_INVALID", "the token's user does not exist", "Bearer")


def _add_dev_login(routes: Blueprint, deps: ApiDeps) -> None:
    @routes.post("/v1/auth/dev-login")
    @Operation(
        body=DevLogin,
        answers={200: TokensGiven},
        refusals=("EMAIL_RESERVED", "ACCOUNT_SUSPENDED"),
    )
    def dev_login() -> Response:
        """Sign in by an address alone; the user is made on first sight."""
        wanted = body(DevLogin)
        user = deps.users.sign_in(wanted.email)
        if user is None:
            error = FieldError("/email", "belongs to the house")
            raise Refuse(Problem("EMAIL_RESERVED", "choose another address", (error,)))
        return token_answer(deps, user, begin_session(deps, user), cookie=wanted.cookie)


def _ended_by_postgres(deps: ApiDeps, claims: Claims, why: str) -> bool:
    """Whether Postgres has it that the session of *claims* is over; it may be away as well.

    *why* Redis was not asked.
    """
    user, session = UserId(claims.user), claims.session
    over = confirmed(lambda: deps.sessions.is_over(user, session), None)
    if over is None:
        log.warning("admin let in by the token alone", user=user, error=why)
    return over is True


def _ended() -> Refuse:
    return _unauthorized("TOKEN_INVALID", "the session has ended", 'Bearer error="invalid_token"')


def _unauthorized(code: str, detail: str, challenge: str) -> Refuse:
    error = FieldError("/Authorization", detail, "header")
    return Refuse(Problem(code, detail, (error,), headers={"WWW-Authenticate": challenge}))
